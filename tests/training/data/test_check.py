"""What is wrong with data is found, and what is right is left in peace."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.photos import noisy, write_photo
from tests.shared_data import shared
from tests.training.data.sets import pack, textured
from undegrade.errors import UsageError
from undegrade.imaging.luma import luma_of
from undegrade.training.data.check import check
from undegrade.training.data.likeness import fingerprint, global_shift, near
from undegrade.training.data.sources import Reading

PAIRS = Reading(pairs=True)


def darkened(pixels, factor=0.1):
    """A photo taken with a shorter exposure, and the noise that comes with it."""
    return noisy(np.rint(pixels * factor).astype(np.uint8), 1.5)


def found(report):
    """Kinds, names and whats of the findings."""
    return [(one.kind, one.name, one.what) for one in report.findings]


def pairs(folder, *numbers, size=(208, 224), shift=(0, 0), change=darkened):
    """Pairs of dark and light photos, the inputs cut *shift* rows and columns further on."""
    for number in numbers:
        wide = textured(size[0] + 16, size[1] + 16, number)
        y, x = 8 + shift[0], 8 + shift[1]
        low, high = (wide[a : a + size[0], b : b + size[1]] for a, b in ((y, x), (8, 8)))
        write_photo(folder / "low" / f"{number}.png", change(low))
        write_photo(folder / "high" / f"{number}.png", high)
    return folder


def test_sound_pairs(tmp_path):
    report = check([pairs(tmp_path, 1, 2, 3)], PAIRS)
    assert report.sound
    assert found(report) == []
    assert report.checked == {str(tmp_path): 3}


def test_everything_at_once_and_nothing_stops(tmp_path):
    pairs(tmp_path, 1, 2, 3, 4, 5)
    (tmp_path / "high" / "1.png").unlink()
    (tmp_path / "low" / "2.png").write_bytes(b"broken")
    write_photo(tmp_path / "low" / "3.png", textured(100, 224, 3))
    pairs(tmp_path, 4, shift=(3, -2))
    calls = []
    report = check(
        [tmp_path, tmp_path / "gone"],
        PAIRS,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert [(kind, name) for kind, name, _ in found(report)] == [
        ("missing", "low/1.png"),
        ("missing", ""),
        ("unreadable", "low/2.png"),
        ("size", "low/3.png"),
        ("misaligned", "low/4.png"),
    ]
    assert "2.png" in report.findings[2].what
    assert "224 x 100 pixels" in report.findings[3].what
    assert report.findings[4].what.startswith("the input is shifted by +2")
    assert not report.sound
    assert calls[-1] == (4, 4)
    assert report.checked == {str(tmp_path): 4, str(tmp_path / "gone"): 0}


def test_wrong_partners_are_found(tmp_path):
    pairs(tmp_path, 1, 2)
    (tmp_path / "low" / "1.png").rename(tmp_path / "spare.png")
    (tmp_path / "low" / "2.png").rename(tmp_path / "low" / "1.png")
    (tmp_path / "spare.png").rename(tmp_path / "low" / "2.png")
    whats = {what for kind, _, what in found(check([tmp_path], PAIRS)) if kind == "misaligned"}
    assert whats == {"input and target do not show the same"}


def test_shifts_below_a_pixel_are_left_in_peace(tmp_path):
    def half_a_pixel(pixels):
        return np.rint((pixels[:, :-1].astype(float) + pixels[:, 1:]) / 2).astype(np.uint8)

    for number in (1, 2):
        wide = textured(208, 225, number)
        write_photo(tmp_path / "low" / f"{number}.png", half_a_pixel(wide))
        write_photo(tmp_path / "high" / f"{number}.png", wide[:, :-1])
    assert check([tmp_path], PAIRS).sound


@given(
    dy=st.integers(-20, 20),
    dx=st.integers(-20, 20),
    seed=st.integers(0, 99),
    exposure=st.floats(0.1, 1.0),
)
@settings(max_examples=25, deadline=None)
def test_shifts_are_measured_whatever_the_exposure(dy, dx, seed, exposure):
    wide = textured(240, 260, seed)
    fixed = luma_of(wide[20:-20, 20:-20])
    moving = luma_of(darkened(wide[20 - dy : 220 - dy, 20 - dx : 240 - dx], exposure))
    shift = global_shift(moving, fixed)
    assert shift.dx == pytest.approx(dx, abs=0.2)
    assert shift.dy == pytest.approx(dy, abs=0.2)
    assert shift.certainty > 10


def test_duplicates_are_found_resized_and_coded_anew(tmp_path):
    photo = textured(300, 400, 1)
    write_photo(tmp_path / "a.png", photo)
    write_photo(tmp_path / "b.jpg", photo, quality=30)
    half = Image.fromarray(photo).resize((200, 150), Image.Resampling.BICUBIC)
    write_photo(tmp_path / "c.webp", np.asarray(half))
    write_photo(tmp_path / "d.png", textured(300, 400, 2))
    write_photo(tmp_path / "flat1.png", np.full((64, 64, 3), 9, np.uint8))
    write_photo(tmp_path / "flat2.png", np.full((64, 64, 3), 200, np.uint8))
    assert found(check([tmp_path])) == [
        ("duplicate", name, f"shows the same as 'a.png' of {str(tmp_path)!r}")
        for name in ("b.jpg", "c.webp")
    ]


def test_a_target_shared_by_several_inputs_is_no_duplicate(tmp_path):
    photo = textured(208, 224, 1)
    for i, factor in enumerate((0.1, 0.2, 0.3, 1.0, 1.0, 1.0), 1):
        write_photo(tmp_path / "Part1" / "1" / f"{i}.png", darkened(photo, factor))
    write_photo(tmp_path / "Part1" / "Label" / "1.png", photo)
    report = check([f"sice:{tmp_path}"], PAIRS)
    assert report.sound
    assert [kind for kind, *_ in found(report)] == ["note"]
    assert report.checked == {f"sice:{tmp_path}": 3}


@pytest.fixture(scope="module")
def test_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("test-set")
    files = {}
    for i in range(3):
        file = io.BytesIO()
        Image.fromarray(textured(400, 600, 50 + i)).save(file, "PNG")
        files[f"t/{i}.png"] = file.getvalue()
    return pack(folder / "test.tar", files)


@pytest.mark.parametrize("quality", [None, 50])
@pytest.mark.parametrize("side", [192, 256, 384])
def test_crops_of_test_photos_are_found(side, quality, test_set, tmp_path):
    rng = np.random.default_rng(side)
    for i in range(3):
        y, x = rng.integers(0, (401 - side, 601 - side))
        crop = textured(400, 600, 50 + i)[y : y + side, x : x + side]
        options = {"quality": quality} if quality else {}
        write_photo(tmp_path / f"{i}{'.jpg' if quality else '.png'}", crop, **options)
    write_photo(tmp_path / "other.png", textured(side, side, 9))
    report = check([tmp_path], against=[test_set])
    assert [(one.kind, one.name[0], one.what) for one in report.findings] == [
        ("leak", str(i), f"shows a part of 't/{i}.png' of {str(test_set)!r}") for i in range(3)
    ]


def test_test_photos_in_larger_photos_and_whole_ones_are_found(test_set, tmp_path):
    wide = textured(500, 700, 1)
    wide[60:460, 40:640] = textured(400, 600, 50)
    write_photo(tmp_path / "around.png", wide)
    write_photo(tmp_path / "itself.jpg", textured(400, 600, 51), quality=60)
    whats = [what for _, _, what in found(check([tmp_path], against=[test_set]))]
    assert whats[0].startswith("shows a part of 't/0.png'")
    assert whats[1].startswith("shows the same as 't/1.png'")


def test_unknown_layouts_are_wrong_use(tmp_path):
    with pytest.raises(UsageError, match="no layout is called 'div3k'"):
        check([f"div3k:{tmp_path}"])


@given(
    a=st.lists(st.integers(0, 2**64 - 1), max_size=12),
    flips=st.lists(st.lists(st.integers(0, 63), max_size=9), max_size=12),
    limit=st.integers(0, 8),
)
def test_near_hashes_are_all_found(a, flips, limit):
    b = [(a[i % len(a)] if a else 0) ^ sum(1 << bit for bit in {*f}) for i, f in enumerate(flips)]
    expected = [
        (i, j) for i, x in enumerate(a) for j, y in enumerate(b) if (x ^ y).bit_count() <= limit
    ]
    pairs_found = near(np.array(a, np.uint64), np.array(b, np.uint64), limit)
    assert [tuple(pair) for pair in pairs_found.tolist()] == expected


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (97, 97)])
def test_small_photos_have_fingerprints(shape):
    print_ = fingerprint(luma_of(textured(*shape, 1)))
    assert len(print_.windows) == len(print_.corners)
    assert print_.thumb.shape == (32, 32)


def test_free_training_photos_share_nothing_with_a_test_set():
    report = check(
        [shared("data", "train", "bsds.tar")], against=[shared("data", "test", "set5.tar")]
    )
    assert report.sound


def test_the_scenes_that_parts_of_lol_share_are_found():
    """Both parts show these scenes, taken with other exposures; seen by eye, too."""
    train, test = shared("data", "train", "lol-0.tar"), shared("data", "test", "lol_val.tar")
    report = check([train], Reading(pairs=True, match="*/[2-7][48].webp"), [test])
    assert [(one.kind, one.name) for one in report.findings] == [
        ("leak", "lol/low/28.webp"),
        ("leak", "lol/low/74.webp"),
    ]
