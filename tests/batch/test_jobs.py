"""What the command line names becomes pairs of input and output, never one over the other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from undegrade.batch import FileJob, collect
from undegrade.batch.jobs import ignores_case
from undegrade.errors import InputError, OutputError, UsageError


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def touch(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def pairs(*inputs, output=None, **options):
    """Jobs as plain names, and the output folder."""
    jobs, folder = collect(inputs, output, **options)
    return {str(job.source): str(job.target) for job in jobs}, folder and str(folder)


def test_one_file_goes_beside_itself():
    touch("in/a.jpg")
    assert pairs("in/a.jpg") == ({"in/a.jpg": "in/a-enhanced.jpg"}, None)


def test_one_file_to_a_file():
    touch("a.jpg")
    assert pairs("a.jpg", output="new/b.png") == ({"a.jpg": "new/b.png"}, None)
    assert pairs("a.jpg", output="b.png", suffix=".webp") == ({"a.jpg": "b.webp"}, None)


def test_one_file_into_a_folder():
    touch("a.jpg")
    Path("out").mkdir()
    assert pairs("a.jpg", output="out") == ({"a.jpg": "out/a.jpg"}, "out")


def test_a_slash_says_folder():
    touch("a.jpg")
    assert pairs("a.jpg", output="new/") == ({"a.jpg": "new/a.jpg"}, "new")


def test_a_photo_named_twice_is_done_once():
    touch("a.jpg")
    assert pairs("a.jpg", "a.jpg", "*.jpg", output="new/")[0] == {"a.jpg": "new/a.jpg"}


def test_a_missing_file_is_left_to_its_job():
    assert pairs("missing.jpg", output="b.jpg") == ({"missing.jpg": "b.jpg"}, None)


def test_many_files_beside_themselves():
    touch("one/a.jpg", "two/b.png")
    found = {"one/a.jpg": "one/a-enhanced.jpg", "two/b.png": "two/b-enhanced.png"}
    assert pairs("one/a.jpg", "two/b.png") == (found, None)


def test_many_files_into_a_new_folder():
    touch("one/a.jpg", "two/b.png")
    found = {"one/a.jpg": "new/a.jpg", "two/b.png": "new/b.png"}
    assert pairs("one/a.jpg", "two/b.png", output="new") == (found, "new")


def test_many_files_into_a_file_are_refused():
    touch("a.jpg", "b.jpg", "out.jpg")
    with pytest.raises(UsageError, match=r"'out\.jpg' is a file"):
        collect(["a.jpg", "b.jpg"], Path("out.jpg"))


def test_a_folder_into_a_file_is_refused():
    touch("photos/a.jpg", "out.jpg")
    with pytest.raises(UsageError, match=r"'out\.jpg' is a file"):
        collect(["photos"], Path("out.jpg"))


def test_a_folder():
    touch("photos/b.JPG", "photos/a.png", "photos/notes.txt", "photos/sub/c.png")
    found = {"photos/a.png": "photos-enhanced/a.png", "photos/b.JPG": "photos-enhanced/b.JPG"}
    assert pairs("photos") == (found, "photos-enhanced")
    assert list(found) == list(pairs("photos/")[0])


def test_a_folder_is_mirrored():
    touch("photos/a.png", "photos/sub/deep/a.png", "photos/sub/b.tiff")
    Path("photos/trap.png").mkdir()
    assert pairs("photos", output="out", recursive=True) == (
        {
            "photos/a.png": "out/a.png",
            "photos/sub/b.tiff": "out/sub/b.tiff",
            "photos/sub/deep/a.png": "out/sub/deep/a.png",
        },
        "out",
    )


@pytest.mark.parametrize("inside", [False, True])
def test_this_very_folder(tmp_path, monkeypatch, inside):
    """``.`` and ``..`` have no name of their own, but a folder beside them has."""
    touch("photos/a.png", "photos/sub/b.png")
    monkeypatch.chdir(tmp_path / "photos" / ("sub" if inside else ""))
    found, folder = pairs(".." if inside else ".")
    assert folder == str(tmp_path / "photos-enhanced")
    assert list(found.values()) == [str(tmp_path / "photos-enhanced" / "a.png")]


def test_a_folder_with_nothing_in_it():
    touch("photos/notes.txt", "photos/sub/a.png")
    with pytest.raises(InputError, match=r"no photo in the folder 'photos'.*--recursive"):
        collect(["photos"], None)
    Path("photos/sub/a.png").unlink()
    with pytest.raises(InputError, match=r"no photo in the folder 'photos'; check it$"):
        collect(["photos"], None, recursive=True)


@pytest.mark.parametrize("output", ["photos/out", "photos/../photos/out"])
def test_an_output_folder_inside_the_input_is_no_input(output):
    """A second run, as with --resume, finds what the first has written."""
    touch("photos/a.png", "photos/sub/b.png")
    first = pairs("photos", output=output, recursive=True)
    touch("photos/out/a.png", "photos/out/sub/b.png")
    assert pairs("photos", output=output, recursive=True) == first


def test_an_output_folder_above_the_input():
    touch("photos/sub/a.png")
    found = {"photos/sub/a.png": "photos/a.png"}
    assert pairs("photos/sub", output="photos") == (found, "photos")


def test_globs():
    touch("in/b.jpg", "in/a.jpg", "in/c.png", "in/sub/d.jpg")
    Path("in/folder.jpg").mkdir()
    assert list(pairs("in/*.jpg")[0]) == ["in/a.jpg", "in/b.jpg"]
    assert list(pairs("in/**/*.jpg", output="out")[0]) == ["in/a.jpg", "in/b.jpg", "in/sub/d.jpg"]
    with pytest.raises(InputError, match=r"nothing matches 'in/\*\.bmp'"):
        collect(["in/*.bmp"], None)


def test_a_name_with_brackets_is_that_file():
    touch("a[1].jpg", "a1.jpg", "what?.jpg")
    assert list(pairs("a[1].jpg")[0]) == ["a[1].jpg"]
    assert list(pairs("what?.jpg")[0]) == ["what?.jpg"]


def test_a_glob_that_matches_one_file_is_one_file():
    touch("a.jpg")
    assert pairs("*.jpg", output="b.jpg") == ({"a.jpg": "b.jpg"}, None)


def test_a_change_of_format():
    touch("photos/a.jpg", "photos/b.tar.png")
    found, _ = pairs("photos", suffix=".webp")
    assert list(found.values()) == ["photos-enhanced/a.webp", "photos-enhanced/b.tar.webp"]
    assert pairs("photos/a.jpg", suffix=".png")[0] == {"photos/a.jpg": "photos/a-enhanced.png"}


def test_formats_that_are_only_read_become_another():
    touch("a.heic", "b.HEIF")
    found, _ = pairs("a.heic", "b.HEIF")
    assert found == {"a.heic": "a-enhanced.jpg", "b.HEIF": "b-enhanced.jpg"}
    assert pairs("c.GIF")[0] == {"c.GIF": "c-enhanced.png"}
    assert pairs("a.heic", output="out.png")[0] == {"a.heic": "out.png"}


def test_two_inputs_with_one_output_are_refused():
    touch("one/a.jpg", "two/a.jpg")
    with pytest.raises(UsageError, match=r"'one/a\.jpg' and 'two/a\.jpg' would both.*'out/a\.jpg'"):
        collect(["one/a.jpg", "two/a.jpg"], Path("out"))
    with pytest.raises(UsageError, match="would both"):
        collect(["one", "two"], Path("out"))


def test_a_folder_among_several_inputs_needs_an_output():
    touch("one/a.jpg", "two/b.jpg", "c.jpg")
    for inputs in (["one", "two"], ["c.jpg", "two"], ["two", "c.jpg"]):
        with pytest.raises(UsageError, match=r"folder '(one|two)' is one of several.*-o"):
            collect(inputs, None)
    found = {"one/a.jpg": "out/a.jpg", "two/b.jpg": "out/b.jpg", "c.jpg": "out/c.jpg"}
    assert pairs("one", "two", "c.jpg", output="out") == (found, "out")


def test_hidden_files_are_left_out():
    touch("photos/a.jpg", "photos/._a.jpg", "photos/.thumbs/b.jpg", ".hidden/c.jpg")
    assert list(pairs("photos", recursive=True)[0]) == ["photos/a.jpg"]
    assert list(pairs(".hidden")[0]) == [".hidden/c.jpg"]
    assert list(pairs("photos/._a.jpg")[0]) == ["photos/._a.jpg"]


def test_never_over_an_input(tmp_path):
    touch("a.jpg", "b.jpg", "photos/c.jpg")
    Path("link.jpg").symlink_to("a.jpg")
    Path("elsewhere").symlink_to("photos")
    Path("dotted").mkdir()
    for inputs, output in [
        (["a.jpg"], "a.jpg"),
        (["a.jpg"], "dotted/../a.jpg"),
        (["a.jpg"], str(tmp_path / "a.jpg")),
        (["a.jpg"], "link.jpg"),
        (["link.jpg"], "a.jpg"),
        (["a.jpg"], "."),
        (["a.jpg", "b.jpg"], "."),
        (["photos"], "photos"),
        (["photos"], "elsewhere"),
    ]:
        with pytest.raises(OutputError, match="' would overwrite the input '"):
            collect(inputs, Path(output))
    # One input's output is another input, and not what was made of it.
    Path("a-enhanced.jpg").write_bytes(b"of another program")
    with pytest.raises(OutputError, match=r"'a-enhanced\.jpg'"):
        collect(["a.jpg", "a-enhanced.jpg"], None)


def test_names_that_the_system_refuses_are_left_to_their_job():
    """Too long for the file system: reading and writing tell, not a look at the name."""
    touch("a.jpg")
    long = "x" * 300 + ".jpg"
    assert pairs(long, output="b.jpg")[0] == {long: "b.jpg"}
    assert pairs("a.jpg", output=long)[0] == {"a.jpg": long}
    with pytest.raises(InputError, match="nothing matches"):
        collect(["[x]" * 100], None)


def test_links_in_a_circle_are_left_to_their_job():
    touch("photos/a.jpg")
    Path("photos/b.jpg").symlink_to("b.jpg")
    Path("loop").symlink_to("loop")
    assert pairs("photos", output="loop")[0] == {"photos/a.jpg": "loop/a.jpg"}
    assert pairs("photos/b.jpg", output="c.jpg")[0] == {"photos/b.jpg": "c.jpg"}


def test_a_long_name_still_gets_its_mark():
    for stem in ("x" * 251, "写" * 83, os.fsdecode(b"\xff" * 250)):
        touch(stem + ".jpg")
        target = next(iter(pairs(stem + ".jpg")[0].values()))
        assert target.endswith("-enhanced.jpg")
        assert len(os.fsencode(target)) <= 255
        touch(target)
    bad = os.fsdecode(b"\xff.jpg")
    touch(bad)
    assert pairs(bad)[0] == {bad: os.fsdecode(b"\xff-enhanced.jpg")}


def test_a_folder_that_cannot_be_listed(monkeypatch):
    touch("photos/a.jpg")

    def denied(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(InputError, match="'photos': Permission denied"):
        collect(["photos"], None)


def test_jobs_are_values():
    assert FileJob(Path("a"), Path("b")) == FileJob(Path("a"), Path("b"))


def test_names_that_meet_are_told_apart():
    """An iPhone's album: a HEIC beside its JPEG refuses nothing."""
    touch("album/IMG_1.HEIC", "album/IMG_1.jpg", "album/IMG_2.HEIC")
    jobs, _ = collect(["album"], "out")
    assert {job.source.name: (job.target.name, bool(job.note)) for job in jobs} == {
        "IMG_1.HEIC": ("IMG_1.HEIC.jpg", True),
        "IMG_1.jpg": ("IMG_1.jpg", False),
        "IMG_2.HEIC": ("IMG_2.jpg", False),
    }
    beside, _ = collect(["album/IMG_1.HEIC", "album/IMG_1.jpg"], None)
    assert {job.target.name for job in beside} == {"IMG_1.HEIC-enhanced.jpg", "IMG_1-enhanced.jpg"}


def test_names_are_compared_as_the_target_disk_does(monkeypatch):
    touch("photos/a.jpg", "photos/a.JPG")
    assert len(collect(["photos"], "out")[0]) == 2
    monkeypatch.setattr("undegrade.batch.jobs.ignores_case", lambda folder: True)
    with pytest.raises(UsageError, match="would both be written"):
        collect(["photos"], "out")
    touch("album/IMG_1.HEIC", "album/IMG_1.JPG")
    assert set(pairs("album", output="out")[0].values()) == {"out/IMG_1.HEIC.jpg", "out/IMG_1.JPG"}


def test_whether_a_disk_ignores_case_is_tried(tmp_path):
    (tmp_path / "a").touch()
    assert ignores_case(tmp_path / "not" / "there") == (tmp_path / "A").exists()
    (tmp_path / "a").unlink()
    assert list(tmp_path.iterdir()) == []


def test_ones_own_results_are_passed_over():
    """``enhance *.jpg`` a second time, as shells write it out."""
    touch("a.jpg", "b.jpg", "c.jpg")
    Path("a-enhanced.jpg").write_bytes(b"... Software undegrade 0.1.0 ...")
    Path("b-enhanced.jpg").write_bytes(Path("b.jpg").read_bytes())  # left as it was
    jobs, _ = collect([str(path) for path in sorted(Path().glob("*.jpg"))], None)
    assert {str(job.source): str(job.target) for job in jobs} == {
        f"{name}.jpg": f"{name}-enhanced.jpg" for name in "abc"
    }
    assert [bool(job.note) for job in jobs] == [True, True, False]


def test_a_folder_that_cannot_be_looked_into_is_told(monkeypatch):
    touch("photos/a.jpg", "photos/locked/b.jpg")
    scan = os.scandir

    def locked(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", locked)
    assert pairs("photos")[0] == {"photos/a.jpg": "photos-enhanced/a.jpg"}
    with pytest.raises(InputError, match=r"'photos/locked': Permission denied"):
        collect(["photos"], None, recursive=True)


def test_photos_of_every_suffix_that_is_read_are_found():
    touch("photos/a.HIF", "photos/b.NEF")
    assert pairs("photos")[0] == {
        "photos/a.HIF": "photos-enhanced/a.jpg",
        "photos/b.NEF": "photos-enhanced/b.tif",
    }


def test_an_empty_name_is_not_the_whole_folder():
    touch("a.jpg")
    with pytest.raises(UsageError, match="without a name"):
        collect([""], None)
