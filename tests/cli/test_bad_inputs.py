"""What people really feed a program: each is done, or refused in one line with a remedy."""

from __future__ import annotations

import io
import os
import runpy
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.cli.conftest import refused
from tests.networks import tiny_model
from tests.photos import DISPLAY_P3, files, noisy, photo_file, scene, write_photo
from tests.picture.samples import exif_of, file_of, noise, pil, png_chunk
from undegrade.picture import decode, encode, from_array

PHOTO = scene()


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def same(tmp_path_factory):
    """A network that returns its input: it runs, and what comes out is known."""
    return str(tiny_model(tmp_path_factory.mktemp("same"), "same", identity=True).path)


def header_only(width, height):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = png_chunk(b"IHDR", head) + png_chunk(b"IDAT", zlib.compress(b"\0"))
    return b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b"")


def wrong_checksum():
    data = bytearray(photo_file(PHOTO))
    end = data.index(b"IEND")
    data[end - 5] ^= 1
    return bytes(data)


def animated(kind):
    frames = [pil(noise(16, 16, 3, np.uint8, seed)) for seed in range(3)]
    return file_of(frames[0], kind, save_all=True, append_images=frames[1:])


def half(data):
    return data[: len(data) // 2]


BAD = {
    "empty.jpg": (b"", 3, "it is empty"),
    "text.jpg": (b"Dear all,\nthis is no photo.\n", 3, "not a picture"),
    "cut.jpg": (half(photo_file(PHOTO, "JPEG")), 3, "damaged or incomplete"),
    "cut.png": (half(photo_file(PHOTO)), 3, "cannot read"),
    "cut.webp": (half(photo_file(PHOTO, "WEBP")), 3, "damaged or incomplete"),
    "crc.png": (wrong_checksum(), 3, "checksum of its IDAT"),
    "bomb.png": (header_only(30000, 30000), 6, "900.0 megapixels"),
    "animated.webp": (animated("WEBP"), 3, "animated, 3 frames"),
    "animated.gif": (animated("GIF"), 3, "animated, 3 frames"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files(undegrade, tmp_path, name):
    content, code, says = BAD[name]
    (tmp_path / name).write_bytes(content)
    for options in ([], ["-o", "out.png"], ["-o", "-"], ["--dry-run"]):
        refused(undegrade("enhance", name, *options), code, f"'{name}'", says)
        assert files(tmp_path) == {name: content}


def test_what_is_not_there(undegrade, tmp_path):
    refused(undegrade("enhance", "missing.jpg"), 3, "'missing.jpg'", "no such file")
    refused(undegrade("enhance", "*.jpg"), 3, "nothing matches '*.jpg'")
    (tmp_path / "empty").mkdir()
    refused(undegrade("enhance", "empty"), 3, "no photo in the folder 'empty'")
    assert files(tmp_path) == {}


def done(undegrade, source, target, *options):
    """Enhance one file that must work."""
    ran = undegrade("enhance", source, "-o", target, *options)
    assert ran.code == 0, ran.err
    assert ran.data == b""
    assert ran.err.count("\n") == 1
    return decode(target)


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000)])
def test_extreme_shapes(undegrade, size, tmp_path):
    write_photo(tmp_path / "a.png", scene(*size))
    for number, options in enumerate(([], ["--noise", "10"], ["--scale", "2"])):
        picture = done(undegrade, "a.png", f"{number}.png", *options)
        scale = 2 if "--scale" in options else 1
        assert (picture.height, picture.width) == (size[0] * scale, size[1] * scale)


def test_16_bit_grey(undegrade, tmp_path):
    deep = scene(channels=1, dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(encode(from_array(deep), format="PNG"))
    picture = done(undegrade, "a.png", "b.png", "--noise", "10", "--scale", "2")
    assert picture.pixels.shape == (128, 160, 1)
    assert picture.pixels.dtype == np.uint16
    assert np.abs(picture.pixels[::2, ::2].astype(float) - deep).mean() < 2000


def test_transparency(undegrade, tmp_path):
    array = np.dstack([PHOTO, np.full(PHOTO.shape[:2], 255, np.uint8)])
    array[:32] = 0
    Image.fromarray(array).save("a.png")
    picture = done(undegrade, "a.png", "b.png", "--noise", "10", "--scale", "2")
    assert picture.alpha is not None
    assert (picture.alpha[:60] == 0).all()
    assert (picture.alpha[68:] == 255).all()
    seen = picture.pixels[picture.alpha > 0].astype(int)
    assert seen.min() > PHOTO[32:].min() - 25, "no dark fringe"


def test_a_palette_with_transparency(undegrade, tmp_path, same):
    image = pil(PHOTO).quantize(32)
    image.info["transparency"] = 3
    image.save("a.png", transparency=3)
    picture = done(undegrade, "a.png", "b.png", "--model", same)
    expected = np.asarray(Image.open(io.BytesIO((tmp_path / "a.png").read_bytes())).convert("RGBA"))
    np.testing.assert_array_equal(picture.alpha, expected[:, :, 3])
    opaque = expected[:, :, 3] > 0
    np.testing.assert_array_equal(picture.pixels[opaque], expected[opaque][:, :3])


def test_a_cmyk_jpeg(undegrade, tmp_path, same):
    data = file_of(pil(PHOTO).convert("CMYK"), "JPEG", quality=97)
    (tmp_path / "a.jpg").write_bytes(data)
    picture = done(undegrade, "a.jpg", "b.jpg", "--model", same)
    assert picture.channels == 3
    assert np.abs(picture.pixels.astype(int) - PHOTO).mean() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(undegrade, tmp_path, orientation, same):
    data = photo_file(PHOTO, "JPEG", quality=97, exif=exif_of(orientation=orientation))
    (tmp_path / "a.jpg").write_bytes(data)
    done(undegrade, "a.jpg", "b.jpg", "--model", same)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    again = Image.open(io.BytesIO((tmp_path / "b.jpg").read_bytes()))
    assert again.getexif().get(0x0112, 1) == 1
    assert again.size == upright.size
    assert np.abs(np.asarray(again).astype(int) - np.asarray(upright)).mean() < 3


def test_broken_exif(undegrade, tmp_path, same):
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8) + b"\xff\xff" + b"\x99" * 30
    write_photo(tmp_path / "a.jpg", exif=exif, quality=95)
    for options in ([], ["--model", same]):
        assert done(undegrade, "a.jpg", "b.jpg", *options).pixels.shape == PHOTO.shape


@pytest.mark.parametrize("profile", [b"no profile", DISPLAY_P3[:200], b"\0" * 500])
def test_a_broken_profile(undegrade, tmp_path, same, profile):
    write_photo(tmp_path / "a.png", icc_profile=profile)
    picture = done(undegrade, "a.png", "b.png", "--model", same)
    np.testing.assert_array_equal(picture.pixels, PHOTO)


def test_display_p3(undegrade, tmp_path, same):
    write_photo(tmp_path / "a.jpg", icc_profile=DISPLAY_P3, quality=97)
    picture = done(undegrade, "a.jpg", "b.jpg", "--model", same)
    assert picture.metadata.icc == DISPLAY_P3
    assert np.abs(picture.pixels.astype(int) - PHOTO).mean() < 3


NAMES = [
    "a b  c.png",
    'it\'s "odd".png',
    "two\nlines.png",
    "n" * 196 + ".png",
    "n" * 251 + ".png",
    "日本語の写真.png",
    "[1] what*?.png",
    "-dash.png",
    "$HOME %s {0}.png",
]


@pytest.mark.skipif(os.name == "nt", reason="names that Windows does not have")
@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"\xff\xfe.png")])
def test_names(undegrade, tmp_path, name):
    folder = tmp_path / "in"
    write_photo(folder / name, noisy(PHOTO, 25))
    before = files(folder)
    for number, options in enumerate((["-o", "one"], ["-o", "two", "--json"])):
        Path(options[1]).mkdir()
        ran = undegrade("enhance", f"in/{name}", *options)
        assert ran.code == 0, ran.err
        assert set(os.listdir(options[1])) == {name, "undegrade-manifest.jsonl"}  # noqa: PTH208
        assert ran.err.count("\n") == 1 - number
    assert ran.rows[0]["input"] == f"in/{name}"
    assert undegrade("enhance", f"in/{name}", "--dry-run").out.count("\n") == 6
    assert undegrade("enhance", f"in/{name}").code == 0
    made = set(files(folder)) - set(before)
    assert len(made) == 1
    assert made.pop().endswith("-enhanced.png")
    (folder / name).write_bytes(b"no picture")
    refused(undegrade("enhance", f"in/{name}", "-o", "x.png"), 3, "not a picture")


def test_a_name_that_is_too_long(undegrade, tmp_path):
    write_photo(tmp_path / "a.png")
    refused(undegrade("enhance", "a.png", "-o", "x" * 300 + ".png"), 4, "name is too long")
    refused(undegrade("enhance", "x" * 300 + ".png"), 3)
    assert set(files(tmp_path)) == {"a.png"}


def test_the_output_is_the_input(undegrade, tmp_path):
    write_photo(tmp_path / "a.png", noisy(PHOTO, 25))
    (tmp_path / "link.png").symlink_to("a.png")
    before = (tmp_path / "a.png").read_bytes()
    for target in ("a.png", "./a.png", "link.png", "."):
        refused(undegrade("enhance", "a.png", "-o", target), 4, "overwrite the input", "a.png")
    assert (tmp_path / "a.png").read_bytes() == before
    assert set(files(tmp_path)) == {"a.png", "link.png"}


def test_a_folder_as_output_of_one_file(undegrade, tmp_path):
    write_photo(tmp_path / "a.png")
    (tmp_path / "out").mkdir()
    assert undegrade("enhance", "a.png", "-o", "out").code == 0
    assert (tmp_path / "out" / "a.png").is_file()


def test_a_file_as_output_of_a_folder(undegrade, tmp_path):
    write_photo(tmp_path / "photos" / "a.png")
    write_photo(tmp_path / "out.png")
    before = files(tmp_path)
    refused(undegrade("enhance", "photos", "-o", "out.png"), 2, "'out.png' is a file")
    assert files(tmp_path) == before


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_folder_that_may_not_be_written_to(undegrade, tmp_path, monkeypatch):
    write_photo(tmp_path / "a.png")
    locked = tmp_path / "locked"
    locked.mkdir()
    if os.geteuid() == 0:  # whom no permission stops
        whole = Path.open

        def denied(self, mode="r", *rest, **options):
            if self.parent.name == "locked" and set(mode) & set("wxa"):
                raise PermissionError(13, "Permission denied", str(self))
            return whole(self, mode, *rest, **options)

        monkeypatch.setattr(Path, "open", denied)
    else:
        locked.chmod(0o555)
    refused(undegrade("enhance", "a.png", "-o", "locked"), 4, "locked/a.png", "permission denied")
    locked.chmod(0o755)
    assert set(files(tmp_path)) == {"a.png"}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("a small disk cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(undegrade, tmp_path, small_disk):
    write_photo(tmp_path / "a.bmp", scene(200, 200))
    ran = undegrade("enhance", "a.bmp", "-o", "disk/b.bmp")
    refused(ran, 4, "'disk/b.bmp'", "the disk is full")
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_fills_up_in_the_midst(undegrade, tmp_path, small_disk):
    """The photo that fits is there, whole; the one that does not has left nothing."""
    write_photo(tmp_path / "in" / "a.png", scene(16, 16))
    write_photo(tmp_path / "in" / "b.bmp", scene(200, 200))
    ran = undegrade("enhance", "in", "-o", "disk")
    assert ran.code == 1
    assert "the disk is full" in ran.err
    assert set(files(small_disk)) == {"a.png", "undegrade-manifest.jsonl"}
    decode(small_disk / "a.png")


@pytest.mark.skipif(os.name == "nt", reason="streams of POSIX")
@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("enhance - -o a.png < a.png", 4, "overwrite the input, which is stdin"),
        ("enhance a.png -o - > /dev/full", 4, "cannot write to stdout"),
        ("enhance a.png -o - >&-", 4, "stdout: it is closed"),
        ("enhance - -o b.png <&-", 3, "stdin"),
        ("diagnose - <&-", 3, "stdin"),
        ("--version > /dev/full", 4, "cannot write"),
        ("diagnose a.png --json > /dev/full", 4, "cannot write"),
    ],
)
def test_streams_that_refuse(tmp_path, line, code, says):
    """In a shell: what the system does to a process's streams cannot be made up in this one."""
    write_photo(tmp_path / "a.png", PHOTO)
    before = files(tmp_path)
    command = f'"{sys.executable}" -m undegrade {line}'
    done = subprocess.run(command, shell=True, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert files(tmp_path) == before


@pytest.mark.skipif(os.name == "nt", reason="streams of POSIX")
def test_a_closed_stderr_stops_nothing(tmp_path):
    write_photo(tmp_path / "a.png", PHOTO)
    command = f'"{sys.executable}" -m undegrade enhance a.png 2>&-'
    assert subprocess.run(command, shell=True, cwd=tmp_path).returncode == 0
    assert (tmp_path / "a-enhanced.png").is_file()


def test_a_photo_that_is_written_anew_is_not_called_left_as_it_is(undegrade, tmp_path):
    write_photo(tmp_path / "a.png", PHOTO)
    assert "nothing to do, left as it is" in undegrade("enhance", "a.png").err
    assert "nothing to do, written anew" in undegrade("enhance", "a.png", "-o", "a.jpg").err
    (tmp_path / "a.png").rename(tmp_path / "named.jpg")
    assert "written anew" in undegrade("enhance", "named.jpg").err


def test_an_interrupt_before_anything_is_loaded_is_quiet(monkeypatch):
    class Interrupted:
        @property
        def main(self):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "undegrade.cli", Interrupted())
    with pytest.raises(SystemExit) as end:
        runpy.run_module("undegrade", run_name="__main__")
    assert end.value.code == 130
