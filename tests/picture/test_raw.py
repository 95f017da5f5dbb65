"""Raw photos of cameras: developed upright into 16-bit sRGB, and never written back."""

from __future__ import annotations

import io
import struct
import sys

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.photos import noisy, scene
from tests.picture.raw_samples import dng
from undegrade import Enhancer
from undegrade.errors import InputError, LimitError, UsageError
from undegrade.picture import decode, encode, format_of, losses
from undegrade.plan import Wishes
from undegrade.work import Order, work

pytest.importorskip("rawpy", reason="rawpy, of the extra 'raw', is not installed")

SCENE = scene(96, 128).copy()
SCENE[40:48, 40:48] = 255  # white, so that developing has nothing to lighten


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference in 8-bit levels, without the border that demosaicing has to guess."""
    difference = np.abs(one.astype(float) / 257 - other.astype(float))
    return float(difference[4:-4, 4:-4].mean())


def test_it_is_developed_with_the_cameras_white_balance():
    picture = decode(dng(SCENE))
    assert (picture.pixels.dtype, picture.depth) == (np.uint16, 16)
    assert picture.colour.is_srgb
    assert picture.pixels.shape == SCENE.shape
    assert distance(picture.pixels, SCENE) < 4


def quicktake(samples: np.ndarray) -> bytes:
    """A photo of an Apple QuickTake 100, 640 x 480."""
    return b"qktk" + bytes(540) + struct.pack(">HH", 480, 640) + bytes(188) + samples.tobytes()


def test_an_apple_quicktake_is_known_by_its_first_bytes():
    samples = np.random.default_rng(0).integers(0, 256, 160_000, dtype=np.uint8)
    picture = decode(quicktake(samples), name="IMAGE01.QTK")
    assert (picture.width, picture.height, picture.depth) == (640, 480, 16)
    assert picture.encoding.format == "RAW"


def test_a_camera_that_says_no_white_balance_is_not_taken_for_a_grey_world():
    """What a part of the photo looks like does not depend on the colours of the rest."""
    red, green = SCENE.copy(), SCENE.copy()
    red[48:, :, 0], green[48:, :, 1] = 255, 255
    one, two = (decode(dng(each, balanced=False)).pixels[8:40, 8:120] for each in (red, green))
    assert np.abs(one.astype(int) - two.astype(int)).mean() < 257


def test_a_dark_exposure_is_lightened_by_two_stops_at_most():
    dark = (SCENE * 0.2).astype(np.uint8)
    assert decode(dng(SCENE)).pixels.max() == 65535
    assert dark.mean() < decode(dng(dark)).pixels.mean() / 257 < SCENE.mean()


@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, 3), (8, 1)])
def test_it_comes_upright_and_says_so_once(orientation, turns):
    upright = decode(dng(SCENE))
    picture = decode(dng(SCENE, orientation=orientation))
    assert np.array_equal(picture.pixels, np.rot90(upright.pixels, turns))
    for kind in ("JPEG", "TIFF"):
        again = Image.open(io.BytesIO(encode(picture, format=kind)))
        assert again.size == (picture.width, picture.height)
        assert again.getexif().get(274, 1) == 1


def test_what_the_camera_does_not_show_is_cut_off():
    whole, cut = decode(dng(SCENE)), decode(dng(SCENE, crop=(8, 4, 112, 80)))
    assert cut.pixels.shape == (80, 112, 3)
    assert np.abs(cut.pixels.astype(int) - whole.pixels[4:84, 8:120]).mean() < 257


@pytest.mark.parametrize("kind", ["TIFF", "JPEG", "PNG"])
def test_exif_and_an_srgb_profile_are_written(kind):
    picture = decode(dng(SCENE))
    image = Image.open(io.BytesIO(encode(picture, format=kind)))
    exif = image.getexif()
    assert (exif[271], exif[272], exif[306]) == ("Kamera", "Modell 1", "2024:05:06 07:08:09")
    assert exif.get_ifd(34665)[33434] == pytest.approx(1 / 125)
    assert not {tag for tag in exif if tag >= 50000}, "fields of the sensor"
    profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    assert ImageCms.getProfileDescription(profile).strip() == "sRGB"
    assert decode(encode(picture, format=kind)).colour.is_srgb
    assert (losses(picture, kind) == ()) == (kind != "JPEG")


def test_the_settings_of_a_raw_developer_are_not_handed_on():
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="'
        b'http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        b'xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:Exposure2012="+1.00" '
        b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>'
    )
    kept = decode(dng(SCENE, xmp=packet)).metadata.xmp
    assert b'xmp:Rating="4"' in kept
    assert b"Exposure2012" not in kept


def test_the_noise_of_the_sensor_is_found_and_restored():
    clean, data = scene(256, 256), dng(noisy(scene(256, 256), 20))
    done = work(Enhancer(), data, "a.dng", Order())
    assert done.format == "TIFF"
    assert [step["model"] for step in done.report["steps"]][:1] == ["restore"]
    before, after = decode(data), decode(done.data)
    assert after.depth == 16
    assert distance(after.pixels, clean) < distance(before.pixels, clean)


def test_it_is_never_written_back():
    done = work(Enhancer(), dng(SCENE), "a.dng", Order(Wishes(strength=0)))
    assert (done.format, done.status) == ("TIFF", "unchanged")
    assert Image.open(io.BytesIO(done.data)).size == (128, 96)
    with pytest.raises(UsageError, match=r"\.dng"):
        format_of("a.dng")


def test_limits_hold_before_anything_is_developed():
    black = dng(np.zeros_like(SCENE))
    with pytest.raises(InputError, match="black"):
        decode(black)
    with pytest.raises(LimitError, match="megapixels"):
        decode(black, max_megapixels=0.01)


def test_a_file_that_is_cut_off_is_not_taken_for_a_black_photo():
    data = dng(SCENE)
    with pytest.raises(InputError, match="cut off"):
        decode(data[:9000])


def test_without_rawpy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(InputError, match=r"undegrade\[raw\]"):
        decode(dng(SCENE))
