"""Folders of pairs: deterministic, replayable, and never stopped by one bad file."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.batch.replaying import replayed
from tests.degradation.pictures import natural
from undegrade.batch import pairs
from undegrade.errors import Cancelled, InputError, OutputError, UsageError

STEPS = ["blur", {"operator": "gaussian-noise", "sigma": 20}, "jpeg"]


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.rint(image * 255).astype(np.uint8)
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(path)


@pytest.fixture
def photos(tmp_path):
    """A folder with colour, grey, 16-bit, a subfolder, and what is no photo."""
    folder = tmp_path / "photos"
    save(folder / "a.png", natural(24, 33, seed=1))
    save(folder / "b.jpg", natural(17, 16, seed=2))
    save(folder / "sub" / "é grey.png", natural(20, 20, 1, seed=3))
    deep = (natural(12, 15, 1, seed=4)[:, :, 0] * 65535).astype(np.uint16)
    Image.fromarray(deep).save(folder / "sub" / "deep.png")
    (folder / "notes.txt").write_text("no photo")
    save(folder / ".hidden.png", natural(8, 8))
    return folder


def manifest_of(summary):
    return [json.loads(line) for line in summary.manifest.read_text().splitlines()]


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_every_photo_becomes_a_pair_that_replays(photos, tmp_path):
    seen = []
    before = files(photos)
    summary = pairs.make_pairs(
        [photos], tmp_path / "out", STEPS, 7, progress=lambda *event: seen.append(event)
    )
    assert summary.failed == ()
    assert summary.written == 4
    names = ["a.png", "b.jpg", "sub/deep.png", "sub/é grey.png"]
    assert seen == [(number, 4, name) for number, name in enumerate(names, start=1)]
    assert files(photos) == before

    lines = manifest_of(summary)
    assert [line["source"] for line in lines] == names
    assert [line["output"] for line in lines] == ["a.png", "b.jpg.png", *names[2:]]
    assert lines[0]["source_size"] == lines[0]["output_size"] == [24, 33]
    assert lines[0]["root"] == "../photos"
    assert [step["operator"] for step in lines[0]["parameters"]] == [
        "blur",
        "gaussian-noise",
        "jpeg",
    ]
    assert lines[0]["parameters"][1]["sigma"] == 20
    assert lines[0]["levels"][1] == 0.4
    assert len(lines[0]["sha256"]) == 64
    for line in lines:
        with Image.open(tmp_path / "out" / line["output"]) as picture:
            assert picture.format == "PNG"
            assert picture.mode == ("L" if line["source"].startswith("sub/") else "RGB")
            assert [picture.height, picture.width] == line["output_size"]

    assert replayed(summary.manifest) == 4


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(photos, tmp_path):
    for name, seed in (("one", 7), ("two", 7), ("three", 8)):
        pairs.make_pairs([photos], tmp_path / name, STEPS, seed)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert files(tmp_path / "one")["a.png"] != files(tmp_path / "three")["a.png"]


def test_adding_a_file_changes_no_other(photos, tmp_path):
    pairs.make_pairs([photos], tmp_path / "one", STEPS, 7)
    save(photos / "aa.png", natural(9, 9))
    pairs.make_pairs([photos], tmp_path / "two", STEPS, 7)
    one, two = files(tmp_path / "one"), files(tmp_path / "two")
    assert two.keys() - one.keys() == {"aa.png"}
    assert all(two[name] == data for name, data in one.items() if name != pairs.MANIFEST)


def test_bad_files_are_reported_and_the_rest_is_written(photos, tmp_path):
    (photos / "0 empty.png").write_bytes(b"")
    (photos / "broken.jpg").write_bytes(b"no picture at all")
    summary = pairs.make_pairs([photos], tmp_path / "out", STEPS, 0)
    assert summary.written == 4
    assert [failure.name for failure in summary.failed] == ["0 empty.png", "broken.jpg"]
    assert all(failure.reason for failure in summary.failed)
    assert len(manifest_of(summary)) == 4


def test_small_pictures_have_their_own_size(photos, tmp_path):
    summary = pairs.make_pairs(
        [photos / "a.png"], tmp_path / "out", [{"operator": "resample", "scale": 4}], 0
    )
    (line,) = manifest_of(summary)
    assert line["output_size"] == [6, 9]
    assert line["source"] == "a.png"
    assert replayed(summary.manifest) == summary.written


def test_outputs_inside_an_input_are_not_degraded_again(photos):
    first = pairs.make_pairs([photos], photos / "out", STEPS, 7)
    second = pairs.make_pairs([photos], photos / "out", STEPS, 7)
    assert first.written == second.written == 4


def test_pictures_in_the_output_are_no_sources(photos):
    before = files(photos)
    assert pairs.make_pairs([photos], photos.parent, STEPS, 7).written == 0
    assert files(photos) == before


def test_a_link_to_a_source_is_not_written_through(photos, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    try:
        (out / "a.png").symlink_to(photos / "a.png")
    except OSError:
        pytest.skip("needs symbolic links")
    before = files(photos)
    summary = pairs.make_pairs([photos], out, STEPS, 7)
    assert [failure.name for failure in summary.failed] == ["a.png"]
    assert "overwrite the input" in summary.failed[0].reason
    assert files(photos) == before


def test_links_in_a_circle_are_no_output(photos, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OutputError, match="its links run in a circle"):
        pairs.make_pairs([photos], tmp_path / "loop", STEPS, 7)


def test_two_sources_for_one_output_are_reported(photos, tmp_path):
    save(tmp_path / "more" / "a.png", natural(8, 8))
    summary = pairs.make_pairs([photos, tmp_path / "more"], tmp_path / "out", STEPS, 7)
    assert summary.written == 4
    assert [failure.name for failure in summary.failed] == ["a.png"]
    assert replayed(summary.manifest) == summary.written


def test_impossible_requests_are_refused_before_anything_is_written(photos, tmp_path):
    with pytest.raises(UsageError, match="both input and output"):
        pairs.make_pairs([photos], photos, STEPS, 0)
    with pytest.raises(UsageError, match="lies in the output"):
        pairs.make_pairs([photos / "a.png"], photos, STEPS, 0)
    with pytest.raises(UsageError, match="did you mean"):
        pairs.make_pairs([photos], tmp_path / "out", ["jpg"], 0)
    with pytest.raises(UsageError, match="seed = -1"):
        pairs.make_pairs([photos], tmp_path / "out", STEPS, -1)
    with pytest.raises(InputError, match="neither a file nor a folder"):
        pairs.make_pairs([tmp_path / "nowhere"], tmp_path / "out", STEPS, 0)
    assert not (tmp_path / "out").exists()


def test_stopping_leaves_a_manifest_of_what_is_there(photos, tmp_path):
    def stop(done, total, name):
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        pairs.make_pairs([photos], tmp_path / "out", STEPS, 7, progress=stop)
    assert replayed(tmp_path / "out" / pairs.MANIFEST) == 2
