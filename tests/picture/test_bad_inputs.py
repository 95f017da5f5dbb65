"""Whatever is wrong with an input is told in one line that names it and says what to do."""

from __future__ import annotations

import io
import os
import struct
import sys
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin

from tests.picture.samples import exif_of, file_of, noise, pil, png_chunk, smooth
from undegrade.errors import InputError, LimitError, UndegradeError, UsageError
from undegrade.picture import decode, encode, encode_pages, from_array, from_pil, pages, to_pil

PHOTO = smooth(40, 56)


def refused(source, kind=InputError, *, says: str, **options) -> str:
    with pytest.raises(kind) as caught:
        decode(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "; " in message, "a remedy"
    assert says in message
    return message


@pytest.mark.parametrize("name", ["a photo.jpg", "ü写真.jpg", 'it\'s "odd".jpg', "two\nlines.jpg"])
def test_names_are_told_on_one_line(tmp_path, name):
    message = refused(tmp_path / name, says="no such file")
    assert repr(str(tmp_path / name))[1:-1] in message
    (tmp_path / name).write_bytes(file_of(pil(PHOTO), "JPEG"))
    assert decode(str(tmp_path / name)).name == str(tmp_path / name)


def test_not_a_file(tmp_path):
    refused(tmp_path, says="folder")
    refused(os.devnull, says="device")
    refused("nul\0byte.png", says="cannot read")
    (tmp_path / "empty.jpg").touch()
    refused(tmp_path / "empty.jpg", says="empty")
    refused(b"", says="'<bytes>'")


def test_text_named_as_a_picture(tmp_path):
    for name, content in {"a.jpg": b"Dear all,\n", "b.bmp": b"BMW is a maker of cars " * 9}.items():
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, says=name)


def test_no_permission(tmp_path, monkeypatch):
    path = tmp_path / "secret.png"
    path.write_bytes(file_of(pil(PHOTO), "PNG"))

    def denied(self, *args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", denied)
    refused(path, says="permission denied")


def test_wrong_types():
    with pytest.raises(UsageError, match="path, bytes"):
        decode(42)
    with pytest.raises(UsageError, match="binary"):
        decode(io.StringIO("text"))


def test_file_objects(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(file_of(pil(PHOTO), "PNG"))
    with path.open("rb") as file:
        assert decode(file).name == str(path)
    assert decode(io.BytesIO(path.read_bytes())).name == "<file>"


def test_a_name_can_be_given(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(file_of(pil(PHOTO), "PNG"))
    for source in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        assert decode(source, name="IMG_1.png").name == "IMG_1.png"
    refused(b"no picture", says="'IMG_1.png'", name="IMG_1.png")
    refused(tmp_path / "missing", says="'IMG_1.png'", name="IMG_1.png")


FILES = {
    "JPEG": file_of(pil(PHOTO), "JPEG"),
    "progressive JPEG": file_of(pil(noise(64, 64, 3, np.uint8)), "JPEG", progressive=True),
    "PNG": file_of(pil(noise(40, 50, 3, np.uint8)), "PNG"),
    "16-bit PNG": encode(from_array(noise(20, 20, 3, np.uint16)), format="PNG"),
    "WEBP": file_of(pil(PHOTO), "WEBP"),
    "TIFF": encode(from_array(noise(40, 50, 3, np.uint8)), format="TIFF"),
    "16-bit TIFF": encode(from_array(noise(40, 50, 3, np.uint16)), format="TIFF"),
    "raw TIFF": file_of(pil(noise(40, 50, 3, np.uint8)), "TIFF"),
    "BMP": file_of(pil(PHOTO), "BMP"),
    "AVIF": file_of(pil(PHOTO), "AVIF"),
    "GIF": file_of(pil(PHOTO), "GIF"),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_truncated(kind, part):
    data = FILES[kind]
    decode(data)
    refused(data[: int(len(data) * part)], says="cannot read")


@pytest.mark.parametrize("kind", FILES)
def test_damage_never_surprises(kind):
    """Bytes changed at random give a picture or a one-line error, nothing else."""
    rng = np.random.default_rng(3)
    messages = []
    for _ in range(25):
        data = bytearray(FILES[kind])
        for at in rng.integers(0, min(len(data), 400), 4):
            data[at] = rng.integers(256)
        try:
            decode(bytes(data), max_megapixels=1)
        except UndegradeError as error:
            messages.append(str(error))
    assert not any("\n" in message for message in messages)


@pytest.mark.parametrize("kind", ["PNG", "16-bit PNG"])
@pytest.mark.parametrize("chunk", [b"IHDR", b"IDAT", b"IEND"])
def test_png_with_a_wrong_checksum(kind, chunk):
    data = bytearray(FILES[kind])
    at = data.index(chunk)
    end = at + 4 + struct.unpack(">I", data[at - 4 : at])[0]
    data[end] ^= 1
    refused(bytes(data), says=f"checksum of its {chunk.decode()}")


def header_only(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head)
    return file + png_chunk(b"IDAT", zlib.compress(b"\0")) + png_chunk(b"IEND", b"")


def test_bombs_are_refused_from_the_header():
    message = refused(header_only(30000, 30000), LimitError, says="--max-megapixels")
    assert "900.0 megapixels" in message
    assert "limit is 200" in message
    refused(FILES["JPEG"], LimitError, says="limit is 0.001", max_megapixels=0.001)
    bmp = bytearray(FILES["BMP"])
    bmp[18:26] = struct.pack("<ii", 30000, 30000)
    refused(bytes(bmp), LimitError, says="900.0 megapixels")
    for kind in FILES:
        refused(FILES[kind], LimitError, says="--max-megapixels", max_megapixels=0.0001)


def test_a_limit_above_pillows_own_is_obeyed():
    """Pillow's process-wide limit (179 megapixels) is neither met nor changed."""
    before = Image.MAX_IMAGE_PIXELS
    image = Image.new("1", (20000, 10000))
    picture = decode(file_of(image, "PNG", compress_level=1), max_megapixels=201)
    assert picture.megapixels == 200
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("size", [(0, 5), (5, 0)])
def test_no_pixels(size):
    refused(header_only(*size), says="cannot read")


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_several_frames(kind):
    frames = [pil(noise(16, 16, 3, np.uint8, seed)) for seed in range(3)]
    data = file_of(frames[0], kind, save_all=True, append_images=frames[1:])
    message = refused(data, says="3 pages" if kind == "TIFF" else "animated, 3 frames")
    assert "save one of them" in message
    for number in (1, 2, 3):
        picture = decode(data, frame=number)
        exact = kind in ("PNG", "TIFF")
        error = np.abs(picture.pixels.astype(int) - np.asarray(frames[number - 1]))
        assert error.max() == 0 if exact else error.mean() < 60
        others = [np.abs(picture.pixels - np.asarray(one, int)).mean() for one in frames]
        assert int(np.argmin(others)) == number - 1
    refused(data, UsageError, says="no frame 4", frame=4)


@pytest.mark.parametrize("frame", [0, -1, 1.5, "2"])
def test_frames_that_are_none(frame):
    refused(FILES["GIF"], UsageError, says="whole number", frame=frame)


def test_the_only_frame_may_be_named():
    for kind in FILES:
        picture = decode(FILES[kind], frame=1)
        np.testing.assert_array_equal(picture.pixels, decode(FILES[kind]).pixels)
        refused(FILES[kind], UsageError, says="no frame 2", frame=2)


def test_pages_go_into_one_tiff_again():
    """With their sizes, depths, EXIF, orientation, profiles: read by us and by others."""
    sources = []
    for index, (turn, dtype) in enumerate([(1, np.uint8), (6, np.uint16), (1, np.uint16)]):
        exif = exif_of(orientation=turn, gps=index == 1)
        exif[0x010F] = f"Maker {index}"
        picture = decode(file_of(pil(smooth(30 + index, 40)), "JPEG", exif=exif, dpi=(99, 99)))
        pixels = noise(picture.height, picture.width, 3, dtype, index)
        sources.append(picture.with_pixels(pixels))
    data = encode_pages(sources)
    assert pages(data) == 3
    for index, source in enumerate(sources):
        page = decode(data, frame=index + 1)
        np.testing.assert_array_equal(page.pixels, source.pixels)
        exif = to_pil(page).getexif()
        assert exif[0x010F] == f"Maker {index}"
        assert exif.get_ifd(0x8769)[0x927C].startswith(b"MAKER NOTE")
        assert (2 in exif.get_ifd(0x8825)) == (index == 1)
        np.testing.assert_allclose(page.metadata.dpi, 99)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        for page, source in zip(file.pages, sources, strict=True):
            np.testing.assert_array_equal(page.asarray(), source.pixels)
    again = encode_pages([decode(data, frame=number) for number in (1, 2, 3)])
    assert [decode(again, frame=n).pixels.tolist() for n in (1, 2, 3)] == [
        source.pixels.tolist() for source in sources
    ]
    assert pages(FILES["GIF"]) == pages(FILES["TIFF"]) == 1
    with pytest.raises(UsageError, match="at least one"):
        encode_pages([])


def test_a_page_of_a_tiff_has_its_own_metadata():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for page, maker in enumerate(("A", "B")):
            tags = [(271, 2, 0, maker, True)]
            file.write(PHOTO + page, photometric="rgb", metadata=None, extratags=tags)
    for page, maker in enumerate(("A", "B")):
        picture = decode(buffer.getvalue(), frame=page + 1)
        np.testing.assert_array_equal(picture.pixels, PHOTO + page)
        assert to_pil(picture).getexif()[271] == maker


def test_a_reduced_copy_in_a_tiff_is_no_page():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(PHOTO, photometric="rgb", metadata=None)
        file.write(PHOTO[::4, ::4], photometric="rgb", metadata=None, subfiletype=1)
    np.testing.assert_array_equal(decode(buffer.getvalue()).pixels, PHOTO)


def test_mpo_is_a_jpeg():
    frames = [pil(PHOTO), pil(PHOTO[::-1].copy())]
    data = file_of(frames[0], "MPO", save_all=True, append_images=frames[1:], exif=exif_of())
    picture = decode(data)
    assert picture.encoding.format == "JPEG"
    assert np.abs(picture.pixels.astype(int) - PHOTO).mean() < 4
    assert any("MPF" in note for note in picture.notes)
    again = decode(encode(picture))
    assert again.encoding.format == "JPEG"
    assert from_pil(Image.open(io.BytesIO(data))).encoding.format == "JPEG"


@pytest.mark.parametrize("channels", [1, 3])
def test_floating_point_tiff(channels):
    buffer = io.BytesIO()
    array = np.zeros((6, 7, channels)[: 3 if channels > 1 else 2], np.float32)
    tifffile.imwrite(buffer, array, photometric="rgb" if channels > 1 else "minisblack")
    refused(buffer.getvalue(), says="convert it to 8 or 16 bits")


def test_a_text_bomb_in_png_does_not_matter():
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "a" * 5_000_000, zip=True)
    picture = decode(file_of(pil(PHOTO), "PNG", pnginfo=info))
    np.testing.assert_array_equal(picture.pixels, PHOTO)


class Endless(io.RawIOBase):
    """A stream that counts what is read of it: *head*, then zeros without end."""

    def __init__(self, head: bytes) -> None:
        super().__init__()
        self.head, self.taken = head, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        part, self.head = self.head[: len(buffer)], self.head[len(buffer) :]
        buffer[:] = part.ljust(len(buffer), b"\0")
        self.taken += len(buffer)
        return len(buffer)


def test_bytes_are_bounded_before_they_are_read(tmp_path):
    """Neither a sparse file of 2 GiB nor an endless stream fills the memory."""
    for head, kind, says in (
        (b"", InputError, "known kind"),
        (FILES["BMP"][:100], LimitError, "--max-megapixels"),
    ):
        path = tmp_path / "sparse.bmp"
        with path.open("wb") as file:
            file.write(head)
            file.truncate(2 << 30)
        tracemalloc.start()
        refused(path, kind, says=says)
        stream = Endless(head)
        refused(io.BufferedReader(stream), kind, says=says, max_megapixels=1)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert stream.taken < (100 << 20 if head else 1 << 20)
        assert peak < 160 << 20


@pytest.mark.parametrize("limit", [float("inf"), float("nan"), -1, 0])
def test_limits_that_are_none(limit):
    refused(FILES["PNG"], UsageError, says="not possible", max_megapixels=limit)


def test_a_tiny_png_that_claims_millions_of_rows_costs_nothing(monkeypatch):
    """Deflate cannot hold so many; Pillow would fill the missing rows with black."""
    head = struct.pack(">IIBBBBB", 1, 40_000_000, 8, 2, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head)
    file += png_chunk(b"IDAT", zlib.compress(b"\0" * 9)) + png_chunk(b"IEND", b"")
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile", None)
    refused(file, says="cut off")


@pytest.mark.parametrize("sign", ["dng", "cfa"])
def test_a_raw_photo_is_not_taken_for_its_preview(sign, monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        tags = [(50706, 1, 4, b"\1\4\0\0", True)] if sign == "dng" else []
        file.write(
            PHOTO, photometric="rgb", metadata=None, subfiletype=1, extratags=tags, subifds=1
        )
        mosaic = "cfa" if sign == "cfa" else "minisblack"
        more = {"extratags": [(33421, 3, 2, (2, 2), True)]} if sign == "cfa" else {}
        file.write(PHOTO[:, :, 0], photometric=mosaic, metadata=None, **more)
    refused(buffer.getvalue(), says="undegrade[raw]")


@pytest.mark.parametrize(
    "head",
    [b"FUJIFILMCCD-RAW 0201", b"IIRO\x08\0\0\0", b"IIU\0\x18\0\0\0", b"\0\0\0\x18ftypcrx \0\0\0\1"],
)
def test_raw_photos_are_named(head, monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    refused(head + bytes(100), says="raw photo")


def twelve_bit_jpeg() -> bytes:
    data = bytearray(FILES["JPEG"])
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = 0xC1, 12
    return bytes(data)


def lossless_jpeg() -> bytes:
    return FILES["JPEG"].replace(b"\xff\xc0", b"\xff\xc3")


def tiff_of_webp() -> bytes:
    data = bytearray(FILES["raw TIFF"])
    at = data.index(struct.pack("<HHI", 259, 3, 1))
    data[at + 8 : at + 10] = struct.pack("<H", 50001)
    return bytes(data)


def odd_bmp() -> bytes:
    data = bytearray(FILES["BMP"])
    data[28:30] = struct.pack("<H", 64)
    return bytes(data)


def packed_planes() -> bytes:
    buffer = io.BytesIO()
    planes = noise(3, 12, 7, np.uint16)
    tifffile.imwrite(buffer, planes, photometric="rgb", planarconfig="separate", metadata=None)
    data = bytearray(buffer.getvalue())
    at = data.index(struct.pack("<HHII", 259, 3, 1, 1))
    data[at + 8 : at + 10] = struct.pack("<H", 5)  # said to be LZW
    return bytes(data)


@pytest.mark.parametrize(
    "make", [twelve_bit_jpeg, lossless_jpeg, odd_bmp, packed_planes, tiff_of_webp]
)
def test_what_is_not_supported_is_not_called_damaged(make, capfd):
    message = refused(make(), says="convert it")
    assert "damaged" not in message
    assert "intact" not in message
    assert "bits" in message or "support" in message or "imagecodecs" in message
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", FILES)
def test_errors_speak_neither_python_nor_the_decoders_tongue(kind, capfd):
    """And nothing stands on stderr before them."""
    rng = np.random.default_rng(5)
    messages = []
    for _ in range(15):
        data = bytearray(FILES[kind])
        for at in rng.integers(4, len(data), 6):
            data[at] = rng.integers(256)
        try:
            decode(bytes(data), max_megapixels=1)
        except UndegradeError as error:
            messages.append(str(error))
    words = ("index", "unpack", "NoneType", "object", "decoder error", "struct", "tuple")
    assert not [one for one in messages if any(word in one for word in words)]
    lzw = bytearray(file_of(pil(noise(40, 50, 3, np.uint8)), "TIFF", compression="tiff_lzw"))
    lzw[200:2000] = bytes(1800)
    refused(bytes(lzw), says="damaged")
    assert capfd.readouterr() == ("", "")
