"""A discriminator with its views: who takes a gradient, and from what."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from torch import nn  # noqa: E402

from undegrade.training.losses.adversarial import (  # noqa: E402
    discriminator_loss,
    generator_loss,
    swapped_loss,
)
from undegrade.training.networks import DISCRIMINATORS, build  # noqa: E402
from undegrade.training.objective import Adversary  # noqa: E402
from undegrade.training.recipe import Discriminator  # noqa: E402

FORMS = ("vanilla", "saturating", "least-squares", "hinge", "relativistic")


@pytest.fixture
def views():
    made = torch.rand(2, 4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return {"target": made[0].requires_grad_(), "output": made[1].requires_grad_()}


def adversary(**settings):
    torch.manual_seed(0)
    return Adversary(nn.Conv2d(3, 1, 3), Discriminator("pixel", **settings), "fp32")


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("form", FORMS)
def test_losses_and_gradients(form, views):
    critic = adversary(form=form, weight=0.5)
    real, fake = critic.logits(views["target"]), critic.logits(views["output"])
    loss = critic.loss(views, chance())
    torch.testing.assert_close(loss, 0.5 * discriminator_loss(real, fake, form))
    loss.backward()
    assert views["output"].grad is None
    assert critic.network.weight.grad.abs().max() > 0

    critic.network.zero_grad(set_to_none=True)
    deceived = critic.deceived(views)
    torch.testing.assert_close(deceived, generator_loss(fake, form, real))
    deceived.backward()
    assert views["output"].grad.abs().max() > 0
    assert views["target"].grad is None
    assert all(p.grad is None and p.requires_grad for p in critic.network.parameters())


def test_other_views_may_be_compared(views):
    critic = adversary(real="output", fake="target")
    real, fake = critic.logits(views["output"]), critic.logits(views["target"])
    torch.testing.assert_close(critic.loss(views, chance()), discriminator_loss(real, fake))


def test_swapped_shows_real_or_fake_by_chance(views):
    critic = adversary(swapped=True)
    drawn = torch.rand(4, generator=chance(5)) < 0.5
    assert 0 < drawn.sum() < 4
    logits = critic.logits(
        torch.stack([views["target" if real else "output"][i] for i, real in enumerate(drawn)])
    )
    torch.testing.assert_close(critic.loss(views, chance(5)), swapped_loss(logits, drawn))
    found = {round(critic.loss(views, chance(seed)).item(), 6) for seed in range(8)}
    assert len(found) > 3


@pytest.mark.parametrize("name", ["phone", "dped"])
def test_texture_is_judged_by_brightness_alone(name):
    torch.manual_seed(0)
    network = build(name, DISCRIMINATORS, size=32, channels=6).eval()
    critic = Adversary(network, Discriminator(name), "fp32")
    fake = torch.rand(2, 3, 32, 32)
    shift = torch.tensor([0.114, 0.0, -0.299]).view(1, 3, 1, 1)  # of no luma
    with torch.no_grad():
        before = critic.deceived({"output": fake, "target": fake})
        after = critic.deceived({"output": fake + shift, "target": fake})
        brighter = critic.deceived({"output": fake + 0.1 * torch.rand_like(fake), "target": fake})
    torch.testing.assert_close(before, after)
    assert before != brighter


def test_a_sum_is_over_the_whole_batch_in_however_many_parts(views):
    critic = nn.Conv2d(3, 1, 3)
    mean, total = (
        Adversary(critic, Discriminator("pixel", form="saturating", reduction=r), "fp32", 50)
        for r in ("mean", "sum")
    )
    torch.testing.assert_close(total.deceived(views), 50 * mean.deceived(views))
    # The critic itself learns as it did.
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    one, other = (a.loss(views, g) for a, g in zip((mean, total), generators, strict=True))
    assert torch.equal(one, other)


def test_verdicts_are_in_full_precision(views):
    critic = Adversary(nn.Conv2d(3, 1, 3), Discriminator("pixel"), "bf16")
    assert critic.logits(views["output"]).dtype == torch.float32
