"""Pixels survive: every mode, depth, size, container and turn."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.picture.samples import exif_of, file_of, noise, pil, png_chunk, smooth
from undegrade.errors import UsageError
from undegrade.picture import (
    decode,
    default_format,
    encode,
    from_array,
    from_pil,
    losses,
    to_pil,
)

shapes = st.tuples(st.integers(1, 23), st.integers(1, 23), st.integers(1, 4))


@settings(deadline=None, max_examples=60)
@given(shapes, st.sampled_from([np.uint8, np.uint16]), st.sampled_from(["PNG", "TIFF"]))
def test_lossless_formats_keep_every_bit(shape, dtype, kind):
    array = noise(*shape, dtype)
    picture = from_array(array)
    again = decode(encode(picture, format=kind))
    assert again.depth == picture.depth
    assert again.channels == picture.channels
    np.testing.assert_array_equal(again.pixels, picture.pixels)
    assert (again.alpha is None) == (shape[2] in (1, 3))
    if again.alpha is not None:
        np.testing.assert_array_equal(again.alpha, array[:, :, -1])
    assert losses(picture, kind) == ()


@settings(deadline=None, max_examples=30)
@given(shapes, st.sampled_from(["JPEG", "WEBP", "BMP"]))
def test_every_size_and_mode_can_be_written_everywhere(shape, kind):
    picture = from_array(noise(*shape, np.uint8))
    again = decode(encode(picture, format=kind))
    assert (again.height, again.width) == shape[:2]
    assert again.encoding.format == kind


def test_avif_is_near():
    again = decode(encode(from_array(smooth()), format="AVIF"))
    assert np.abs(again.pixels.astype(int) - smooth()).max() < 12
    assert again.encoding.format == "AVIF"


def test_written_16_bit_files_are_read_alike_by_others():
    array = noise(9, 11, 3, np.uint16)
    png = Image.open(io.BytesIO(encode(from_array(array), format="PNG")))
    np.testing.assert_array_equal(np.asarray(png), array >> 8)
    tiff = encode(from_array(array), format="TIFF")
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(tiff)), array)
    four = noise(9, 11, 4, np.uint8)
    tiff = encode(from_array(four), format="TIFF")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(tiff))), four)


def filtered(raw, kind):
    """PNG rows of 16-bit samples, each with the next of the five filters, row by row."""
    rows = raw.astype(">u2").reshape(len(raw), -1).view(np.uint8).astype(int)
    step = raw.shape[2] * 2
    out, above = b"", np.zeros(rows.shape[1], int)
    for index, row in enumerate(rows):
        left, corner = np.zeros_like(row), np.zeros_like(row)
        left[step:], corner[step:] = row[:-step], above[:-step]
        guess = left + above - corner
        distances = [np.abs(guess - p) for p in (left, above, corner)]
        paeth = np.choose(np.argmin(distances, axis=0), (left, above, corner))
        how = (index + kind) % 5
        predicted = [0 * row, left, above, (left + above) // 2, paeth][how]
        out += bytes([how]) + ((row - predicted) % 256).astype(np.uint8).tobytes()
        above = row
    return out


@pytest.mark.parametrize(("channels", "colour"), [(1, 0), (2, 4), (3, 2), (4, 6)])
@pytest.mark.parametrize("interlaced", [False, True])
def test_16_bit_png_of_others(channels, colour, interlaced):
    array = noise(13, 10, channels, np.uint16)
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    passes = [*passes, (1, 0, 2, 1)] if interlaced else [(0, 0, 1, 1)]
    parts = [array[y::dy, x::dx] for y, x, dy, dx in passes]
    data = b"".join(filtered(part, n) for n, part in enumerate(parts) if part.size)
    head = struct.pack(">IIBBBBB", 10, 13, 16, colour, 0, 0, interlaced)
    packed = zlib.compress(data)
    file = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head)
    file += png_chunk(b"IDAT", packed[:50]) + png_chunk(b"IDAT", packed[50:])
    picture = decode(file + png_chunk(b"IEND", b""))
    whole = picture.pixels
    if picture.alpha is not None:
        whole = np.concatenate([whole, picture.alpha[:, :, None]], axis=2)
    np.testing.assert_array_equal(whole, array)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib", "predictor": True}, {"tile": (16, 16)}]
)
def test_16_bit_tiff_of_others(order, channels, options):
    array = noise(21, 18, channels, np.uint16)
    buffer = io.BytesIO()
    extra = {"extrasamples": ["unassalpha"]} if channels in (2, 4) else {}
    tifffile.imwrite(
        buffer,
        array if channels > 1 else array[:, :, 0],
        byteorder=order,
        photometric="rgb" if channels > 2 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        metadata=None,
        **extra,
        **options,
    )
    picture = decode(buffer.getvalue())
    np.testing.assert_array_equal(picture.pixels, array[:, :, : 3 if channels > 2 else 1])
    if channels in (2, 4):
        np.testing.assert_array_equal(picture.alpha, array[:, :, -1])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_planar_tiff(dtype):
    array = noise(3, 12, 7, dtype)  # planes first
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, photometric="rgb", planarconfig="separate", metadata=None)
    picture = decode(buffer.getvalue())
    np.testing.assert_array_equal(picture.pixels, np.moveaxis(array, 0, -1))


def test_white_is_zero_is_turned_round():
    array = noise(6, 5, 1, np.uint16)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array[:, :, 0], photometric="miniswhite", metadata=None)
    np.testing.assert_array_equal(decode(buffer.getvalue()).pixels, 65535 - array)


def test_premultiplied_alpha_is_undone():
    straight = noise(8, 8, 3, np.uint16).astype(np.uint64)
    alpha = np.full((8, 8, 1), 40000, np.uint64)
    stored = np.concatenate([straight * alpha // 65535, alpha], axis=2).astype(np.uint16)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, stored, photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    picture = decode(buffer.getvalue())
    assert np.abs(picture.pixels.astype(int) - straight.astype(int)).max() <= 2


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", None])
def test_tiff_of_pillow(compression):
    data = file_of(pil(smooth()), "TIFF", compression=compression)
    picture = decode(data)
    np.testing.assert_array_equal(picture.pixels, smooth())
    np.testing.assert_array_equal(decode(encode(picture)).pixels, smooth())
    assert decode(encode(picture)).encoding.compression == (
        "raw" if compression is None else "tiff_adobe_deflate"
    )


STORED = {  # how to make the stored pixels from the upright ones: the EXIF standard, by hand
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("turn", STORED)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_orientation_is_applied_once(turn, kind):
    upright = noise(5, 9, 4, np.uint8)
    upright[:, :, 3] |= 1  # what lies under full transparency need not survive in WebP
    stored = np.ascontiguousarray(STORED[turn](upright))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = file_of(Image.fromarray(stored), kind, exif=exif_of(orientation=turn), **options)
    picture = decode(data)
    for one in (picture, decode(encode(picture))):
        np.testing.assert_array_equal(one.pixels, upright[:, :, :3])
        np.testing.assert_array_equal(one.alpha, upright[:, :, 3])
    saved = Image.open(io.BytesIO(encode(picture)))
    assert saved.getexif().get(0x0112, 1) == 1
    assert saved.getexif()[0x010F] == "Kamera"


@pytest.mark.parametrize("turn", STORED)
def test_orientation_of_jpeg_agrees_with_pillow(turn):
    from PIL import ImageOps

    data = file_of(pil(smooth(16, 40)), "JPEG", exif=exif_of(orientation=turn))
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    picture = decode(data)
    np.testing.assert_array_equal(picture.pixels, np.asarray(expected))
    assert Image.open(io.BytesIO(encode(picture))).getexif()[0x0112] == 1
    np.testing.assert_array_equal(from_pil(Image.open(io.BytesIO(data))).pixels, picture.pixels)


def test_orientation_of_16_bit_and_avif():
    deep = noise(5, 9, 3, np.uint16)
    turned = from_array(np.ascontiguousarray(STORED[6](deep)))
    block = exif_of(orientation=6).tobytes()
    from dataclasses import replace

    turned = replace(turned, metadata=replace(turned.metadata, exif=block[6:]))
    np.testing.assert_array_equal(decode(encode(turned, format="PNG")).pixels, deep)
    data = file_of(pil(STORED[8](smooth(16, 40))), "AVIF", quality=100, exif=exif_of(orientation=8))
    picture = decode(data)
    assert np.abs(picture.pixels.astype(int) - smooth(16, 40)).max() < 12
    again = decode(encode(picture))
    assert (again.height, again.width) == (16, 40)


def test_palette_bilevel_and_keys():
    array = np.zeros((4, 6, 3), np.uint8)
    array[:, 3:] = (200, 10, 30)
    palette = pil(array).quantize(4)
    np.testing.assert_array_equal(decode(file_of(palette, "PNG")).pixels, array)
    index = palette.getpixel((0, 0))
    clear = decode(file_of(palette, "PNG", transparency=index))
    np.testing.assert_array_equal(clear.alpha, np.where(array[:, :, 0] == 0, 0, 255))
    assert decode(file_of(palette, "GIF")).channels == 3
    one = decode(file_of(Image.fromarray(array[:, :, 0] > 100), "PNG"))
    np.testing.assert_array_equal(one.pixels[:, :, 0], np.where(array[:, :, 0] > 100, 255, 0))
    keyed = decode(file_of(pil(array), "PNG", transparency=(200, 10, 30)))
    np.testing.assert_array_equal(keyed.alpha, np.where(array[:, :, 0] == 200, 0, 255))
    grey = decode(file_of(Image.fromarray(array[:, :, 0]), "PNG", transparency=200))
    np.testing.assert_array_equal(grey.alpha, keyed.alpha)
    assert grey.channels == 1


def test_small_depths_scale_their_key():
    """A two-bit grey PNG whose level 2 of 0..3 is transparent."""
    head = struct.pack(">IIBBBBB", 4, 1, 2, 0, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + png_chunk(b"tRNS", b"\0\2")
    file += png_chunk(b"IDAT", zlib.compress(b"\0" + bytes([0b00011011]))) + png_chunk(b"IEND", b"")
    picture = decode(file)
    assert picture.pixels[0, :, 0].tolist() == [0, 85, 170, 255]
    assert picture.alpha[0].tolist() == [255, 255, 0, 255]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(kind):
    image = pil(smooth()).convert("CMYK")
    picture = decode(file_of(image, kind, **({"quality": 100} if kind == "JPEG" else {})))
    assert picture.channels == 3
    assert any("CMYK" in note for note in picture.notes)
    assert np.abs(picture.pixels.astype(int) - smooth()).mean() < 3


def test_deep_grey_of_pillow():
    array = noise(5, 7, 1, np.uint16)
    for kind in ("PNG", "TIFF", "PPM"):
        picture = decode(file_of(Image.fromarray(array[:, :, 0]), kind))
        np.testing.assert_array_equal(picture.pixels, array)
    assert default_format(picture) == "PNG"


def test_from_array_and_back():
    ramp = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    picture = from_array(ramp)
    assert picture.depth == 16
    assert picture.pixels.max() == 65535
    np.testing.assert_array_equal(np.asarray(to_pil(picture)), np.rint(ramp * 255).astype(np.uint8))
    assert to_pil(from_array(noise(3, 3, 2, np.uint16))).mode == "LA"
    assert to_pil(from_array(noise(3, 3, 4, np.uint8))).mode == "RGBA"
    np.testing.assert_array_equal(from_pil(to_pil(from_array(smooth()))).pixels, smooth())


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 3), np.int32),
        np.zeros((3, 3, 5), np.uint8),
        np.zeros((0, 3), np.uint8),
        np.full((3, 3), 255.0),
        np.full((3, 3), np.nan),
        np.zeros(3, np.uint8),
    ],
)
def test_from_array_refuses(array):
    with pytest.raises(UsageError, match=r"give|scale"):
        from_array(array)


@pytest.mark.parametrize("dtype", [">u2", "<u2", ">f4"])
def test_arrays_of_either_byte_order(dtype):
    array = noise(4, 5, 3, np.uint16)
    given = (array / np.float32(65535)).astype(dtype) if "f" in dtype else array.astype(dtype)
    np.testing.assert_array_equal(from_array(given).pixels, array)


def test_with_pixels_resamples_alpha():
    picture = from_array(noise(8, 6, 4, np.uint8))
    larger = picture.with_pixels(np.zeros((16, 12, 3), np.uint16))
    assert larger.alpha.shape == (16, 12)
    assert larger.alpha.dtype == np.uint16
    assert picture.with_pixels(picture.pixels).alpha is picture.alpha
    with pytest.raises(UsageError, match="alpha"):
        replace(picture, pixels=np.zeros((16, 12, 3), np.uint8))


def test_decoding_needs_the_pixels_and_no_float_copies():
    data = file_of(pil(smooth(1500, 2000)), "JPEG", exif=exif_of(orientation=6))
    tracemalloc.start()
    try:
        picture = decode(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Pillow's own pixels are outside of what Python traces; ours are counted once, plus a band.
    assert peak < 1.9 * picture.pixels.nbytes + len(data)
