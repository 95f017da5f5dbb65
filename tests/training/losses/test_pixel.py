"""L1, MSE, Charbonnier and total variation: closed forms and gradients."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.training.losses.pictures import (  # noqa: E402
    charbonnier,
    consistency,
    l1,
    matched,
    mesh,
    mse,
    psnr_loss,
    total_variation,
)


def pair(seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 2, 3, 6, 5, generator=generator, dtype=dtype).unbind()


def test_values_of_a_constant_difference():
    x = torch.full((2, 3, 4, 4), 0.25)
    y = torch.full((2, 3, 4, 4), 0.75)
    assert l1(x, y).item() == 0.5
    assert mse(x, y).item() == 0.25
    assert charbonnier(x, y, 0.1).item() == pytest.approx((0.25 + 0.01) ** 0.5)


def test_the_sum_that_vdsr_s_rate_belongs_to():
    x, y = pair()
    expected = (x - y).square().sum() / (2 * len(x))
    assert mse(x, y, "sum").item() == pytest.approx(expected.item())
    with pytest.raises(ValueError, match="no reduction is called 'max'"):
        mse(x, y, "max")


def test_charbonnier_lies_between_l1_and_mse():
    x, y = pair()
    assert charbonnier(x, y, 0).item() == pytest.approx(l1(x, y).item(), rel=1e-9)
    wide = charbonnier(x, y, 1e3).item() - 1e3
    assert wide * 2e3 == pytest.approx(mse(x, y).item(), rel=1e-3)
    assert charbonnier(x, x).item() == pytest.approx(1e-3)


def test_matched_does_not_ask_how_bright_a_picture_is():
    x, y = pair()
    assert matched(0.7 * y, y).item() == pytest.approx(1e-3, rel=1e-3)
    assert matched(x, y).item() > 2e-3
    # But a black picture is not made white.
    assert matched(0.1 * y, y).item() == pytest.approx(charbonnier(0.2 * y, y).item(), rel=1e-6)


def test_consistency_does_not_ask_for_what_a_small_picture_cannot_show():
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    chequers = ((rows + columns) % 2).float().expand(1, 3, -1, -1) * 0.4
    plain = torch.full_like(chequers, 0.2)
    assert l1(chequers, plain).item() == pytest.approx(0.2)
    assert consistency(chequers, plain, 4).item() < 0.02
    assert consistency(plain + 0.1, plain, 4).item() == pytest.approx(0.1)
    with pytest.raises(ValueError, match="shape"):
        consistency(plain, plain[..., 1:], 4)
    brighter = (plain + 0.1).requires_grad_()
    consistency(brighter, plain, 4).backward()
    assert brighter.grad.sum().item() == pytest.approx(1.0, rel=1e-5)


def test_a_mesh_is_what_all_cells_have_in_common():
    generator = torch.Generator().manual_seed(0)
    plain = torch.full((2, 3, 70, 66), 0.4)
    cell = torch.rand(4, 4, generator=generator) * 0.1
    tiled = plain + cell.repeat(18, 17)[:70, :66]
    amount = (cell - cell.mean()).abs().mean().item()
    assert mesh(tiled, plain, 4).item() == pytest.approx(amount, rel=1e-4)
    assert mesh(plain + 0.1, plain, 4).item() == pytest.approx(0, abs=1e-6)
    assert mesh(tiled, tiled, 4).item() == 0
    # Another period, and detail of as much energy, are no mesh.
    assert mesh(plain + cell[:3, :3].repeat(24, 22)[:70], plain, 4).item() < amount / 8
    noise = cell.flatten()[torch.randint(16, plain.shape, generator=generator)]
    assert mesh(plain + noise, plain, 4).item() < amount / 4
    with pytest.raises(ValueError, match="at least 32 pixels"):
        mesh(plain[..., :31], plain[..., :31], 4)


@pytest.mark.parametrize("loss", [l1, mse, charbonnier])
def test_gradients(loss):
    x, y = pair()
    assert torch.autograd.gradcheck(loss, (x.requires_grad_(), y))


@pytest.mark.parametrize("loss", [l1, mse, charbonnier])
def test_half_precision_is_compared_in_the_target_s(loss):
    x, y = pair(dtype=torch.float32)
    half = x.bfloat16()
    assert loss(half, y).dtype == torch.float32
    assert torch.equal(loss(half, y), loss(half.float(), y))


@pytest.mark.parametrize("loss", [l1, mse, charbonnier])
def test_shapes_must_be_the_same(loss):
    x, y = pair()
    with pytest.raises(ValueError, match="differ in shape"):
        loss(x, y[:1])
    with pytest.raises(ValueError, match=r"pictures \(N, C, H, W\)"):
        loss(x[0], y[0])


def test_total_variation_of_ramps():
    """A ramp of slope a across and b down has |a| + |b| and a^2 + b^2 everywhere."""
    down, across = torch.meshgrid(torch.arange(7.0), torch.arange(9.0), indexing="ij")
    ramp = (0.02 * across - 0.03 * down).expand(2, 3, 7, 9)
    assert total_variation(ramp, 1).item() == pytest.approx(0.05, rel=1e-5)
    assert total_variation(ramp, 2).item() == pytest.approx(0.0013, rel=1e-5)


def test_total_variation_of_a_step_and_a_plane():
    step = torch.zeros(1, 1, 4, 4)
    step[..., 2:] = 1
    assert total_variation(step, 1).item() == pytest.approx(1 / 3)
    assert total_variation(torch.full((1, 3, 4, 4), 0.7)).item() == 0
    # A sharp edge costs as much as a soft one by power 1, and more by power 2.
    soft = torch.linspace(0, 1, 4).expand(1, 1, 4, 4)
    assert total_variation(soft, 1).item() == pytest.approx(1 / 3)
    assert total_variation(soft, 2) < total_variation(step, 2)


@pytest.mark.parametrize("power", [1, 2])
def test_total_variation_has_a_gradient(power):
    x, _ = pair()
    assert torch.autograd.gradcheck(lambda t: total_variation(t, power), x.requires_grad_())
    with pytest.raises(ValueError, match="two pixels a side"):
        total_variation(x[..., :1], power)


def test_psnr_counts_decibels_of_each_picture():
    y = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    x = y + torch.tensor([0.01, 0.1]).view(2, 1, 1, 1)
    assert psnr_loss(x, y).item() == pytest.approx((-40 - 20) / 2, abs=0.1)
    # Half the error is worth 6 dB of one picture as of the other.
    halved = y + torch.tensor([0.005, 0.1]).view(2, 1, 1, 1)
    assert (psnr_loss(x, y) - psnr_loss(halved, y)).item() == pytest.approx(3.0, abs=0.25)
    assert psnr_loss(y, y).item() == pytest.approx(-54.15, abs=0.01)
