"""Discriminators and regressors: what they return, and that they learn."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from tests.training.networks.variants import assert_every_parameter_learns, awake  # noqa: E402
from undegrade.training.losses.adversarial import discriminator_loss  # noqa: E402
from undegrade.training.networks import DISCRIMINATORS, REGRESSORS, build  # noqa: E402
from undegrade.training.networks.blocks import plain  # noqa: E402

JUDGES = {
    "srgan": ("srgan", {"size": 32, "channels": 4}, (32, 32), (1,)),
    "srgan-odd": ("srgan", {"size": 33, "channels": 4}, (33, 33), (1,)),
    "srgan-patch": ("srgan", {"channels": 4, "head": "patch"}, (64, 40), (1, 4, 3)),
    "dcgan": ("dcgan", {"channels": 4}, (64, 64), (1, 1, 1)),
    "dcgan-map": ("dcgan", {"channels": 4}, (80, 96), (1, 2, 3)),
    "pixel": ("pixel", {"channels": 4}, (5, 7), (1, 5, 7)),
    "patchgan": ("patchgan", {"channels": 4}, (64, 24), (1, 6, 1)),
    "deoldify": ("deoldify", {"channels": 8}, (64, 80), (1, 1, 2)),
    "deoldify-free": ("deoldify", {"channels": 8, "spectral_norm": False}, (64, 64), (1, 1, 1)),
    "phone": ("phone", {"size": 20, "channels": 4}, (20, 20), (1,)),
    "dped": ("dped", {"size": 36}, (36, 36), (1,)),
}
assert {name for name, *_ in JUDGES.values()} == set(DISCRIMINATORS)

POINT = [name for name in REGRESSORS if name != "diagnosis"]
"""Those that return levels alone; the other also says how sure it is, and is tested by itself."""


@pytest.mark.parametrize("key", JUDGES)
def test_logits(key):
    name, arguments, size, shape = JUDGES[key]
    torch.manual_seed(0)
    network = build(name, DISCRIMINATORS, **arguments)
    x = torch.rand(2, 3, *size)
    awake(network, x)
    logits = network(x)
    assert logits.shape == (2, *shape)
    assert torch.equal(network(x), logits)
    plainer = plain(copy.deepcopy(network))(x)
    assert torch.allclose(plainer, logits, atol=1e-4, rtol=1e-3)
    assert_every_parameter_learns(network, logits.square().mean())


@pytest.mark.parametrize("name", ["phone", "dped"])
def test_phone_discriminators_see_no_colour(name):
    network = build(name, DISCRIMINATORS, size=32).eval()
    x = 0.3 + 0.4 * torch.rand(1, 3, 32, 32)
    # Red up, blue down, brightness 0.299 R + 0.587 G + 0.114 B kept.
    tint = torch.tensor([0.114, 0.0, -0.299]).view(3, 1, 1)
    assert torch.allclose(network(x + tint), network(x), atol=1e-5)


def test_published_input_of_the_phone_discriminators():
    for name in ("phone", "dped"):
        features = build(name, DISCRIMINATORS).features(torch.rand(1, 1, 100, 100))
        assert features.shape[2:] == (7, 7)


@pytest.mark.parametrize("name", ["deoldify", "patchgan"])
def test_critics_under_spectral_norm_see_normalised_pictures(name):
    network = build(name, DISCRIMINATORS, channels=8).eval()
    seen = []
    network.layers[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    x = torch.rand(2, 3, 64, 64)
    for picture in (x, torch.zeros_like(x), torch.ones_like(x)):
        network(picture)
    assert abs(seen[0].mean()) < 0.3
    assert seen[0].std() > 0.5
    assert (seen[1] <= -1).all()
    assert (seen[2] >= 1).all()


def test_differences_are_judged_as_they_are():
    network = build("patchgan", DISCRIMINATORS, channels=4, signed=True).eval()
    seen = []
    network.layers[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    x = torch.rand(2, 3, 64, 64) - 0.7
    network(x)
    assert torch.equal(seen[0], x)


def test_the_deoldify_critic_learns_to_tell_soft_from_sharp():
    torch.manual_seed(0)
    network = build("deoldify", DISCRIMINATORS, channels=8, dropout=0.0).train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, (0.0, 0.9))
    for _ in range(40):
        sharp = 0.4 + 0.2 * torch.rand(4, 3, 64, 64)
        soft = torch.nn.functional.avg_pool2d(sharp, 3, 1, 1)
        loss = discriminator_loss(network(sharp), network(soft)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # On pictures that were not normalised it stood at 0.64, where 0.69 is chance.
    assert loss.item() < 0.4


def test_critic_drops_out_in_training_only():
    network = build("deoldify", DISCRIMINATORS, channels=8)
    x = torch.rand(1, 3, 64, 64)
    assert not torch.equal(network.train()(x), network(x))
    assert torch.equal(network.eval()(x), network(x))


@pytest.mark.parametrize("name", POINT)
@pytest.mark.parametrize("size", [(1, 1), (33, 47), (64, 64)])
def test_regressors_take_any_size(name, size):
    network = build(name, REGRESSORS, levels=2).eval()
    assert network(torch.rand(3, 3, *size)).shape == (3, 2)


@pytest.mark.parametrize("name", POINT)
def test_regressors_learn(name):
    torch.manual_seed(0)
    network = build(name, REGRESSORS).eval()
    assert_every_parameter_learns(network, network(torch.rand(2, 3, 48, 48)).square().mean())


@pytest.mark.parametrize("name", POINT)
def test_bounded_estimate_stays_within_its_range(name):
    torch.manual_seed(0)
    network = build(name, REGRESSORS, maximum=3.0).eval()
    linear = build(name, REGRESSORS).eval()
    linear.load_state_dict(network.state_dict())
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(network(x), 3 * linear(x).sigmoid())
        assert ((network(x) > 0) & (network(x) < 3)).all()


@pytest.mark.parametrize("name", POINT)
def test_frozen_regressor_passes_the_gradient_and_learns_nothing(name):
    network = build(name, REGRESSORS).eval().requires_grad_(False)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    x = torch.rand(2, 3, 32, 32, requires_grad=True)
    network(x).mean().backward()
    assert x.grad.abs().sum() > 0
    assert all(p.grad is None for p in network.parameters())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_small_regressor_pools_deviations():
    """Two pictures with the same mean features but for noise must differ in the pooled half."""
    network = build("small", REGRESSORS, channels=4).eval()
    seen = []
    network.head[0].register_forward_hook(lambda module, args, output: seen.append(args[0]))
    flat = torch.full((1, 3, 64, 64), 0.5)
    noisy = flat + 0.1 * torch.randn(flat.shape, generator=torch.Generator().manual_seed(0))
    network(torch.cat([flat, noisy]))
    half = seen[0].shape[1] // 2
    assert (seen[0][1, half:] > seen[0][0, half:]).float().mean() > 0.5


def test_small_regressor_reads_a_whole_picture_as_the_mean_of_its_crops():
    torch.manual_seed(0)
    network = build("small", REGRESSORS, channels=4).eval()
    # Crops of very different content and noise: together they vary more than each alone.
    scale = torch.tensor([0.0, 0.1, 0.5, 1.0, 2.0, 0.3]).view(6, 1, 1, 1)
    crops = scale * torch.rand(6, 3, 64, 64) + torch.rand(6, 3, 1, 1)
    rows = [torch.cat(list(crops[i : i + 3]), 2) for i in (0, 3)]
    whole = torch.cat(rows, 1)[None]
    assert whole.shape == (1, 3, 128, 192)
    with torch.no_grad():
        torch.testing.assert_close(network(whole), network(crops).mean(0, keepdim=True))
        # Where windows overlap, what repeats is read as once.
        tile = torch.rand(1, 3, 1, 1).expand(1, 3, 100, 70)
        torch.testing.assert_close(network(tile), network(tile[..., :64, :64]))


def test_small_regressor_sees_every_pixel():
    torch.manual_seed(0)
    network = build("small", REGRESSORS, channels=4).eval()
    x = torch.rand(1, 3, 150, 65, requires_grad=True)
    network(x).sum().backward()
    assert (x.grad.abs().sum(1) > 0).float().mean() > 0.99


def test_unknown_discriminator_lists_the_known():
    with pytest.raises(KeyError, match="pixel"):
        build("vgg", DISCRIMINATORS)
