"""Levels and the units that people use."""

from __future__ import annotations

import pytest

from undegrade.diagnosis.units import QUANTITIES, blur_level, detail_scale, from_level, to_level
from undegrade.imaging.noise_levels import NOISE

VALUES = {
    **{name: [0, 1, 25, 50] for name in NOISE},
    "grain": [1, 1.5, 4, 8],
    "jpeg": [100, 90, 50, 10],
    "blur": [0, 0.5, 1, 4],
    "lift": [0, 0.5, 2, 8],
}


@pytest.mark.parametrize("name", VALUES)
def test_levels_go_there_and_back_and_rise_with_damage(name):
    levels = [to_level(name, value) for value in VALUES[name]]
    assert levels[0] == 0
    assert levels == sorted(levels)
    assert [from_level(name, level) for level in levels] == pytest.approx(VALUES[name], abs=1e-6)


@pytest.mark.parametrize("name", VALUES)
def test_nothing_is_less_than_clean(name):
    assert from_level(name, -0.3) == from_level(name, 0.0) == VALUES[name][0]


def test_every_quantity_is_tested():
    assert set(QUANTITIES) < set(VALUES)


@pytest.mark.parametrize("sigma", [0.0, 0.8, 2.0])
def test_enlarging_multiplies_the_scale(sigma):
    """Both the blur and the blur of sampling itself grow by the factor."""
    own, factor = 0.45, 2.0
    enlarged = (factor**2 * (sigma**2 + own**2) - own**2) ** 0.5
    assert detail_scale(blur_level(enlarged)) == pytest.approx(
        factor * detail_scale(blur_level(sigma))
    )
