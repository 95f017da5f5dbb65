"""Noise on tensors is as strong as on arrays, at every brightness."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from tests.training.degradations.pairs import (  # noqa: E402
    array,
    generator,
    on_arrays,
    tensor,
)
from undegrade.degradation import DEGRADATIONS  # noqa: E402
from undegrade.imaging import srgb  # noqa: E402
from undegrade.training import degradations  # noqa: E402

BANDS = np.linspace(0, 1, 6, dtype=np.float32)
"""Brightnesses, black and white included."""


def bands():
    """(1, 300, 6 * 50, 3) float32: a vertical band of each brightness."""
    return np.broadcast_to(np.repeat(BANDS, 50)[None, None, :, None], (1, 300, 300, 3)).copy()


def moments(images):
    """Mean and standard deviation of each picture (N, H, W, C) in each band: two of (N, 6)."""
    split = images.reshape(len(images), 300, 6, 50, 3)
    return split.mean((1, 3, 4)), split.std((1, 3, 4))


def assert_alike(ours, theirs):
    for mine, other in zip(moments(array(ours)), moments(theirs), strict=True):
        np.testing.assert_allclose(mine, other, rtol=0.03, atol=3e-3)


def test_gaussian_noise():
    sigmas = [0.0, 5.0, 25.0, 50.0]
    images = bands().repeat(4, 0)
    ours = degradations.gaussian_noise(tensor(images), torch.tensor(sigmas), generator())
    theirs = on_arrays("gaussian-noise", images, [{"sigma": s, "seed": 1} for s in sigmas])
    assert_alike(ours, theirs)
    np.testing.assert_array_equal(array(ours)[0], images[0])


def test_sensor_noise():
    records = [
        {"gain": gain, "read": read, "seed": 1}
        for gain, read in ((0.0, 0.0), (0.01, 0.0), (0.0, 0.02), (0.02, 0.03), (0.0005, 0.001))
    ]
    images = bands().repeat(5, 0)
    gain, read = (torch.tensor([r[key] for r in records]) for key in ("gain", "read"))
    ours = degradations.poisson_gaussian_noise(tensor(images), gain, read, generator())
    assert_alike(ours, on_arrays("poisson-gaussian-noise", images, records))
    assert ours.min() < 0  # nothing is clipped
    np.testing.assert_allclose(array(ours)[0], images[0], atol=1e-6)


def test_the_curve_is_the_same():
    values = np.concatenate([np.linspace(-1, 2, 3001), [0.0, 0.04045, 0.0031308]])
    values = values.astype(np.float32)
    x = torch.from_numpy(values)
    np.testing.assert_allclose(degradations.to_linear(x), srgb.to_linear(values), rtol=1e-5)
    np.testing.assert_allclose(degradations.to_srgb(x), srgb.to_srgb(values), rtol=1e-5)
    np.testing.assert_allclose(degradations.to_srgb(degradations.to_linear(x)), values, atol=1e-6)


def test_the_curve_has_a_gradient_everywhere():
    x = torch.linspace(-1, 1, 101, requires_grad=True)
    (gradient,) = torch.autograd.grad(degradations.to_srgb(degradations.to_linear(x)).sum(), x)
    np.testing.assert_allclose(gradient, 1, atol=1e-3)


def test_the_generator_decides():
    x = tensor(bands())
    gain, read = torch.tensor([0.01]), torch.tensor([0.01])
    first, again, other = (
        degradations.poisson_gaussian_noise(x, gain, read, generator(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_drawn_as_the_operator_draws():
    ours = degradations.sample_sensor_noise(4000, generator())
    rng = np.random.default_rng(0)
    theirs = [DEGRADATIONS["poisson-gaussian-noise"].sample(rng) for _ in range(4000)]
    quantiles = [0.1, 0.3, 0.5, 0.7, 0.9]
    for key in ("gain", "read"):
        expected = np.quantile([record[key] for record in theirs], quantiles)
        np.testing.assert_allclose(np.quantile(getattr(ours, key), quantiles), expected, rtol=0.15)


def test_what_does_not_fit():
    x, sigma = torch.rand(2, 3, 8, 8), torch.tensor([1.0, 2.0])
    with pytest.raises(ValueError, match=r"pictures must be .* not \(3, 8, 8\)"):
        degradations.gaussian_noise(x[0], sigma, generator())
    with pytest.raises(ValueError, match=r"not \(2, 2, 8, 8\)"):
        degradations.gaussian_noise(x[:, :2], sigma, generator())
    with pytest.raises(ValueError, match=r"must be float32 in \[0, 1\], not torch.uint8"):
        degradations.gaussian_noise(x.byte(), sigma, generator())
    with pytest.raises(ValueError, match="one value for each of the 2 pictures, not be"):
        degradations.gaussian_noise(x, sigma[:1], generator())
    with pytest.raises(ValueError, match=r"sigma must lie in 0\.\.255, not .*nan"):
        degradations.gaussian_noise(x, sigma * torch.nan, generator())
    with pytest.raises(ValueError, match=r"gain must lie in 0\.\.1"):
        degradations.poisson_gaussian_noise(x, -sigma, sigma, generator())
