"""Many photos: one bad one stops no other, and a stopped run is taken up where it was."""

from __future__ import annotations

import _thread
import json
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.networks import tiny_model, tiny_network
from tests.photos import files, noisy, scene, write_photo
from undegrade.batch import FileJob, Manifest, collect, run
from undegrade.batch.manifest import NAME
from undegrade.catalog import add
from undegrade.enhancer import Enhancer
from undegrade.errors import UsageError
from undegrade.picture import decode
from undegrade.plan import Wishes
from undegrade.runtime import Networks
from undegrade.work import Order, sha256


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    return str(tiny_network(tmp_path_factory.mktemp("network") / "change.onnx"))


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for number in range(4):
        write_photo(folder / f"{number}.png", scene(16, 20, seed=number))
    return folder


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def go(photos, out, network, *, enhancer=None, order=None, **options):
    """Enhance a folder by its manifest: status of each name."""
    jobs, folder = collect([str(photos)], out)
    order = order or Order(Wishes(model=network))
    outcomes = run(jobs, enhancer or Enhancer(), order, manifest=Manifest(folder), **options)
    assert [outcome.job for outcome in outcomes] == jobs
    return {outcome.job.source.name: outcome.status for outcome in outcomes}


ALL = [f"{number}.png" for number in range(4)]


def whole(out):
    """Names of the outputs, every one of which must be a whole picture and nothing else there."""
    found = {name for name in files(out) if name != NAME} if out.is_dir() else set()
    for name in found:
        decode(out / name)
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_a_folder(photos, out, network, workers):
    told = []
    parts = []
    status = go(
        photos,
        out,
        network,
        workers=workers,
        on_done=told.append,
        on_part=lambda job, done: parts.append((job.source.name, done)),
    )
    assert status == dict.fromkeys(ALL, "enhanced")
    assert sorted(outcome.job.source.name for outcome in told) == ALL
    assert sorted(parts) == [(name, 1.0) for name in ALL]
    assert whole(out) == set(ALL)
    for name in ALL:
        before, after = decode(photos / name).pixels, decode(out / name).pixels
        assert after.shape == before.shape
        assert (after != before).any()


def test_workers_do_not_change_what_is_made(photos, tmp_path, network):
    go(photos, tmp_path / "one", network, workers=1)
    go(photos, tmp_path / "three", network, workers=3)
    for name in ALL:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "three" / name).read_bytes()


def test_manifest_lines(photos, out, network):
    go(photos, out, network)
    rows = [json.loads(line) for line in (out / NAME).read_text().splitlines()]
    assert [row["output"] for row in rows] == ALL
    for row in rows:
        source = Path(row["input"])
        assert row["input_sha256"] == sha256(source.read_bytes())
        assert row["output_sha256"] == sha256((out / row["output"]).read_bytes())
        assert row["steps"][0]["model"] == "change"
        assert (row["width"], row["height"]) == (20, 16)
        assert row["unchanged"] is False
    assert len({row["settings"] for row in rows}) == 1


def test_a_bad_file_stops_no_other(photos, out, network):
    (photos / "1.png").write_bytes(b"no picture")
    (photos / "2.png").write_bytes((photos / "2.png").read_bytes()[:200])
    jobs, _ = collect([str(photos)], out)
    jobs.append(FileJob(photos / "missing.png", out / "missing.png"))
    outcomes = run(jobs, Enhancer(), Order(Wishes(model=network)), manifest=Manifest(out))
    assert [o.status for o in outcomes] == ["enhanced", "failed", "failed", "enhanced", "failed"]
    assert [o.exit_code for o in outcomes] == [0, 3, 3, 0, 3]
    for outcome in outcomes:
        if outcome.status == "failed":
            assert outcome.job.source.name in outcome.error
            assert outcome.as_dict()["output"] is None
    assert whole(out) == {"0.png", "3.png"}
    assert len((out / NAME).read_text().splitlines()) == 2


def test_an_error_of_our_own_stops_no_other(photos, out, network):
    class Clumsy(Enhancer):
        def run(self, picture, plan, **options):
            if picture.name.endswith("0.png"):
                raise ZeroDivisionError("oops")
            if picture.name.endswith("1.png"):
                raise MemoryError
            return super().run(picture, plan, **options)

    told = []
    status = go(photos, out, network, enhancer=Clumsy(), on_done=told.append)
    assert list(status.values()) == ["failed", "failed", "enhanced", "enhanced"]
    assert "internal error on '0.png': ZeroDivisionError: oops" in told[0].error
    assert told[0].exit_code == 1
    assert "--tile" in told[1].error
    assert told[1].exit_code == 6


def test_resume_passes_over_what_is_whole(photos, out, network):
    go(photos, out, network)
    before = files(out)
    assert go(photos, out, network, resume=True) == dict.fromkeys(ALL, "skipped")
    assert files(out) == before
    assert go(photos, out, network) == dict.fromkeys(ALL, "enhanced"), "without it all is redone"


def test_resume_redoes_what_is_not(photos, out, network):
    go(photos, out, network)
    before = files(out)
    (out / "0.png").unlink()
    (out / "1.png").write_bytes(before["1.png"][:100])
    write_photo(photos / "2.png", scene(16, 20, seed=9))
    status = go(photos, out, network, resume=True)
    assert list(status.values()) == ["enhanced", "enhanced", "enhanced", "skipped"]
    after = files(out)
    assert after["0.png"] == before["0.png"]
    assert after["1.png"] == before["1.png"]
    assert after["2.png"] != before["2.png"]
    assert go(photos, out, network, resume=True) == dict.fromkeys(ALL, "skipped")


def test_resume_redoes_what_other_settings_made(photos, out, network, tmp_path):
    go(photos, out, network)
    other = str(tiny_network(tmp_path / "other" / "change.onnx", seed=1))
    for order in (
        Order(Wishes(model=network, strength=0.5)),
        Order(Wishes(model=other)),
        Order(Wishes(model=network), strip=True),
        Order(Wishes(model=network), quality=50),
    ):
        status = go(photos, out, network, order=order, resume=True)
        assert status == dict.fromkeys(ALL, "enhanced")
    # How it is computed does not change what comes out.
    go(photos, out, network)
    enhancer = Enhancer(Networks(tile=64, threads=1, device="cpu"))
    status = go(photos, out, network, enhancer=enhancer, resume=True)
    assert status == dict.fromkeys(ALL, "skipped")


def test_resume_survives_a_cut_manifest(photos, out, network):
    go(photos, out, network)
    lines = (out / NAME).read_bytes().splitlines(keepends=True)
    (out / NAME).write_bytes(b"".join(lines[:2]) + lines[2][:40])
    status = go(photos, out, network, resume=True)
    assert list(status.values()) == ["skipped", "skipped", "enhanced", "enhanced"]
    assert go(photos, out, network, resume=True) == dict.fromkeys(ALL, "skipped")


class Waiting(Enhancer):
    """Works on the first photo, then on each further one until it is stopped."""

    def run(self, picture, plan, *, cancelled, **options):
        if not picture.name.endswith("0.png"):
            while not cancelled():
                pass
        return super().run(picture, plan, cancelled=cancelled, **options)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_while_a_finished_photo_is_told(photos, out, network, workers):
    told = []

    def interrupted(outcome):
        told.append(outcome.job.source.name)
        if len(told) == 1:
            raise KeyboardInterrupt

    enhancer = Waiting()
    status = go(photos, out, network, enhancer=enhancer, workers=workers, on_done=interrupted)
    assert list(status.values()) == ["enhanced", "stopped", "stopped", "stopped"]
    assert sorted(told) == ALL
    assert whole(out) == {"0.png"}
    status = go(photos, out, network, resume=True)
    assert list(status.values()) == ["skipped", "enhanced", "enhanced", "enhanced"]
    assert whole(out) == set(ALL)


@pytest.fixture
def ctrl_c():
    """Ctrl-C interrupts, even where the tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_while_the_photos_are_worked_on(photos, out, network):
    """Ctrl-C as the system delivers it: to the main thread, from outside."""

    class Interrupted(Waiting):
        def run(self, picture, plan, **options):
            if picture.name.endswith("1.png"):
                _thread.interrupt_main()
            return super().run(picture, plan, **options)

    status = go(photos, out, network, enhancer=Interrupted())
    assert list(status.values()) == ["enhanced", "stopped", "stopped", "stopped"]
    assert whole(out) == {"0.png"}


def test_a_callback_that_fails_stops_the_rest(photos, out, network):
    """As when the reader of stdout has left: the photos behind are not worked through first."""

    def gone(outcome):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        go(photos, out, network, enhancer=Waiting(), on_done=gone)
    assert whole(out) == {"0.png"}


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "tiff", "bmp", "avif"])
def test_an_untouched_photo_is_copied_byte_for_byte(tmp_path, out, kind):
    source = write_photo(tmp_path / f"a.{kind}")
    data = source.read_bytes() + b"trailing bytes"
    source.write_bytes(data)
    (outcome,) = run([FileJob(source, out / source.name)], Enhancer(), Order(Wishes(strength=0)))
    assert outcome.status == "unchanged"
    assert (out / source.name).read_bytes() == data


def test_an_untouched_photo_in_another_format_or_without_metadata(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Kamera"
    source = write_photo(tmp_path / "a.png", exif=exif)
    enhancer = Enhancer()
    jobs = [FileJob(source, tmp_path / name) for name in ("b.tif", "b.webp", "b.jpeg")]
    assert {o.status for o in run(jobs, enhancer)} == {"unchanged"}
    for job, kind in zip(jobs, ("TIFF", "WEBP", "JPEG"), strict=True):
        assert decode(job.target).encoding.format == kind
    np.testing.assert_array_equal(decode(jobs[0].target).pixels, scene())
    run([FileJob(source, tmp_path / "c.png")], enhancer, Order(strip=True))
    stripped = decode(tmp_path / "c.png")
    assert stripped.metadata.exif is None
    np.testing.assert_array_equal(stripped.pixels, scene())


@pytest.mark.parametrize(
    ("target", "code", "says"),
    [
        ("out.xyz", 2, r"'.*out\.xyz'.*'\.xyz'"),
        ("out", 2, "no suffix"),
        ("folder.png", 4, "it is a folder"),
        ("file.png/out.png", 4, "part of its path is a file"),
        ("x" * 300 + ".png", 4, "name is too long"),
        ("same.png", 4, "would overwrite the input"),
    ],
)
def test_an_impossible_output_is_told_before_the_work(tmp_path, network, target, code, says):
    source = write_photo(tmp_path / "a.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file.png").touch()
    (tmp_path / "same.png").hardlink_to(source)

    class Idle(Enhancer):
        def plan(self, *arguments):
            assert target.startswith("file.png"), "there was work"
            return super().plan(*arguments)

    before = files(tmp_path)
    (outcome,) = run([FileJob(source, tmp_path / target)], Idle(), Order(Wishes(model=network)))
    assert (outcome.status, outcome.exit_code) == ("failed", code)
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(outcome.error)
    assert files(tmp_path) == before


@pytest.mark.parametrize("quality", [0, 101, -5, 90.5, "high"])
def test_an_impossible_quality_is_told_before_the_work(quality):
    with pytest.raises(UsageError, match=str(quality)):
        Order(quality=quality)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device")
def test_what_is_no_file_is_not_read(tmp_path):
    (outcome,) = run([FileJob(Path("/dev/zero"), tmp_path / "a.png")], Enhancer())
    assert outcome.exit_code == 3
    assert "/dev/zero" in outcome.error


def test_nothing_to_do(tmp_path):
    assert run([], Enhancer()) == []


def test_other_models_do_not_undo_what_is_done(tmp_path):
    photo = write_photo(tmp_path / "a.png", noisy(scene(64, 64), 20))
    jobs = [FileJob(photo, tmp_path / "out" / "a.png")]
    manifest = Manifest(tmp_path / "out")
    (first,) = run(jobs, Enhancer(), manifest=manifest)
    add(tiny_model(tmp_path, "net"), "unrelated")
    (second,) = run(jobs, Enhancer(), manifest=manifest, resume=True)
    assert (first.status, second.status) == ("enhanced", "skipped")


def test_what_the_format_cannot_keep_is_noted(tmp_path):
    pixels = np.full((40, 40, 4), 128, np.uint8)
    pixels[:20, :, 3] = 0
    photo = write_photo(tmp_path / "a.png", pixels)
    (outcome,) = run([FileJob(photo, tmp_path / "a.jpg")], Enhancer())
    assert any("transparency" in note for note in outcome.report["notes"])


def test_a_file_that_is_replaced_meanwhile_does_not_pass_for_the_one_that_was_read(tmp_path, out):
    source = write_photo(tmp_path / "a.png")
    data = source.read_bytes()

    class Replacing(Enhancer):
        def plan(self, *arguments):
            source.write_bytes(b"another file")
            return super().plan(*arguments)

    (outcome,) = run([FileJob(source, out / "a.png")], Replacing(), manifest=Manifest(out))
    assert outcome.status == "unchanged"
    assert (out / "a.png").read_bytes() == data
    (row,) = [json.loads(line) for line in (out / NAME).read_text().splitlines()]
    assert row["input_sha256"] == row["output_sha256"] == sha256(data)
