"""Folders in, windows, manifest and report out; the command line."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.alignment.measures import WRONG
from tests.cli.conftest import refused, undegrade
from tests.photos import files
from undegrade.alignment import WindowSettings, align_pairs, correlation, project
from undegrade.errors import InputError, OutputError, UsageError
from undegrade.imaging.luma import luma_of

__all__ = ["undegrade"]  # a fixture


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def photos(pair, tmp_path_factory):
    """Two good pairs, one of two scenes, one broken file, one without a partner."""
    folder = tmp_path_factory.mktemp("photos")
    for name, made in {"a": pair(0), "trip/b": pair(1), "c": pair(3, same_scene=False)}.items():
        save(folder / "sony" / f"{name}.png", made.phone)
        save(folder / "canon" / f"{name}.tif", made.dslr)
    (folder / "sony" / "broken.png").write_bytes(b"no picture")
    save(folder / "canon" / "broken.png", pair(0).dslr)
    save(folder / "canon" / "alone.png", pair(0).dslr)
    (folder / "sony" / ".hidden.png").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def done(photos, tmp_path_factory):
    """Everything aligned once."""
    output = tmp_path_factory.mktemp("windows")
    steps = []
    summary = align_pairs(
        photos / "sony", photos / "canon", output, progress=lambda *step: steps.append(step)
    )
    return output, summary, steps


def lines(output):
    return [json.loads(line) for line in (output / "manifest.jsonl").read_text().splitlines()]


def test_one_bad_pair_stops_nothing(done):
    _, summary, steps = done
    assert summary.aligned == 2
    reasons = {failure.name: failure.reason for failure in summary.failed}
    assert set(reasons) == {"alone", "broken", "c"}
    assert "0 phone and 1 DSLR photos" in reasons["alone"]
    assert "cannot read" in reasons["broken"]
    assert "matches" in reasons["c"]
    assert steps == [(1, 4, "a"), (2, 4, "broken"), (3, 4, "c"), (4, 4, "trip/b")]


def test_manifest_is_complete(done, pair):
    output, summary, _ = done
    rows = lines(output)
    assert len(rows) == summary.kept + summary.refused
    kept = [row for row in rows if row["verdict"] == "kept"]
    assert len(kept) == summary.kept > 40
    assert [row["windows"]["phone"] for row in kept] == [
        f"phone/{number:06d}.png" for number in range(len(kept))
    ]
    assert set(files(output)) == {
        "manifest.jsonl",
        "report.html",
        *(row["windows"][side] for row in kept for side in ("phone", "dslr")),
    }
    assert {(row["phone"], row["dslr"]) for row in rows} == {
        ("a.png", "a.tif"),
        ("trip/b.png", "trip/b.tif"),
    }
    for row in rows:
        assert (row["windows"] is None) == (row["verdict"] != "kept")
        assert row["inliers"] <= row["matches"]
        assert row["verdict"] != "kept" or row["correlation"] >= 0.9
        made = pair(0) if row["pair"] == "a" else pair(1)
        x, y, width, height = row["box"]
        points = np.array([[x, y], [x + width - 1, y + height - 1]], float)
        there = project(np.array(row["homography"]), points + row["shift"])
        assert row["verdict"] != "kept" or made.error(there, points).max() < WRONG


def test_windows_on_disk_are_those_of_the_manifest(done, pair):
    output, _, _ = done
    for row in [row for row in lines(output) if row["windows"]][::7]:
        phone, dslr = (
            np.asarray(Image.open(output / row["windows"][side])) for side in ("phone", "dslr")
        )
        x, y, width, height = row["box"]
        made = pair(0) if row["pair"] == "a" else pair(1)
        assert np.array_equal(phone, made.phone[y : y + height, x : x + width])
        assert dslr.shape == phone.shape
        likeness = correlation(luma_of(phone), luma_of(dslr))
        assert likeness == pytest.approx(row["correlation"], abs=1e-6)


def test_report_holds_its_pictures(done):
    import base64
    import re

    summary = done[1]
    text = summary.report.read_text(encoding="utf-8")
    for part in ("Before", "After", "<h2>a</h2>", "<h2>trip/b</h2>", "broken", "cannot read"):
        assert part in text
    assert f"{summary.kept} of {summary.kept + summary.refused}" in text
    pictures = re.findall(r'src="([^"]*)"', text)
    assert len(pictures) > 20
    for source in pictures:
        head, data = source.split(",", 1)
        assert head == "data:image/jpeg;base64"
        Image.open(io.BytesIO(base64.b64decode(data))).verify()
    assert "http" not in text


def test_after_is_better_than_before(pair, found):
    """What the report shows is true: correlation over the whole picture rises."""
    import cv2

    made, done = pair(1), found(1)
    before = cv2.resize(made.dslr, made.phone.shape[1::-1], interpolation=cv2.INTER_AREA)
    whole = correlation(luma_of(made.phone), luma_of(before))
    after = correlation(luma_of(done.area.of(made.phone)), luma_of(done.dslr.cut(done.area)))
    assert after > 0.95 > whole


def test_grey_and_16_bit(pair, tmp_path):
    made = pair(0)
    Image.fromarray(made.phone).convert("L").save(tmp_path / "p.png")
    wide = np.asarray(Image.fromarray(made.dslr).convert("L")).astype(np.uint16) * 257
    Image.fromarray(wide).save(tmp_path / "d.png")
    summary = align_pairs(tmp_path / "p.png", tmp_path / "d.png", tmp_path / "out")
    assert summary.kept > 20
    with Image.open(tmp_path / "out" / "dslr" / "000000.png") as image:
        assert image.mode == "RGB"


def test_refusals(photos, tmp_path):
    sony, canon = photos / "sony", photos / "canon"
    with pytest.raises(UsageError, match="one is a file and one a folder"):
        align_pairs(sony / "a.png", canon, tmp_path)
    with pytest.raises(UsageError, match="given twice"):
        align_pairs(sony, sony, tmp_path)
    with pytest.raises(InputError, match="neither a file nor a folder"):
        align_pairs(sony, photos / "nikon", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="has the name of one in"):
        align_pairs(tmp_path / "empty", canon, tmp_path)
    save(tmp_path / "phone" / "old.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(OutputError, match="is not empty; empty it"):
        align_pairs(sony, canon, tmp_path)


def test_a_name_twice_is_refused(photos, pair, tmp_path):
    for suffix in ("png", "jpg"):
        save(tmp_path / "p" / f"a.{suffix}", pair(0).phone)
    save(tmp_path / "d" / "a.png", pair(0).dslr)
    with pytest.raises(InputError, match="has the name of one in"):
        align_pairs(tmp_path / "p", tmp_path / "d", tmp_path / "out")


def test_failures_of_opencv_stop_nothing(photos, tmp_path, monkeypatch):
    import cv2

    import undegrade.alignment.folder as module

    def fails(*_):
        raise cv2.error("out of memory")

    monkeypatch.setattr(module, "align", fails)
    summary = align_pairs(photos / "sony", photos / "canon", tmp_path / "out", WindowSettings())
    assert (summary.aligned, summary.kept) == (0, 0)
    assert len(summary.failed) == 5
    assert summary.report.is_file()


def test_cli_and_same_input_same_output(undegrade, photos, done, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = undegrade("align", photos / "sony", photos / "canon", "-o", "out")
    assert ran.code == 1  # some failed
    assert ran.out == "out/manifest.jsonl\n"
    assert files(tmp_path / "out") == files(done[0])
    *failures, total = ran.err.splitlines()
    assert [line.split(":")[1].strip() for line in failures] == ["alone", "broken", "c"]
    assert total.startswith("2 pairs aligned, 3 failed; ")
    assert total.endswith(" windows kept; see out/report.html")


def test_cli_on_two_photos(undegrade, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = photos / "sony" / "a.png", photos / "canon" / "a.tif"
    ran = undegrade("align", *given, "-o", "out", "--size", "64", "--threshold", "0.95")
    assert ran.code == 0
    with Image.open("out/phone/000000.png") as image:
        assert image.size == (64, 64)
    assert {row["correlation"] >= 0.95 for row in lines(tmp_path / "out")} >= {True}


def test_cli_on_two_scenes(undegrade, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = undegrade("align", photos / "sony" / "c.png", photos / "canon" / "c.tif", "-o", "out")
    assert ran.code == 3
    assert "matches" in ran.err
    assert "no window was kept" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("option", [("--size", "4"), ("--threshold", "2"), ("--search", "-1")])
def test_cli_refuses(undegrade, photos, tmp_path, option):
    ran = undegrade("align", photos / "sony", photos / "canon", "-o", tmp_path / "out", *option)
    refused(ran, 2, option[0][2:], option[1])
    assert not (tmp_path / "out").exists()


def test_cli_without_opencv(undegrade, photos, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "cv2", None)
    ran = undegrade("align", photos / "sony", photos / "canon", "-o", tmp_path / "out")
    refused(ran, 2, "OpenCV", 'pip install "undegrade[align]"')


def test_help_does_not_import_opencv():
    import subprocess
    import sys

    code = (
        "import sys, undegrade.cli, undegrade.alignment\n"
        "assert not {'cv2', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
