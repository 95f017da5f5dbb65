"""Photos on the device and the crops drawn from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from tests.photos import scene, write_photo  # noqa: E402
from tests.training.data.sets import plain  # noqa: E402
from undegrade.errors import InputError  # noqa: E402
from undegrade.training.data.photos import PhotoSet, load  # noqa: E402
from undegrade.training.data.sources import Reading  # noqa: E402


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def coordinates(height, width, index=0):
    """A photo whose pixels say where they are: photo, row and column."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([torch.full_like(rows, index), rows, columns]).to(torch.uint8)


@given(
    sizes=st.lists(st.tuples(st.integers(9, 70), st.integers(9, 70)), min_size=1, max_size=4),
    size=st.integers(1, 9),
    count=st.integers(1, 12),
    symmetries=st.sampled_from(["all", "mirror", "none"]),
    pairs=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_a_crop_is_a_turned_part_of_one_photo(sizes, size, count, symmetries, pairs):
    photos = [coordinates(*shape, index) for index, shape in enumerate(sizes)]
    if pairs:
        photos = [torch.cat([255 - photo, photo]) for photo in photos]
    crops = PhotoSet(photos, symmetries=symmetries).crops(count, size, generator(count))
    assert crops.shape == (count, 6 if pairs else 3, size, size)
    assert crops.dtype == torch.uint8
    for crop in crops:
        index, *corner = crop[-3:].flatten(1).amin(1).tolist()
        part = photos[index][:, corner[0] :, corner[1] :][:, :size, :size]
        turns = [torch.rot90(part, k, (1, 2)) for k in range(4)]
        turns += [turn.flip(2) for turn in turns]
        allowed = {"all": turns, "mirror": [turns[0], turns[4]], "none": turns[:1]}[symmetries]
        assert any(torch.equal(crop, turn) for turn in allowed)


def test_the_same_generator_draws_the_same_crops():
    photos = PhotoSet([torch.from_numpy(scene(seed=i)).permute(2, 0, 1) for i in range(3)])
    assert torch.equal(photos.crops(9, 24, generator(5)), photos.crops(9, 24, generator(5)))
    assert not torch.equal(photos.crops(9, 24, generator(5)), photos.crops(9, 24, generator(6)))


@pytest.mark.parametrize(("symmetries", "kinds"), [("all", 8), ("mirror", 2), ("none", 1)])
def test_every_symmetry_is_drawn(symmetries, kinds):
    photos = PhotoSet([coordinates(8, 8)], symmetries=symmetries)
    crops = photos.crops(200, 8, generator())
    assert len({tuple(crop.flatten().tolist()) for crop in crops}) == kinds


def test_crops_reach_every_pixel_of_a_photo():
    crops = PhotoSet([coordinates(63, 90)], symmetries="none").crops(2000, 9, generator())
    corners = crops[:, 1:, 0, 0]
    assert corners.amin(0).tolist() == [0, 0]
    assert corners.amax(0).tolist() == [63 - 9, 90 - 9]


def test_crops_prefer_detail_of_the_target():
    flat, busy = torch.full((3, 64, 64), 90, dtype=torch.uint8), torch.randint(0, 256, (3, 64, 64))
    busy = busy.to(torch.uint8)
    pairs = PhotoSet([torch.cat([busy, flat]), torch.cat([flat, busy])])
    crops = pairs.crops(200, 16, generator())
    share = (crops[:, 3:].float().std((1, 2, 3)) > 1).float().mean()
    assert 0.8 < share < 1


def test_flat_photos_are_drawn_evenly():
    flat = [torch.full((3, 32, 32), level, dtype=torch.uint8) for level in (10, 20)]
    levels = PhotoSet(flat).crops(200, 8, generator())[:, 0, 0, 0]
    assert 60 < (levels == 10).sum() < 140


def test_a_photo_too_small_for_the_crop_is_named(tmp_path):
    write_photo(tmp_path / "a.png", scene(40, 60))
    write_photo(tmp_path / "b.png", scene(30, 60))
    photos, _ = load([tmp_path])
    assert photos.crops(1, 30, generator()).shape[2:] == (30, 30)
    with pytest.raises(InputError, match=r"b.png' has 60 x 30 pixels, too few for a crop of 31 x"):
        photos.crops(1, 31, generator())


def test_loading_holds_out_and_keeps_the_rest(tmp_path):
    for i in range(6):
        write_photo(tmp_path / f"{i}.png", plain(level=i))
    photos, held = load([tmp_path], 2)
    assert [int(photo[0, 0, 0]) for photo in held] == [2, 4]
    assert [int(photo[0, 0, 0]) for photo in photos.photos] == [0, 1, 3, 5]
    assert len(photos) == 4


def test_loading_pairs_as_the_reading_says(tmp_path):
    low, high = scene(48, 64, seed=1), scene(48, 64, seed=2)
    write_photo(tmp_path / "low" / "1.png", low)
    write_photo(tmp_path / "high" / "1.webp", high, lossless=True)
    reading = Reading(pairs=True, centre=32, symmetries="none")
    photos, _ = load([tmp_path], reading=reading)
    crop = photos.crops(1, 32, generator())[0].permute(1, 2, 0).numpy()
    assert np.array_equal(crop, np.dstack([low, high])[8:40, 16:48])


def test_no_photo_at_all():
    with pytest.raises(InputError, match="no training photo was found"):
        PhotoSet([])
