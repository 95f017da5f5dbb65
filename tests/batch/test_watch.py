"""A watched folder: what comes is enhanced once, whole or not at all, even if it is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.networks import tiny_network
from tests.photos import scene, write_photo
from undegrade.batch.manifest import NAME
from undegrade.batch.watch import watch
from undegrade.enhancer import Enhancer
from undegrade.errors import InputError, UsageError
from undegrade.picture import decode
from undegrade.plan import Wishes
from undegrade.work import Order

PATIENCE = 120
"""Seconds that a busy machine may take; nothing waits so long where it works."""


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    return str(tiny_network(tmp_path_factory.mktemp("network") / "change.onnx"))


@pytest.fixture
def inbox(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def watched(tmp_path, inbox, network, request):
    """A watcher in a thread of its own, and the outcomes it tells of."""
    stop, outcomes, arrived = threading.Event(), [], threading.Condition()

    def done(outcome):
        with arrived:
            outcomes.append(outcome)
            arrived.notify_all()

    def wait_for(count):
        with arrived:
            assert arrived.wait_for(lambda: len(outcomes) >= count, PATIENCE), outcomes
        return outcomes[:count]

    order, more = Order(Wishes(model=network)), getattr(request, "param", {})
    thread = threading.Thread(
        target=watch,
        args=(inbox, tmp_path / "out", Enhancer(), order),
        kwargs={"every": 0.05, "stop": stop, "on_done": done, "recursive": True, **more},
    )
    thread.start()
    yield wait_for
    stop.set()
    thread.join(PATIENCE)


def moved_in(inbox: Path, name: str, seed: int = 0) -> Path:
    """A photo that appears whole."""
    made = write_photo(inbox.parent / "made" / Path(name).name, scene(16, 20, seed=seed))
    target = inbox / name
    target.parent.mkdir(exist_ok=True, parents=True)
    return made.replace(target)


def test_what_comes_is_enhanced_and_what_changes_again(tmp_path, inbox, watched):
    moved_in(inbox, "a.png")
    moved_in(inbox, "day/b.png", 1)
    assert {outcome.status for outcome in watched(2)} == {"enhanced"}
    assert decode(tmp_path / "out" / "day" / "b.png").pixels.shape == (16, 20, 3)
    before = (tmp_path / "out" / "a.png").read_bytes()
    moved_in(inbox, "a.png", 2)
    assert watched(3)[2].job.source == inbox / "a.png"
    assert (tmp_path / "out" / "a.png").read_bytes() != before


def test_a_broken_photo_is_told_once_and_stops_no_other(inbox, watched):
    (inbox / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    assert watched(1)[0].status == "failed"
    moved_in(inbox, "a.png")
    assert [outcome.status for outcome in watched(2)] == ["failed", "enhanced"]


def test_a_photo_is_not_read_while_it_is_still_being_copied(inbox, watched):
    data = write_photo(inbox.parent / "made.png", scene(64, 64)).read_bytes()
    with (inbox / "a.png").open("wb") as file:
        for at in range(0, len(data), 512):
            file.write(data[at : at + 512])
            file.flush()
            time.sleep(0.01)
    assert watched(1)[0].status == "enhanced"


@pytest.mark.parametrize("watched", [{"suffix": ".png"}], indirect=True)
def test_names_that_would_meet_are_kept_whole(tmp_path, inbox, watched):
    moved_in(inbox, "a.bmp")
    moved_in(inbox, "a.png")
    assert len(watched(2)) == 2
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.bmp.png", "a.png", NAME}


def test_its_own_output_is_not_watched(inbox, network):
    with pytest.raises(UsageError, match="its own output"):
        watch(inbox, inbox, Enhancer())
    with pytest.raises(InputError, match="no folder"):
        watch(inbox / "missing", inbox, Enhancer())


def test_links_in_a_circle_are_told_and_do_not_end_the_watch(tmp_path, inbox):
    moved_in(inbox, "a.png")
    (tmp_path / "out").symlink_to("out")
    stop, told = threading.Event(), []

    def done(outcome):
        told.append(outcome.error)
        stop.set()

    watch(inbox, tmp_path / "out", Enhancer(), every=0.05, stop=stop, on_done=done)
    assert "its links run in a circle" in told[0]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_it_survives_being_killed(tmp_path, inbox, network):
    """Killed after the first photo, started again, ended: each photo is there once and whole."""
    names = [f"{number}.png" for number in range(8)]
    for number, name in enumerate(names):
        moved_in(inbox, name, number)
    command = [sys.executable, "-m", "undegrade", "watch", str(inbox), str(tmp_path / "out")]
    command += ["--model", network, "--every", "0.05", "--json"]

    def started():
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    with started() as first:
        told = [json.loads(first.stdout.readline())]
        first.kill()
        told += [json.loads(line) for line in first.stdout if line.endswith("}\n")]
    lines = (tmp_path / "out" / NAME).read_text().splitlines(keepends=True)
    manifest = [line for line in lines if line.endswith("}\n")]  # the last may be cut
    assert len(manifest) >= len(told) >= 1
    with started() as second:
        rest = len(names) - len(manifest)
        again = [json.loads(second.stdout.readline()) for _ in range(rest)]
        second.send_signal(signal.SIGTERM)
        assert second.wait(PATIENCE) == 130
    assert {Path(row["input"]).name for row in again}.isdisjoint(
        json.loads(line)["output"] for line in manifest
    )
    # What was being written when it was killed is swept once it is old: it might be another's.
    found = {path.name for path in (tmp_path / "out").iterdir() if path.suffix != ".tmp"}
    assert found == {*names, NAME}
    for name in names:
        assert decode(tmp_path / "out" / name).pixels.shape == (16, 20, 3)
