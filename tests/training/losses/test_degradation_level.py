"""The degradation-level loss: the regressor stays as it is, the generator learns."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from torch import nn  # noqa: E402

from undegrade.training.losses.levels import DegradationLevelLoss  # noqa: E402

MODES = ("mean", "clamp", "bounded", "feature")


class Constant(nn.Module):
    """A regressor that says *levels* plus a whiff of the picture's mean."""

    def __init__(self, *levels):
        super().__init__()
        self.register_buffer("levels", torch.tensor(levels))

    def forward(self, x):
        return self.levels + 0 * x.mean((1, 2, 3))


@pytest.fixture
def regressor():
    """With batch norms and dropout, as training would have left it: in training mode."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()),
        nn.Dropout(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 1),
    )
    net(torch.rand(8, 3, 8, 8))
    nn.init.constant_(net[-1].bias, 1.0)
    return net.train()


def make(regressor, mode):
    return DegradationLevelLoss(regressor, mode, layers=["0"] if mode == "feature" else ())


@pytest.mark.parametrize("mode", MODES)
def test_only_the_generator_learns(regressor, mode):
    before = copy.deepcopy(regressor.state_dict())
    generator = nn.Conv2d(3, 3, 3, padding=1)
    system = nn.ModuleDict({"generator": generator, "loss": make(regressor, mode)})
    system.train()
    frozen = copy.deepcopy(system["loss"].state_dict())
    optimizer = torch.optim.Adam([*generator.parameters(), *regressor.parameters()], 0.01)
    x, truth = torch.rand(2, 4, 3, 8, 8).unbind()
    with torch.no_grad():
        # At the start the output is to be what looks worse.
        if regressor.eval()(generator(x)).mean() < regressor(truth).mean():
            regressor[-1].weight.neg_()
            system["loss"] = make(regressor.train(), mode)
            frozen = copy.deepcopy(system["loss"].state_dict())
            before = copy.deepcopy(regressor.state_dict())
    regressor.train()
    losses = []
    for _ in range(20):
        loss = system["loss"](generator(x), truth)
        optimizer.zero_grad()
        loss.backward()
        # Clamped, it ends where the truth is.
        assert (generator.weight.grad.abs().max() > 0) == (loss.item() != 0)
        assert not any(p.grad is not None for p in system["loss"].parameters())
        assert not any(p.grad is not None for p in regressor.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    for state, kept in ((regressor.state_dict(), before), (system["loss"].state_dict(), frozen)):
        assert all(torch.equal(state[key], kept[key]) for key in kept)
    assert regressor.training
    assert all(p.requires_grad for p in regressor.parameters())


class Mean(nn.Module):
    """A regressor that reads each picture's mean, less *zero*."""

    def __init__(self, zero=0.0):
        super().__init__()
        self.zero = zero

    def forward(self, x):
        return x.mean((1, 2, 3)) - self.zero


def flat(*values):
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 3, 4, 4)


def test_the_mean_is_what_the_regressor_reads():
    loss = DegradationLevelLoss(Constant(-3.0, 0.5), "mean")
    assert loss(torch.rand(2, 3, 4, 4)).item() == (-3 + 0.5) / 2


def test_the_floor_is_what_the_regressor_reads_off_the_truth():
    # The truths read -0.1, 0 and 0.2; only what lies above counts, picture by picture.
    loss = DegradationLevelLoss(Mean(0.4), "clamp")
    output = flat(0.35, 0.1, 0.9).requires_grad_()
    value = loss(output, flat(0.3, 0.4, 0.6))
    assert value.item() == pytest.approx((0.05 + 0 + 0.3) / 3)
    (gradient,) = torch.autograd.grad(value, output)
    # The first reads below 0, and is told all the same.
    assert [bool(g.any()) for g in gradient] == [True, False, True]


def test_the_truth_takes_no_gradient():
    output, truth = torch.rand(2, 2, 3, 4, 4, requires_grad=True).unbind()
    value = DegradationLevelLoss(Mean(), "clamp")(output + 1, truth)
    assert torch.autograd.grad(value, truth, allow_unused=True) == (None,)


def test_bounds():
    """The paper's form has none; the others stop at 0 however far R is driven."""
    x = torch.rand(1, 3, 4, 4)
    for level in (-1e3, -2.0, 0.0, 1.5, 3.0, 1e3):
        assert DegradationLevelLoss(Constant(level), "mean")(x).item() == level
        assert DegradationLevelLoss(Mean(), "clamp")(x + level, x).item() >= 0
        assert 0 <= DegradationLevelLoss(Constant(level), "bounded", max_level=3.0)(x).item() <= 3


def test_bounded_follows_the_levels():
    x = torch.rand(1, 3, 4, 4)

    def loss(level):
        return DegradationLevelLoss(Constant(level), "bounded", max_level=3.0)(x).item()

    assert loss(1.5) == 1.5
    assert (loss(1.51) - loss(1.49)) / 0.02 == pytest.approx(1, abs=1e-3)
    values = [loss(level / 4) for level in range(-8, 21)]
    assert values == sorted(set(values))


def test_feature_is_the_mean_distance_of_the_named_layers(regressor):
    loss = DegradationLevelLoss(regressor, "feature", layers=["0", "0.0"])
    x, y = torch.rand(2, 2, 3, 8, 8).unbind()
    still = regressor.eval()
    conv, block = still[0][0], still[0]
    expected = ((conv(x) - conv(y)).abs().mean() + (block(x) - block(y)).abs().mean()) / 2
    torch.testing.assert_close(loss(x, y), expected)
    assert loss(x, x).item() == 0


def test_a_regressor_that_learns_on_is_wrapped_anew(regressor):
    x = torch.rand(2, 3, 8, 8)
    loss = make(regressor, "mean")
    before = loss(x)
    with torch.no_grad():
        regressor[-1].bias.add_(1)
    assert torch.equal(loss(x), before)
    torch.testing.assert_close(make(regressor, "mean")(x), before + 1)


def test_wrong_arguments(regressor):
    x = torch.rand(2, 3, 8, 8)
    with pytest.raises(ValueError, match="no mode is called 'abs'"):
        DegradationLevelLoss(regressor, "abs")
    with pytest.raises(ValueError, match="must be positive"):
        DegradationLevelLoss(regressor, "bounded", max_level=0)
    for mode, layers in (("feature", ()), ("clamp", ["0"])):
        with pytest.raises(ValueError, match="needs layers"):
            DegradationLevelLoss(regressor, mode, layers=layers)
    for mode in ("feature", "clamp"):
        with pytest.raises(ValueError, match="truth, which is missing"):
            make(regressor, mode)(x)
    with pytest.raises(ValueError, match="not levels by picture"):
        DegradationLevelLoss(nn.Conv2d(3, 1, 1), "mean")(x)
    with pytest.raises(ValueError, match="3 channels"):
        make(regressor, "mean")(x[:, :1])
