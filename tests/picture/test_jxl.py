"""JPEG XL: size and metadata from its own boxes, pixels by the plug-in."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

from tests.picture.samples import exif_of, file_of, pil, smooth
from undegrade.errors import InputError, LimitError
from undegrade.picture import decode, default_format

SIZES = [(1, 1), (8, 8), (40, 56), (240, 320), (8, 264), (513, 3), (100, 200), (90, 160), (700, 9)]


def jxl(pixels, **options) -> bytes:
    pytest.importorskip("pillow_jxl", reason="pillow-jxl-plugin is not installed")
    return file_of(pil(pixels), "JXL", **options)


@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_lossless_pixels_and_sizes(size, boxed):
    pixels = smooth(*size)
    picture = decode(jxl(pixels, lossless=True, use_container=boxed))
    assert np.array_equal(picture.pixels, pixels)
    assert picture.colour.is_srgb
    assert default_format(picture) == "JPEG"


def test_metadata_is_kept():
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">rating</x:xmpmeta>'
    data = jxl(smooth(), exif=exif_of().tobytes(), xmp=packet, use_container=True)
    kept = decode(data).metadata
    assert b"Kamera" in kept.exif
    assert kept.xmp == packet


def test_the_limit_holds_before_anything_is_decoded(monkeypatch):
    data = jxl(smooth(400, 600))
    monkeypatch.setattr("pillow_jxl.JpegXLImagePlugin.JXLImageFile", None)
    with pytest.raises(LimitError, match="600 x 400"):
        decode(data, max_megapixels=0.1)


def test_a_file_that_is_cut_off():
    with pytest.raises(InputError, match="cut off"):
        decode(jxl(smooth())[:9])
    with pytest.raises(InputError, match="damaged"):
        decode(jxl(smooth(200, 200))[:300])


def test_without_the_plug_in_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_jxl.JpegXLImagePlugin", None)
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    for start in (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"):
        with pytest.raises(InputError, match=r"undegrade\[jxl\]"):
            decode(io.BytesIO(start + bytes(100)))
