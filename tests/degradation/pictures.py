"""Synthetic pictures and the measures that the degradation tests share."""

from __future__ import annotations

import numpy as np


def natural(height=96, width=128, channels=3, seed=7):
    """A picture with edges, texture and smooth parts: (H, W, C) float32, 8-bit values in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    picture = np.stack([0.35 + 0.4 * x, 0.6 - 0.3 * y, 0.3 + 0.3 * x * y], axis=2)
    for _ in range(14):
        cy, cx, radius = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.05, 0.3)
        inside = ((y - cy) ** 2 + (x - cx) ** 2 < radius**2)[:, :, None]
        picture = np.where(inside, 0.4 * picture + 0.6 * rng.uniform(0.05, 0.95, 3), picture)
    frequency = np.fft.fftfreq(height)[:, None] ** 2 + np.fft.fftfreq(width)[None] ** 2
    white = np.fft.fft2(rng.standard_normal((height, width)))
    texture = np.real(np.fft.ifft2(white / (0.02 + np.sqrt(frequency))))
    picture = picture + 0.04 * (texture / texture.std())[:, :, None]
    picture = np.rint(np.clip(picture, 0, 1) * 255) / 255
    return picture[:, :, :channels].astype(np.float32)


def psnr(a, b):
    """Decibels over all channels, peak 1, in float64."""
    error = np.mean((np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2)
    return float("inf") if error == 0 else -10 * np.log10(error)


def to_file(image):
    """Clip and round to 8 bit, values in [0, 1]."""
    return np.rint(np.clip(image, 0, 1) * 255) / 255


def rgb_to_y(image):
    """Studio-range luma of BT.601, in 0..255 units, of RGB in [0, 1]."""
    return 16 + image @ np.array([65.481, 128.553, 24.966])
