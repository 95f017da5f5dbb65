"""PSNR, PSNR-B, SSIM and MS-SSIM: published values, second implementations, formulas."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image

from tests.degradation.pictures import natural
from tests.shared_data import photos
from undegrade.imaging.resize import imresize
from undegrade.metrics import metric

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def pair(height=60, width=75, sigma=0.06, seed=2):
    x = natural(height, width).astype(np.float64)
    return np.clip(x + np.random.default_rng(seed).normal(0, sigma, x.shape), 0, 1), x


def to_bytes(image):
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def test_psnr_by_hand():
    """One level of 255 everywhere is 20 log10(255) = 48.13 dB."""
    x = np.full((5, 7, 3), 99, np.uint8)
    assert metric("psnr")(x + np.uint8(1), x) == pytest.approx(20 * math.log10(255))
    assert metric("psnr")(x, x) == math.inf
    # On Y the same step is 219/255 as large: 1.32 dB more.
    y = metric("psnr")(x + np.uint8(1), x, channel="y")
    assert y == pytest.approx(20 * math.log10(255 * 255 / 219))


def test_psnr_and_ssim_against_scikit_image():
    metrics = pytest.importorskip("skimage.metrics", reason="needs undegrade[eval]")
    y, x = pair()
    expected = metrics.peak_signal_noise_ratio(x, y, data_range=1)
    assert metric("psnr")(y, x) == pytest.approx(expected, rel=1e-12)
    _, full = metrics.structural_similarity(
        y,
        x,
        data_range=1,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    assert metric("ssim")(y, x) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-12)


def test_ssim_of_strips_is_ssim():
    """More rows than are computed at a time, and fewer than a strip over."""
    y, x = pair(300, 40)
    expected = windows_of(y, x, 11, 1.5)[0].mean()
    assert metric("ssim")(y, x) == pytest.approx(expected, abs=1e-12)


def windows_of(y, x, size, sigma):
    """SSIM and contrast-structure at every window, by the two-dimensional window itself."""
    k = np.arange(size) - (size - 1) / 2
    window = np.exp(-(k[:, None] ** 2 + k**2) / (2 * sigma**2))
    window /= window.sum()

    def mean(image):
        parts = np.lib.stride_tricks.sliding_window_view(image, (size, size), axis=(0, 1))
        return np.einsum("hwcij,ij->hwc", parts, window)

    mx, my = mean(x), mean(y)
    sxx, syy = mean(x * x) - mx**2, mean(y * y) - my**2
    cs = (2 * (mean(x * y) - mx * my) + 9e-4) / (sxx + syy + 9e-4)
    return cs * (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4), cs


def halved(image):
    scipy = pytest.importorskip("scipy.ndimage", reason="needs undegrade[eval]")
    kernel = np.full((2, 2, 1), 0.25)
    return scipy.convolve(image, kernel, mode="reflect")[::2, ::2]


@pytest.mark.parametrize("size", [(100, 100), (40, 73), (9, 30)])
def test_ms_ssim_of_dped(size):
    """By the definition, with the windows 11, 11, 11, 11, 7 of 100 pixels, even ones too."""
    y, x = pair(*size)
    total, sides = 1.0, []
    a, b = y, x
    for level, weight in enumerate(WEIGHTS):
        side = min(11, *a.shape[:2])
        sides.append(side)
        ssim, cs = windows_of(a, b, side, 1.5 * side / 11)
        total *= (ssim if level == 4 else cs).mean() ** weight
        a, b = halved(a), halved(b)
    if size == (100, 100):
        assert sides == [11, 11, 11, 11, 7]
    assert metric("ms-ssim-dped")(y, x) == pytest.approx(total, abs=1e-12)


def test_ms_ssim():
    """By the definition, the mean of the channels' values; odd sides are halved upwards."""
    y, x = pair(177, 190)
    totals = []
    for channel in range(3):
        a, b = y[:, :, channel, None], x[:, :, channel, None]
        total = 1.0
        for level, weight in enumerate(WEIGHTS):
            ssim, cs = windows_of(a, b, 11, 1.5)
            total *= (ssim if level == 4 else cs).mean() ** weight
            a, b = halved(a), halved(b)
        totals.append(total)
    assert metric("ms-ssim")(y, x) == pytest.approx(np.mean(totals), abs=1e-12)
    # Of one channel the two definitions agree where every scale holds the window.
    grey = y[:, :, 0], x[:, :, 0]
    assert metric("ms-ssim")(*grey) == pytest.approx(metric("ms-ssim-dped")(*grey), abs=1e-12)


def test_ms_ssim_of_a_negative_is_0():
    x = natural(176, 176)
    assert metric("ms-ssim")(1 - x, x) == 0


def test_psnr_b_by_hand():
    """Two flat halves that meet on the grid, against flat: BEF from equations 13 to 19."""
    x = np.full((16, 16), 0.5)
    y = x.copy()
    y[:, 8:] += 0.1
    mse, boundary = 0.01 / 2, 16 * 0.01 / (2 * 16)
    expected = -10 * math.log10(mse + 3 / 4 * boundary)
    assert metric("psnr-b")(y, x) == pytest.approx(expected)
    # A step off the grid is no block: nothing is added.
    y = x.copy()
    y[:, 7:] += 0.1
    assert metric("psnr-b")(y, x) == pytest.approx(metric("psnr")(y, x))


def test_psnr_b_looks_at_the_enhanced_picture_alone():
    x = natural(64, 64)
    blocky = np.kron(x[::8, ::8], np.ones((8, 8, 1)))
    assert metric("psnr-b")(blocky, x) < metric("psnr")(blocky, x) - 0.5
    assert metric("psnr-b")(x, blocky) > metric("psnr-b")(blocky, x)


@pytest.mark.parametrize(
    ("scale", "psnr", "ssim"), [(2, 33.68, 0.9304), (3, 30.40, 0.8690), (4, 28.43, 0.8113)]
)
def test_published_values_of_set5(scale, psnr, ssim):
    """Bicubic interpolation, Y, border of the scale.

    33.678/0.9304, 30.404/0.8690, 28.431/0.8113 with the small pictures that SwinIR publishes (own
    imresize in RGB); papers, which enlarge Y alone: 33.66/0.9299, 30.39/0.8682, 28.42/0.8104.
    """
    values = []
    for _, pixels in photos("set5.tar"):
        height, width = (side // scale * scale for side in pixels.shape[:2])
        whole = pixels[:height, :width]
        small = to_bytes(imresize(whole / 255, scale=1 / scale))
        large = to_bytes(imresize(small / 255, size=(height, width)))
        values.append([metric(m)(large, whole, channel="y", crop=scale) for m in ("psnr", "ssim")])
    means = np.mean(values, axis=0)
    assert means[0] == pytest.approx(psnr, abs=0.006)
    assert means[1] == pytest.approx(ssim, abs=2e-4)


def jpeg(pixels, quality):
    file = io.BytesIO()
    options = {} if pixels.ndim == 2 else {"subsampling": "4:2:0"}
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, **options)
    return np.asarray(Image.open(file))


def test_published_values_of_live1():
    """Quality 10, grey and in colour: PSNR, SSIM and PSNR-B of the table of FBCNN."""
    grey, colour = [], []
    for _, pixels in photos("live1.tar"):
        luma = np.rint(16 + pixels @ np.array([65.481, 128.553, 24.966]) / 255).astype(np.uint8)
        for values, picture in ((grey, luma), (colour, pixels)):
            coded = jpeg(picture, 10)
            values.append([metric(m)(coded, picture) for m in ("psnr", "ssim", "psnr-b")])
    for values, published in ((grey, (27.77, 0.773, 25.33)), (colour, (25.69, 0.743, 24.20))):
        rounded = [round(v, n) for v, n in zip(np.mean(values, axis=0), (2, 3, 2), strict=True)]
        np.testing.assert_allclose(rounded, published, atol=1e-9)
