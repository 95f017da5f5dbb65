"""Proof from the pixels that a picture was a JPEG, and of which quality."""

from __future__ import annotations

import importlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def coded_quality():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("coded").coded_quality


@pytest.fixture(scope="module")
def textured():
    """Texture at every frequency, (H, W, 3) uint8, strongest where it is coarse, as in photos."""
    spectrum = np.random.default_rng(0).normal(size=(2, 160, 176))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(176), np.fft.fftfreq(160)))
    waves = (spectrum[0] + 1j * spectrum[1]) / np.maximum(frequency, 0.01)
    plane = np.fft.ifft2(waves).real
    grey = np.clip(128 + 40 * plane / plane.std(), 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def through(pixels, quality):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


@pytest.mark.parametrize("quality", [30, 60, 75, 90])
@pytest.mark.parametrize("cut", [(0, 0), (3, 5)])
def test_the_quality_is_read_on_any_phase(coded_quality, textured, quality, cut):
    pixels = through(textured, quality)[cut[0] :, cut[1] :]
    assert coded_quality(pixels / 255) == pytest.approx(quality, abs=1)


def test_nothing_is_claimed_without_proof(coded_quality, textured):
    assert coded_quality(textured / 255) is None
    resized = Image.fromarray(through(textured, 60)).resize((150, 140), Image.Resampling.BICUBIC)
    assert coded_quality(np.asarray(resized) / 255) is None
    assert coded_quality(np.full((64, 64, 3), 0.5)) is None
