"""The manifest knows what is done, and believes only what is on disk."""

from __future__ import annotations

import json
import os
import threading

import pytest

from undegrade.batch.manifest import NAME, Manifest
from undegrade.errors import OutputError
from undegrade.work import sha256

ROW = {"input_sha256": "in", "settings": "s"}


def finish(folder, name, content=b"whole", **row):
    """Write an output and its line."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    Manifest(folder).add(path, {**ROW, "output_sha256": sha256(content), **row})
    return path


def test_what_is_whole_is_done(tmp_path):
    path = finish(tmp_path, "sub/a.png")
    manifest = Manifest(tmp_path)
    assert manifest.done(path, "in", "s")
    assert not manifest.done(path, "other", "s")
    assert not manifest.done(path, "in", "other")
    assert not manifest.done(tmp_path / "b.png", "in", "s")
    path.write_bytes(b"who")
    assert not manifest.done(path, "in", "s")
    path.unlink()
    assert not manifest.done(path, "in", "s")


def test_one_json_line_each(tmp_path):
    finish(tmp_path, "sub/a.png")
    finish(tmp_path, "b.png")
    lines = (tmp_path / NAME).read_text("ascii").splitlines()
    assert [json.loads(line)["output"] for line in lines] == ["sub/a.png", "b.png"]


def test_a_later_line_counts(tmp_path):
    finish(tmp_path, "a.png", b"old")
    path = finish(tmp_path, "a.png", b"new", settings="t")
    assert not Manifest(tmp_path).done(path, "in", "s")
    assert Manifest(tmp_path).done(path, "in", "t")


@pytest.mark.parametrize("keep", [1, 20, -1])
def test_a_cut_line_is_survived(tmp_path, keep):
    first = finish(tmp_path, "a.png")
    whole = (tmp_path / NAME).read_bytes()
    second = finish(tmp_path, "b.png")
    last = (tmp_path / NAME).read_bytes()[len(whole) :]
    (tmp_path / NAME).write_bytes(whole + last[:keep])
    assert Manifest(tmp_path).done(first, "in", "s")
    third = finish(tmp_path, "c.png")
    manifest = Manifest(tmp_path)
    assert manifest.done(first, "in", "s")
    assert manifest.done(third, "in", "s")
    # A line that only lacks its end of line is whole.
    assert manifest.done(second, "in", "s") == (keep == -1)


@pytest.mark.parametrize(
    "line",
    [b"", b"null", b"7", b"[]", b'"output"', b'{"output": []}', b"{}", b"\xff\xfe", b"\0\0\0"],
)
def test_lines_of_another_kind_are_passed_over(tmp_path, line):
    path = finish(tmp_path, "a.png")
    with (tmp_path / NAME).open("ab") as file:
        file.write(line + b"\n")
    assert Manifest(tmp_path).done(path, "in", "s")


def test_a_line_that_lacks_something_is_not_done(tmp_path):
    path = finish(tmp_path, "a.png")
    (tmp_path / NAME).write_text('{"output": "a.png"}\n')
    assert not Manifest(tmp_path).done(path, "in", "s")
    (tmp_path / NAME).write_text('{"output": "a.png", "input_sha256": "in", "settings": "s"}\n')
    assert not Manifest(tmp_path).done(path, "in", "s")


@pytest.mark.parametrize(
    "name", ["写真.png", "two\nlines.png", "line\u2028separator.png", "next\x85line.png", '"q".png']
)
def test_strange_names(tmp_path, name):
    path = finish(tmp_path, name)
    assert Manifest(tmp_path).done(path, "in", "s")


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text(tmp_path):
    path = finish(tmp_path, os.fsdecode(b"\xff.png"))
    assert Manifest(tmp_path).done(path, "in", "s")


def test_an_output_elsewhere(tmp_path):
    (tmp_path / "one").mkdir()
    path = tmp_path / "two.png"
    path.write_bytes(b"x")
    Manifest(tmp_path / "one").add(path, {**ROW, "output_sha256": sha256(b"x")})
    assert Manifest(tmp_path / "one").done(path, "in", "s")


def test_many_threads(tmp_path):
    manifest = Manifest(tmp_path)
    row = {**ROW, "output_sha256": "x", "padding": "p" * 5000}
    threads = [
        threading.Thread(target=manifest.add, args=(tmp_path / f"{i}.png", row)) for i in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = [json.loads(line) for line in (tmp_path / NAME).read_text().splitlines()]
    assert {row["output"] for row in rows} == {f"{i}.png" for i in range(12)}


def test_a_manifest_that_cannot_be_written(tmp_path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(OutputError, match="cannot write the manifest"):
        Manifest(tmp_path).add(tmp_path / "a.png", ROW)
