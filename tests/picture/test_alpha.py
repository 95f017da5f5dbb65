"""Transparency."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.picture.samples import noise
from undegrade.picture import bleed, resize_alpha


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([1, 3]),
    st.sampled_from([np.uint8, np.uint16]),
    st.integers(0, 99),
)
def test_bleeding_touches_only_what_cannot_be_seen(height, width, channels, dtype, seed):
    pixels = noise(height, width, channels, dtype, seed)
    alpha = noise(height, width, 1, dtype, seed + 1)[:, :, 0] * (
        np.random.default_rng(seed).random((height, width)) < 0.3
    ).astype(dtype)
    out = bleed(pixels, alpha)
    seen = alpha > 0
    assert out.dtype == dtype
    np.testing.assert_array_equal(out[seen], pixels[seen])
    if seen.any():
        lowest, highest = pixels[seen].min(axis=0), pixels[seen].max(axis=0)
        assert (out >= lowest).all()
        assert (out <= highest).all()


def test_bleeding_takes_colours_from_nearby():
    pixels = np.zeros((64, 64, 3), np.uint8)
    alpha = np.zeros((64, 64), np.uint8)
    pixels[:, :20], alpha[:, :20] = (200, 10, 10), 255
    pixels[:, 44:], alpha[:, 44:] = (10, 10, 200), 255
    out = bleed(pixels, alpha)
    assert (out[:, 20] == (200, 10, 10)).all()
    assert (out[:, 43] == (10, 10, 200)).all()
    assert (out[:, 20:44].sum(axis=2) > 150).all()


def test_nothing_to_bleed():
    pixels = noise(5, 5, 3, np.uint8)
    assert bleed(pixels, np.full((5, 5), 1, np.uint8)) is pixels
    assert bleed(pixels, np.zeros((5, 5), np.uint8)) is pixels


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_resizing(dtype):
    top = np.iinfo(dtype).max
    constant = np.full((5, 7), 99, dtype)
    assert (resize_alpha(constant, 20, 3) == 99).all()
    assert resize_alpha(constant, 5, 7) is constant
    edge = np.zeros((8, 8), dtype)
    edge[:, 4:] = top
    large = resize_alpha(edge, 16, 32)
    assert large.shape == (16, 32)
    assert large.dtype == dtype
    assert (large[:, :10] == 0).all()
    assert (large[:, -10:] == top).all()
    small = resize_alpha(edge, 4, 2)
    assert small.shape == (4, 2)
    assert abs(float(small.mean()) - top / 2) < top * 0.02


def test_importing_stays_light():
    code = (
        "import sys, undegrade.picture; "
        "print([m for m in ('torch', 'tifffile', 'pi_heif', 'PIL.ImageCms') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
