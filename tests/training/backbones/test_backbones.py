"""Backbones: names, shapes, preprocessing, and what their published weights see."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from torch.nn import functional as F  # noqa: E402

from tests.shared_data import photos, shared  # noqa: E402
from undegrade.training.backbones import BACKBONES, backbone  # noqa: E402
from undegrade.training.backbones.classifiers import (  # noqa: E402
    CAFFE,
    IMAGENET,
    SYMMETRIC,
    VGG,
    SameConv,
)


@pytest.fixture
def published(monkeypatch):
    monkeypatch.setenv("UNDEGRADE_BACKBONES", str(shared("weights", "backbones")))
    return backbone


def build(name):
    torch.manual_seed(0)
    return BACKBONES[name]().eval()


@pytest.mark.parametrize(
    ("name", "parameters"),
    # torchvision's published files without the classifiers of VGG and AlexNet: their totals,
    # 138357544, 143667240 and 61100840, minus 123642856, 123642856 and 58631144.
    [
        ("vgg16", 14_714_688),
        ("vgg19", 20_024_384),
        ("vgg19_normalised", 555_328),
        ("squeezenet1_1", 1_235_496),
        ("alexnet", 2_469_696),
        ("mobilenet_v2", 3_489_097),
    ],
)
def test_sizes(name, parameters):
    assert sum(p.numel() for p in BACKBONES[name]().parameters()) == parameters


@pytest.mark.parametrize(
    ("name", "layer", "index"),
    # Positions in torchvision's ``features``.
    [
        ("vgg16", "relu2_2", 8),
        ("vgg16", "relu3_3", 15),
        ("vgg16", "relu5_3", 29),
        ("vgg19", "relu3_4", 17),
        ("vgg19", "conv5_4", 34),
        ("vgg19", "relu5_4", 35),
        ("alexnet", "relu5", 11),
    ],
)
def test_layers_lie_where_torchvision_has_them(name, layer, index):
    assert build(name).layers().index(layer) == index


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("vgg16", {"relu1_1": (64, 64, 64), "conv3_3": (256, 16, 16), "pool5": (512, 2, 2)}),
        ("vgg19", {"conv1_2": (64, 64, 64), "relu3_4": (256, 16, 16), "relu5_4": (512, 4, 4)}),
        ("squeezenet1_1", {"conv1": (64, 31, 31), "pool3": (128, 7, 7), "fire9_relu": (512, 3, 3)}),
        ("alexnet", {"relu1": (64, 15, 15), "relu2": (192, 7, 7), "pool5": (256, 1, 1)}),
        ("mobilenet_v2", {"block1": (16, 32, 32), "block13": (96, 4, 4), "head": (1280, 2, 2)}),
    ],
)
def test_shapes_of_maps(name, shapes):
    maps = build(name)(torch.rand(1, 3, 64, 64), list(shapes))
    assert [tuple(m.shape[1:]) for m in maps] == list(shapes.values())


def test_maps_before_and_after_a_relu():
    for name, before, after in (
        ("vgg16", "conv2_1", "relu2_1"),
        ("squeezenet1_1", "fire5_conv", "fire5_relu"),
    ):
        a, b = build(name)(torch.rand(1, 3, 32, 32), [before, after])
        assert a.min() < 0
        assert torch.equal(F.relu(a), b)


def test_layers_come_in_the_order_asked():
    net, x = build("alexnet"), torch.rand(1, 3, 64, 64)
    late, early, again = net(x, ["relu2", "relu1", "relu2"])
    assert torch.equal(late, again)
    assert torch.equal(early, net(x, ["relu1"])[0])


def test_wrong_requests():
    with pytest.raises(ValueError, match="no layer is called 'relu9_9'; there are: conv1_1"):
        build("vgg16")(torch.rand(1, 3, 32, 32), ["relu9_9"])
    with pytest.raises(ValueError, match=r"pictures \(N, 3, H, W\), not \(1, 1, 32, 32\)"):
        build("vgg16")(torch.rand(1, 1, 32, 32), ["relu1_1"])
    with pytest.raises(ValueError, match="has no layer 'relu3_4'"):
        VGG(16, "relu3_4")


def test_preprocessing():
    x = torch.rand(1, 3, 2, 2, dtype=torch.float64)
    # LPIPS, protocols.md section 6: inputs in [-1, 1], shift and scale of its ScalingLayer.
    shift, scale = (torch.tensor(v).double().view(1, 3, 1, 1) for v in ZHANG)
    torch.testing.assert_close(IMAGENET(x), (2 * x - 1 - shift) / scale, rtol=0, atol=1e-6)
    torch.testing.assert_close(SYMMETRIC(x), x * 255 / 127.5 - 1)
    means = torch.tensor((123.68, 116.779, 103.939)).double().view(1, 3, 1, 1)
    torch.testing.assert_close(CAFFE(x), 255 * x - means, rtol=0, atol=1e-5)


ZHANG = ((-0.030, -0.088, -0.188), (0.458, 0.448, 0.450))


@pytest.mark.parametrize(("size", "before"), [(8, 0), (7, 1)])
def test_same_padding_is_tensorflows(size, before):
    """BACKBONES.md: for stride 2 on even sides 0 before and 1 after; on odd sides 1 and 1."""
    layer, x = SameConv(1, 1, 3, 2), torch.rand(1, 1, size, size)
    expected = F.conv2d(F.pad(x, (before, 1, before, 1)), layer.weight, layer.bias, stride=2)
    assert torch.equal(layer(x), expected)


@pytest.mark.parametrize(
    ("name", "offset"), [("squeezenet1_1", 0), ("mobilenet_v2", 1)], ids=lambda v: str(v)
)
def test_published_weights_know_what_they_see(published, name, offset):
    """Three LIVE1 photos and the ImageNet classes of what they show: a monarch, macaws, a beacon.

    Wrong padding, preprocessing or order of layers would not give these answers.
    """
    net = published(name)
    expected = {"monarch": 323, "parrots": 88, "lighthouse2": 437}
    for title, pixels in photos("live1.tar"):
        if title in expected:
            x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
            side = min(x.shape[-2:])
            top, left = ((n - side) // 2 for n in x.shape[-2:])
            x = x[..., top : top + side, left : left + side]
            x = F.interpolate(x, size=(224, 224), mode="bilinear", antialias=True)
            (features,) = net(x, [net.layers()[-1]])
            best = net.classifier(features).flatten(1).softmax(1)[0].max(0)
            assert best.indices == expected.pop(title) + offset
            assert best.values > 0.99
    assert not expected


def test_published_vgg_is_the_normalised_one(published):
    """Gatys et al. (CVPR 2016) scaled the filters to a mean activation of 1 over photos."""
    net = published("vgg19_normalised")
    means = []
    for _, pixels in itertools.islice(photos("live1.tar"), 8):
        x = torch.from_numpy(pixels[:128, :128].copy()).permute(2, 0, 1)[None] / 255
        means.append(net(x, ["relu3_1"])[0].mean((0, 2, 3)))
    assert torch.stack(means).mean(0).median() == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v2", "vgg19_normalised"])
def test_published_networks_are_frozen(published, name):
    net = published(name)
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())
    assert {p.dtype for p in net.parameters()} == {torch.float32}
