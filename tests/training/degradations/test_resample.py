"""Resizing on tensors equals the project's imresize, edges included."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from tests.training.degradations.pairs import (  # noqa: E402
    array,
    random_pictures,
    tensor,
)
from undegrade.imaging.resize import imresize  # noqa: E402
from undegrade.training import degradations  # noqa: E402

SIDES = st.integers(1, 45)
SCALES = st.sampled_from([1, 2, 3, 4, 8]) | st.floats(1, 9)


def resized(images, **how):
    return np.stack([imresize(image, **how) for image in images])


@settings(max_examples=40, deadline=None)
@given(scale=SCALES, height=SIDES, width=SIDES)
def test_down_and_up_by_any_factor(scale, height, width):
    images = random_pictures(2, height, width)
    down = array(degradations.bicubic_down(tensor(images), scale))
    np.testing.assert_allclose(down, resized(images, scale=1 / scale), atol=1e-5)
    up = array(degradations.bicubic_up(tensor(images), scale))
    np.testing.assert_allclose(up, resized(images, scale=float(scale)), atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(height=SIDES, width=SIDES, new_height=SIDES, new_width=SIDES)
def test_to_any_size(height, width, new_height, new_width):
    images = random_pictures(2, height, width, 1)
    ours = array(degradations.bicubic_to(tensor(images), new_height, new_width))
    np.testing.assert_allclose(ours, resized(images, size=(new_height, new_width)), atol=1e-5)


def test_a_batch_equals_its_samples():
    x = tensor(random_pictures(3, 24, 18))
    together = degradations.bicubic_down(x, 3)
    for i in range(3):
        torch.testing.assert_close(together[i : i + 1], degradations.bicubic_down(x[i : i + 1], 3))


def test_what_cannot_be_resized():
    x = torch.rand(1, 3, 8, 8)
    with pytest.raises(ValueError, match=r"a scale of at least 1, not 0\.5"):
        degradations.bicubic_down(x, 0.5)
    with pytest.raises(ValueError, match=r"a scale of at least 1, not 0\.5"):
        degradations.bicubic_up(x, 0.5)
    with pytest.raises(ValueError, match="at least 1 pixel, not 0 x 4"):
        degradations.bicubic_to(x, 0, 4)
    with pytest.raises(ValueError, match="pictures must be"):
        degradations.bicubic_down(x[0], 2)
