"""What a worker keeps, and when it lets go."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.photos import noisy, photo_file, scene
from undegrade.service import wire
from undegrade.service.workbench import Workbench

GRAINY = photo_file(noisy(scene(), 25), "PNG")


@pytest.fixture(scope="module")
def workbench() -> Workbench:
    return Workbench(threads=1, max_megapixels=1)


def opened(workbench: Workbench, path: Path) -> Path:
    path.write_bytes(GRAINY)
    workbench.open(str(path), {})
    return path


def test_pixels_of_deleted_photos_are_let_go(workbench, tmp_path):
    kept, deleted = opened(workbench, tmp_path / "kept"), opened(workbench, tmp_path / "deleted")
    deleted.unlink()
    workbench.forget_deleted()
    assert set(workbench._pictures) == set(workbench._found) == {str(kept)}


def test_when_idle_pixels_go_and_the_diagnosis_stays(workbench, tmp_path):
    path = opened(workbench, tmp_path / "photo")
    workbench.forget()
    assert not workbench._pictures
    assert str(path) in workbench._found
    assert workbench.plan(str(path), {})["steps"]


def test_a_worker_lets_go_before_its_next_task(tmp_path):
    options = json.dumps({"threads": 1, "max_megapixels": 1, "idle_seconds": 60})
    line = [sys.executable, "-P", "-m", "undegrade.service.worker", options]
    photo = tmp_path / "photo"
    photo.write_bytes(GRAINY)
    crop = {"do": "crop", "path": str(photo), "box": {"x": 0, "y": 0, "width": 9, "height": 9}}
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:

        def answer(task: wire.Head) -> wire.Head:
            worker.stdin.write(wire.pack(task))
            worker.stdin.flush()
            return wire.read(worker.stdout)

        assert wire.read(worker.stdout) == {"ready": True}
        assert "done" in answer(crop)
        photo.unlink()
        assert answer(crop)["problem"]["type"] == "urn:undegrade:problem:gone"
