"""What the corpora found: kept, mended or told, in files as cameras and programs write them."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, MpoImagePlugin

from tests.picture.samples import exif_of, file_of, noise, pil, png_chunk, smooth
from undegrade.picture import decode, encode, from_array, losses, to_pil

PHOTO = smooth(40, 56)
IPTC = b"\x1c\x02\x78\x00\x07caption\x1c\x02\x05\x00\x05title"
RDF = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description rdf:about="" %s/></rdf:RDF></x:xmpmeta>'
)


def with_segments(jpeg: bytes, *segments: tuple[int, bytes]) -> bytes:
    """A JPEG with application segments behind its first one."""
    at = 4 + int.from_bytes(jpeg[4:6], "big")
    raw = b"".join(struct.pack(">BBH", 0xFF, m, len(body) + 2) + body for m, body in segments)
    return jpeg[:at] + raw + jpeg[at:]


def xmp_segment(packet: bytes) -> tuple[int, bytes]:
    return 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet


# IPTC ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("swapped", [False, True])
def test_iptc_of_a_tiff_declared_as_long(order, swapped):
    """libtiff declared the tag 33723 as LONG for years, and some writers swap its bytes."""
    padded = IPTC + bytes(-len(IPTC) % 4)
    values = np.frombuffer(padded, "<u4")
    stored = values.byteswap().tobytes() if swapped else padded
    count = len(padded) // 4
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        PHOTO,
        byteorder=order,
        photometric="rgb",
        metadata=None,
        extratags=[(33723, 4, count, np.frombuffer(stored, order + "u4").tolist(), True)],
    )
    picture = decode(buffer.getvalue())
    assert picture.metadata.iptc == IPTC
    for kind in ("TIFF", "JPEG"):
        assert decode(encode(picture, format=kind)).metadata.iptc == IPTC


def test_a_big_tiff_keeps_what_it_says():
    buffer = io.BytesIO()
    tags = [(33723, 7, len(IPTC), IPTC, True), (271, 2, 0, "Kamera", True)]
    tifffile.imwrite(buffer, PHOTO, bigtiff=True, photometric="rgb", metadata=None, extratags=tags)
    picture = decode(buffer.getvalue())
    np.testing.assert_array_equal(picture.pixels, PHOTO)
    assert picture.metadata.iptc == IPTC
    assert to_pil(picture).getexif()[271] == "Kamera"
    assert decode(encode(picture)).metadata.exif == picture.metadata.exif


# Thumbnails ---------------------------------------------------------------------------------


def exif_with_thumbnail(thumbnail: bytes, turn: int = 1) -> bytes:
    """An EXIF block of Make, Orientation and a second directory with a JPEG."""

    def table(at: int, entries: list[tuple[int, int, int, int]], following: int) -> bytes:
        out = struct.pack("<H", len(entries))
        for tag, kind, count, value in entries:
            out += struct.pack("<HHI", tag, kind, count)
            out += struct.pack("<I", value)
        return out + struct.pack("<I", following)

    first = [(0x0112, 3, 1, turn)]
    at = 8 + 2 + 12 + 4
    second = [(0x0103, 3, 1, 6), (0x0112, 3, 1, turn), (0x0201, 4, 1, at + 2 + 48 + 4)]
    second += [(0x0202, 4, 1, len(thumbnail))]
    block = b"II*\0" + struct.pack("<I", 8) + table(8, first, at) + table(at, second, 0)
    return b"Exif\0\0" + block + thumbnail


def thumbnail_of(exif: bytes) -> Image.Image | None:
    """What another program finds as the thumbnail."""
    found = Image.Exif()
    found.load(exif)
    fields = found.get_ifd(ExifTags.IFD.IFD1)
    if 0x0201 not in fields:
        return None
    return Image.open(io.BytesIO(exif[fields[0x0201] :][: fields[0x0202]]))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("room", ["more", "less"])
def test_the_thumbnail_shows_the_picture_as_it_is(kind, room):
    """Turned upright, and with the pixels of the result, not of the source."""
    stale = file_of(pil(noise(90, 120, 3, np.uint8)), "JPEG", quality=95 if room == "more" else 1)
    stored = np.ascontiguousarray(np.rot90(smooth(300, 400), 1))
    data = file_of(pil(stored), "JPEG", exif=exif_with_thumbnail(stale, 6))
    picture = decode(data)
    result = picture.with_pixels(255 - picture.pixels)
    again = decode(encode(result, format=kind))
    if kind == "TIFF":
        return  # the second directory would be a page: left out
    small = thumbnail_of(again.metadata.exif)
    assert small.size == (160, 120)
    wanted = to_pil(again).convert("RGB").resize((160, 120), Image.Resampling.BOX)
    assert np.abs(np.asarray(small).astype(int) - np.asarray(wanted)).mean() < 4
    assert stale[:200] not in again.metadata.exif


def test_a_thumbnail_that_cannot_be_replaced_is_left_out():
    data = file_of(pil(PHOTO), "JPEG", exif=exif_with_thumbnail(b"no JPEG at all"))
    exif = decode(encode(decode(data))).metadata.exif
    assert thumbnail_of(exif) is None


def test_exif_is_not_lost_for_its_thumbnail():
    """One that grows would push the block over what a segment of a JPEG can hold."""
    stale = file_of(pil(noise(16, 16, 3, np.uint8)), "JPEG", quality=1)
    block = exif_with_thumbnail(stale)
    block += bytes(65_500 - len(block))
    picture = decode(file_of(pil(noise(300, 400, 3, np.uint8)), "JPEG", exif=block))
    for mark in (None, "a long name of a software " * 3):
        exif = decode(encode(picture, mark=mark)).metadata.exif
        assert exif is not None
        assert thumbnail_of(exif) is None


def test_no_thumbnail_appears_where_there_was_none():
    exif = decode(encode(decode(file_of(pil(PHOTO), "JPEG", exif=exif_of())))).metadata.exif
    assert thumbnail_of(exif) is None


# Behind a JPEG, and beside it ---------------------------------------------------------------

VIDEO = struct.pack(">I", 24) + b"ftypmp42" + bytes(12) + b"moov" * 40
MOTION = RDF % (
    b'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1" '
    b'GCamera:MotionPhotoVersion="1"'
)


def test_the_video_of_a_motion_photo_stays():
    data = with_segments(file_of(pil(PHOTO), "JPEG"), xmp_segment(MOTION)) + VIDEO
    picture = decode(data)
    again = encode(picture)
    assert again.endswith(VIDEO)
    assert b'GCamera:MotionPhoto="1"' in again
    assert not any("video" in loss for loss in losses(picture))


def test_a_video_that_cannot_stay_is_told_and_no_longer_claimed():
    data = with_segments(file_of(pil(PHOTO), "JPEG"), xmp_segment(MOTION)) + VIDEO
    picture = decode(data)
    assert any("video" in loss for loss in losses(picture, "WEBP"))
    assert b'GCamera:MotionPhoto="0"' in decode(encode(picture, format="WEBP")).metadata.xmp
    cut = decode(data[: -len(VIDEO)])
    assert b'GCamera:MotionPhoto="0"' in decode(encode(cut)).metadata.xmp


def test_extended_xmp_stays_or_is_no_longer_pointed_to():
    guid = b"0123456789ABCDEF0123456789ABCDEF"
    note = b'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="%s" a:b="1"'
    part = b"http://ns.adobe.com/xmp/extension/\0" + guid + struct.pack(">II", 9, 0) + b"<depth />"
    data = with_segments(
        file_of(pil(PHOTO), "JPEG"), xmp_segment(RDF % (note % guid)), (0xE1, part)
    )
    picture = decode(data)
    assert part in encode(picture)
    assert any("segments" in loss for loss in losses(picture, "PNG"))
    packet = decode(encode(picture, format="PNG")).metadata.xmp
    assert b"HasExtendedXMP" not in packet
    assert b'a:b="1"' in packet


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_photoshop_resources_stay(kind):
    """The copyright flag and the address; not the thumbnail, which would be stale."""

    def resource(number: int, body: bytes) -> bytes:
        head = b"8BIM" + struct.pack(">HHI", number, 0, len(body))
        return head + body + b"\0" * (len(body) % 2)

    kept = resource(0x040A, b"\1") + resource(0x040B, b"https://example.org")
    block = resource(0x040C, b"thumbnail") + resource(0x0404, IPTC) + kept
    data = with_segments(file_of(pil(PHOTO), "JPEG"), (0xED, b"Photoshop 3.0\0" + block))
    picture = decode(data)
    assert picture.metadata.iptc == IPTC
    again = encode(picture, format=kind)
    assert kept in again
    assert b"thumbnail" not in again
    assert decode(again).metadata.iptc == IPTC
    assert any("Photoshop" in loss for loss in losses(picture, "WEBP"))


def test_other_segments_stay():
    flir = (0xE1, b"FLIR\0\1\0\0" + b"thermal" * 9)
    data = with_segments(file_of(pil(PHOTO), "JPEG"), flir, (0xE7, b"maker"))
    picture = decode(data)
    again = encode(picture)
    assert flir[1] in again
    assert decode(again).metadata.segments == (flir, (0xE7, b"maker"))
    assert any("segments" in loss for loss in losses(picture, "AVIF"))


def test_content_credentials_are_not_kept_and_it_is_said():
    """A signature over other pixels would be a false one."""
    picture = decode(with_segments(file_of(pil(PHOTO), "JPEG"), (0xEB, b"JP\0\1jumbf")))
    assert any("C2PA" in note for note in picture.notes)
    assert b"jumbf" not in encode(picture)


def ultra_hdr(turn: int = 1) -> tuple[bytes, bytes]:
    """A photo with a gain map behind it, the way phones write it; and the map."""
    gain = with_segments(
        file_of(pil(smooth(20, 28, 1)), "JPEG", quality=95),
        xmp_segment(
            RDF % b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:GainMapMax="2"'
        ),
    )
    directory = (
        b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/>'
        b"<rdf:Description><Container:Directory><rdf:Seq>"
        b'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" '
        b'Item:Mime="image/jpeg"/></rdf:li>'
        b'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" '
        b'Item:Mime="image/jpeg" Item:Length="%d"/></rdf:li>'
        b"</rdf:Seq></Container:Directory></rdf:Description><rdf:Description rdf:about=''"
    ) % len(gain)
    stored = np.ascontiguousarray({1: PHOTO, 6: np.rot90(PHOTO, 1)}[turn])
    jpeg = file_of(pil(stored), "JPEG", exif=exif_of(orientation=turn))
    iso = (0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0")
    return with_segments(jpeg, xmp_segment(RDF % directory), iso) + gain, gain


def test_a_gain_map_stays_and_is_found_by_others():
    data, gain = ultra_hdr()
    picture = decode(data)
    assert picture.metadata.gain_map == gain
    again = encode(picture.with_pixels(np.repeat(np.repeat(PHOTO, 2, 0), 2, 1)))
    assert again.endswith(gain)
    assert b'Item:Length="%d"' % len(gain) in again
    other = MpoImagePlugin.MpoImageFile(io.BytesIO(again))
    assert other.n_frames == 2
    other.seek(1)
    assert other.size == (28, 20)
    np.testing.assert_allclose(np.asarray(other)[:, :, None], smooth(20, 28, 1), atol=6)


def test_a_gain_map_is_turned_with_its_photo():
    data, _ = ultra_hdr(6)
    picture = decode(data)
    again = encode(picture)
    other = MpoImagePlugin.MpoImageFile(io.BytesIO(again))
    other.seek(1)
    assert other.size == (20, 28)
    assert b"hdrgm:GainMapMax" in again
    assert b'Item:Length="%d"' % len(picture.metadata.gain_map) in again


def test_a_gain_map_that_cannot_stay_is_told_and_no_longer_claimed():
    data, gain = ultra_hdr()
    picture = decode(data)
    assert any("gain map" in loss for loss in losses(picture, "PNG"))
    for result in (
        encode(picture, format="PNG"),
        encode(decode(data[: -len(gain)])),
        encode(picture, format="TIFF"),
    ):
        packet = decode(result).metadata.xmp
        assert b"hdrgm:Version" not in packet
        assert b"GainMap" not in packet
        assert b'Item:Semantic="Primary"' in packet
        assert b"21496" not in result


def test_layers_and_other_trailers_are_told():
    buffer = io.BytesIO()
    tags = [(37724, 7, 40, b"Adobe Photoshop Document Data Block\0....", True)]
    tifffile.imwrite(buffer, PHOTO, photometric="rgb", metadata=None, extratags=tags)
    assert any("layers" in note for note in decode(buffer.getvalue()).notes)
    data = file_of(pil(PHOTO), "JPEG") + b"AXS!somebody's captions"
    assert any("behind the photo" in note for note in decode(data).notes)


# Other containers ---------------------------------------------------------------------------


def test_exif_xmp_and_iptc_of_jpeg_2000():
    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body) + 8) + kind + body

    exif = exif_of().tobytes()[6:]
    data = file_of(pil(PHOTO), "JPEG2000")
    at = data.index(b"jp2c") - 4
    packet = RDF % b'a:b="1"'
    side = box(b"uuid", b"JpgTiffExif->JP2" + exif)
    side += box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + packet)
    side += box(b"uuid", bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38") + IPTC)
    side += box(b"uuid", bytes(16) + b"unknown")
    picture = decode(data[:at] + side + data[at:])
    again = decode(encode(picture))
    assert to_pil(again).getexif()[0x010F] == "Kamera"
    assert (again.metadata.xmp, again.metadata.iptc) == (packet, IPTC)
    assert any("uuid" in note for note in picture.notes)


def test_white_point_and_primaries_of_a_tiff_stay():
    white = (3127, 10000, 3290, 10000)
    primaries = (64, 100, 33, 100, 30, 100, 60, 100, 15, 100, 6, 100)
    buffer = io.BytesIO()
    tags = [(318, 5, 2, white, True), (319, 5, 6, primaries, True)]
    tifffile.imwrite(buffer, PHOTO, photometric="rgb", metadata=None, extratags=tags)
    for kind in ("TIFF", "JPEG"):
        exif = to_pil(decode(encode(decode(buffer.getvalue()), format=kind))).getexif()
        assert exif[318] == pytest.approx((0.3127, 0.329))
        assert exif[319] == pytest.approx((0.64, 0.33, 0.3, 0.6, 0.15, 0.06))


def chunks_of(data: bytes) -> dict[bytes, bytes]:
    out, at = {}, 8
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        out[kind] = data[at + 8 : at + 8 + size]
        at += 12 + size
    return out


def png_with(image: Image.Image, *chunks: tuple[bytes, bytes]) -> bytes:
    data = file_of(image, "PNG")
    at = data.index(b"IDAT") - 4
    return data[:at] + b"".join(png_chunk(*one) for one in chunks) + data[at:]


def test_side_chunks_of_png_stay_true():
    time, unknown = (b"tIME", b"\7\xe8\5\6\7\x08\x09"), (b"vpAg", b"\0" * 9)
    data = png_with(pil(PHOTO), time, unknown, (b"bKGD", struct.pack(">3H", 1, 2, 3)))
    found = chunks_of(encode(decode(data)))
    assert found[b"tIME"] == time[1]
    assert found[b"vpAg"] == unknown[1]
    assert found[b"bKGD"] == struct.pack(">3H", 1, 2, 3)


def test_the_background_of_a_palette_becomes_a_colour():
    image = pil(np.full((4, 6, 3), (200, 10, 30), np.uint8)).quantize(2)
    index = image.getpixel((0, 0))
    found = chunks_of(encode(decode(png_with(image, (b"bKGD", bytes([index]))))))
    assert found[b"bKGD"] == struct.pack(">3H", 200, 10, 30)


def test_fewer_significant_bits_and_unsafe_chunks_are_told():
    picture = decode(png_with(pil(PHOTO), (b"sBIT", b"\5\6\5"), (b"hIST", b"\0\1")))
    assert any("sBIT" in note for note in picture.notes)
    assert any("hIST" in note for note in picture.notes)
    assert b"sBIT" not in chunks_of(encode(picture))


def test_signed_samples_of_a_tiff_are_told():
    signed = noise(12, 9, 1, np.uint8)[:, :, 0].view(np.int8)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, signed, photometric="minisblack", metadata=None)
    picture = decode(buffer.getvalue())
    np.testing.assert_array_equal(picture.pixels[:, :, 0], signed.astype(int) + 128)
    assert any("signed" in note for note in picture.notes)


def test_a_bmp_whose_alpha_is_all_zero_is_opaque():
    array = noise(6, 5, 4, np.uint8)
    for alpha in (0, 77):
        array[:, :, 3] = alpha
        # A header of version 4 with masks for all four channels, rows from the top.
        head = struct.pack("<IiiHHIIiiII", 108, 5, -6, 1, 32, 3, 120, 0, 0, 0, 0)
        head += struct.pack("<4I4s", 0xFF, 0xFF00, 0xFF0000, 0xFF000000, b"BGRs") + bytes(48)
        file = b"BM" + struct.pack("<IHHI", 14 + 108 + 120, 0, 0, 14 + 108) + head
        picture = decode(file + array.tobytes())
        np.testing.assert_array_equal(picture.pixels, array[:, :, :3])
        assert (picture.alpha is None) == (alpha == 0)


@pytest.mark.parametrize("style", ['{0}="{1}"', "{0}='{1}'"])
def test_sizes_in_xmp_fit_the_output(style):
    fields = {
        "exif:PixelXDimension": 56,
        "tiff:ImageLength": 40,
        "GPano:CroppedAreaImageWidthPixels": 56,
        "GPano:FullPanoHeightPixels": 28,
    }
    text = " ".join(style.format(*field) for field in fields.items()).encode()
    picture = decode(with_segments(file_of(pil(PHOTO), "JPEG"), xmp_segment(RDF % text)))
    packet = decode(encode(picture.with_pixels(smooth(80, 112)))).metadata.xmp.decode()
    for name, value in fields.items():
        assert style.format(name, 2 * value) in packet


# The mark -----------------------------------------------------------------------------------

SOURCE = b"http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_mark_says_what_was_done_and_by_what(kind):
    plain, marked = (
        encode(from_array(PHOTO), format=kind, mark=mark) for mark in (None, "undegrade 1.2")
    )
    assert decode(plain).metadata.xmp is None
    assert SOURCE in decode(marked).metadata.xmp
    assert to_pil(decode(marked)).getexif()[0x0131] == "undegrade 1.2"
    assert (
        decode(encode(decode(marked), format=kind, mark="undegrade 1.2")).metadata
        == decode(marked).metadata
    )


def test_a_mark_takes_nothing_away():
    exif = exif_of()
    exif[0x0131] = "Firmware 1.2"
    packet = RDF % b'a:b="1"'
    data = with_segments(file_of(pil(PHOTO), "JPEG", exif=exif), xmp_segment(packet))
    found = decode(encode(decode(data), mark="undegrade 1.2"))
    saved = to_pil(found).getexif()
    assert saved[0x0131] == "Firmware 1.2"
    assert saved[0x000B] == "undegrade 1.2"
    assert saved.get_ifd(0x8769)[0x927C].startswith(b"MAKER NOTE")
    assert b'a:b="1"' in found.metadata.xmp
    assert found.metadata.xmp.count(b"</rdf:RDF>") == 1
    other = RDF % (
        b'xmlns:Iptc4xmpExt="x" Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/'
        b'digitalsourcetype/digitalCapture"'
    )
    replaced = with_segments(file_of(pil(PHOTO), "JPEG"), xmp_segment(other))
    packet = decode(encode(decode(replaced), mark="undegrade 1.2")).metadata.xmp
    assert packet.count(b"DigitalSourceType=") == 1
    assert SOURCE in packet


def test_a_large_packet_is_not_lost_for_a_mark():
    packet = RDF % (b'a:b="' + b"x" * 65_250 + b'"')
    picture = from_array(PHOTO)
    picture = replace(picture, metadata=replace(picture.metadata, xmp=packet))
    assert decode(encode(picture, format="JPEG", mark="undegrade 1.2")).metadata.xmp == packet


def test_a_profile_is_bounded_when_unpacked():
    bomb = b"name\0\0" + zlib.compress(bytes(80 << 20))
    picture = decode(png_with(pil(PHOTO), (b"iCCP", bomb)))
    assert any("profile" in note for note in picture.notes)
