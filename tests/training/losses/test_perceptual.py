"""Content loss and LPIPS: formulas written out, published weights, frozen networks."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from safetensors.torch import load_file, save_file  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from tests.shared_data import photos, shared  # noqa: E402
from undegrade.errors import ModelError  # noqa: E402
from undegrade.training.backbones import BACKBONES, backbone  # noqa: E402
from undegrade.training.backbones.classifiers import IMAGENET, VGG, Backbone  # noqa: E402
from undegrade.training.losses.perceptual import (  # noqa: E402
    LAYERS,
    LPIPS,
    PRESETS,
    ContentLoss,
)
from undegrade.training.objective import content  # noqa: E402


class Tiny(Backbone):
    """Two convolutions and a ReLU."""

    def __init__(self):
        torch.manual_seed(0)
        super().__init__(IMAGENET)
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 5, 3)
        )

    def steps(self):
        return zip(("conv1", "relu1", "conv2"), self.features, strict=True)


def pair(size=12):
    generator = torch.Generator().manual_seed(4)
    return torch.rand(2, 2, 3, size, size, generator=generator).unbind()


@pytest.fixture
def published(monkeypatch):
    monkeypatch.setenv("UNDEGRADE_BACKBONES", str(shared("weights", "backbones")))


@pytest.mark.parametrize(("distance", "power"), [("mse", 2), ("l1", 1)])
def test_content_formula(distance, power):
    net, (x, y) = Tiny(), pair()
    loss = ContentLoss(net, {"conv1": 0.25, "conv2": 2.0}, distance, scale=0.1)
    maps = zip(net(x, ["conv1", "conv2"]), net(y, ["conv1", "conv2"]), strict=True)
    one, two = ((0.1 * (a - b)).abs().pow(power).mean() for a, b in maps)
    torch.testing.assert_close(loss(x, y), 0.25 * one + 2 * two)


def test_content_differs_before_and_after_a_relu():
    x, y = pair()
    before, after = (ContentLoss(Tiny(), {n: 1.0})(x, y) for n in ("conv1", "relu1"))
    assert after < before


def test_content_leaves_its_network_and_the_target_alone():
    net, (x, y) = Tiny(), pair()
    loss = ContentLoss(net, {"relu1": 1.0}).train()
    x.requires_grad_(), y.requires_grad_()
    loss(x, y).backward()
    assert x.grad.abs().max() > 0
    assert y.grad is None
    assert not any(p.requires_grad for p in loss.parameters())
    assert all(p.requires_grad for p in net.parameters())
    assert not loss.network.training


def test_content_gradient():
    loss = ContentLoss(Tiny().double(), {"relu1": 1.0, "conv2": 1.0})
    x, y = (t[:1, :, :6, :6].double() for t in pair())
    assert torch.autograd.gradcheck(lambda t: loss(t, y), x.requires_grad_())


def test_content_of_wrong_arguments():
    x, y = pair()
    with pytest.raises(ValueError, match="no layer 'relu9'"):
        ContentLoss(Tiny(), {"relu9": 1.0})
    with pytest.raises(ValueError, match="needs a layer"):
        ContentLoss(Tiny(), {})
    with pytest.raises(ValueError, match="'mse' or 'l1', not 'cosine'"):
        ContentLoss(Tiny(), {"conv1": 1.0}, "cosine")
    with pytest.raises(ValueError, match="differ in shape"):
        ContentLoss(Tiny(), {"conv1": 1.0})(x, y[:1])
    with pytest.raises(ValueError, match="no content loss is called 'vgg'"):
        content("vgg")


def test_presets_name_layers_that_exist():
    for preset in PRESETS.values():
        assert preset.layers.keys() <= set(BACKBONES[preset.network]().layers())
    # Ledig et al., section 2.2.1: maps scaled by 1/12.75, a factor of about 0.006.
    assert PRESETS["srgan-vgg54"].scale ** 2 == pytest.approx(0.006, abs=2e-4)


def test_content_without_weights_is_an_error(monkeypatch):
    monkeypatch.delenv("UNDEGRADE_BACKBONES", raising=False)
    monkeypatch.setattr("undegrade.metrics.weights.urllib.request.urlopen", refuse)
    with pytest.raises(ModelError, match="cannot be downloaded"):
        content("srgan-vgg54")
    with pytest.raises(ModelError, match="cannot be downloaded"):
        LPIPS.load("alexnet")


def refuse(url, timeout):
    raise OSError("no network in tests")


def test_content_on_published_squeezenet(published):
    """Blur costs more the stronger it is, and the gradient reaches the whole picture."""
    loss = content("squeeze")
    _, pixels = next(photos("set5.tar"))
    x = torch.from_numpy(pixels[:97, :97].copy()).permute(2, 0, 1)[None].float() / 255
    blurred = [F.avg_pool2d(F.pad(x, (k,) * 4, "reflect"), 2 * k + 1, 1) for k in (1, 2, 4)]
    values = [loss(y, x).item() for y in (x, *blurred)]
    assert values[0] == 0
    assert values == sorted(set(values))
    y = blurred[0].requires_grad_()
    loss(y, x).backward()
    assert (y.grad.abs().sum(1) > 0).float().mean() > 0.9


def test_content_on_a_file_of_one_s_own(tmp_path):
    """A path may be given, and then nothing else is looked for."""
    path = tmp_path / "own.safetensors"
    net = VGG(19)
    save_file(net.state_dict(), path)
    x, y = pair(32)
    expected = F.l1_loss(net(x, ["relu3_4"])[0], net(y, ["relu3_4"])[0])
    found = PRESETS["srgan-face"]
    loss = ContentLoss(backbone("vgg19", path), found.layers, found.distance, found.scale)
    torch.testing.assert_close(loss(x, y), expected)


def heads(channels=(4, 5)):
    generator = torch.Generator().manual_seed(5)
    return [torch.rand(1, c, 1, 1, generator=generator) for c in channels]


def test_lpips_formula():
    """Equation 1 of the paper, one position at a time."""
    net, (x, y), weights = Tiny(), pair(8), heads()
    expected = torch.zeros(2)
    ours, theirs = net(x, ["relu1", "conv2"]), net(y, ["relu1", "conv2"])
    for a, b, w in zip(ours, theirs, weights, strict=True):
        n, _, height, width = a.shape
        for i, h, v in itertools.product(range(n), range(height), range(width)):
            p, q = a[i, :, h, v], b[i, :, h, v]
            unit = p / (p.pow(2).sum().sqrt() + 1e-10) - q / (q.pow(2).sum().sqrt() + 1e-10)
            expected[i] += (w.flatten() * unit**2).sum() / (height * width)
    loss = LPIPS(net, ["relu1", "conv2"], weights)
    torch.testing.assert_close(loss.distances(x, y), expected)
    torch.testing.assert_close(loss(x, y), expected.mean())


def test_lpips_is_finite_where_no_feature_fires():
    net = Tiny()
    torch.nn.init.constant_(net.features[0].bias, -1e3)
    x, y = pair()
    x.requires_grad_()
    loss = LPIPS(net, ["relu1"], heads((4,)))(x, y)
    loss.backward()
    assert loss.item() == 0
    assert x.grad.isfinite().all()


def test_lpips_of_wrong_arguments():
    with pytest.raises(ValueError, match="2 layers need as many heads, not 1"):
        LPIPS(Tiny(), ["relu1", "conv2"], heads((4,)))
    with pytest.raises(ModelError, match="no LPIPS on 'vgg19'; choose one of: vgg16"):
        LPIPS.load("vgg19")


@pytest.mark.parametrize(
    ("name", "widths"),
    # Channels of the published heads: protocols.md section 6 and BACKBONES.md.
    [
        ("vgg16", [64, 128, 256, 512, 512]),
        ("alexnet", [64, 192, 384, 256, 256]),
        ("squeezenet1_1", [64, 128, 256, 384, 384, 512, 512]),
    ],
)
def test_lpips_looks_where_its_heads_fit(name, widths):
    net = BACKBONES[name]()
    assert [m.shape[1] for m in net(torch.rand(1, 3, 64, 64), LAYERS[name])] == widths


def test_published_lpips(published):
    """Identity, symmetry, order, and the distances this file was written with.

    Own measurement (no published value for these pictures): the top left 128x128 of two Set5
    photos against their 4x4 block means, SqueezeNet in fp16, torch 2.13 on a CPU, 2026-11.
    """
    loss = LPIPS.load("squeezenet1_1")
    measured = {"baby_GT": 0.18281, "bird_GT": 0.23603}
    for title, pixels in photos("set5.tar"):
        if title in measured:
            x = torch.from_numpy(pixels[:128, :128].copy()).permute(2, 0, 1)[None].float() / 255
            y = F.avg_pool2d(x, 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
            assert loss(x, x).item() == 0
            assert loss(x, y).item() == pytest.approx(measured.pop(title), abs=1e-4)
            torch.testing.assert_close(loss(x, y), loss(y, x))
            noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(6))
            values = [loss(x + sigma / 255 * noise, x).item() for sigma in (5, 15, 50)]
            assert values == sorted(values)
    assert not measured


def test_lpips_heads_must_be_the_network_s(published, tmp_path):
    path = tmp_path / "heads.safetensors"
    values = load_file(shared("weights", "backbones", "lpips_v0.1_squeeze.safetensors"))
    values.pop("lin6.model.1.weight")
    save_file(values, path)
    with pytest.raises(ModelError, match="6 tensors instead of 7"):
        LPIPS.load("squeezenet1_1", heads=path)
