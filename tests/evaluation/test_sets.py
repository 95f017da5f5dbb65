"""Test sets: what is found, how it is called, and how it is known again."""

from __future__ import annotations

import tarfile

import numpy as np
import pytest
from PIL import Image

from tests.evaluation.made_up import made_pairs, made_set, packed, pixels
from tests.photos import photo_file, write_photo
from undegrade.errors import InputError
from undegrade.evaluation.gates import KNOWN_SETS, identify
from undegrade.evaluation.sets import fingerprint, open_set


def test_folder_and_pack_are_one_set(tmp_path):
    folder = made_set(tmp_path / "things")
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"neither")
    loose, pack = open_set(folder), open_set(packed(folder, tmp_path / "pack.tar"))
    assert (loose.name, pack.name) == ("things", "pack")
    assert [item.name for item in loose.items] == ["a", "b", "c"]
    assert [item.name for item in pack.items] == ["a", "b", "c"]
    assert not loose.paired
    for one, other in zip(loose.items, pack.items, strict=True):
        assert one.read().digest == other.read().digest
        np.testing.assert_array_equal(one.read().pixels, other.read().pixels)


def test_folders_inside_are_part_of_the_names(tmp_path):
    for name in ("x/a.png", "x/b.png", "y/a.png"):
        write_photo(tmp_path / "set" / name)
    assert [item.name for item in open_set(tmp_path / "set").items] == ["x/a", "x/b", "y/a"]


def test_pairs(tmp_path):
    for place in (made_pairs(tmp_path / "lol"), packed(tmp_path / "lol", tmp_path / "lol.tar")):
        found = open_set(place)
        assert found.paired
        assert [item.name for item in found.items] == ["0", "1"]
        pair = found.items[1].read()
        np.testing.assert_array_equal(pair.pixels, pixels(seed=1))
        np.testing.assert_array_equal(pair.damaged, pixels(seed=1) // 3)


def test_truths_alone_are_no_pairs(tmp_path):
    made_set(tmp_path / "set" / "GT", 2)
    found = open_set(tmp_path / "set")
    assert not found.paired
    assert [item.name for item in found.items] == ["a", "b"]


def test_pictures_are_known_by_their_pixels(tmp_path):
    """Whatever they are kept in, and in whatever order they come."""
    picture = pixels()
    write_photo(tmp_path / "png" / "a.png", picture)
    write_photo(tmp_path / "webp" / "a.webp", picture, lossless=True)
    write_photo(tmp_path / "other" / "a.png", picture ^ 1)
    same, again, other = (
        open_set(tmp_path / name).items[0].read().digest for name in ("png", "webp", "other")
    )
    assert same == again != other
    assert fingerprint([same, other]) == fingerprint([other, same]) != fingerprint([same, same])


def test_a_digest_knows_the_shape(tmp_path):
    flat = np.full((8, 12, 3), 9, np.uint8)
    write_photo(tmp_path / "set" / "a.png", flat)
    write_photo(tmp_path / "set" / "b.png", flat.transpose(1, 0, 2))
    a, b = (item.read() for item in open_set(tmp_path / "set").items)
    assert a.digest != b.digest


def test_sixteen_bit_is_rounded(tmp_path):
    values = np.array([[0, 128, 129, 257, 65535, 65406]], np.uint16).repeat(2, 0)
    (tmp_path / "set").mkdir()
    Image.fromarray(values).save(tmp_path / "set" / "a.png")
    found = open_set(tmp_path / "set").items[0].read().pixels
    assert found[0, :, 0].tolist() == [0, 0, 1, 1, 255, 254]


def test_the_quality_of_the_file_is_known(tmp_path):
    write_photo(tmp_path / "set" / "a.jpg", pixels(), quality=35)
    assert open_set(tmp_path / "set").items[0].read().quality == 35


def test_known_by_pixels_or_by_name():
    known = KNOWN_SETS[0]
    assert identify("whatever", known.count, known.fingerprint) == "set5"
    assert identify("Set5", known.count, "other pixels") == "set5"
    assert identify("LOL-val", 3, None) == "lol_val"
    assert identify("whatever", known.count, "other pixels") is None
    assert identify("live1-mine", 29, None) is None


@pytest.mark.parametrize("name", ["", "...", "_"])
def test_a_set_without_a_name_is_no_known_one(name):
    assert identify(name, 3, None) is None


def test_refusals(tmp_path):
    with pytest.raises(InputError, match="there is no test set"):
        open_set(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no pictures"):
        open_set(tmp_path / "empty")
    (tmp_path / "a.tar").write_bytes(b"no pack at all")
    with pytest.raises(InputError, match="no uncompressed tar pack"):
        open_set(tmp_path / "a.tar")
    with tarfile.open(tmp_path / "b.tar", "w:gz") as tar:
        tar.add(made_set(tmp_path / "set"))
    with pytest.raises(InputError, match="no uncompressed tar pack"):
        open_set(tmp_path / "b.tar")


def test_sets_that_contradict_themselves(tmp_path):
    made_pairs(tmp_path / "pairs")
    (tmp_path / "pairs" / "low" / "1.webp").unlink()
    with pytest.raises(InputError, match=r"'high/1.png' but not its partner"):
        open_set(tmp_path / "pairs")
    made_set(tmp_path / "twice")
    write_photo(tmp_path / "twice" / "a.bmp")
    with pytest.raises(InputError, match=r"'a.bmp' and 'a.png', which have one name"):
        open_set(tmp_path / "twice")


def test_pictures_that_cannot_be_used(tmp_path):
    (made_set(tmp_path / "set") / "a.png").write_bytes(photo_file(pixels())[:90])
    with pytest.raises(InputError, match="'a'"):
        open_set(tmp_path / "set").items[0].read()
    made_pairs(tmp_path / "pairs", 1)
    write_photo(tmp_path / "pairs" / "high" / "0.png", pixels(20, 30))
    with pytest.raises(InputError, match="60x48 pixels and a truth of 30x20"):
        open_set(tmp_path / "pairs").items[0].read()
