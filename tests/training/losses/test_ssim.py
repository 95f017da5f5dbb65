"""SSIM against scikit-image, and its properties."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")
metrics = pytest.importorskip("skimage.metrics", reason="needs undegrade[eval]")

from undegrade.training.losses.pictures import (  # noqa: E402
    ssim,
    ssim_loss,
)


def pair(noise=0.1, size=(24, 31), dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(2, 3, *size, generator=generator, dtype=dtype)
    return x, x + noise * torch.randn(x.shape, generator=generator, dtype=dtype)


@pytest.mark.parametrize("size", [(11, 11), (24, 31)])
def test_against_scikit_image(size):
    x, y = pair(size=size)
    expected = []
    for a, b in zip(x.numpy(), y.numpy(), strict=True):
        _, full = metrics.structural_similarity(
            a,
            b,
            data_range=1,
            channel_axis=0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        expected.append(full[:, 5:-5, 5:-5].mean())
    np.testing.assert_allclose(ssim(x, y), expected, rtol=1e-10)
    np.testing.assert_allclose(ssim(x.float(), y.float()), expected, atol=2e-5)


def test_identity_symmetry_and_order():
    x, y = pair(0.05)
    assert ssim_loss(x, x).item() == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(ssim(x, y), ssim(y, x))
    assert ssim_loss(x, y) < ssim_loss(x, pair(0.1)[1]) < ssim_loss(x, pair(0.2)[1])
    assert (ssim(x, 1 - x) < 0).all()


def test_the_range_scales_out():
    x, y = pair()
    torch.testing.assert_close(ssim(255 * x, 255 * y, data_range=255), ssim(x, y))


def test_gradient():
    x, y = (t[:1, :1, :7, :8] for t in pair())
    assert torch.autograd.gradcheck(lambda t: ssim(t, y, size=5), x.requires_grad_())


def test_half_precision():
    x, y = pair(dtype=torch.float32)
    assert torch.equal(ssim_loss(x.bfloat16(), y), ssim_loss(x.bfloat16().float(), y))


def test_wrong_arguments():
    x, y = pair()
    with pytest.raises(ValueError, match="at least 11 pixels"):
        ssim(x[..., :10], y[..., :10])
    with pytest.raises(ValueError, match="odd size"):
        ssim(x, y, size=10)
    with pytest.raises(ValueError, match="positive sigma"):
        ssim(x, y, sigma=0)
