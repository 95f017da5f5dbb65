"""Photos decoded on demand, within a bound of memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from tests.photos import scene, write_photo  # noqa: E402
from undegrade.errors import InputError  # noqa: E402
from undegrade.training.data.photos import LazyPhotoSet, PhotoSet, load  # noqa: E402
from undegrade.training.data.sources import Reading  # noqa: E402

SIDE = 64
PHOTO = 3 * SIDE * SIDE
"""Bytes of a decoded photo; the weights of its cells are some more."""


def gib(photos):
    """Memory for so many photos."""
    return (photos * PHOTO * 1.1) / 2**30


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for i in range(8):
        pixels = scene(SIDE, SIDE, seed=i)
        pixels[:, :, 0] = i  # tells the photo
        write_photo(folder / f"{i}.png", pixels)
    return folder


def lazy(folder, photos, **reading):
    return load([folder], reading=Reading(memory=gib(photos), **reading))[0]


def test_crops_do_not_depend_on_what_is_kept(folder):
    one, all_ = lazy(folder, 1), lazy(folder, 100)
    for seed in (0, 1, 0):
        crops = one.crops(20, 16, generator(seed))
        assert torch.equal(crops, all_.crops(20, 16, generator(seed)))
    assert crops.shape == (20, 3, 16, 16)
    assert crops.dtype == torch.uint8


@pytest.mark.parametrize("photos", [0.5, 1, 3])
def test_memory_is_bounded(folder, photos):
    held = lazy(folder, photos)
    sizes = []
    for seed in range(20):
        held.crops(3, 16, generator(seed))
        sizes.append(held.cached)
    assert max(sizes) <= photos * PHOTO * 1.1
    assert max(sizes) >= PHOTO * int(photos)


def test_what_fits_is_decoded_once(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    held = lazy(tmp_path, 8)
    first = held.crops(100, 16, generator())
    for path in tmp_path.iterdir():
        path.unlink()
    assert torch.equal(held.crops(100, 16, generator()), first)


def test_the_same_crops_come_as_from_photos_in_memory(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    # One of another size, and one that is flat, of which little is to be learned.
    write_photo(tmp_path / "8.png", scene(3 * SIDE, 2 * SIDE, seed=9))
    write_photo(tmp_path / "9.png", np.full((4 * SIDE, 4 * SIDE, 3), 255, np.uint8))
    held = load([tmp_path])[0]
    for memory in (1, 100):
        for seed in range(4):
            expected = held.crops(50, 16, generator(seed))
            assert torch.equal(lazy(tmp_path, memory).crops(50, 16, generator(seed)), expected)
    flat = (held.crops(400, 16, generator()) == 255).all(3).all(2).all(1).float().mean()
    assert 0 < flat < 0.3  # of whose area it is more than half


def test_detail_is_drawn_within_a_photo(tmp_path):
    half = np.full((SIDE, SIDE, 3), 90, np.uint8)
    half[:32] = np.random.default_rng(0).integers(0, 256, (32, SIDE, 3))
    write_photo(tmp_path / "half.png", half)
    crops = lazy(tmp_path, 1).crops(200, 8, generator())
    assert 0.7 < (crops.float().std((1, 2, 3)) > 1).float().mean() < 1


def test_threads_draw_what_one_draws(folder):
    expected = [lazy(folder, 2).crops(12, 16, generator(seed)) for seed in range(16)]
    held = lazy(folder, 2)
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda seed: held.crops(12, 16, generator(seed)), range(16)))
    assert all(torch.equal(a, b) for a, b in zip(drawn, expected, strict=True))
    assert held.cached <= 2 * PHOTO * 1.1


def test_loading_chooses(folder):
    assert isinstance(load([folder])[0], PhotoSet)
    photos, held = load([folder], 2, reading=Reading(memory=gib(1)))
    assert isinstance(photos, LazyPhotoSet)
    assert (len(photos), len(held)) == (6, 2)
    eager, kept = load([folder], 2)
    assert len(eager) == 6
    assert all(torch.equal(a, b) for a, b in zip(held, kept, strict=True))


def test_pairs_and_reading(tmp_path):
    for side, seed in (("low", 1), ("high", 2)):
        write_photo(tmp_path / side / "1.png", scene(SIDE, SIDE, seed=seed))
    held = lazy(tmp_path, 4, pairs=True, centre=32, symmetries="none")
    crop = held.crops(1, 32, generator())[0].permute(1, 2, 0).numpy()
    both = np.dstack([scene(SIDE, SIDE, seed=1), scene(SIDE, SIDE, seed=2)])
    assert np.array_equal(crop, both[16:48, 16:48])


def test_small_and_broken_photos_are_named(tmp_path):
    write_photo(tmp_path / "a.png", scene(40, 60))
    held = lazy(tmp_path, 4)
    assert held.crops(1, 40, generator()).shape[2:] == (40, 40)
    with pytest.raises(InputError, match=r"a.png' has 60 x 40 pixels, too few for a crop"):
        held.crops(1, 41, generator())
    (tmp_path / "a.png").write_bytes(b"broken")
    with pytest.raises(InputError, match=r"a.png'"):
        lazy(tmp_path, 4).crops(1, 8, generator())
    with pytest.raises(InputError, match="no training photo was found"):
        LazyPhotoSet([])
