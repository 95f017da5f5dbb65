"""Writing: whole or not at all, never over an input, and an error says why."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from tests.picture.samples import noise, smooth
from undegrade.errors import OutputError, UsageError
from undegrade.picture import (
    check_target,
    decode,
    format_of,
    from_array,
    save,
    sweep,
    write_atomic,
)

PICTURE = from_array(smooth())


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.endswith(".tmp"))


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [("jpg", "JPEG"), ("JPEG", "JPEG"), ("png", "PNG"), ("tif", "TIFF"), ("Webp", "WEBP")],
)
def test_the_suffix_decides(tmp_path, suffix, kind):
    path = save(PICTURE, tmp_path / f"out.{suffix}")
    assert decode(path).encoding.format == kind == format_of(path)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["out", "out.xyz", "out.heic", ".jpg"])
def test_unknown_suffixes(tmp_path, name):
    with pytest.raises(UsageError, match=r"\.jpg, .*\.png"):
        save(PICTURE, tmp_path / name)
    save(PICTURE, tmp_path / name, format="png")


@pytest.mark.parametrize(
    "name", ["ünï 写真.png", "two\nlines.png", "q'u\"o.png", "n" * 250 + ".png"]
)
def test_odd_and_long_names(tmp_path, name):
    path = save(PICTURE, tmp_path / "new" / "folders" / name)
    np.testing.assert_array_equal(decode(path).pixels, PICTURE.pixels)


def test_too_long_a_name(tmp_path):
    with pytest.raises(OutputError, match="too long"):
        save(PICTURE, tmp_path / ("n" * 300 + ".png"))
    assert leftovers(tmp_path) == []


def test_a_folder_in_the_way(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match="folder"):
        save(PICTURE, tmp_path / "a.png")
    with pytest.raises(OutputError, match="folder"):
        write_atomic(tmp_path / "a.png", b"data")
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(OutputError, match="not a folder"):
        save(PICTURE, tmp_path / "file" / "a.png")
    assert leftovers(tmp_path) == []


def test_inputs_are_protected(tmp_path):
    source = save(PICTURE, tmp_path / "in.png")
    before = source.read_bytes()
    (tmp_path / "link.png").symlink_to(source)
    os.link(source, tmp_path / "hard.png")
    (tmp_path / "sub").mkdir()
    targets = ["in.png", "link.png", "hard.png", "sub/../in.png"]
    for target in targets:
        with pytest.raises(OutputError, match=r"would overwrite the input .* choose another"):
            save(from_array(noise(3, 3, 3, np.uint8)), tmp_path / target, protect=[source])
    assert source.read_bytes() == before
    save(PICTURE, tmp_path / "out.png", protect=[source, tmp_path / "not there.png"])


def test_overwriting(tmp_path):
    path = save(PICTURE, tmp_path / "a.png")
    path.chmod(0o640)
    with pytest.raises(OutputError, match="exists already"):
        save(PICTURE, path, overwrite=False)
    save(from_array(noise(3, 3, 3, np.uint8)), path)
    assert decode(path).height == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_links_are_written_through(tmp_path):
    (tmp_path / "real").mkdir()
    real = save(PICTURE, tmp_path / "real" / "a.png")
    link = tmp_path / "link.png"
    link.symlink_to(real)
    save(from_array(noise(3, 3, 3, np.uint8)), link)
    assert link.is_symlink()
    assert decode(real).height == 3


def test_links_in_a_circle_are_no_target(tmp_path):
    (tmp_path / "a.png").symlink_to("b.png")
    (tmp_path / "b.png").symlink_to("a.png")
    for path in (tmp_path / "a.png", tmp_path / "a.png" / "c.png"):
        for refuse in (check_target, lambda path: write_atomic(path, b"data")):
            with pytest.raises(OutputError, match="its links run in a circle"):
                refuse(path)
    check_target(tmp_path / "c.png", protect=[tmp_path / "a.png"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as a disk that is read-only
    for path in (tmp_path / "a.png", tmp_path / "new" / "folder" / "a.png"):
        with pytest.raises(OutputError, match="permission denied"):
            check_target(path)


def test_what_a_killed_program_left_is_swept(tmp_path):
    names = [".undegrade-0123456789ab.tmp", ".undegrade-ba9876543210.tmp", ".other.tmp"]
    for name in names:
        (tmp_path / name).touch()
    for name in names[1:]:
        os.utime(tmp_path / name, (0, 0))
    sweep(tmp_path)
    sweep(tmp_path / "missing")
    assert leftovers(tmp_path) == sorted([names[0], names[2]])


REASONS = {
    errno.ENOSPC: "disk is full.*free some space",
    errno.EDQUOT: "quota",
    errno.EACCES: "permission denied.*another|may write",
    errno.EROFS: "read-only",
    errno.EIO: "cannot write",
}


@pytest.mark.parametrize("number", REASONS)
@pytest.mark.parametrize("existing", [False, True])
def test_a_failing_disk_leaves_nothing(tmp_path, monkeypatch, number, existing):
    path = tmp_path / "a.png"
    if existing:
        path.write_bytes(b"former")

    def fail(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OutputError, match=REASONS[number]) as caught:
        write_atomic(path, b"new" * 1000)
    assert repr(str(path)) in str(caught.value)
    assert leftovers(tmp_path) == []
    assert path.read_bytes() == b"former" if existing else not path.exists()


def test_a_failing_rename_leaves_nothing(tmp_path, monkeypatch):
    def fail(self, target):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OutputError, match="full"):
        write_atomic(tmp_path / "a", b"data")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing(tmp_path, monkeypatch):
    def stop(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "a", b"data")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(tmp_path):
    (tmp_path / "ro").mkdir(mode=0o555)
    with pytest.raises(OutputError, match="permission denied"):
        save(PICTURE, tmp_path / "ro" / "a.png")
    (tmp_path / "ro").chmod(0o755)


def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch):
    def denied(self, *args, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", denied)
    with pytest.raises(OutputError, match="permission denied"):
        write_atomic(tmp_path / "x" / "a", b"data")


def test_an_open_file_can_be_written_to(tmp_path):
    buffer = io.BytesIO()
    assert save(PICTURE, buffer) is None
    assert decode(buffer.getvalue()).encoding.format == "PNG"
    with (tmp_path / "a").open("wb") as file:
        save(PICTURE, file, format="jpeg")
    assert decode(tmp_path / "a").encoding.format == "JPEG"


@pytest.mark.parametrize("target", [None, 5])
def test_what_is_no_target_is_refused(target):
    with pytest.raises(UsageError, match="path or an open binary file"):
        save(PICTURE, target)
    with pytest.raises(UsageError, match="binary mode"):
        save(PICTURE, io.StringIO())
