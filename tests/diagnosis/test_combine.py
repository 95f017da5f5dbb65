"""Crops that know little or are wrong do not spoil what the others say."""

from __future__ import annotations

import numpy as np
import pytest

from undegrade.diagnosis.combine import combine


def crops(values, deviations):
    """The same readings for every quantity."""
    return (np.tile(np.array(column, float)[:, None], (1, 3)) for column in (values, deviations))


def test_crops_that_agree():
    level, error = combine(*crops([0.3] * 16, [0.04] * 16))
    assert level == pytest.approx([0.3] * 3)
    assert (error < 0.04).all()
    assert (error > 0.04 / 4).all(), "crops of one photo are not independent"


def test_one_crop_speaks_for_itself():
    level, error = combine(*crops([0.3], [0.04]))
    assert level == pytest.approx([0.3] * 3)
    assert error == pytest.approx([0.04] * 3)


def test_a_few_that_are_sure_and_wrong_are_outvoted():
    level, _ = combine(*crops([0.1] * 13 + [0.9] * 3, [0.05] * 16))
    assert level == pytest.approx([0.1] * 3, abs=0.02)


def test_who_cannot_know_is_not_asked():
    level, _ = combine(*crops([0.1] * 4 + [0.6] * 12, [0.01] * 4 + [0.5] * 12))
    assert level == pytest.approx([0.1] * 3, abs=0.05)


def test_a_background_out_of_focus_is_no_blur():
    noise, _, blur = combine(*crops([0.0] * 6 + [0.8] * 10, [0.05] * 16))[0]
    assert noise > 0.5
    assert blur < 0.1
