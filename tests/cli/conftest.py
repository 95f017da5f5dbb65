"""The command line as a user meets it, in this process: one start costs half a second."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass

import pytest

from undegrade.cli import main


@dataclass(frozen=True)
class Ran:
    """What a command left: exit code, the bytes of stdout, the text of stderr."""

    code: int
    data: bytes
    err: str

    @property
    def out(self) -> str:
        return self.data.decode()

    @property
    def rows(self) -> list[dict]:
        """stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def undegrade(monkeypatch, capfdbinary):
    """Run ``undegrade`` with these arguments and this stdin."""

    def run(*arguments: object, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "argv", ["undegrade", *map(str, arguments)])
        given = io.BytesIO(stdin)
        given.name = "<stdin>"
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(given))
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        data, err = capfdbinary.readouterr()
        code = end.value.code
        return Ran(code if isinstance(code, int) else 0, data, err.decode())

    return run


def refused(ran: Ran, code: int, *says: str) -> None:
    """A refusal is an exit code, nothing on stdout, and one line with a remedy on stderr."""
    assert ran.code == code, ran.err
    assert ran.data == b""
    assert ran.err.startswith("undegrade: ")
    assert ran.err.endswith("\n")
    assert ran.err.count("\n") == 1, ran.err
    assert "; " in ran.err, "a remedy"
    assert "Traceback" not in ran.err
    for part in says:
        assert part in ran.err
