"""From files to the 8-bit pixels that training sees."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.photos import scene, write_photo
from tests.training.data.sets import pack, plain
from undegrade.errors import InputError
from undegrade.imaging.resize import imresize
from undegrade.training.data.decoding import read_entry
from undegrade.training.data.files import Entry, Place
from undegrade.training.data.sources import Reading, entries


def entry_of(*paths, scale=1):
    places = [Place(path) for path in paths]
    return Entry(paths[0].name, places[-1], places[0] if paths[1:] else None, scale)


def read(*paths, scale=1, **reading):
    return read_entry(entry_of(*paths, scale=scale), Reading(**reading))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".webp", ".avif", ".jpg"])
def test_every_format(suffix, tmp_path):
    lossy = suffix in (".avif", ".jpg")
    options = {".webp": {"lossless": True}, ".jpg": {"quality": 95}}.get(suffix, {})
    pixels = read(write_photo(tmp_path / f"a{suffix}", scene(40, 60), **options))
    assert (pixels.shape, pixels.dtype, pixels.flags.c_contiguous) == ((40, 60, 3), np.uint8, True)
    error = np.abs(pixels.astype(int) - scene(40, 60)).mean()
    assert error < 3 if lossy else error == 0


def test_grey_16_bit_transparent_and_palette(tmp_path):
    grey = scene(channels=1)[:, :, 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    for name in ("grey.png", "deep.png"):
        assert np.array_equal(read(tmp_path / name), np.repeat(grey[:, :, None], 3, 2))
    alpha = np.dstack([scene(), np.full(scene().shape[:2], 7, np.uint8)])
    Image.fromarray(alpha).save(tmp_path / "alpha.png")
    assert np.array_equal(read(tmp_path / "alpha.png"), scene())
    Image.fromarray(plain()).quantize(4).save(tmp_path / "palette.png")
    assert np.array_equal(read(tmp_path / "palette.png"), plain())


def test_photos_stand_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(scene(40, 60)).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read(tmp_path / "a.png"), np.rot90(scene(40, 60), -1))


def test_a_pair_is_input_above_target(tmp_path):
    low = write_photo(tmp_path / "low.png", scene(seed=1))
    high = write_photo(tmp_path / "high.png", scene(seed=2))
    assert np.array_equal(read(low, high), np.dstack([scene(seed=1), scene(seed=2)]))


def test_a_reduced_input_is_enlarged(tmp_path):
    small = write_photo(tmp_path / "small.png", scene(20, 30))
    high = write_photo(tmp_path / "high.png", scene(40, 60))
    pair = read(small, high, scale=2)
    large = imresize(scene(20, 30).astype(np.float64), size=(40, 60))
    assert np.array_equal(pair[:, :, :3], np.clip(np.rint(large), 0, 255))
    assert np.array_equal(pair[:, :, 3:], scene(40, 60))
    with pytest.raises(InputError, match=r"has 30 x 20 pixels .* 60 x 40, which is not 3 times"):
        read(small, high, scale=3)


def test_a_pair_of_two_sizes_is_named_with_both(tmp_path):
    low = write_photo(tmp_path / "low.png", plain(8, 9))
    high = write_photo(tmp_path / "high.png", plain(10, 11))
    with pytest.raises(InputError, match=r"low.png' has 9 x 8 .* '.*high.png' 11 x 10; bring both"):
        read_entry(entry_of(low, high), Reading())


def test_the_centre_is_cut_and_resized(tmp_path):
    photo = write_photo(tmp_path / "a.png", scene(40, 61))
    assert np.array_equal(read(photo, centre=20), scene(40, 61)[10:30, 20:40])
    assert np.array_equal(read(photo, centre=-1), scene(40, 61)[:, 10:50])
    expected = imresize(scene(40, 61)[:, 10:50].astype(np.float64), size=(16, 16))
    assert np.array_equal(read(photo, centre=-1, resize=16), np.rint(expected))


@pytest.mark.parametrize("reading", [{"centre": 50}, {"centre": -1, "resize": 48}])
def test_a_photo_smaller_than_its_centre_is_named(reading, tmp_path):
    photo = write_photo(tmp_path / "a.png", scene(40, 61))
    with pytest.raises(InputError, match=r"a.png' has 61 x 40 pixels, fewer than the (50|48) x"):
        read_entry(entry_of(photo), Reading(**reading))


@pytest.mark.parametrize("data", [b"", b"no picture", "cut"])
def test_what_cannot_be_decoded_is_named(data, tmp_path):
    if data == "cut":
        file = io.BytesIO()
        Image.fromarray(scene()).save(file, "PNG")
        data = file.getvalue()[:300]
    (entry,) = entries([pack(tmp_path / "set.tar", {"x/bad.png": data})])
    with pytest.raises(InputError, match=r"set.tar:x/bad.png'"):
        read_entry(entry, Reading())
