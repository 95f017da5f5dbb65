"""What docs/service.md and the files beside it say is what the service does."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from tests.service.running import API
from undegrade.cli.serve import serve
from undegrade.service.problems import TITLES
from undegrade.service.security import FORGIVEN_SECONDS, SMALL_BODY, WRONG_TOKENS
from undegrade.service.settings import Settings, seconds, size
from undegrade.service.uploads import MOST_FIELDS

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "service.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    table = DOCS.partition(f"\n## {heading}\n")[2].partition("\n|")[2].partition("\n\n")[0]
    lines = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return [[cell.strip("` |") for cell in line] for line in lines[2:]]


def test_every_option_is_told_with_its_default():
    told = {name: default for name, default, *_ in rows("Limits, and their reasons")}
    options = {
        "--" + name.replace("_", "-"): parameter.default
        for name, parameter in inspect.signature(serve).parameters.items()
    }
    assert set(told) == set(options)
    for name, default in options.items():
        if default is not None:
            assert told[name] == str(default).removesuffix(".0"), name


def test_the_command_line_and_the_settings_agree():
    own = Settings()
    options = {name: p.default for name, p in inspect.signature(serve).parameters.items()}
    for name in ("max_upload", "max_memory", "max_stored"):
        assert size(options[name]) == getattr(own, name)
    assert (seconds(options["keep"]), seconds(options["job_time"])) == (own.keep, own.job_seconds)
    assert seconds(options["sync_time"]) == own.sync_seconds
    for name in ("host", "port", "max_megapixels", "queue", "sync_megapixels"):
        assert options[name] == getattr(own, name)


def test_other_limits_are_those_of_the_code():
    own = Settings()
    assert f"{own.stall_seconds:g} s of silence" in DOCS
    assert f"less than {own.least_rate / 1000:g} kB/s" in DOCS
    assert f"may take {own.look_seconds:g} s" in DOCS
    assert f"{SMALL_BODY:,} bytes" in DOCS
    assert f"{MOST_FIELDS} fields" in DOCS
    assert f"running jobs have {own.drain_seconds:g} s" in DOCS
    assert f"{own.connections} connections" in DOCS
    assert f"{own.connections_per_address} from one address" in " ".join(DOCS.split())
    assert f"After {WRONG_TOKENS} wrong tokens" in DOCS
    assert f"every {FORGIVEN_SECONDS:g} s" in DOCS


def test_every_problem_is_told_with_its_status():
    told = {kind: int(status) for status, kind, _ in rows("Problems")}
    assert told == {kind: status for kind, (status, _) in TITLES.items()}


def test_every_route_is_told(shared):
    document = shared.client.get(f"{API}/openapi.json").json()
    routes = {
        f"{method.upper()} {path.removeprefix(API)}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert {route for route, _ in rows("Routes")} == routes


@pytest.mark.parametrize("name", ["Containerfile", "undegrade.service"])
def test_files_beside_it_use_options_that_there_are(name):
    text = (ROOT / "examples" / "service" / name).read_text()
    commands = re.findall(r"(?m)^(?:ExecStart|ENTRYPOINT)[ =].*", text)
    assert commands
    options = {"--" + name.replace("_", "-") for name in inspect.signature(serve).parameters}
    used = set(re.findall(r"--[a-z][a-z-]+", " ".join(commands)))
    assert used
    assert used <= options
