"""Folders, packs and manifests as sources of pictures and pairs."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.data.sets import contents, make, pack
from undegrade.errors import InputError, RecipeError, UsageError
from undegrade.training.data.files import Entry, Place
from undegrade.training.data.sources import (
    Reading,
    described,
    entries,
    hold_out,
    survey_source,
)

PAIRS = Reading(pairs=True)


def names(source, reading=None):
    return [entry.name for entry in entries([source], reading)]


def test_a_folder_is_searched_through_in_name_order(tmp_path):
    make(tmp_path, ["b.png", "a/c.webp", "a/.hidden.png", "__MACOSX/d.png"])
    (tmp_path / "notes.txt").write_text("no picture")
    assert names(tmp_path) == ["a/c.webp", "b.png"]
    assert names(str(tmp_path), Reading(match="*.png")) == ["b.png"]


def test_names_are_left_out_by_pattern(tmp_path):
    make(tmp_path, ["a/1.png", "a/2.png", "b/1.png"])
    assert names(tmp_path, Reading(leave_out=("a/1.*",))) == ["a/2.png", "b/1.png"]
    assert names(tmp_path, Reading(match="a/*", leave_out=("*/1.png",))) == ["a/2.png"]
    with pytest.raises(InputError, match="nothing matches"):
        names(tmp_path, Reading(leave_out=("*",)))


def test_a_pack_equals_its_folder_and_threads_may_read_it(tmp_path):
    made = [f"{i}.png" for i in range(20)]
    folder = make(tmp_path / "photos", made)
    for i, name in enumerate(made):
        (folder / name).write_bytes(bytes([i]) * (i + 1))
    tar = pack(tmp_path / "photos.tar", {f"./{k}": v for k, v in contents(folder).items()})
    found = entries([tar])
    assert [entry.name for entry in found] == names(folder)
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda entry: entry.target.read(), found * 5))
    assert read == [(folder / entry.name).read_bytes() for entry in found * 5]
    assert str(found[0].target).endswith("photos.tar:./0.png")


def test_sources_keep_their_order(tmp_path):
    first, second = make(tmp_path / "z", ["1.png"]), make(tmp_path / "a", ["0.png"])
    assert [entry.name for entry in entries([first, second])] == ["1.png", "0.png"]


@pytest.mark.parametrize(
    ("low", "high"), [("low", "high"), ("input", "target"), ("Phone", "CANON"), ("LR", "hr")]
)
@pytest.mark.parametrize("packed", [False, True])
def test_pairs_lie_in_sibling_folders(low, high, packed, tmp_path):
    source = make(
        tmp_path / "set",
        [f"x/{low}/1.png", f"x/{high}/1.webp", f"x/{low}/y/2.png", f"x/{high}/y/2.png", "z.png"],
    )
    if packed:
        source = pack(tmp_path / "set.tar", contents(source))
    survey = survey_source(source, PAIRS)
    assert [entry.name for entry in survey.entries] == [f"x/{low}/1.png", f"x/{low}/y/2.png"]
    assert str(survey.entries[0].target).endswith(f"x/{high}/1.webp")
    assert survey.notes == ["pictures in no folder of inputs or targets: 1"]
    assert len(names(source)) == 5


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("high/2.png", "the input 'low/2.png' has no target; add it"),
        ("low/1.png", "the target 'high/1.png' has no input; add it"),
    ],
)
def test_a_missing_partner_is_named(lost, message, tmp_path):
    make(tmp_path, ["low/1.png", "high/1.png", "low/2.png", "high/2.png"])
    (tmp_path / lost).unlink()
    with pytest.raises(InputError, match=message):
        entries([tmp_path], PAIRS)
    survey = survey_source(tmp_path, PAIRS)
    assert (len(survey.entries), len(survey.gaps)) == (1, 1)


def test_two_targets_of_one_name_are_refused(tmp_path):
    make(tmp_path, ["low/1.png", "high/1.png", "gt/1.png"])
    with pytest.raises(InputError, match=r"'gt/1.png' and 'high/1.png' are targets of one name"):
        entries([tmp_path], PAIRS)


def test_a_manifest_of_photos(tmp_path):
    make(tmp_path, ["a.png", "b c.png", "d.png"])
    csv = tmp_path / "list.csv"
    csv.write_text('\ufeffimage,licence\nd.png,CC0\n"b c.png",CC-BY\n', encoding="utf-8")
    assert names(csv) == ["d.png", "b c.png"]


def test_a_manifest_of_pairs(tmp_path):
    make(tmp_path, ["a.png", "b.png"])
    (tmp_path / "sub").mkdir()
    csv = tmp_path / "sub" / "list.csv"
    csv.write_text("id,input,target\n7,../a.png,../b.png\n")
    (entry,) = entries([csv], PAIRS)
    assert [place.path.name for place in entry.files] == ["a.png", "b.png"]
    (alone,) = entries([csv])
    assert [place.path.name for place in alone.files] == ["b.png"]


@pytest.mark.parametrize(
    ("text", "reading", "message"),
    [
        ("file\na.png\n", Reading(), "has the columns file in line 1; a manifest needs image"),
        ("image\na.png\n", PAIRS, "has the columns image in line 1; pairs need input,target"),
        ("", Reading(), "has the columns .none. in line 1"),
        ("image\na.png\ngone.png\n", Reading(), "line 3 names 'gone.png', which is no file"),
        ("input,target\na.png\n", PAIRS, "line 2 lacks a file name"),
        ("image\n", Reading(), "there is no line in it"),
    ],
)
def test_bad_manifests(text, reading, message, tmp_path):
    make(tmp_path, ["a.png"])
    csv = tmp_path / "list.csv"
    csv.write_text(text)
    with pytest.raises(InputError, match=message):
        entries([csv], reading)


def test_a_manifest_that_is_no_text(tmp_path):
    (tmp_path / "list.csv").write_bytes(b"image\n\xff\xfe\n")
    with pytest.raises(InputError, match="give a CSV in UTF-8"):
        entries([tmp_path / "list.csv"])


def test_nothing_to_find(tmp_path):
    with pytest.raises(InputError, match="no source of photos was given"):
        entries([])
    with pytest.raises(InputError, match=r"there is no '.*gone'; check the name"):
        entries([tmp_path / "gone"])
    with pytest.raises(InputError, match="there is no picture in it"):
        entries([tmp_path])
    make(tmp_path, ["a.png"])
    with pytest.raises(InputError, match="there is no pair in sibling folders"):
        entries([tmp_path], PAIRS)
    with pytest.raises(InputError, match=r"nothing matches '\*.jpg'"):
        entries([tmp_path], Reading(match="*.jpg"))


def test_bad_packs(tmp_path):
    files = contents(make(tmp_path / "set", ["a.png", "b.png"]))
    whole = pack(tmp_path / "whole.tar", files).read_bytes()
    with pytest.raises(UsageError, match="is compressed"):
        entries([pack(tmp_path / "set.tar.gz", files, "w:gz")])
    (tmp_path / "cut.tar").write_bytes(whole[: 512 + 100])
    with pytest.raises(InputError, match="damaged or cut off"):
        entries([tmp_path / "cut.tar"])
    for text in (b"", b"text " * 300):
        (tmp_path / "text.tar").write_bytes(text)
        with pytest.raises(InputError, match="it is no tar pack"):
            entries([tmp_path / "text.tar"])


def test_a_file_that_shrinks_or_goes_is_named(tmp_path):
    tar = pack(tmp_path / "set.tar", contents(make(tmp_path / "set", ["a.png"])))
    (entry,) = entries([tar])
    tar.write_bytes(tar.read_bytes()[:520])
    with pytest.raises(InputError, match=r"set.tar:a.png': it is empty or cut off"):
        entry.target.read()
    tar.unlink()
    with pytest.raises(InputError, match=r"set.tar:a.png': No such file"):
        entry.target.read()


def _entries(targets):
    return [Entry(str(i), Place("/x", str(target))) for i, target in enumerate(targets)]


@given(st.integers(1, 200), st.data())
def test_hold_out_is_spread_and_apart(total, data):
    count = data.draw(st.integers(0, total - 1))
    found = _entries(range(total))
    training, held = hold_out(found, count)
    assert len(held) == len(set(held)) == count
    assert sorted([*training, *held], key=lambda entry: int(entry.name)) == found
    places = [int(entry.name) for entry in held]
    gaps = [b - a for a, b in pairwise(places)]
    assert all(abs(gap - total / count) <= 1 for gap in gaps)


def test_what_shares_a_target_with_the_held_out_is_not_trained_on():
    training, held = hold_out(_entries([0, 0, 0, 1, 1, 2]), 1)
    assert [entry.name for entry in held] == ["3"]
    assert [entry.name for entry in training] == ["0", "1", "2", "5"]


@pytest.mark.parametrize(("targets", "count"), [([0, 1], 2), ([0, 1], -1), ([0, 0], 1)])
def test_holding_out_all_is_refused(targets, count):
    with pytest.raises(RecipeError, match=f"validation.photos = {count} leaves nothing"):
        hold_out(_entries(targets), count)


def test_terms_of_a_source_are_those_that_somebody_noted(tmp_path):
    make(tmp_path / "set", ["a.png", "b.png"])
    (tmp_path / "set" / "manifest.csv").write_text("image\na.png\nb.png\n")
    plain = {"source": str(tmp_path / "set"), "name": "set", "photos": 2}
    assert described([tmp_path / "set"], Reading()) == [plain | {"terms": "terms not recorded"}]
    rows = [
        {"name": "wall", "photos": 2, "terms": "CC0"},
        {"name": "no", "photos": 0, "terms": "?"},
    ]
    (tmp_path / "set" / "manifest.json").write_text(json.dumps({"collections": rows}))
    for source in (tmp_path / "set", tmp_path / "set" / "manifest.csv"):
        (told,) = described([source], Reading())
        assert (told["name"], told["photos"]) == ("set", 2)
        assert told["terms"] == "2 from wall: CC0"
    (tmp_path / "set" / "manifest.json").write_text("[")
    assert described([tmp_path / "set"], Reading()) == [plain | {"terms": "terms not recorded"}]
