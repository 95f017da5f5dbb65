"""NIQE and BRISQUE: second implementations by loops and scipy, and the published parameters."""

from __future__ import annotations

import numpy as np
import pytest

from tests.degradation.pictures import natural
from tests.metrics.stand_ins import libsvm_text, opencv_texts, support_vectors
from tests.shared_data import photos, shared
from undegrade.errors import ModelError, UsageError
from undegrade.imaging.resize import imresize
from undegrade.metrics import BRISQUE, NIQE, OpenCVBRISQUE
from undegrade.metrics.brisque import (
    LIVE_HIGH,
    LIVE_LOW,
    features,
    opencv_features,
    read_libsvm,
    read_opencv,
)
from undegrade.metrics.niqe import block_features
from undegrade.metrics.scene_statistics import WINDOW, asymmetric_fit, symmetric_fit

ndimage = pytest.importorskip("scipy.ndimage", reason="needs undegrade[eval]")
from scipy.special import gamma  # noqa: E402

ALPHAS = np.arange(0.2, 10.0005, 0.001)
KERNEL = np.exp(-np.add.outer(np.arange(-3, 4) ** 2, np.arange(-3, 4) ** 2) / (2 * (7 / 6) ** 2))
KERNEL /= KERNEL.sum()


def grey(height, width, seed=7, noise=0):
    picture = 255 * natural(height, width, 1, seed)[:, :, 0].astype(np.float64)
    picture += np.random.default_rng(seed).normal(0, noise, picture.shape)
    return np.rint(np.clip(picture, 0, 255))


def mscn(image, mode, floor):
    mean = ndimage.correlate(image, KERNEL, mode=mode)
    square = ndimage.correlate(image**2, KERNEL, mode=mode)
    return (image - mean) / (np.sqrt(np.abs(square - mean**2)) + floor)


def aggd(x):
    """Shape and both standard deviations, by search through the whole table."""
    left, right = np.sqrt(np.mean(x[x < 0] ** 2)), np.sqrt(np.mean(x[x > 0] ** 2))
    g = left / right
    r = np.mean(np.abs(x)) ** 2 / np.mean(x**2) * (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2
    table = gamma(2 / ALPHAS) ** 2 / (gamma(1 / ALPHAS) * gamma(3 / ALPHAS))
    return ALPHAS[np.argmin((table - r) ** 2)], left, right


def niqe_features(block):
    def scaled(x):
        alpha, left, right = aggd(x)
        scale = np.sqrt(gamma(1 / alpha) / gamma(3 / alpha))
        return alpha, left * scale, right * scale

    alpha, left, right = scaled(block)
    values = [alpha, (left + right) / 2]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        alpha, left, right = scaled(block * np.roll(block, shift, axis=(0, 1)))
        mean = (right - left) * gamma(2 / alpha) / gamma(1 / alpha)
        values += [alpha, mean, left, right]
    return values


def test_niqe_features_block_by_block():
    image = grey(200, 310, noise=4)
    whole = image[:192, :288]
    rows = []
    for i in range(2):
        for j in range(3):
            row = []
            for side, scale in ((96, whole), (48, imresize(whole, scale=0.5))):
                values = mscn(scale, "nearest", 1.0)
                row += niqe_features(values[i * side : (i + 1) * side, j * side : (j + 1) * side])
            rows.append(row)
    np.testing.assert_allclose(block_features(image), rows, rtol=1e-8, atol=1e-10)


def test_niqe_by_its_formula(make):
    entry, image = make("niqe"), grey(200, 310, noise=4)
    features_ = block_features(image)
    with np.load(entry.parameters) as file:
        mean, covariance = file["mu_pris_param"][0], file["cov_pris_param"]
    inverse = np.linalg.inv((covariance + np.cov(features_.T)) / 2)
    d = mean - features_.mean(0)
    assert entry(image / 255) == pytest.approx(np.sqrt(d @ inverse @ d), rel=1e-6)


def test_niqe_of_one_colour(make):
    """Flat blocks do not count in the covariance; a flat picture has no NIQE."""
    image = grey(192, 288)
    image[:96, :96] = 255
    assert np.isfinite(make("niqe")(image / 255))
    assert np.isnan(block_features(image)).any(axis=1).sum() == 1
    with pytest.raises(UsageError, match="two blocks of 96x96 pixels that are not of one colour"):
        make("niqe")(np.full((192, 192), 0.5))
    with pytest.raises(UsageError, match="not 1; give a larger picture"):
        make("niqe")(grey(100, 150) / 255)


def test_niqe_with_the_published_parameters():
    """The window is theirs; undamaged photos score best, and damage costs.

    Own measurement over LIVE1, 2026-11: 2.880 undamaged, 8.883 noisy, 7.586 blurred.
    """
    path = shared("weights", "metrics", "niqe_pris_params.npz")
    with np.load(path) as file:
        np.testing.assert_allclose(np.outer(WINDOW, WINDOW), file["gaussian_window"], atol=1e-12)
    entry, values = NIQE(path), []
    for _, pixels in photos("live1.tar"):
        noise = np.random.default_rng(0).normal(0, 25, pixels.shape)
        noisy = np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)
        blurred = ndimage.gaussian_filter(pixels, (2, 2, 0))
        values.append([entry(picture) for picture in (pixels, noisy, blurred)])
    np.testing.assert_allclose(np.mean(values, axis=0), [2.880, 8.883, 7.586], atol=2e-3)


def test_niqe_parameters_that_do_not_fit(tmp_path):
    np.savez(tmp_path / "a.npz", mu_pris_param=np.zeros(35), cov_pris_param=np.eye(36))
    with pytest.raises(ModelError, match=r"mean \(35,\)"):
        NIQE(tmp_path / "a.npz")(grey(192, 192) / 255)
    (tmp_path / "b.npz").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be read"):
        NIQE(tmp_path / "b.npz")(grey(192, 192) / 255)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 4.0])
def test_fits_find_the_distribution(alpha):
    """Samples of a generalised Gaussian: |x|^alpha is gamma-distributed."""
    rng = np.random.default_rng(1)
    size = np.sqrt(gamma(1 / alpha) / gamma(3 / alpha))
    x = rng.gamma(1 / alpha, 1, (400, 500)) ** (1 / alpha) * size
    x *= rng.choice([-1, 1], x.shape)
    shape, variance = symmetric_fit(x)
    assert shape == pytest.approx(alpha, rel=0.03)
    assert variance == pytest.approx(1, rel=0.03)
    fit = asymmetric_fit(np.where(x < 0, 2 * x, x))
    assert fit.left / fit.right == pytest.approx(2, rel=0.03)
    assert asymmetric_fit(x).alpha == pytest.approx(alpha, rel=0.03)


def brisque_pair(x):
    alpha, left, right = aggd(x)
    constant = np.sqrt(gamma(1 / alpha) / gamma(3 / alpha))
    mean = (right - left) * gamma(2 / alpha) / gamma(1 / alpha) * constant
    return [alpha, mean, left**2, right**2]


def test_brisque_features():
    """As in the paper and the authors' code: zeros beyond the picture, circular neighbours."""
    image, expected = grey(61, 74, noise=3), []
    for scale in (image, imresize(image, scale=0.5)):
        values = mscn(scale, "constant", 1.0)
        table = gamma(1 / ALPHAS) * gamma(3 / ALPHAS) / gamma(2 / ALPHAS) ** 2
        ratio = np.mean(values**2) / np.mean(np.abs(values)) ** 2
        expected += [ALPHAS[np.argmin(np.abs(table - ratio))], np.mean(values**2)]
        for shift in ((0, 1), (1, 0), (1, 1), (-1, 1)):
            expected += brisque_pair(values * np.roll(values, shift, (0, 1)))
    np.testing.assert_allclose(features(image), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("size", [(64, 80), (61, 75)])
def test_opencv_features(size):
    """With OpenCV's own filters; neighbours beyond the picture are 0."""
    cv2 = pytest.importorskip("cv2", reason="needs undegrade[align]")
    image, expected = grey(*size, noise=3) / 255, []
    half = cv2.resize(image, (size[1] // 2, size[0] // 2), interpolation=cv2.INTER_CUBIC)
    for scale in (image, half):
        mean, square = (
            cv2.GaussianBlur(x, (7, 7), 7 / 6, borderType=cv2.BORDER_REPLICATE)
            for x in (scale, scale * scale)
        )
        values = (scale - mean) / (np.sqrt(np.maximum(square - mean**2, 0)) + 1 / 255)
        alpha, left, right = aggd(values)
        expected += [alpha, (left**2 + right**2) / 2]
        height, width = values.shape
        for down, right in ((0, 1), (1, 0), (1, 1), (-1, 1)):
            moved = np.zeros_like(values)
            for i in range(height):
                for j in range(width - right):
                    if 0 <= i + down < height:
                        moved[i, j] = values[i + down, j + right]
            expected += brisque_pair(values * moved)
    np.testing.assert_allclose(opencv_features(image), expected, rtol=1e-5, atol=1e-7)


def by_hand(vectors, coefficients, low, high, gamma_, rho, x):
    total = -rho
    for vector, coefficient in zip(vectors, coefficients, strict=True):
        z = [-1 + 2 * (v - a) / (b - a) for v, a, b in zip(x, low, high, strict=True)]
        total += coefficient * np.exp(-gamma_ * sum((np.array(z) - vector) ** 2))
    return total


def test_the_authors_model_file(tmp_path):
    vectors, coefficients = support_vectors(774)
    vectors[3, 5] = 0  # LIBSVM leaves zeros out
    path, x = tmp_path / "model", np.linspace(0.1, 0.9, 36)
    path.write_text(libsvm_text(vectors, coefficients))
    expected = by_hand(vectors, coefficients, LIVE_LOW, LIVE_HIGH, 0.05, -153.591, x)
    assert read_libsvm(path)(x) == pytest.approx(expected)


def test_another_model_is_not_brisque(tmp_path):
    path, image = tmp_path / "model", grey(40, 40) / 255
    path.write_text(libsvm_text(*support_vectors(774), rho="-149.6"))
    with pytest.raises(
        ModelError, match=r"rho is -149.6 instead of -153.591; use the file allmodel"
    ):
        BRISQUE(path)(image)
    path.write_text(libsvm_text(*support_vectors(9)))
    with pytest.raises(
        ModelError, match="is not the model of BRISQUE: total_sv is 9 instead of 774"
    ):
        BRISQUE(path)(image)
    path.write_bytes(b"\x89PNG")
    with pytest.raises(ModelError, match="cannot be read"):
        BRISQUE(path)(image)


def test_opencv_s_model_file(tmp_path):
    vectors, coefficients = support_vectors(9)
    low, high = np.linspace(-1, 0, 36), np.linspace(1, 3, 36)
    model, ranges = tmp_path / "model.yml", tmp_path / "ranges.yml"
    for path, text in zip(
        (model, ranges), opencv_texts(vectors, coefficients, low, high), strict=True
    ):
        path.write_text(text)
    x = np.linspace(0.1, 0.9, 36)
    expected = by_hand(vectors, coefficients, low, high, 0.05, -149.5, x)
    assert read_opencv(model, ranges)(x) == pytest.approx(expected)
    with pytest.raises(ModelError, match="cannot be read"):
        read_opencv(ranges, ranges)


def test_opencv_s_published_model():
    """Undamaged photos are good, noise and blur are not.

    Own measurement over all of LIVE1: 8.0 undamaged, 53.6 noisy, 60.0 blurred.
    """
    model = shared("weights", "metrics", "brisque_model_live.yml")
    ranges = shared("weights", "metrics", "brisque_range_live.yml")
    entry, values = OpenCVBRISQUE(model, ranges), []
    for _, pixels in list(photos("live1.tar"))[:8]:
        noise = np.random.default_rng(0).normal(0, 25, pixels.shape)
        noisy = np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)
        blurred = ndimage.gaussian_filter(pixels, (2, 2, 0))
        values.append([entry(picture) for picture in (pixels, noisy, blurred)])
    clean, noisy, blurred = np.mean(values, axis=0)
    assert clean < 25
    assert min(noisy, blurred) > clean + 20
