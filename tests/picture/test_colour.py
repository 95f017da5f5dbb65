"""Colour: profiles mean what LittleCMS says they mean, and nothing is lost on the way."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.picture.samples import (
    P3,
    PROPHOTO,
    SRGB,
    SRGB_CURVE,
    exif_of,
    file_of,
    fixed,
    gamma,
    icc,
    noise,
    para,
    pil,
    smooth,
    table,
)
from undegrade.picture import decode, encode, from_array

ADOBE = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
RAMP = np.linspace(0, 1, 1024)
SRGB_TABLE = np.where(RAMP <= 0.04045, RAMP / 12.92, ((RAMP + 0.055) / 1.055) ** 2.4)

PROFILES = {
    "Display P3": icc(P3, para(3, *SRGB_CURVE)),
    "P3, para 4": icc(P3, para(4, *SRGB_CURVE, 0, 0)),
    "P3, table": icc(P3, table(SRGB_TABLE)),
    "Adobe RGB": icc(ADOBE, gamma(563 / 256)),
    "Adobe RGB, para 0": icc(ADOBE, para(0, 2.2)),
    "P3, para 1": icc(P3, para(1, 2.2, 0.98, 0.02)),
    "P3, para 2": icc(P3, para(2, 2.2, 0.98, 0.0, 0.01)),
    "ProPhoto": icc(PROPHOTO, para(3, 1.8, 1.0, 0.0, 1 / 16, 1 / 32)),
    "linear": icc(SRGB, b"curv\0\0\0\0\0\0\0\0"),
}


def space_of(profile: bytes):
    return decode(file_of(pil(smooth(4, 4)), "PNG", icc_profile=profile)).colour


@pytest.mark.parametrize("name", PROFILES)
def test_there_and_back_is_exact(name):
    space = space_of(PROFILES[name])
    assert not space.is_srgb
    assert space.name == "test"
    values = (noise(64, 64, 3, np.uint8) / np.float32(255)).astype(np.float32)
    wide = space.to_srgb(values)
    assert wide.dtype == np.float32
    back = space.from_srgb(wide)
    # A channel near 0 beside bright ones costs float32 most where the curve is steep.
    assert np.abs(back - values).max() < 0.2 / 255
    assert np.array_equal(np.rint(back * 255), np.rint(values * 255))


@pytest.mark.parametrize("name", [n for n in PROFILES if n != "P3, para 2"])
def test_agrees_with_littlecms_inside_the_gamut(name):
    """para 2 lifts black, which LittleCMS clips differently."""
    pixels = noise(64, 64, 3, np.uint8)
    image = ImageCms.profileToProfile(
        pil(pixels),
        io.BytesIO(PROFILES[name]),
        ImageCms.createProfile("sRGB"),
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        "RGB",
    )
    ours = space_of(PROFILES[name]).to_srgb(pixels.astype(np.float32) / 255) * 255
    inside = ((ours > 0.5) & (ours < 254.5)).all(axis=2)
    assert inside.sum() > 300
    assert np.abs(ours - np.asarray(image))[inside].max() <= 1.0


def test_white_stays_white_and_green_leaves_the_gamut():
    space = space_of(PROFILES["Display P3"])
    white = space.to_srgb(np.ones((1, 3), np.float32))
    np.testing.assert_allclose(white, 1, atol=1e-3)
    green = space.to_srgb(np.array([[0, 1, 0]], np.float32))[0]
    assert green[0] < -0.1
    assert green[1] > 1.01


@pytest.mark.parametrize(
    "curve", [para(3, *SRGB_CURVE), table(SRGB_TABLE)], ids=["para", "table of 1024"]
)
def test_an_srgb_profile_is_the_identity(curve, srgb):
    for profile in (icc(SRGB, curve), srgb):
        space = space_of(profile)
        assert space.is_srgb
        values = np.random.default_rng(0).random((5, 3), np.float32)
        assert space.to_srgb(values) is values
        assert space.from_srgb(values) is values


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_profile_is_kept_and_the_pixels_untouched(kind, p3):
    picture = decode(file_of(pil(smooth()), kind, icc_profile=p3))
    assert picture.colour.name == "Display P3"
    again = decode(encode(picture, strip=True))
    assert again.metadata.icc == p3
    assert again.metadata.exif is None
    if kind in ("PNG", "TIFF"):
        np.testing.assert_array_equal(again.pixels, smooth())


def test_bmp_gets_srgb_colours(p3):
    picture = decode(file_of(pil(smooth()), "PNG", icc_profile=p3))
    expected = picture.colour.to_srgb(smooth().astype(np.float32) / 255)
    again = decode(encode(picture, format="BMP"))
    np.testing.assert_allclose(again.pixels, np.clip(expected, 0, 1) * 255, atol=0.51)


def test_large_profiles_cross_jpeg_segments(p3):
    big = p3 + bytes(150_000)
    big = len(big).to_bytes(4, "big") + big[4:]
    picture = decode(file_of(pil(smooth()), "JPEG", icc_profile=big))
    assert decode(encode(picture)).metadata.icc == big


@pytest.mark.parametrize(
    "broken",
    [
        b"junk",
        PROFILES["Display P3"][:300],
        icc(P3, b"junkjunk"),
        icc(P3, para(3, *SRGB_CURVE)).replace(b"rXYZ", b"rXYY"),
        icc(np.zeros((3, 3)), gamma(2.2)),
        icc(P3, table(RAMP[::-1])),
    ],
    ids=["junk", "cut", "no curve", "no red", "flat", "falling"],
)
def test_a_broken_profile_is_dropped(broken):
    picture = decode(file_of(pil(smooth()), "PNG", icc_profile=broken))
    assert picture.metadata.icc is None
    assert picture.colour.is_srgb
    assert any("profile" in note for note in picture.notes)
    np.testing.assert_array_equal(picture.pixels, smooth())


def test_a_profile_for_other_pixels_is_dropped(p3):
    picture = decode(file_of(pil(smooth(channels=1)), "PNG", icc_profile=p3))
    assert picture.metadata.icc is None
    assert picture.channels == 1
    assert any("does not fit" in note for note in picture.notes)


def test_a_grey_profile_is_kept():
    grey = icc(P3, gamma(1.8), b"GRAY")
    for array in (smooth(channels=1), noise(9, 8, 2, np.uint16)):
        picture = replace(from_array(array))
        picture = replace(picture, metadata=replace(picture.metadata, icc=grey))
        again = decode(encode(picture, format="PNG"))
        assert again.metadata.icc == grey
        assert again.colour.is_srgb
        np.testing.assert_array_equal(again.pixels, picture.pixels)


@pytest.mark.parametrize("deep", [False, True])
def test_profiles_of_tables_are_applied_once(deep):
    """LittleCMS makes a profile of tables from a link of matrix profiles."""
    lab = lut_profile()
    array = smooth(16, 16, 3, np.uint16 if deep else np.uint8)
    picture = from_array(array)
    picture = replace(picture, metadata=replace(picture.metadata, icc=lab))
    again = decode(encode(picture, format="PNG"))
    assert again.depth == 8
    assert again.colour.is_srgb
    assert again.metadata.icc is None
    assert any("converted to sRGB" in note for note in again.notes)
    assert any("16 bits" in note for note in again.notes) == deep


def lut_profile() -> bytes:
    """An RGB profile whose A2B0 is an ``mft1`` table to Lab: channels as L, a, b, roughly."""
    head = b"mft1\0\0\0\0" + bytes([3, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    grid = bytearray()
    for r in (0, 1):
        for g in (0, 1):
            for b in (0, 1):
                light = (r + g + b) / 3
                grid += bytes([round(255 * light), 128 + 60 * (r - g), 128 + 60 * (g - b)])
    ramp = bytes(range(256)) * 3
    lut = head + ramp + bytes(grid) + ramp
    base = bytearray(icc(P3, lut, name="tables"))
    base[20:24] = b"Lab "
    at = base.index(b"rTRC")
    base[at : at + 4] = b"A2B0"
    return bytes(base)


def test_adobe_rgb_said_by_exif_alone():
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    raw = exif.get_ifd(0x8769)
    raw[0xA005] = {1: "R03", 2: b"0100"}
    picture = decode(file_of(pil(smooth()), "JPEG", exif=exif))
    assert picture.colour.name.startswith("Adobe RGB")
    values = np.random.default_rng(0).random((50, 3), np.float32)
    expected = space_of(PROFILES["Adobe RGB"]).to_srgb(values)
    np.testing.assert_allclose(picture.colour.to_srgb(values), expected, atol=1e-4)
    # The profile is embedded from then on, where every program looks.
    again = decode(encode(picture, format="PNG", strip=True))
    assert again.colour.name.startswith("Adobe RGB")
    made = ImageCms.ImageCmsProfile(io.BytesIO(again.metadata.icc))
    assert "Adobe RGB" in ImageCms.getProfileDescription(made)


def test_uncalibrated_without_r03_is_srgb():
    exif = exif_of()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    assert decode(file_of(pil(smooth()), "JPEG", exif=exif)).colour.is_srgb


def test_cmyk_with_a_broken_profile_is_still_read():
    image = pil(smooth()).convert("CMYK")
    picture = decode(file_of(image, "JPEG", icc_profile=b"junk"))
    assert picture.channels == 3
    assert picture.metadata.icc is None
    assert any("broken" in note for note in picture.notes)
