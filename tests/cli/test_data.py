"""``undegrade data``."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import refused
from tests.photos import write_photo
from tests.test_imports import loaded_after
from tests.training.data.repositories import bare, commit
from tests.training.data.sets import textured
from undegrade.training.data.layouts import LAYOUTS


@pytest.fixture
def photos(tmp_path):
    """Three photos, the last one a copy of the first."""
    for name, seed in (("a.png", 1), ("b.png", 2), ("c.jpg", 1)):
        write_photo(tmp_path / "photos" / name, textured(120, 160, seed))
    return tmp_path / "photos"


@pytest.mark.parametrize("verb", ["data", "data check", "data gather", "data list"])
def test_help(undegrade, verb):
    ran = undegrade(*verb.split(), "--help")
    assert ran.code == 0
    assert f"{verb} [OPTIONS]" in ran.out


def test_a_sound_set(undegrade, photos):
    (photos / "c.jpg").unlink()
    ran = undegrade("data", "check", photos)
    assert ran.code == 0
    assert ran.data == b""
    assert "nothing is wrong" in ran.err
    assert "checked" in ran.err


def test_findings_are_rows(undegrade, photos):
    (photos / "d.png").write_bytes(b"broken")
    ran = undegrade("data", "check", photos)
    assert ran.code == 3
    rows = [line.split("\t") for line in ran.out.splitlines()]
    assert [row[:3] for row in rows] == [
        ["unreadable", str(photos), "d.png"],
        ["duplicate", str(photos), "c.jpg"],
    ]
    assert "2 things wrong" in ran.err


def test_findings_as_json(undegrade, photos):
    ran = undegrade("data", "check", photos, "--json")
    assert ran.code == 3
    report = json.loads(ran.out)
    assert report["sound"] is False
    assert report["checked"] == {str(photos): 3}
    (finding,) = report["findings"]
    assert set(finding) == {"kind", "source", "name", "what"}
    assert finding["kind"] == "duplicate"


def test_against_a_test_set(undegrade, photos, tmp_path):
    write_photo(tmp_path / "test" / "x.webp", textured(120, 160, 2), lossless=True)
    ran = undegrade("data", "check", photos, "--match", "[ab]*", "--against", tmp_path / "test")
    assert ran.code == 3
    assert ran.out.split("\t")[:3] == ["leak", str(photos), "b.png"]


def test_pairs_of_a_layout(undegrade, tmp_path):
    for side, number in (("low", 2), ("high", 2), ("low", 5)):
        write_photo(tmp_path / "our485" / side / f"{number}.png", textured(64, 64, number))
    ran = undegrade("data", "check", f"lol:{tmp_path}", "--pairs")
    assert ran.code == 3
    kinds = [line.split("\t")[0] for line in ran.out.splitlines()]
    assert kinds == ["missing", "note"]


def test_wrong_use(undegrade, tmp_path):
    refused(undegrade("data", "check", f"div3k:{tmp_path}"), 2, "no layout is called 'div3k'")
    assert undegrade("data", "check").code == 2


def test_a_source_that_is_not_there(undegrade, tmp_path):
    ran = undegrade("data", "check", tmp_path / "gone")
    assert ran.code == 3
    assert ran.out.startswith("missing\t")


def test_list(undegrade):
    ran = undegrade("data", "list")
    assert ran.code == 0
    header, *lines = ran.out.splitlines()
    assert header.split()[0] == "name"
    assert [line.split()[0] for line in lines] == list(LAYOUTS)
    rows = json.loads(undegrade("data", "list", "--json").out)
    assert [row["name"] for row in rows] == list(LAYOUTS)
    assert rows[0]["published"] == {"train": 800, "valid": 100}


def test_torch_is_never_touched(photos):
    loaded = loaded_after(
        "import sys, undegrade.cli\n"
        f"sys.argv = ['undegrade', 'data', 'check', {str(photos)!r}]\n"
        "try: undegrade.cli.main()\nexcept SystemExit as end: assert end.code == 3, end.code\n"
        "print()"
    )
    assert "undegrade.training.data.check" in loaded
    assert "torch" not in loaded


@pytest.fixture
def clone(tmp_path):
    """A clone with two photos and a broken one, and a table that names it."""
    files = {}
    for name, seed in (("a.png", 1), ("b.png", 2)):
        files[name] = write_photo(tmp_path / name, textured(160, 200, seed)).read_bytes()
    (tmp_path / "table.toml").write_text(
        '[[collection]]\nrepository = "me/photos"\nterms = "CC0"\nleast_bytes = 0\n'
    )
    return bare(tmp_path / "me+photos", files)


def test_gathering_prints_a_card_s_sentence(undegrade, clone, tmp_path):
    table = ("--table", tmp_path / "table.toml", "--smallest", 64, "--noise", 50)
    ran = undegrade("data", "gather", clone, "-o", tmp_path / "set", *table)
    assert ran.code == 0
    sentence = "2 free photos, reduced by 2 or more: 2 from me/photos (CC0)"
    assert ran.out.strip() == sentence
    assert "me/photos" in ran.err
    again = undegrade("data", "gather", clone, "-o", tmp_path / "set", *table, "--json")
    assert json.loads(again.out)["training_data"] == sentence


def test_gathering_goes_on_after_a_broken_photo(undegrade, clone, tmp_path):
    work = clone.with_name("me+photos.work")
    commit(work, {"c.jpg": b"\xff\xd8\xff" + bytes(100)})
    table = ("--table", tmp_path / "table.toml", "--smallest", 64, "--noise", 50)
    ran = undegrade("data", "gather", f"me/photos={work}", "-o", tmp_path / "set", *table)
    assert ran.code == 1
    assert "2 free photos" in ran.out
    assert "unreadable: c.jpg of me/photos" in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["no folder for the set", "-o"]),
        (["-o", "set"], ["no clone was given", "KDE/plasma-workspace-wallpapers"]),
        (["-o", "set", "--only", "nothing", "."], ["no collection 'nothing'"]),
        (["-o", "set", "--reduce", "0.5", "."], ["--reduce 0.5"]),
    ],
)
def test_wrong_use_of_gathering(undegrade, arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(undegrade("data", "gather", *arguments), 2, *words)


def test_gathering_needs_no_torch():
    assert "torch" not in loaded_after("import undegrade.training.data.gather")
