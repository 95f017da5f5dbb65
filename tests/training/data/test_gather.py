"""Free photos out of clones: what is kept, what is left out and why, and the manifest."""

from __future__ import annotations

import csv
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.training.data.repositories import bare, commit, git
from tests.training.data.sets import plain, textured
from undegrade.errors import InputError, UndegradeError, UsageError
from undegrade.levels import noise_sigma
from undegrade.training.data.check import check
from undegrade.training.data.collections import Collection, LeftOut, load_collections
from undegrade.training.data.decoding import Reduction
from undegrade.training.data.gather import gather
from undegrade.training.data.sources import Reading, survey_source

HOW = Reduction(smallest=40)

FREE = Collection(
    "a/free",
    "a/free",
    "CC0",
    ("photos/*",),
    least_bytes=0,
    clean=("photos/*grass*",),
    leave_out=(LeftOut(("photos/drawn/*",), "drawing"),),
)
SMALL = Collection("b/small", "b/small", "CC BY 4.0", reduced=True, least_bytes=0)
TABLE = {one.name: one for one in (FREE, SMALL)}


def coded(pixels, form="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def smooth(height, width, seed):
    """A photo without noise: large coloured shapes."""
    small = textured(height // 4, width // 4, seed)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def noisy(height, width, seed, sigma=24.0):
    noise = np.random.default_rng(seed).normal(0, sigma, (height, width, 3))
    return np.clip(smooth(height, width, seed) * 0.5 + 64 + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def clones(tmp_path):
    """A bare clone by its path, and one with a work tree that knows its origin."""
    photo = smooth(200, 240, 1)
    turned = Image.Exif()
    turned[0x0112] = 6
    bare(
        tmp_path / "clones" / "a+free",
        {
            "photos/one.png": coded(photo),
            "photos/sub/again.jpg": coded(photo, "JPEG", quality=85),
            "photos/upright.jpg": coded(smooth(160, 320, 2), "JPEG", quality=95, exif=turned),
            "photos/broken.jpg": b"\xff\xd8\xff" + bytes(300),
            "photos/night.png": coded(noisy(200, 240, 3)),
            "photos/grass.png": coded(noisy(200, 240, 4)),
            "photos/tiny.png": coded(smooth(60, 60, 5)),
            "photos/glass.png": coded(np.dstack([smooth(120, 120, 6), plain(120, 120)[:, :, 0]])),
            "photos/drawn/logo.png": coded(smooth(120, 120, 7)),
            "photos/notes.txt": b"no picture",
            "elsewhere/photo.png": coded(smooth(120, 120, 8)),
        },
    )
    commit(tmp_path / "clones" / "second", {"grey.png": coded(smooth(90, 120, 9)[:, :, 0])})
    git(tmp_path / "clones" / "second", "remote", "add", "origin", "git@example.org:b/small.git")
    return tmp_path / "clones"


def stored(path):
    """The pixels of a file, which is closed."""
    with Image.open(path) as image:
        return np.array(image)


def fates(made):
    return {row.path: row.why or "kept" for row in made.rows}


def test_what_is_kept_and_what_is_not(clones, tmp_path):
    made = gather([str(clones)], tmp_path / "set", TABLE, HOW)
    assert fates(made) == {
        "photos/one.png": "kept",
        "photos/sub/again.jpg": "double",
        "photos/upright.jpg": "kept",
        "photos/broken.jpg": "unreadable",
        "photos/night.png": "noisy",
        "photos/grass.png": "kept",
        "photos/tiny.png": "small",
        "photos/glass.png": "transparent",
        "photos/drawn/logo.png": "drawing",
        "grey.png": "kept",
    }
    said = {row.path: row.what for row in made.rows}
    assert "'photos/one.png' of a/free" in said["photos/sub/again.jpg"]
    assert "is above 2" in said["photos/night.png"]
    pngs = {path.name for path in (tmp_path / "set").glob("*.png")}
    assert pngs == {row.image for row in made.kept}


def test_photos_are_upright_reduced_and_lossless(clones, tmp_path):
    made = gather([str(clones)], tmp_path / "set", TABLE, HOW)
    rows = {row.path: row for row in made.kept}
    sizes = {path: stored(tmp_path / "set" / row.image).shape[1::-1] for path, row in rows.items()}
    assert sizes["photos/one.png"] == (120, 100)
    assert sizes["photos/upright.jpg"] == (80, 160)
    assert sizes["grey.png"] == (120, 90)
    assert (rows["photos/upright.jpg"].width, rows["photos/upright.jpg"].height) == (160, 320)
    assert [rows[path].factor for path in ("photos/one.png", "grey.png")] == [2, 1]
    grey = stored(tmp_path / "set" / rows["grey.png"].image)
    np.testing.assert_array_equal(grey, smooth(90, 120, 9)[:, :, 0])


def test_the_manifest_is_a_source_and_tells_terms(clones, tmp_path):
    made = gather([str(clones)], tmp_path / "set", TABLE, HOW)
    survey = survey_source(tmp_path / "set" / "manifest.csv", Reading())
    assert len(survey.entries) == len(made.kept) == 4
    assert not survey.gaps
    rows = list(csv.DictReader((tmp_path / "set" / "manifest.csv").read_text().splitlines()))
    assert {(row["collection"], row["terms"]) for row in rows} == {
        ("a/free", "CC0"),
        ("b/small", "CC BY 4.0"),
    }
    summary = json.loads((tmp_path / "set" / "manifest.json").read_text("utf-8"))
    assert summary["training_data"] == made.sentence()
    assert made.sentence() == (
        "4 free photos, reduced by 2 or more (b/small as they are): 3 from a/free (CC0); "
        "1 from b/small (CC BY 4.0)"
    )
    free, small = summary["collections"]
    assert free["commit"] == git(clones / "a+free", "rev-parse", "HEAD")
    assert free["left_out"]["drawing"] == small["photos"] == 1
    (one,) = [row for row in summary["pictures"] if row["path"] == "photos/one.png"]
    assert (one["width"], one["height"], one["factor"]) == (240, 200, 2)


def test_a_second_run_does_nothing_twice(clones, tmp_path):
    first = gather([str(clones)], tmp_path / "set", TABLE, HOW)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "set").glob("*.png")}
    journal = (tmp_path / "set" / "gathered.jsonl").read_bytes()
    second = gather([str(clones)], tmp_path / "set", TABLE, HOW)
    assert second.rows == first.rows
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (tmp_path / "set" / "gathered.jsonl").read_bytes() == journal


def test_a_run_that_was_cut_off_goes_on(clones, tmp_path):
    whole = gather([str(clones)], tmp_path / "set", TABLE, HOW)
    journal = tmp_path / "set" / "gathered.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    lost = next(row for row in whole.kept if row.path == "photos/upright.jpg")
    (tmp_path / "set" / lost.image).unlink()
    assert gather([str(clones)], tmp_path / "set", TABLE, HOW).rows == whole.rows
    assert (tmp_path / "set" / lost.image).is_file()


def test_a_journal_that_was_cut_off_at_once_is_begun_anew(clones, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "gathered.jsonl").write_text('{"settings": {"red')
    first = gather([str(clones)], tmp_path / "set", TABLE, HOW)
    assert len(first.kept) == 4
    assert gather([str(clones)], tmp_path / "set", TABLE, HOW).rows == first.rows


def test_other_clones_add_to_the_set(clones, tmp_path):
    first = gather([str(clones / "second")], tmp_path / "set", TABLE, HOW)
    assert [row.collection for row in first.kept] == ["b/small"]
    both = gather([str(clones / "a+free")], tmp_path / "set", TABLE, HOW)
    assert [row.collection for row in both.kept] == ["a/free"] * 3 + ["b/small"]


def test_what_the_table_leaves_out_later_is_removed(clones, tmp_path):
    before = gather([str(clones)], tmp_path / "set", TABLE, HOW)
    gone = next(row for row in before.kept if row.path == "photos/one.png")
    out = (*FREE.leave_out, LeftOut(("photos/one.png",), "rendering"))
    stricter = Collection("a/free", "a/free", "CC0", ("photos/*",), False, 0, FREE.clean, out)
    after = gather([str(clones)], tmp_path / "set", {**TABLE, "a/free": stricter}, HOW)
    assert fates(after)["photos/one.png"] == "rendering"
    assert fates(after)["photos/sub/again.jpg"] == "kept"
    assert not (tmp_path / "set" / gone.image).exists()


def test_what_the_table_itself_calls_double_is_left_out(clones, tmp_path):
    out = (*FREE.leave_out, LeftOut(("photos/upright.jpg",), "double"))
    said = Collection("a/free", "a/free", "CC0", ("photos/*",), False, 0, FREE.clean, out)
    for _ in range(2):  # the second run finds all of it in the journal
        made = gather([str(clones)], tmp_path / "set", {**TABLE, "a/free": said}, HOW)
        assert fates(made)["photos/upright.jpg"] == "double"


def test_nothing_of_a_test_set_stays(clones, tmp_path):
    (tmp_path / "tests").mkdir()
    Image.fromarray(smooth(200, 240, 1)).save(tmp_path / "tests" / "held.png")
    output = tmp_path / "set"
    made = gather([str(clones)], output, TABLE, HOW, against=[tmp_path / "tests"])
    assert fates(made)["photos/one.png"] == "leak"
    assert check([output], against=[tmp_path / "tests"]).sound
    assert len(list(output.glob("*.png"))) == len(made.kept) == 3


def test_16_bit_and_profiles_come_out_as_8_bit_srgb(tmp_path):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(1, 256)
    deep = Image.fromarray(np.repeat(ramp, 128, axis=0))
    buffer = io.BytesIO()
    deep.save(buffer, "PNG")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tagged = coded(smooth(120, 120, 2), icc_profile=profile)
    bare(tmp_path / "b+small", {"deep.png": buffer.getvalue(), "tagged.png": tagged})
    made = gather([str(tmp_path)], tmp_path / "set", TABLE, HOW)
    rows = {row.path: tmp_path / "set" / row.image for row in made.kept}
    values = stored(rows["deep.png"])
    assert values.dtype == np.uint8
    np.testing.assert_array_equal(values[0], np.arange(256))
    np.testing.assert_array_equal(stored(rows["tagged.png"]), smooth(120, 120, 2))


def test_long_photos_are_reduced_further(clones, tmp_path):
    how = Reduction(longest=60, smallest=40)
    made = gather([str(clones)], tmp_path / "set", TABLE, how)
    one = next(row for row in made.kept if row.path == "photos/one.png")
    assert stored(tmp_path / "set" / one.image).shape == (50, 60, 3)
    assert one.factor == 4


def test_what_a_partial_clone_lacks_is_taken_up_later(clones, tmp_path):
    clone = clones / "second"
    blob = git(clone, "rev-parse", "HEAD:grey.png")
    place = clone / ".git" / "objects" / blob[:2] / blob[2:]
    shutil.move(place, tmp_path / "aside")
    made = gather([str(clones)], tmp_path / "set", TABLE, HOW)
    assert fates(made)["grey.png"] == "absent"
    shutil.move(tmp_path / "aside", place)
    assert fates(gather([str(clones)], tmp_path / "set", TABLE, HOW))["grey.png"] == "kept"


def test_clones_of_other_repositories_are_passed_over(clones, tmp_path):
    made = gather([str(clones)], tmp_path / "set", TABLE, HOW, only=["b/small"])
    assert {row.collection for row in made.rows} == {"b/small"}
    (note,) = made.notes
    assert note.startswith(f"passed over, not asked for: {clones / 'a+free'}")
    commit(tmp_path / "others" / "c+else", {"a.txt": b"a"})
    commit(tmp_path / "others" / "d+else", {"a.txt": b"a"})
    with pytest.raises(InputError, match="none of 2 clones"):
        gather([str(tmp_path / "others")], tmp_path / "set", TABLE, HOW)


def test_a_repository_may_be_said(clones, tmp_path):
    (clones / "a+free").rename(tmp_path / "nameless")
    with pytest.raises(UsageError, match="of no repository of the table"):
        gather([str(tmp_path / "nameless")], tmp_path / "set", TABLE, HOW)
    made = gather([f"a/free={tmp_path / 'nameless'}"], tmp_path / "set", TABLE, HOW)
    assert {row.collection for row in made.rows} == {"a/free"}


@pytest.mark.parametrize(
    ("folders", "only", "error", "message"),
    [
        ([], [], UsageError, "no clone was given"),
        (["nowhere"], [], InputError, "there is no folder 'nowhere'"),
        (["."], [], InputError, "there is no clone in"),
        (["c/else=."], [], UsageError, "the table has no repository 'c/else'"),
        (["."], ["c/else"], UsageError, "there is no collection 'c/else'"),
    ],
)
def test_wrong_use(folders, only, error, message, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(error, match=message):
        gather(folders, tmp_path / "set", TABLE, HOW, only=only)
    assert not (tmp_path / "set").exists()


def test_git_must_be_there(clones, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="git, which is not installed"):
        gather([str(clones)], tmp_path / "set", TABLE, HOW)


def test_other_settings_need_another_folder(clones, tmp_path):
    gather([str(clones)], tmp_path / "set", TABLE, HOW)
    with pytest.raises(UsageError, match="was made with the settings"):
        gather([str(clones)], tmp_path / "set", TABLE, Reduction(reduce=3, smallest=40))


def test_an_empty_repository_is_named(tmp_path):
    (tmp_path / "a+free").mkdir()
    git(tmp_path / "a+free", "init", "-q")
    with pytest.raises(InputError, match=r"a\+free"):
        gather([str(tmp_path / "a+free")], tmp_path / "set", TABLE, HOW)


@pytest.mark.parametrize("wrong", [{"reduce": 0.5}, {"longest": -1}, {"noise": float("nan")}])
def test_settings_are_checked(wrong):
    with pytest.raises(UsageError, match=f"--{next(iter(wrong))}"):
        Reduction(**wrong)


def test_the_packaged_table_names_terms_and_reasons():
    table = load_collections()
    assert all(one.terms and "/" in one.repository for one in table.values())
    assert all(out.why and out.paths for one in table.values() for out in one.leave_out)
    corpus = [one for one in table.values() if one.repository == "imazen/codec-corpus"]
    assert corpus
    assert not any(one.holds("kodak/1.png", 10**6) for one in corpus)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("collection = 1", "no list of tables"),
        ("", "holds no collection"),
        ("[[collection]]\nrepository = 'a/b'", "has no terms"),
        ("[[collection]]\nrepository = 'a/b'\nterms = 'x'\nsize = 3", "unknown key 'size'"),
        ("[[collection]]\nrepository = 'a/b'\nterms = 'x'\npaths = [3]", "wrong kind"),
        ("[[collection]]\nrepository = 'a/b'\nterms = 'x'\n" * 2, "two collections"),
        (
            "[[collection]]\nrepository = 'a/b'\nterms = 'x'\nleave_out = [{paths = ['*']}]",
            "has no why",
        ),
        ("not toml", "cannot read the table"),
    ],
)
def test_a_table_of_ones_own_is_checked(text, message, tmp_path):
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(UndegradeError, match=message):
        load_collections(tmp_path / "own.toml")


def test_reduction_takes_noise_away():
    from undegrade.training.data.decoding import read_reduced

    photo = noisy(240, 240, 3, sigma=8.0)
    half = read_reduced(coded(photo), HOW)
    assert noise_sigma(half.pixels) < 0.75 * noise_sigma(photo)
