"""Adversarial losses against the formulas as the papers write them."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.training.losses import (  # noqa: E402
    TextureLoss,
    discriminator_loss,
    generator_loss,
)
from undegrade.training.losses.texture import grayscale  # noqa: E402

FORMS = ("vanilla", "saturating", "least-squares", "hinge", "relativistic")
R, F = [0.3, -1.2, 2.0], [-0.7, 0.9, 0.1]


def s(x):
    return 1 / (1 + math.exp(-x))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def vanilla(r, f):
    return mean(-math.log(s(x)) for x in r) + mean(-math.log(1 - s(x)) for x in f)


def relativistic(r, f):
    mr, mf = mean(r), mean(f)
    return vanilla([x - mf for x in r], [x - mr for x in f])


DISCRIMINATOR = {
    "vanilla": vanilla(R, F),
    "saturating": vanilla(R, F),
    "least-squares": mean((x - 1) ** 2 / 2 for x in R) + mean(x**2 / 2 for x in F),
    "hinge": mean(max(0, 1 - x) for x in R) + mean(max(0, 1 + x) for x in F),
    "relativistic": relativistic(R, F),
}
GENERATOR = {
    "vanilla": mean(-math.log(s(x)) for x in F),
    "saturating": mean(math.log(1 - s(x)) for x in F),
    "least-squares": mean((x - 1) ** 2 / 2 for x in F),
    "hinge": -mean(F),
    "relativistic": relativistic(F, R),
}


@pytest.mark.parametrize("form", FORMS)
def test_formulas(form):
    r, f = torch.tensor(R).double(), torch.tensor(F).double()
    assert discriminator_loss(r, f, form).item() == pytest.approx(DISCRIMINATOR[form], rel=1e-6)
    assert generator_loss(f, form, r).item() == pytest.approx(GENERATOR[form], rel=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_the_two_pull_the_fake_in_opposite_directions(form):
    r, f = torch.tensor(R), torch.tensor([0.2, 0.5, 0.9], requires_grad=True)
    (down,) = torch.autograd.grad(discriminator_loss(r, f, form), f)
    (up,) = torch.autograd.grad(generator_loss(f, form, r), f)
    assert (down > 0).all()
    assert (up < 0).all()


@pytest.mark.parametrize("form", FORMS)
def test_gradients_and_extreme_logits(form):
    r = torch.tensor(R).double()
    f = torch.tensor(F).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda t: generator_loss(t, form, r), f)
    assert torch.autograd.gradcheck(lambda t: discriminator_loss(r, t, form), f)
    for logit in (-1e4, 1e4):
        extreme = torch.full((1, 1, 2, 2), logit, requires_grad=True)
        loss = generator_loss(extreme, form, torch.zeros(1, 1, 2, 2))
        (gradient,) = torch.autograd.grad(loss, extreme)
        assert loss.isfinite()
        assert gradient.isfinite().all()


def test_saturating_gradients_die_where_vanilla_ones_live():
    logits = torch.full((4,), -12.0, requires_grad=True)
    (dead,) = torch.autograd.grad(generator_loss(logits, "saturating"), logits)
    (alive,) = torch.autograd.grad(generator_loss(logits, "vanilla"), logits)
    assert dead.abs().max() < 1e-5 < 0.2 < alive.abs().min()


def test_wrong_arguments():
    with pytest.raises(ValueError, match="no adversarial loss is called 'wgan'"):
        generator_loss(torch.zeros(1), "wgan")
    with pytest.raises(ValueError, match="needs the logits of real"):
        generator_loss(torch.zeros(1), "relativistic")


@pytest.fixture
def critic():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.LeakyReLU(0.2), torch.nn.Conv2d(4, 1, 3)
    )


def test_grayscale_is_bt601():
    x = torch.tensor([1.0, 0.5, 0.25]).view(1, 3, 1, 1)
    assert grayscale(x).item() == pytest.approx(0.299 + 0.587 * 0.5 + 0.114 * 0.25)
    with pytest.raises(ValueError, match="3 channels"):
        grayscale(x[:, :1])


@pytest.mark.parametrize("form", FORMS)
def test_texture_is_adversarial_on_gray(critic, form):
    fake, real = torch.rand(2, 2, 3, 9, 9).unbind()
    loss = TextureLoss(critic, form)
    f, r = critic(grayscale(fake)), critic(grayscale(real))
    torch.testing.assert_close(loss.generator_loss(fake, real), generator_loss(f, form, r))
    torch.testing.assert_close(loss.discriminator_loss(fake, real), discriminator_loss(r, f, form))


def test_texture_does_not_see_colour(critic):
    fake, real = torch.rand(2, 1, 3, 9, 9).unbind()
    shift = torch.tensor([0.114, 0.0, -0.299]).view(1, 3, 1, 1)  # of no luma
    loss = TextureLoss(critic)
    torch.testing.assert_close(
        loss.generator_loss(fake, real), loss.generator_loss(fake + shift, real)
    )


@pytest.mark.parametrize("form", FORMS)
def test_texture_gradients_go_where_they_belong(critic, form):
    fake, real = torch.rand(2, 2, 3, 9, 9).unbind()
    fake.requires_grad_()
    loss = TextureLoss(critic, form)
    loss.discriminator_loss(fake, real).backward()
    loss.swapped_loss(fake, real, torch.tensor([True, False])).backward()
    assert fake.grad is None
    assert all(p.grad is not None for p in critic.parameters())
    loss.generator_loss(fake, real).backward()
    assert fake.grad.abs().max() > 0


def test_swapped_loss_is_the_cross_entropy_of_the_drawn_labels(critic):
    fake, real = torch.rand(2, 2, 3, 9, 9).unbind()
    swapped = TextureLoss(critic).swapped_loss(fake, real, torch.tensor([True, False]))
    halves = (critic(grayscale(real[:1])), critic(grayscale(fake[1:])))
    torch.testing.assert_close(swapped, discriminator_loss(*halves) / 2)
    with pytest.raises(ValueError, match=r"must be \(2,\) booleans"):
        TextureLoss(critic).swapped_loss(fake, real, torch.tensor([1, 0]))
