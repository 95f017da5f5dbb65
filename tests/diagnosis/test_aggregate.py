"""Crops that know little or are wrong do not spoil what the others say."""

from __future__ import annotations

import numpy as np
import pytest

from undegrade.diagnosis.network import aggregate
from undegrade.diagnosis.units import QUANTITIES

COUNT = len(QUANTITIES)


def crops(values, deviations):
    """The same readings for every quantity."""
    return (
        np.tile(np.array(column, float)[:, None], (1, COUNT)) for column in (values, deviations)
    )


def test_crops_that_agree():
    level, error = aggregate(*crops([0.3] * 16, [0.04] * 16))
    assert level == pytest.approx([0.3] * COUNT)
    assert (error < 0.04).all()
    assert (error > 0.04 / 4).all(), "crops of one photo are not independent"


def test_one_crop_speaks_for_itself():
    level, error = aggregate(*crops([0.3], [0.04]))
    assert level == pytest.approx([0.3] * COUNT)
    assert error == pytest.approx([0.04] * COUNT)


def test_a_few_that_are_sure_and_wrong_are_outvoted():
    level, _ = aggregate(*crops([0.1] * 13 + [0.9] * 3, [0.05] * 16))
    assert level == pytest.approx([0.1] * COUNT, abs=0.02)


def test_who_cannot_know_is_not_asked():
    level, _ = aggregate(*crops([0.1] * 4 + [0.6] * 12, [0.01] * 4 + [0.5] * 12))
    assert level == pytest.approx([0.1] * COUNT, abs=0.05)


def test_a_background_out_of_focus_is_no_blur():
    read = aggregate(*crops([0.0] * 6 + [0.8] * 10, [0.05] * 16))[0]
    noise, blur = read[QUANTITIES.index("luma_middle")], read[QUANTITIES.index("blur")]
    assert noise > 0.5
    assert blur < 0.1


def test_crops_that_see_least_noise_are_not_the_surest():
    # Misread by 40 % either way, and each says so of what it read.
    read = 0.2 * np.exp(0.4 * np.random.default_rng(0).standard_normal(200))
    levels, errors = zip(
        *(aggregate(*crops(some, 0.4 * some)) for some in read.reshape(-1, 10)), strict=True
    )
    noise = QUANTITIES.index("luma_middle")
    assert np.mean(levels, 0)[noise] == pytest.approx(0.2, rel=0.1)
    assert np.mean(errors, 0)[noise] > 0.04
