"""The command: every mistake is one line with an exit code, and the report."""

from __future__ import annotations

import pytest

pytest.importorskip("fsspec", reason="needs undegrade[cluster]")
pytest.importorskip("pyarrow", reason="needs undegrade[cluster]")

from tests.cluster.running import fill, rows
from undegrade.cli import main

HERE = ("--address", "here")


@pytest.fixture
def say(monkeypatch, capsys):
    """Run the command in this process: exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["undegrade", "cluster", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return end.value.code, said.out, said.err

    return run


def test_the_report_counts_and_names(say, tmp_path):
    fill(tmp_path / "in", 2, 1)
    code, out, err = say(tmp_path / "in", tmp_path / "out", *HERE)
    assert code == 1
    assert out.splitlines()[0] == "3 objects: 2 enhanced, 1 failed"
    assert "megapixels per worker-hour" in out
    assert "per thousand objects" in out
    assert "failed for InputError: 1" in out
    assert "bad000.png" in err.splitlines()[-1]
    code, out, _ = say(tmp_path / "in", tmp_path / "out", *HERE)
    assert (code, out) == (0, "0 objects: nothing to do\n3 were done before\n")


def test_an_output_inside_the_input_is_no_input(say, tmp_path):
    fill(tmp_path / "in", 2, 0)
    for _ in range(2):
        code, _, _ = say(tmp_path / "in", tmp_path / "in" / "better", *HERE)
        assert code == 0
    assert len(rows(tmp_path / "in" / "better")) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("{}/in", "{}/in"), 4, "is the input, too"),
        (("{}/in/", "file://{}/in"), 4, "is the input, too"),
        (("nope://photos", "{}/out"), 3, "no store behind 'nope://photos'"),
        (("{}/none", "{}/out"), 3, "cannot list"),
        (("{}/in", "{}/out", "--batch", "0"), 2, "--batch 0"),
        (("{}/in", "{}/out", "--workers", "0"), 2, "--workers 0"),
        (("{}/in", "{}/out", "--device", "gpu", "--address", "local"), 2, "--gpus-per-task"),
        (("{}/in", "{}/out", "--format", "gif"), 2, "gif"),
        (("{}/in", "{}/out", "--address", "127.0.0.1:1"), 2, "there is no Ray cluster at"),
        (("{}/in", "{}/out", "--address", "ray://127.0.0.1:1"), 2, "there is no Ray cluster"),
        (("{}/in", "{}/out", "--strength", "9"), 2, "9"),
    ],
)
def test_mistakes_are_one_line(say, tmp_path, arguments, code, part):
    fill(tmp_path / "in", 1, 0)
    if any("address" in word for word in arguments):
        pytest.importorskip("ray", reason="needs undegrade[cluster]")
        end = ()
    else:
        end = HERE
    found, out, err = say(*(word.format(tmp_path) for word in arguments), *end)
    assert (found, out) == (code, "")
    (line,) = err.splitlines()
    assert line.startswith("undegrade: ")
    assert part in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("missing", "end"), [("fsspec", HERE), ("ray", ("--address", "local"))])
def test_a_missing_library_is_told(say, tmp_path, monkeypatch, missing, end):
    fill(tmp_path / "in", 1, 0)
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    for name in [n for n in __import__("sys").modules if n.startswith("undegrade.cluster")]:
        monkeypatch.delitem(__import__("sys").modules, name)
    code, _, err = say(tmp_path / "in", tmp_path / "out", *end)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "undegrade[cluster]" in err
