"""The shipped networks: what their docstrings promise."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.training.export import gflop_per_megapixel, measured_radius  # noqa: E402
from undegrade.training.networks import NETWORKS, build  # noqa: E402
from undegrade.training.networks.blocks import CollapsibleConv, fold  # noqa: E402
from undegrade.training.networks.shipped import Restorer, SuperResolution  # noqa: E402

SHIPPED = {
    "restorer": {"channels": 16, "pairs": 2, "expand": 2, "deep": 24, "deep_pairs": 1},
    "sr": {"scale": 4, "channels": 16, "pairs": 2, "expand": 2},
}


def awake(network):
    """Random weights everywhere, the zero-initialised last convolution included."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return network.eval()


def inputs(name, size=(24, 32)):
    picture = torch.rand(2, 3, *size)
    return (picture, torch.rand(2, 2, 1, 1)) if name == "restorer" else (picture,)


@pytest.mark.parametrize("name", SHIPPED)
def test_output_size_and_folding(name):
    network = awake(build(name, **SHIPPED[name]))
    x = inputs(name)
    with torch.no_grad():
        expected = network(*x)
        plain = fold(copy.deepcopy(network))
        folded = plain(*x)
    assert expected.shape == (2, 3, 24 * network.scale, 32 * network.scale)
    assert not any(isinstance(m, CollapsibleConv) for m in plain.modules())
    assert torch.allclose(expected, folded, atol=1e-4)
    count = sum(p.numel() for p in plain.parameters())
    assert count < sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("pairs", [1, 3])
def test_stated_radius_is_the_measured_one(name, pairs):
    network = build(name, **SHIPPED[name] | {"pairs": pairs})
    assert measured_radius(network, inputs=NETWORKS[name].inputs) == network.radius


@pytest.mark.parametrize("name", SHIPPED)
def test_starts_at_the_input(name):
    network = build(name, **SHIPPED[name])
    x = inputs(name)
    repeated = x[0].repeat_interleave(network.scale, 2).repeat_interleave(network.scale, 3)
    assert torch.equal(network(*x), repeated)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_parameter_learns(name):
    network = awake(build(name, **SHIPPED[name]))
    network(*inputs(name)).square().mean().backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


def test_level_zero_is_the_identity_and_levels_matter():
    network = awake(Restorer(16, 2))
    x, level = inputs("restorer")
    with torch.no_grad():
        assert torch.equal(network(x, torch.zeros_like(level)), x)
        one = network(x, torch.full_like(level, 0.5))
        other = network(x, torch.full_like(level, 0.6))
    assert (one - other).abs().max() > 1e-3


def test_a_branch_takes_nothing_from_a_trained_network():
    plain = awake(Restorer(16, 2))
    grown = Restorer(16, 2, deep=24)
    grown.load_state_dict(plain.state_dict(), strict=False)
    x, level = inputs("restorer")
    with torch.no_grad():
        assert torch.allclose(grown(x, level), plain(x, level), atol=1e-6)


def test_level_map_equals_a_constant_level():
    network = awake(Restorer(16, 2))
    x, level = inputs("restorer")
    with torch.no_grad():
        whole = network(x, level)
        mapped = network(x, level.expand(2, 2, 12, 16))
    assert torch.allclose(whole, mapped, atol=1e-5)


TOLD = {"levels": 7, "traits": 1, "deep": 24, "deep_pairs": 1}


def test_traits_steer_and_gate_nothing():
    network = awake(Restorer(16, 2, **TOLD))
    x = torch.rand(2, 3, 24, 32)
    level = torch.zeros(2, 8, 1, 1)
    with torch.no_grad():
        for trait in (0.0, 0.3, 1.0):
            level[:, 7] = trait
            assert torch.equal(network(x, level), x)
        level[:, :7] = 0.3
        coarse = network(x, level)
        level[:, 7] = 0.0
        fine = network(x, level)
    assert (coarse - fine).abs().max() > 1e-3


def test_a_map_of_levels_with_traits():
    network = awake(Restorer(16, 2, **TOLD))
    x, level = torch.rand(2, 3, 24, 32), torch.rand(2, 8, 1, 1)
    half = level.expand(2, 8, 12, 16).clone()
    with torch.no_grad():
        whole = network(x, level)
        assert torch.allclose(network(x, half), whole, atol=1e-5)
        half[:, :7, :, 8:] = 0.0
        mapped = network(x, half)
    # Where the map says that there is no damage, the picture stays as it is.
    assert torch.equal(mapped[..., 16:], x[..., 16:])
    assert (mapped[..., :16] - x[..., :16]).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        # (9 * 12 + 1) * 64 + 10 * (9 * 64 + 1) * 64 + (9 * 64 + 1) * 12, and the steering net
        (Restorer(64, 5), 6976 + 369280 + 6924 + 96 + 2112),
        # and the branch: 2x2 down, four 3x3 convolutions, 1x1 up
        (Restorer(64, 5, deep=128), 385388 + 32896 + 590336 + 33024),
        (SuperResolution(2, 64, 5), 1792 + 369280 + 6924),
        (SuperResolution(4, 64, 7), 1792 + 516992 + 27696),
    ],
)
def test_parameter_counts(network, parameters):
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_gflop_of_a_known_network():
    # Per output pixel of x4: 2 * (27 + 2 * 2304 + 6912) * 16 / 16 multiply-adds at LR.
    network = SuperResolution(4, 16, 1)
    expected = 2 * (27 * 16 + 2 * 144 * 16 + 144 * 48) / 16 / 1e3
    assert gflop_per_megapixel(network) == pytest.approx(expected)


def test_unknown_network_lists_the_known():
    with pytest.raises(KeyError, match=r"restorer, .*sr"):
        build("resnet")
