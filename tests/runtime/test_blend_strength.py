"""The dial moves every value from before to after and beyond, and never back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from undegrade.runtime.process import blend_strength


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_dial(dtype):
    rng = np.random.default_rng(0)
    peak = np.iinfo(dtype).max
    before, after = rng.integers(0, peak, (2, 150, 7, 3), dtype, endpoint=True)

    def moved(strength):
        result = after.copy()
        blend_strength(before, result, strength)
        return result.astype(int)

    np.testing.assert_array_equal(moved(0), before)
    np.testing.assert_array_equal(moved(1), after)
    steps = [moved(strength) for strength in (0, 0.2, 0.5, 0.9, 1, 1.2, 1.5)]
    way = np.sign(after.astype(int) - before)
    for earlier, later in pairwise(steps):
        assert ((later - earlier) * way >= 0).all()
    half = (before.astype(float) + after) / 2
    assert np.abs(moved(0.5) - half).max() <= 0.5
    assert steps[-1].min() == 0
    assert steps[-1].max() == peak
    beyond = before + 1.5 * (after.astype(float) - before)
    np.testing.assert_allclose(steps[-1], np.clip(beyond, 0, peak), atol=0.51)
