"""DRGN's divergence against torch.distributions."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from torch.distributions import Normal, kl_divergence  # noqa: E402

from undegrade.training.losses.pictures import degradation_kl, gaussian_kl  # noqa: E402


def degradations(offset, spread, size=(4, 3, 32, 32), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return offset + spread * torch.randn(size, generator=generator, dtype=torch.float64)


def test_closed_form():
    generator = torch.Generator().manual_seed(3)
    m1, v1, m2, v2 = torch.rand(4, 7, generator=generator, dtype=torch.float64) + 0.1
    expected = kl_divergence(Normal(m1, v1.sqrt()), Normal(m2, v2.sqrt()))
    torch.testing.assert_close(gaussian_kl(m1, v1, m2, v2), expected)


@pytest.mark.parametrize("cell", [1, 4])
def test_moments_of_cells(cell):
    a, b = degradations(-0.4, 0.1), degradations(-0.3, 0.2, (2, 3, 40, 24), seed=1)
    normals = []
    for x in (a, b):
        n, c, h, w = x.shape
        cells = x.reshape(n, c, h // cell, cell, w // cell, cell).mean((3, 5))
        variance = cells.var((0, 2, 3), correction=0) + 1e-6
        normals.append(Normal(cells.mean((0, 2, 3)), variance.sqrt()))
    torch.testing.assert_close(degradation_kl(a, b, cell=cell), kl_divergence(*normals).mean())


def test_zero_positive_and_ordered():
    a = degradations(-0.4, 0.1)
    assert degradation_kl(a, a).item() == pytest.approx(0, abs=1e-12)
    near, far = degradation_kl(a, a + 0.01), degradation_kl(a, a + 0.1)
    assert 0 < near < far


def test_flat_degradations_are_finite():
    flat = torch.full((1, 3, 16, 16), -0.3, requires_grad=True)
    loss = degradation_kl(flat, torch.full((1, 3, 16, 16), -0.2))
    (gradient,) = torch.autograd.grad(loss, flat)
    assert loss.isfinite()
    assert gradient.isfinite().all()


def test_gradient_reaches_both():
    a, b = degradations(0, 1, (1, 2, 4, 4)), degradations(1, 2, (2, 2, 4, 6), seed=1)
    a, b = a.requires_grad_(), b.requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: degradation_kl(x, y, cell=2), (a, b))


def test_wrong_shapes():
    a = degradations(0, 1)
    with pytest.raises(ValueError, match="3 and 1 channels"):
        degradation_kl(a, a[:, :1])
    with pytest.raises(ValueError, match="cells of 64 pixels do not fit"):
        degradation_kl(a, a, cell=64)
