"""The colour loss: what it sees, what it does not, and the sizes of its three reductions."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.training.losses.pictures import (  # noqa: E402
    blur,
    colour_loss,
    gaussian,
)


def picture():
    generator = torch.Generator().manual_seed(2)
    return torch.rand(2, 3, 40, 40, generator=generator, dtype=torch.float64)


def test_the_window():
    """As written on paper, and of the spread that it claims, up to its cut at 3.5 sigma."""
    window = gaussian(21, 3.0, picture())
    k = np.arange(-10, 11)
    expected = np.exp(-(k**2) / 18)
    np.testing.assert_allclose(window, expected / expected.sum(), rtol=1e-12)
    assert (window * torch.arange(-10, 11) ** 2).sum().item() == pytest.approx(9, rel=0.01)


def test_blur_is_the_outer_product():
    x = torch.zeros(1, 1, 9, 9, dtype=torch.float64)
    x[..., 4, 4] = 1
    window = gaussian(5, 1.0, x)
    expected = torch.zeros(9, 9, dtype=torch.float64)
    expected[2:7, 2:7] = torch.outer(window, window)
    torch.testing.assert_close(blur(x, 5, 1.0, padding=2)[0, 0], expected)
    assert blur(x, 5, 1.0).shape == (1, 1, 5, 5)


def test_sensitive_to_a_cast_and_not_to_texture():
    x = picture()
    down, across = torch.meshgrid(torch.arange(40), torch.arange(40), indexing="ij")
    checkers = 0.05 * (1 - 2 * ((down + across) % 2))
    cast = 0.05 * torch.tensor([1.0, -1.0, 1.0]).view(1, 3, 1, 1)
    texture, colour = colour_loss(x + checkers, x), colour_loss(x + cast, x)
    assert colour.item() > 0.05**2 / 2
    assert texture < 1e-4 * colour


def test_small_shifts_matter_less_than_by_pixel():
    x = picture()
    shifted = x.roll(1, 3)
    assert colour_loss(x, shifted) < 0.01 * ((x - shifted) ** 2).mean()


def test_reductions():
    x, y = picture(), picture().flip(0)
    squared = (blur(x, 21, 3.0, 10) - blur(y, 21, 3.0, 10)) ** 2
    torch.testing.assert_close(colour_loss(x, y), squared.mean())
    torch.testing.assert_close(
        colour_loss(x, y, reduction="norm"), squared.sum((1, 2, 3)).sqrt().mean()
    )
    torch.testing.assert_close(colour_loss(x, y, reduction="sum"), squared.sum() / 4)


@pytest.mark.parametrize("reduction", ["mean", "norm", "sum"])
def test_gradient(reduction):
    x, y = picture()[:, :, :5, :6], picture()[:, :, 10:15, :6]

    def loss(t):
        return colour_loss(t, y, kernel=5, sigma=1.0, reduction=reduction)

    assert torch.autograd.gradcheck(loss, x.requires_grad_())
    same = y.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(same), same)
    assert (gradient == 0).all()


def test_wrong_arguments():
    x = picture()
    with pytest.raises(ValueError, match="no reduction is called 'median'"):
        colour_loss(x, x, reduction="median")
    with pytest.raises(ValueError, match="3 channels, not 1"):
        colour_loss(x[:, :1], x[:, :1])
