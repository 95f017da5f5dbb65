"""ResNet-18 and MobileNets load torchvision's published state dicts: keys and shapes."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.training.backbones.classifiers import MobileNetV2  # noqa: E402
from undegrade.training.networks import REGRESSORS, build  # noqa: E402
from undegrade.training.networks.artifact_gan import MobileNetV3  # noqa: E402
from undegrade.training.networks.dllgan import ResNet18  # noqa: E402


def norm(key, channels):
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{key}.{part}", (channels,)
    yield f"{key}.num_batches_tracked", ()


def dense(key, c_in, c_out):
    yield f"{key}.weight", (c_out, c_in)
    yield f"{key}.bias", (c_out,)


def resnet18_keys():
    yield "conv1.weight", (64, 3, 7, 7)
    yield from norm("bn1", 64)
    c_in = 64
    for stage in range(1, 5):
        c_out = 32 * 2**stage
        for index in range(2):
            key = f"layer{stage}.{index}"
            yield f"{key}.conv1.weight", (c_out, c_in, 3, 3)
            yield from norm(f"{key}.bn1", c_out)
            yield f"{key}.conv2.weight", (c_out, c_out, 3, 3)
            yield from norm(f"{key}.bn2", c_out)
            if c_in != c_out:
                yield f"{key}.downsample.0.weight", (c_out, c_in, 1, 1)
                yield from norm(f"{key}.downsample.1", c_out)
            c_in = c_out
    yield from dense("fc", 512, 1000)


# kernel, expanded, squeezed to (0 for none), out: Howard et al., tables 1 and 2.
TABLES = {
    "large": [
        (3, 16, 0, 16), (3, 64, 0, 24), (3, 72, 0, 24), (5, 72, 24, 40), (5, 120, 32, 40),
        (5, 120, 32, 40), (3, 240, 0, 80), (3, 200, 0, 80), (3, 184, 0, 80), (3, 184, 0, 80),
        (3, 480, 120, 112), (3, 672, 168, 112), (5, 672, 168, 160), (5, 960, 240, 160),
        (5, 960, 240, 160),
    ],
    "small": [
        (3, 16, 8, 16), (3, 72, 0, 24), (3, 88, 0, 24), (5, 96, 24, 40), (5, 240, 64, 40),
        (5, 240, 64, 40), (5, 120, 32, 48), (5, 144, 40, 48), (5, 288, 72, 96),
        (5, 576, 144, 96), (5, 576, 144, 96),
    ],
}  # fmt: skip


def conv_norm(key, shape):
    yield f"{key}.0.weight", shape
    yield from norm(f"{key}.1", shape[0])


def mobilenet_keys(size):
    yield from conv_norm("features.0", (16, 3, 3, 3))
    c_in = 16
    for row, (kernel, expanded, narrow, out) in enumerate(TABLES[size], 1):
        part = 0
        if expanded != c_in:
            yield from conv_norm(f"features.{row}.block.{part}", (expanded, c_in, 1, 1))
            part += 1
        yield from conv_norm(f"features.{row}.block.{part}", (expanded, 1, kernel, kernel))
        part += 1
        if narrow:
            key = f"features.{row}.block.{part}"
            yield f"{key}.fc1.weight", (narrow, expanded, 1, 1)
            yield f"{key}.fc1.bias", (narrow,)
            yield f"{key}.fc2.weight", (expanded, narrow, 1, 1)
            yield f"{key}.fc2.bias", (expanded,)
            part += 1
        yield from conv_norm(f"features.{row}.block.{part}", (out, expanded, 1, 1))
        c_in = out
    yield from conv_norm(f"features.{len(TABLES[size]) + 1}", (6 * c_in, c_in, 1, 1))


def keys(network):
    return [(key, tuple(value.shape)) for key, value in network.state_dict().items()]


def test_resnet18_keys():
    assert keys(ResNet18()) == list(resnet18_keys())


@pytest.mark.parametrize("size", TABLES)
def test_mobilenet_keys(size):
    assert keys(MobileNetV3(size)) == list(mobilenet_keys(size))


@pytest.mark.parametrize("size", ["small", "large"])
def test_mobilenet_strides(size):
    network = MobileNetV3(size).eval()
    with torch.no_grad():
        pyramid = network.pyramid(torch.rand(1, 3, 64, 96))
    assert [f.shape[2:] for f in pyramid] == [(64 >> n, 96 >> n) for n in range(1, 6)]
    assert [f.shape[1] for f in pyramid] == network.widths


def test_published_classifiers_load_without_their_last_layers():
    torch.manual_seed(0)
    state = ResNet18().state_dict()
    regressor = build("resnet18", REGRESSORS)
    head = regressor.backbone.fc.weight.clone()
    regressor.load_published(state)
    assert torch.equal(regressor.backbone.layer3[0].conv1.weight, state["layer3.0.conv1.weight"])
    assert torch.equal(regressor.backbone.fc.weight, head)

    state = MobileNetV3("small").state_dict() | dict.fromkeys(["classifier.0.bias"], torch.ones(1))
    unet = build("mobilenet_unet", size="small", width=8)
    unet.load_published(state)
    assert torch.equal(unet.encoder.features[0][0].weight, state["features.0.0.weight"])


def test_a_mobilenet_v2_encoder_sees_what_the_classifier_sees():
    torch.manual_seed(0)
    classifier = MobileNetV2().eval()
    unet = build("mobilenet_unet", preset="light", size="v2", width=8, bridge=8).eval()
    unet.load_published(classifier.state_dict())
    assert sum(p.numel() for p in unet.encoder.parameters()) == 1_795_936
    x = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        expected = classifier(x, ["block1", "block3", "block6", "block13", "block17"])
        pyramid = unet.encoder.pyramid(2 * x - 1)
        for one, other in zip(pyramid, expected, strict=True):
            torch.testing.assert_close(one, other)
        assert [f.shape[1] for f in pyramid] == list(unet.encoder.widths)
        torch.testing.assert_close(unet(x), x)  # it begins as the identity
    state = classifier.state_dict()
    del state["features.3.conv.2.weight"]
    with pytest.raises(RuntimeError, match=r"features\.3\.conv\.2\.weight"):
        unet.load_published(state)


def test_foreign_weights_are_refused():
    state = ResNet18().state_dict()
    del state["layer1.0.conv1.weight"]
    with pytest.raises(RuntimeError, match=r"layer1\.0\.conv1\.weight"):
        build("resnet18", REGRESSORS).load_published(state)
    with pytest.raises(RuntimeError, match="Unexpected"):
        build("mobilenet_unet", size="small", width=8).load_published(ResNet18().state_dict())
