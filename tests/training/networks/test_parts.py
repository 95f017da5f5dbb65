"""Shared parts: initialisations, normalisation, shuffles, attention, luma."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from tests.training.networks.variants import awake, picture, variant  # noqa: E402
from undegrade.imaging.luma import luma  # noqa: E402
from undegrade.training.networks import build  # noqa: E402
from undegrade.training.networks.blocks import plain  # noqa: E402
from undegrade.training.networks.drgn import DRGN  # noqa: E402
from undegrade.training.networks.layers import (  # noqa: E402  # noqa: E402
    Blur,
    ChannelAttention,
    ImageNet,
    PixelShuffleUp,
    SelectiveFusion,
    SelfAttention,
    feature_norm,
    icnr,
    start_dcgan,
    start_gaussian,
    start_he,
)


def test_shuffle_starts_as_nearest_neighbour():
    convolution = icnr(nn.Conv2d(3, 8, 3, padding=1), 2)
    x = torch.rand(1, 3, 6, 5)
    enlarged = F.pixel_shuffle(convolution(x), 2)
    small = F.conv2d(x, convolution.weight[::4], convolution.bias[::4], padding=1)
    assert torch.allclose(enlarged, F.interpolate(small, scale_factor=2), atol=1e-6)
    up = PixelShuffleUp(4, 3, blur=False).train()
    cells = F.unfold(up(torch.rand(2, 4, 5, 5)), 2, stride=2).view(2, 3, 4, -1)
    assert torch.allclose(cells, cells[:, :, :1].expand_as(cells), atol=1e-6)


def test_blur_is_the_mean_of_two_by_two():
    x = torch.arange(9.0).view(1, 1, 3, 3)
    assert torch.equal(
        Blur()(x)[0, 0], torch.tensor([[0.0, 0.5, 1.5], [1.5, 2.0, 3.0], [4.5, 5.0, 6.0]])
    )


def test_self_attention_starts_as_the_identity_and_follows_its_equation():
    attention = SelfAttention(16).eval()
    x = torch.randn(2, 16, 3, 4)
    assert torch.equal(attention(x), x)
    nn.init.ones_(attention.gamma)
    query, key, value = (p(x).flatten(2) for p in (attention.query, attention.key, attention.value))
    weights = torch.einsum("ncq,nck->nqk", query, key).softmax(2)
    expected = x + torch.einsum("nqk,nck->ncq", weights, value).reshape(x.shape)
    assert torch.allclose(attention(x), expected, atol=1e-5)


def test_channel_attention_scales_channels_between_zero_and_one():
    x = torch.rand(1, 32, 4, 5) + 0.1
    ratio = ChannelAttention(32)(x) / x
    assert torch.allclose(ratio, ratio[..., :1, :1].expand_as(ratio))
    assert ((ratio > 0) & (ratio < 1)).all()


def test_selective_fusion_of_equal_branches_is_the_branch():
    x = torch.randn(2, 8, 3, 3)
    assert torch.allclose(SelectiveFusion(8, 3)([x, x, x]), x, atol=1e-6)


def test_imagenet_normalisation_and_back():
    normalise = ImageNet()
    x = torch.rand(2, 3, 4, 5)
    assert torch.allclose(normalise.inverse(normalise(x)), x, atol=1e-6)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    assert normalise(mean).abs().max() == 0
    assert not normalise.state_dict()


def test_norm_statistics():
    x = torch.randn(4, 5, 6, 6) * 3 + 1
    instance, running = feature_norm(5, "instance"), feature_norm(5, "running")
    assert torch.equal(instance.eval()(x), instance.train()(x))
    assert not torch.allclose(instance(x), running.eval()(x))
    assert torch.allclose(running(x[:, :, :3]), running(x)[:, :, :3])
    assert isinstance(feature_norm(5, "batch"), nn.BatchNorm2d)
    with pytest.raises(ValueError, match="statistics is 'layer'; it can be: instance, running"):
        feature_norm(5, "layer")


def test_what_running_statistics_train_is_what_they_export():
    generator = torch.Generator().manual_seed(0)
    norm = feature_norm(3, "running")
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
        norm.bias.copy_(torch.tensor([-1.0, 0.0, 1.0]))

    def batch():
        # Pictures that differ from each other, as photos do.
        x = torch.randn(4, 3, 8, 8, generator=generator)
        return x * (0.5 + torch.rand(4, 1, 1, 1, generator=generator)) + 2

    # At the start it is batch normalisation, for there is nothing yet to go by.
    x = batch()
    first = nn.functional.batch_norm(x, None, None, norm.weight, norm.bias, training=True)
    torch.testing.assert_close(norm.train()(x), first)
    for _ in range(norm.SETTLED):
        norm.train()(batch())
    x = batch()
    with torch.no_grad():
        exported = norm.eval()(x)
        torch.testing.assert_close(norm.train()(x), exported)
    # The statistics are those of the batches.
    torch.testing.assert_close(norm.running_mean, torch.full((3,), 2.0), atol=0.2, rtol=0)
    # And the gradient knows that moving all pixels alike moves the mean.
    x.requires_grad_()
    norm.train()(x).sum().backward()
    assert x.grad.abs().max() < 1e-4


def test_running_statistics_of_older_checkpoints_load():
    old = nn.InstanceNorm2d(3, affine=True, track_running_stats=True)
    old.train()(torch.rand(2, 3, 4, 4))
    norm = feature_norm(3, "running")
    norm.load_state_dict(old.state_dict())
    x = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(norm.eval()(x), old.eval()(x))


def test_phone_generator_with_running_statistics_is_exact_on_tiles():
    x = picture(variant("dped64"), 60, 20, batch=1)
    x[:, :, 30:] *= 0.2
    for key, exact in (("phone-running", True), ("dped64", False)):
        network = variant(key)
        awake(network, x)
        with torch.no_grad():
            whole, tile = network(x)[:, :, :10], network(x[:, :, :40])[:, :, :10]
        assert torch.allclose(whole, tile, atol=1e-6) == exact


def test_norms_in_the_way_of_folding_stay():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4),
        nn.Conv2d(4, 4, 1), nn.InstanceNorm2d(4),
    )  # fmt: skip
    kinds = [type(layer).__name__ for layer in plain(network)]
    assert kinds == ["Conv2d", "Identity", "ReLU", "BatchNorm2d", "Conv2d", "InstanceNorm2d"]


def test_luma_is_kept_by_weights_and_colour_by_the_baselines():
    assert torch.allclose(luma(torch.ones(1, 3, 2, 2)), torch.ones(1, 1, 2, 2))
    for name in ("srcnn", "vdsr"):
        x = torch.rand(1, 3, 12, 12)
        change = build(name)(x) - x
        assert torch.allclose(change, change[:, :1].expand_as(change), atol=1e-6)
        assert change.abs().max() > 0


def test_initialisations():
    torch.manual_seed(0)
    weight = start_gaussian(nn.Conv2d(64, 64, 3), 0.01, truncated=True, bias=0.01)
    assert weight.weight.abs().max() <= 0.02
    assert weight.weight.std().item() == pytest.approx(
        0.0088, rel=0.02
    )  # 0.8796 of a truncated normal
    assert (weight.bias == 0.01).all()
    both = start_dcgan(nn.Sequential(nn.Conv2d(64, 64, 3), nn.BatchNorm2d(256)))
    assert both[0].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert both[1].weight.mean().item() == pytest.approx(1, abs=0.01)
    assert both[1].weight.std().item() == pytest.approx(0.02, rel=0.2)
    deep = start_he(nn.Conv2d(64, 64, 3))
    assert deep.weight.std().item() == pytest.approx((2 / 576) ** 0.5, rel=0.05)


@pytest.mark.parametrize(("name", "std"), [("srcnn", 0.001), ("dcgan", 0.02), ("dllgan", 0.02)])
def test_networks_start_as_their_papers_say(name, std):
    torch.manual_seed(0)
    weights = [p for p in build(name).parameters() if p.ndim == 4]
    assert torch.cat([w.flatten() for w in weights]).std().item() == pytest.approx(std, rel=0.05)


def test_drgn_steps_add_up():
    network = variant("drgn-faithful")
    x = picture(network)
    awake(network, x)
    with torch.no_grad():
        steps = network.steps(x)
        assert torch.equal(steps.base, x - steps.degradation)
        assert torch.equal(steps.enhanced, network.reg(steps.base))
        assert torch.equal(steps.enhanced, network(x))
        assert steps.degradation.abs().max() > 0


def test_only_the_mended_drgn_is_told_the_exposure():
    assert DRGN((4, 6), 1, 1).deg.context is None
    mended = DRGN((4, 6), 1, 1, preset="mended")
    assert mended.deg.context is not None
    assert mended.multiple == 2
