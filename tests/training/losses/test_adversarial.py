"""Adversarial losses against the formulas as the papers write them."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.training.losses.adversarial import (  # noqa: E402
    discriminator_loss,
    generator_loss,
    swapped_loss,
)

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
    "least-squares": mean((x - 1) ** 2 for x in F),
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


def test_swapped_loss_is_the_cross_entropy_of_the_drawn_labels():
    logits = torch.tensor([[0.3], [-0.7], [2.0]])
    expected = mean([-math.log(s(0.3)), -math.log(1 - s(-0.7)), -math.log(s(2.0))])
    drawn = torch.tensor([True, False, True])
    assert swapped_loss(logits, drawn).item() == pytest.approx(expected, rel=1e-6)
    # On equal shares it is the mean of the two halves of the vanilla loss.
    halves = discriminator_loss(logits[:1], logits[1:2]) / 2
    torch.testing.assert_close(swapped_loss(logits[:2], drawn[:2]), halves)


def test_swapped_loss_weighs_every_verdict_of_a_map_alike():
    logits = torch.linspace(-2, 2, 16).view(2, 1, 2, 4)
    halves = discriminator_loss(logits[1], logits[0]) / 2
    torch.testing.assert_close(swapped_loss(logits, torch.tensor([False, True])), halves)


@pytest.mark.parametrize("drawn", [torch.tensor([1, 0]), torch.tensor([True]), torch.tensor(True)])
def test_swapped_loss_wants_one_boolean_a_sample(drawn):
    with pytest.raises(ValueError, match=r"must be \(2,\) booleans"):
        swapped_loss(torch.zeros(2, 1), drawn)
