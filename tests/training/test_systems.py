"""Which pictures of a step the losses see, and where gradients go between them."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from undegrade.training.forward import SYSTEMS, PlainSystem, TwoStepSystem  # noqa: E402
from undegrade.training.networks import build  # noqa: E402
from undegrade.training.networks.drgn import Steps  # noqa: E402
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
    assert views.keys() == {"input", "target", "output"}
    assert torch.equal(views["input"], low)
    assert views["target"] is high
    assert torch.equal(views["output"], network(low, level))


def test_what_a_small_picture_does_not_show_is_the_truth():
    low, high = pictures(1)[0], torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    low[..., 8:] = 0.5 + 0.002 * low[..., 8:]  # noise of less than a level: flat ground
    low.clamp_(0.0, 1.0)
    views = PlainSystem(build("sr", scale=4, channels=8, pairs=1))(Batch((low,), high))
    shown, flat = views["shown"], (..., slice(44, None))
    torch.testing.assert_close(shown[..., :24], views["output"][..., :24])
    assert torch.equal(shown[flat], high[flat])
    between = shown[..., 24:44] - torch.lerp(high, views["output"], 0.5)[..., 24:44]
    reach = (high - views["output"])[..., 24:44].abs() / 2
    assert (between.abs() <= reach + 1e-6).all()
    (grad,) = torch.autograd.grad(shown.sum(), views["output"])
    assert (grad[flat] == 0).all()
    assert (grad[..., :24] > 0.9).all()


def test_a_teacher_is_shown_what_the_generator_is_and_does_not_learn():
    low, high = pictures(2)
    network, teacher = (build("restorer", channels=c, pairs=1) for c in (4, 8))
    nn.init.normal_(teacher.tail.weight, 0.0, 0.1)  # it starts as the identity
    level = torch.full((3, 2, 1, 1), 0.5)
    views = PlainSystem(network, teacher=teacher)(Batch((low, level), high))
    assert set(views) == set(SYSTEMS["plain"].views) - {"shown"}
    torch.testing.assert_close(views["teacher"], teacher(low, level))
    assert not torch.equal(views["teacher"], low)
    (views["output"] - views["teacher"]).abs().mean().backward()
    assert all(p.grad is None for p in teacher.parameters())


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


@pytest.mark.parametrize("rule", ["two-step", "two-step-literal"])
def test_references_take_the_degradation_of_another_sample(rule, two_step):
    two_step = SYSTEMS[rule](two_step.network)
    low, high, other = pictures(3)
    views = two_step(Batch((low,), high, None, other))
    assert views.keys() == set(TwoStepSystem.views)
    degradation = views["degradation"]
    if rule == "two-step-literal":
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


class Knows(nn.Module):
    """A network that has learned: its base is *truth*, whatever it sees."""

    def __init__(self, truth):
        super().__init__()
        self.truth = truth

    def steps(self, x, *thumbnail):
        return Steps(x - self.truth, self.truth, self.truth)


def scenes(seed, side=96):
    """Made-up scenes of coarse and fine shapes, (6, 3, side, side)."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [
        functional.interpolate(torch.rand(6, 3, n, n, generator=generator), side, mode="bicubic")
        for n in (3, 12, 48)
    ]
    return (0.5 * shapes[0] + 0.3 * shapes[1] + 0.2 * shapes[2]).clamp(0, 1)


def correlation(one, other):
    one, other = (x - x.mean((1, 2, 3), keepdim=True) for x in (one, other))
    sizes = (one.square().sum((1, 2, 3)) * other.square().sum((1, 2, 3))).sqrt()
    return float(((one * other).sum((1, 2, 3)) / sizes).mean())


def test_a_made_pair_holds_no_ghost_of_the_scene_it_takes_its_darkness_from():
    truth, reference = scenes(0), scenes(1)
    noise = 0.02 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(2))
    low = (0.15 * truth + noise).clamp(0, 1)
    found = {}
    for rule in ("two-step", "two-step-literal"):
        views = SYSTEMS[rule](Knows(truth))(Batch((low,), truth, None, reference))
        made = views["reference_low"]
        ghost = correlation(made, -truth.roll(1, 0)) - correlation(reference, -truth.roll(1, 0))
        found[rule] = ghost, float((made == 0).float().mean()), made
    ghost, black, made = found["two-step"]
    assert abs(ghost) < 0.05
    assert found["two-step-literal"][0] > 0.3
    # As dark and as noisy as the real one, and no more of it is black.
    assert black < float((low == 0).float().mean()) + 0.05
    assert found["two-step-literal"][1] > 0.3
    assert made.mean() == pytest.approx(float(0.15 * reference.mean()), rel=0.2)
    rest = made - 0.15 * reference
    fine = (rest - functional.avg_pool2d(rest, 3, 1, 1))[..., 2:-2, 2:-2].std()
    real = (noise - functional.avg_pool2d(noise, 3, 1, 1))[..., 2:-2, 2:-2].std()
    assert fine == pytest.approx(float(real), rel=0.25)


def test_a_network_that_sees_a_thumbnail_makes_pairs_with_their_surroundings():
    torch.manual_seed(0)
    network = build("light", coarse=8, fine=8, pairs=1)
    low, high, other = pictures(3)
    place = torch.tensor([[0.0, 0.0, 1 / low.shape[2], 1 / low.shape[3]]]).expand(len(low), -1)
    small = [functional.adaptive_avg_pool2d(x, 96) for x in (low, other)]
    batch = Batch((low, small[0], place), high, None, other, small[1])
    views = TwoStepSystem(network)(batch)
    assert views.keys() == set(TwoStepSystem.views)
    # It begins as the identity, and so darkens nothing.
    torch.testing.assert_close(views["reference_output"], other)
