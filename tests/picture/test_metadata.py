"""EXIF, XMP, IPTC, dpi, quality: what came in goes out, in every container that can hold it."""

from __future__ import annotations

import base64
import io
import struct
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, IptcImagePlugin, PngImagePlugin

from tests.picture.samples import exif_of, file_of, noise, pil, png_chunk, smooth
from undegrade.errors import InputError, OutputError, UsageError
from undegrade.picture import decode, default_format, encode, from_array, from_pil, losses, to_pil

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description '
    b'tiff:Orientation="%d" exif:PixelXDimension="9999" dc:title="\xc3\xa9"/></rdf:RDF></x:xmpmeta>'
)
IPTC = b"\x1c\x02\x78\x00\x07caption"
FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"]


def rich(turn: int = 1) -> bytes:
    """A JPEG that carries all that a JPEG can."""
    picture = decode(
        file_of(
            pil(smooth()),
            "JPEG",
            exif=exif_of(orientation=turn, gps=True),
            dpi=(300, 150),
            xmp=XMP % turn,
            comment=b"a comment",
        )
    )
    return encode(replace(picture, metadata=replace(picture.metadata, iptc=IPTC)))


@pytest.mark.parametrize("kind", FORMATS)
def test_everything_reaches_every_format(kind):
    picture = decode(rich())
    again = decode(encode(picture, format=kind))
    exif = Image.Exif()
    exif.load(again.metadata.exif)
    assert exif[0x010F] == "Kamera"
    inner = exif.get_ifd(0x8769)
    assert inner[0x9003] == "2024:05:06 07:08:09"
    assert inner[0x927C] == b"MAKER NOTE" * 3
    assert (inner[0xA002], inner[0xA003]) == (56, 40)
    assert exif.get_ifd(0x8825)[2] == (48.0, 8.0, 14.5)
    assert b"dc:title" in again.metadata.xmp
    assert b'PixelXDimension="56"' in again.metadata.xmp
    np.testing.assert_allclose(again.metadata.dpi, (300, 150), rtol=1e-3)
    assert again.metadata.iptc == (IPTC if kind in ("JPEG", "TIFF") else None)
    assert (again.metadata.comment == b"a comment") == (kind == "JPEG")
    expected = kind not in ("JPEG", "TIFF")
    assert any("IPTC" in text for text in losses(picture, kind)) == expected


@pytest.mark.parametrize("kind", FORMATS)
def test_pillow_reads_what_was_written(kind):
    image = Image.open(io.BytesIO(encode(decode(rich()), format=kind)))
    exif = image.getexif()
    assert exif[0x010F] == "Kamera"
    assert exif.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
    assert exif.get_ifd(0x8825)[1] == "N"
    assert b"dc:title" in image.info["xmp"]
    if kind == "JPEG":
        assert IptcImagePlugin.getiptcinfo(image) == {(2, 120): b"caption"}
        assert image.info["comment"] == b"a comment"


@pytest.mark.parametrize("kind", FORMATS)
def test_strip_keeps_pixels_and_profile_only(kind):
    bare = decode(encode(decode(rich()), format=kind, strip=True)).metadata
    assert (bare.exif, bare.xmp, bare.iptc, bare.dpi, bare.comment) == (None,) * 5


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "AVIF", "BMP"])
def test_dpi_without_exif(kind):
    picture = from_array(smooth())
    picture = replace(picture, metadata=replace(picture.metadata, dpi=(240.0, 240.0)))
    np.testing.assert_allclose(decode(encode(picture, format=kind)).metadata.dpi, 240, rtol=1e-3)


def test_not_a_byte_of_exif_moves_but_orientation_and_sizes():
    raw = exif_of(orientation=6).tobytes()
    raw += bytes(40) + b"THUMBNAIL AT ITS OWN OFFSET"
    picture = decode(file_of(pil(smooth()), "JPEG", exif=raw))
    out = Image.open(io.BytesIO(encode(picture))).info["exif"]
    assert len(out) == len(raw)
    changed = [i for i in range(len(raw)) if raw[i] != out[i]]
    assert 1 <= len(changed) <= 5


def test_exif_in_tiff_stays_where_it_lies():
    picture = decode(rich())
    tiff = encode(picture, format="TIFF")
    at = picture.metadata.exif.index(b"MAKER NOTE")
    assert tiff[at : at + 10] == b"MAKER NOTE"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "block", [b"Exif\0\0junk", b"Exif\0\0II*\0\xff\xff\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\0"]
)
def test_broken_exif_is_dropped_with_a_note(kind, block):
    picture = decode(file_of(pil(smooth()), kind, exif=block))
    assert picture.metadata.exif is None
    assert "broken EXIF dropped" in picture.notes
    encode(picture)


def test_orientation_said_by_xmp_alone():
    data = file_of(pil(smooth()), "JPEG", xmp=XMP % 6)
    picture = decode(data)
    assert (picture.height, picture.width) == (56, 40)
    assert b'tiff:Orientation="1"' in picture.metadata.xmp
    assert decode(encode(picture)).height == 56


def test_exif_too_long_for_jpeg_is_left_out_and_said():
    picture = decode(rich())
    long = picture.metadata.exif + bytes(70_000)
    picture = replace(picture, metadata=replace(picture.metadata, exif=long))
    assert any("EXIF" in text for text in losses(picture, "JPEG"))
    assert decode(encode(picture, format="JPEG")).metadata.exif is None
    assert decode(encode(picture, format="PNG")).metadata.exif is not None


def test_png_texts_and_colour_chunks_stay():
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a title")
    info.add_itxt("Note", "ünïcode")
    info.add(b"gAMA", struct.pack(">I", 45455))
    for array in (noise(5, 5, 3, np.uint8), noise(5, 5, 3, np.uint16)):
        picture = decode(file_of(pil(smooth()), "PNG", pnginfo=info)).with_pixels(array)
        image = Image.open(io.BytesIO(encode(picture)))
        image.load()
        assert image.info["Title"] == "a title"
        assert image.info["Note"] == "ünïcode"
        assert image.info["gamma"] == pytest.approx(0.45455)
    assert any("text" in loss for loss in losses(picture, "JPEG"))


def test_a_broken_side_chunk_of_png_is_dropped():
    data = file_of(pil(smooth()), "PNG")
    bad = png_chunk(b"tEXt", b"Title\0text")[:-1] + b"\0"
    picture = decode(data[:33] + bad + data[33:])
    assert any("tEXt" in note for note in picture.notes)
    np.testing.assert_array_equal(picture.pixels, smooth())


@pytest.mark.parametrize("quality", [10, 50, 75, 92, 98])
@pytest.mark.parametrize(("subsampling", "name"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
def test_a_jpeg_is_written_as_it_came(quality, subsampling, name):
    source = file_of(pil(smooth()), "JPEG", quality=quality, subsampling=subsampling)
    picture = decode(source)
    assert picture.encoding.jpeg_quality == quality
    assert picture.encoding.subsampling == name
    again = decode(encode(picture))
    assert again.encoding == picture.encoding
    assert np.abs(again.pixels.astype(int) - picture.pixels).mean() < 1
    other = decode(encode(picture, quality=60))
    assert other.encoding.jpeg_quality == 60
    assert other.encoding.subsampling == name


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_progressive_and_grey_stay(progressive, channels):
    source = file_of(pil(smooth(channels=channels)), "JPEG", progressive=progressive)
    again = decode(encode(decode(source)))
    assert again.encoding.progressive == progressive
    assert again.channels == channels


def test_quality_of_new_files():
    picture = from_array(smooth())
    jpeg = decode(encode(picture, format="jpg")).encoding
    assert (jpeg.jpeg_quality, jpeg.subsampling) == (95, "4:4:4")
    sizes = [len(encode(picture, format="WEBP", quality=q)) for q in (20, 95)]
    assert sizes[0] < sizes[1] == len(encode(picture, format="WEBP"))
    for wrong in (0, 101):
        with pytest.raises(UsageError, match="quality"):
            encode(picture, quality=wrong)
    with pytest.raises(UsageError, match="PNG"):
        encode(picture, format="PSD")


def test_lossless_webp_stays_lossless():
    array = noise(9, 9, 4, np.uint8)
    image = Image.fromarray(array)
    picture = decode(file_of(image, "WEBP", lossless=True, exact=True))
    assert picture.encoding.lossless
    again = decode(encode(picture))
    np.testing.assert_array_equal(again.pixels, array[:, :, :3])
    assert not decode(file_of(image, "WEBP")).encoding.lossless


def test_alpha_is_laid_over_white_and_16_bit_rounded():
    array = np.zeros((8, 8, 4), np.uint16)
    array[:, :, 3] = 65535 // 2
    picture = from_array(array)
    assert len(losses(picture, "JPEG")) == 2
    flat = decode(encode(picture, format="JPEG"))
    assert flat.alpha is None
    assert np.abs(flat.pixels.astype(int) - 128).max() <= 1


def test_formats_have_limits():
    with pytest.raises(OutputError, match="16383"):
        encode(from_array(np.zeros((1, 16384), np.uint8)), format="WEBP")


def test_default_formats():
    assert default_format(decode(rich())) == "JPEG"
    assert default_format(decode(file_of(pil(smooth()), "GIF"))) == "PNG"
    jpeg2000 = decode(file_of(pil(smooth()), "JPEG2000"))
    assert default_format(jpeg2000) == "JPEG"
    assert (
        default_format(decode(file_of(Image.fromarray(noise(9, 9, 4, np.uint8)), "WEBP"))) == "WEBP"
    )


def test_pillow_images_keep_their_metadata():
    picture = from_pil(Image.open(io.BytesIO(rich())))
    direct = decode(rich())
    assert picture.metadata == direct.metadata
    assert picture.encoding == direct.encoding
    image = to_pil(picture)
    assert from_pil(image).metadata.exif == direct.metadata.exif
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        assert b"MAKER" in decode(file_of(image, kind, exif=image.info["exif"])).metadata.exif


HEIC = base64.b64decode(
    """
    AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAb5tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAA
    AAAAAAAAADRpbG9jAAAAAERAAAIAAQAAAAAB4gABAAAAAAAAAD8AAgAAAAACIQABAAAAAAAAACoAAAA4aWluZgAAAAAA
    AgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA/WlwcnAAAADd
    aXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAq
    QgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQAN
    AAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBp
    eGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAABppcmVmAAAAAAAAAA5jZHNjAAIAAQABAAAAcW1kYXQA
    AAA7KAGvCeAjNS3/7tn//v1vIewnpHTu79Sj/2Jju+A2//qvbX36O5CYnf45fnGr/t92G0RE2Ae5qmsalEAAAAAGRXhp
    ZgAATU0AKgAAAAgAAQEPAAIAAAAGAAAAGgAAAABNYWtlcgA=
    """
)  # 64 x 48: red, green over blue; made with pillow-heif 1.8 from a drawn picture


def test_heif():
    pytest.importorskip("pi_heif")
    picture = decode(HEIC)
    assert (picture.height, picture.width) == (48, 64)
    for (y, x), colour in {(5, 5): 0, (5, 60): 1, (40, 30): 2}.items():
        assert int(picture.pixels[y, x].argmax()) == colour
    assert b"Maker" in picture.metadata.exif
    assert default_format(picture) == "JPEG"
    assert decode(encode(picture)).encoding.format == "JPEG"


def test_heif_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(InputError, match=r'pip install "undegrade\[heif\]"'):
        decode(HEIC)


def test_tables_too_coarse_for_baseline_are_written_quietly(capfd):
    tables = [[300] * 64] * 2
    picture = decode(file_of(pil(smooth()), "JPEG", qtables=tables))
    assert max(picture.encoding.jpeg_tables[0]) == 300
    capfd.readouterr()
    assert max(decode(encode(picture)).encoding.jpeg_tables[0]) == 255
    assert capfd.readouterr().err == ""
