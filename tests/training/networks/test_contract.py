"""What every published picture-to-picture network promises."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from torch import nn  # noqa: E402
from torch.nn.utils import parametrize  # noqa: E402

from tests.training.networks.variants import (  # noqa: E402
    FINITE,
    VARIANTS,
    assert_every_parameter_learns,
    awake,
    picture,
    variant,
)
from undegrade.training.export import export, measured_radius  # noqa: E402
from undegrade.training.networks import build  # noqa: E402
from undegrade.training.networks.artifact_gan import RADII  # noqa: E402
from undegrade.training.networks.blocks import plain  # noqa: E402


@pytest.mark.parametrize("key", VARIANTS)
@pytest.mark.parametrize("shape", [(1, 2), (3, 2), (5, 2)])
def test_output_is_scale_times_the_input(key, shape):
    network = variant(key).eval()
    rows, columns = (side + (key.startswith("dllgan")) for side in shape)  # 8 pixels at least
    x = picture(network, rows, columns, batch=1)
    with torch.no_grad():
        y = network(x)
    assert y.shape == (1, 3, x.shape[2] * network.scale, x.shape[3] * network.scale)
    assert y.isfinite().all()


@pytest.mark.parametrize("key", VARIANTS)
def test_every_parameter_learns(key):
    network = variant(key)
    x = picture(network, 8 // min(8, network.multiple) + 1, 8 // min(8, network.multiple) + 1)
    awake(network, x)
    if key == "dped64":  # a bias before statistics of the same picture is without effect
        for name, parameter in network.named_parameters():
            if name.endswith(("body.0.bias", "body.3.bias")):
                parameter.requires_grad_(False)
                parameter.grad = torch.ones_like(parameter)
    assert_every_parameter_learns(network, network(x).square().mean())


@pytest.mark.parametrize("key", VARIANTS)
def test_evaluation_is_repeatable_and_pictures_are_independent(key):
    network = variant(key)
    x = picture(network)
    awake(network, x)
    with torch.no_grad():
        both = network(x)
        assert torch.equal(network(x), both)
        for index in range(2):
            alone = network(x[index : index + 1])
            assert torch.allclose(alone, both[index : index + 1], atol=1e-5)


@pytest.mark.parametrize("key", VARIANTS)
def test_learns_from_training_mode_without_warnings(key):
    network = variant(key).train()
    x = picture(network, 4, 3)
    network(x).square().mean().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("key", VARIANTS)
def test_plain_network_computes_the_same(key):
    network = variant(key)
    x = picture(network)
    awake(network, x)
    folded = plain(copy.deepcopy(network))
    with torch.no_grad():
        assert torch.allclose(folded(x), network(x), atol=2e-4, rtol=1e-4)
    assert not any(map(parametrize.is_parametrized, folded.modules()))
    before, after = (
        {n for n, m in net.named_modules() if isinstance(m, nn.BatchNorm2d | nn.InstanceNorm2d)}
        for net in (network, folded)
    )
    if key in FINITE and not key.startswith("mobilenet"):  # whose decoder has norms behind ReLU
        assert not after
    assert after <= before


def phases_reach(network, side):
    """How far the phases of the network's grid see, by the gradient of positive weights."""
    network = copy.deepcopy(network).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            fan = max(1, parameter[0].numel())
            parameter.copy_(torch.rand(parameter.shape, generator=generator).double() / fan)
    x = torch.rand(1, 3, side, side, generator=generator).double().requires_grad_()
    y = network(x)
    start = side // 2 // network.multiple * network.multiple
    reach = 0
    for at in range(start, start + network.multiple):
        (gradient,) = torch.autograd.grad(y[0, :, at, at].sum(), x, retain_graph=True)
        seen = torch.nonzero(gradient[0].abs().sum((0, 1)))
        reach = max(reach, int((seen - at).abs().max()))
    return reach


@pytest.mark.parametrize("key", [key for key in FINITE if "unet" not in key])
def test_stated_radius_is_the_measured_one(key):
    network = variant(key).eval()
    if network.multiple > 1:
        side = (2 * network.radius // network.multiple + 3) * network.multiple
        assert phases_reach(plain(network), side) == network.radius
    else:
        assert measured_radius(network, side=2 * network.radius + 8) == network.radius


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "size"), RADII)
def test_radius_of_a_unet_is_the_measured_one(preset, size):
    torch.manual_seed(0)
    network = build("mobilenet_unet", preset=preset, size=size, width=8, bridge=16).eval()
    side = (2 * network.radius // network.multiple + 3) * network.multiple
    assert phases_reach(plain(network), side) == network.radius


@pytest.mark.parametrize("key", sorted(set(VARIANTS) - set(FINITE)))
def test_radius_is_none_where_the_whole_picture_counts(key):
    network = variant(key)
    assert network.radius is None
    x = picture(network, 128 // network.multiple, 64 // network.multiple, batch=1)
    awake(network, picture(network, 4, 4))
    x.requires_grad_()
    network(x)[..., 0, 0].sum().backward()
    assert x.grad[..., -8:, -8:].abs().sum() > 0


@pytest.mark.parametrize("key", FINITE)
def test_a_tile_beyond_the_radius_equals_the_whole(key):
    network = variant(key)
    awake(network, picture(network, 4, 4))
    m, s = network.multiple, network.scale
    margin = -(-network.radius // m) * m
    x = picture(network, (2 * margin + 3 * m) // m, 2, batch=1)
    with torch.no_grad():
        whole, tile = network(x), network(x[:, :, m:])
    kept = whole[:, :, (margin + m) * s :]
    assert torch.allclose(tile[:, :, margin * s :], kept, atol=1e-5)


@pytest.mark.parametrize("key", ["drgn-faithful", "drgn-mended", "mobilenet_unet-full"])
def test_starts_at_the_input(key):
    network = variant(key).eval()
    x = picture(network, 2, 3)
    assert torch.equal(network(x), x)


@pytest.mark.parametrize("key", ["srresnet-mended-x8", "dcgan-mended-x2"])
def test_starts_at_bicubic(key):
    network = variant(key).eval()
    x = picture(network, 5, 3)
    bicubic = nn.functional.interpolate(x, scale_factor=network.scale, mode="bicubic")
    assert torch.equal(network(x), bicubic)


@pytest.mark.parametrize("name", ["srresnet", "dcgan", "dllgan", "drgn", "mobilenet_unet"])
def test_unknown_preset_lists_the_known(name):
    with pytest.raises(ValueError, match=r"preset is 'best'; it can be: \w+, \w+"):
        build(name, preset="best")


@pytest.mark.parametrize("name", ["srresnet", "dcgan"])
def test_scale_must_be_possible(name):
    with pytest.raises(ValueError, match="scale is 5"):
        build(name, scale=5)


# Parity is tried on 75 x 40 multiples: with 32 that is too much for attention.
@pytest.mark.slow
@pytest.mark.parametrize("key", [key for key in VARIANTS if "unet" not in key])
def test_exports_to_onnx(key, tmp_path):
    network = variant(key)
    awake(network, picture(network, 4, 4))
    assert export(plain(network), tmp_path / "network.onnx") < 0.5 / 255
