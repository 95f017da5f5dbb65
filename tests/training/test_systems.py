"""Which pictures of a step the losses see, and where gradients go between them."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.training.networks import build  # noqa: E402
from undegrade.training.systems import SYSTEMS, PlainSystem, TwoStepSystem  # noqa: E402
from undegrade.training.tasks import Batch  # noqa: E402


def pictures(count):
    return torch.rand(count, 3, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def two_step():
    torch.manual_seed(0)
    network = build("drgn", widths=(4, 8), groups=1, blocks=1)
    with torch.no_grad():
        for parameter in network.parameters():  # both generators start at zero
            parameter.add_(0.05 * torch.randn(parameter.shape))
    return TwoStepSystem(network)


def test_plain():
    low, high = pictures(2)
    network = build("restorer", channels=8, pairs=1)
    level = torch.full((3, 2, 1, 1), 0.5)
    views = PlainSystem(network)(Batch((low, level), high))
    assert tuple(views) == SYSTEMS["plain"].views
    assert torch.equal(views["input"], low)
    assert views["target"] is high
    assert torch.equal(views["output"], network(low, level))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_views_are_in_full_precision(precision, two_step):
    low, high, other = pictures(3)
    two_step.precision = precision
    views = two_step(Batch((low,), high, None, other))
    assert {view.dtype for view in views.values()} == {torch.float32}


def test_both_steps_are_seen(two_step):
    low, high = pictures(2)
    views = two_step(Batch((low,), high))
    assert views.keys() == {"input", "target", "degradation", "base", "output"}
    torch.testing.assert_close(views["base"], low - views["degradation"])
    torch.testing.assert_close(views["output"], two_step.network(low))


def test_references_take_the_degradation_of_another_sample(two_step):
    low, high, other = pictures(3)
    views = two_step(Batch((low,), high, None, other))
    assert views.keys() == set(TwoStepSystem.views)
    degradation = views["degradation"]
    moved = torch.stack([degradation[2], degradation[0], degradation[1]])
    torch.testing.assert_close(views["reference_low"], (other + moved).clamp(0, 1))
    again = two_step.network.steps(views["reference_low"])
    torch.testing.assert_close(views["reference_degradation"], again.degradation)
    torch.testing.assert_close(views["reference_base"], again.base)
    torch.testing.assert_close(views["reference_output"], again.enhanced)


def test_made_pairs_are_data_for_the_second_row(two_step):
    low, high, other = pictures(3)
    low.requires_grad_()
    views = two_step(Batch((low,), high, None, other))
    # The adversary of low light moves DeG.
    (through,) = torch.autograd.grad(views["reference_low"].sum(), low, retain_graph=True)
    assert through.abs().max() > 0
    # What the generators make of the made picture moves them, and not what made it.
    result = views["reference_output"].sum()
    (none,) = torch.autograd.grad(result, low, retain_graph=True, allow_unused=True)
    assert none is None
    found = torch.autograd.grad(result, list(two_step.network.parameters()))
    assert all(gradient.abs().max() > 0 for gradient in found)
