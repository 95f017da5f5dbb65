"""The estimators tell what was done to a picture, and are silent where nothing was."""

from __future__ import annotations

import numpy as np
import pytest

from tests.photos import noisy, scene
from undegrade import levels
from undegrade.catalog.card import LEVELS
from undegrade.errors import UsageError
from undegrade.imaging.noise_levels import NOISE, white_levels
from undegrade.levels import BLOCK, Levels, noise_sigma


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("sigma", [5, 10, 15, 25])
def test_noise_is_measured(sigma, dtype, channels):
    found = noise_sigma(noisy(scene(192, 256, channels, dtype), sigma))
    assert abs(found - sigma) <= 0.1 * sigma + 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_a_clean_picture_is_clean(seed, channels, dtype):
    assert noise_sigma(scene(128, 160, channels, dtype, seed)) < 3


def test_clipped_parts_do_not_hide_the_noise():
    picture = scene(192, 256)
    picture[:, :128] = 255
    picture[:64] = 0
    assert abs(noise_sigma(noisy(picture, 15)) - 15) <= 2.5


def test_all_clipped_is_clean():
    assert noise_sigma(np.full((64, 64, 3), 255, np.uint8)) == 0


@pytest.mark.parametrize("shape", [(1, 1), (BLOCK - 1, 200), (200, BLOCK - 1)])
def test_tiny_pictures_count_as_clean(shape):
    assert noise_sigma(noisy(scene(*shape), 25)) == 0


def test_one_block_is_enough():
    assert abs(noise_sigma(noisy(scene(BLOCK, BLOCK), 20)) - 20) < 5


def test_a_large_picture_is_sampled(monkeypatch):
    picture = noisy(scene(512, 640), 15)
    monkeypatch.setattr(levels, "MOST_BLOCKS", 40)
    assert abs(noise_sigma(picture) - 15) <= 2.5


def test_levels_as_numbers():
    assert Levels(25, 5).named()["noise"] == 0.5
    assert Levels(0, 5).named()["jpeg"] == pytest.approx(1)
    assert Levels(0, 100).named()["jpeg"] == 0
    qualities = [Levels(0, quality).named()["jpeg"] for quality in range(1, 101)]
    assert qualities == sorted(qualities, reverse=True)


def test_every_card_finds_its_levels():
    assert set(Levels().named()) == set(LEVELS)
    assert not any(Levels().named().values())
    white = Levels(25, 5).named()
    assert white["jpeg"] == pytest.approx(1)
    assert white["grain"] == 0
    assert [white[name] for name in NOISE] == pytest.approx(white_levels(25))
    grey = Levels(25).named(grey=True)
    assert [grey[name] for name in NOISE] == pytest.approx([0.5, 0.5, 0.5, 0, 0, 0])
    several = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    real = Levels(20, noise_levels=several, grain=2.0).named()
    assert tuple(real[name] for name in NOISE) == several
    assert real["grain"] == pytest.approx(1 / 3)
    assert real["noise"] == 0.4
    # Grain of no noise is none.
    assert Levels(grain=2.0).named()["grain"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"noise": -1}, "sigma -1 is not possible"),
        ({"noise": float("nan")}, "sigma nan is not possible"),
        ({"grain": 0.5}, r"grains of 0\.5 pixels"),
        ({"grain": float("nan")}, "grains of nan"),
        ({"noise_levels": (0.1, 0.2)}, "2 levels of noise were given.*luma_dark"),
        ({"noise_levels": ()}, "0 levels of noise"),
        ({"noise_levels": (0.1, 0.1, 0.1, 0.1, -0.2, 0.1)}, r"chroma_middle = -0\.2"),
    ],
)
def test_levels_that_cannot_be(arguments, message):
    with pytest.raises(UsageError, match=message):
        Levels(**arguments)
