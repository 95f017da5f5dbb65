"""Parameter counts, from the papers' tables by arithmetic."""

from __future__ import annotations

from itertools import pairwise

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from tests.training.networks.variants import count  # noqa: E402
from undegrade.training.networks import DISCRIMINATORS, REGRESSORS, build  # noqa: E402
from undegrade.training.networks.artifact_gan import MobileNetV3  # noqa: E402
from undegrade.training.networks.dllgan import ResNet18  # noqa: E402


def conv(c_in, c_out, kernel, bias=True):
    """A convolution, or with kernel 1 a dense layer."""
    return c_in * c_out * kernel**2 + bias * c_out


def norm(channels):
    return 2 * channels


def block(c, kernel=3):
    """Two convolutions without bias and their norms."""
    return 2 * (conv(c, c, kernel, bias=False) + norm(c))


def test_srresnet_is_the_published_size():
    trunk = 16 * (block(64) + 1) + conv(64, 64, 3, bias=False) + norm(64)
    ends = conv(3, 64, 9) + 1 + conv(64, 3, 9)
    assert trunk + ends + 2 * (conv(64, 256, 3) + 1) == 1_547_350
    assert count(build("srresnet")) == 1_547_350
    assert count(build("srresnet", preset="seed")) == 1_547_350 + 2 * norm(256)
    # A bias takes the place of each of 33 norms.
    assert count(build("srresnet", preset="mended")) == 1_547_350 - 33 * 64


def test_srgan_discriminator():
    widths = [64, 64, 128, 128, 256, 256, 512, 512]
    trunk = conv(3, 64, 3) + sum(conv(a, b, 3, bias=False) + norm(b) for a, b in pairwise(widths))
    dense = conv(512 * 6 * 6, 1024, 1) + conv(1024, 1, 1)
    assert trunk + dense == 23_563_649
    assert count(build("srgan", DISCRIMINATORS)) == 23_563_649
    patch = build("srgan", DISCRIMINATORS, head="patch")
    assert count(patch) == trunk + conv(512, 1, 3) == 4_691_841


def test_dcgan():
    up = conv(128, 128, 3, bias=False) + norm(128) + conv(128, 64, 3, bias=False) + norm(64)
    generator = conv(3, 128, 3) + 1 + 5 * block(128) + up + conv(64, 3, 3)
    assert count(build("dcgan")) == count(build("dcgan", preset="mended")) == generator
    assert generator == 1_704_004
    discriminator = conv(3, 64, 4) + conv(512, 1, 4)
    for width in (64, 128, 256):
        discriminator += conv(width, 2 * width, 4, bias=False) + norm(2 * width)
    assert count(build("dcgan", DISCRIMINATORS)) == discriminator == 2_765_633


def test_dllgan():
    strided = conv(64, 128, 3, bias=False) + conv(128, 256, 3, bias=False)
    norms = norm(64 + 128 + 256 + 128 + 64)
    generator = conv(3, 64, 7, bias=False) + 2 * strided + 9 * block(256) + norms + conv(64, 3, 7)
    assert count(build("dllgan")) == count(build("dllgan", preset="mended")) == generator
    assert generator == 11_383_427  # "about 11.4 M"
    pixel = conv(3, 64, 1) + conv(64, 128, 1, bias=False) + norm(128) + conv(128, 1, 1)
    assert count(build("pixel", DISCRIMINATORS)) == pixel == 8_833  # "about 9 k"


def test_regressors():
    assert count(ResNet18()) == 11_689_512  # published
    resnet = 11_689_512 - conv(512, 1000, 1) + conv(512, 1, 1)
    assert count(build("resnet18", REGRESSORS)) == resnet == 11_177_025  # "11.2 M"
    widths = [3, 32, 64, 128, 128, 256]
    small = sum(conv(a, b, 3, bias=False) + norm(b) for a, b in pairwise(widths))
    small += conv(2 * 256, 128, 1) + conv(128, 1, 1)
    assert count(build("small", REGRESSORS)) == small == 602_401


def drgn_branch(context):
    """One of DRGN's two generators at its default size."""
    widths, groups, blocks = (32, 48, 64), 3, 3

    def attention_block(c):
        return 2 * conv(c, c, 3) + 1 + conv(c, 4, 1) + conv(4, c, 1)

    def select(c):
        narrow = max(4, c // 8)
        return conv(c, narrow, 1) + 1 + 3 * conv(narrow, c, 1)

    to_finer = conv(48, 32, 1) + conv(64, 32, 1) + conv(64, 48, 1)
    to_coarser = 2 * conv(32, 48, 3) + 2 * conv(48, 64, 3)  # full to quarter goes through half
    group = sum(blocks * attention_block(c) + select(c) for c in widths) + to_finer + to_coarser
    total = sum(conv(3, c, 3) for c in widths) + groups * group
    total += conv(sum(widths), 32, 1) + blocks * attention_block(32) + conv(32, 3, 3)
    if context:
        total += conv(3, 16, 3) + conv(16, 32, 3) + conv(32, 64, 3)
        total += conv(64, 64, 1) + conv(64, 2 * sum(widths), 1)
    return total


@pytest.mark.parametrize(("preset", "parameters"), [("faithful", 3_130_576), ("mended", 3_223_504)])
def test_drgn(preset, parameters):
    assert 2 * drgn_branch(context=preset == "mended") == parameters
    assert count(build("drgn", preset=preset)) == parameters


@pytest.mark.parametrize("preset", ["faithful", "mended"])
def test_one_step_is_as_large_as_both_of_drgn(preset):
    both, one = (count(build(name, preset=preset)) for name in ("drgn", "one-step"))
    assert one == pytest.approx(both, rel=0.01)


def test_patchgan():
    widths = [3, 64, 128, 256, 512, 1]
    total = sum(conv(a, b, 4) for a, b in pairwise(widths))
    assert count(build("patchgan", DISCRIMINATORS)) == total == 2_764_737


@pytest.mark.parametrize("channels", [64, 256])
def test_deoldify_critic(channels):
    c = channels
    total = conv(3, c, 4) + conv(8 * c, 8 * c, 3) + conv(8 * c, 1, 4, bias=False)
    for width in (c, 2 * c, 4 * c):
        total += conv(width, width, 3) + conv(width, 2 * width, 4)
    total += 2 * conv(2 * c, c // 4, 1, bias=False) + conv(2 * c, 2 * c, 1, bias=False) + 1
    assert count(build("deoldify", DISCRIMINATORS, channels=channels)) == total
    assert channels != 64 or total == 5_919_617


@pytest.mark.parametrize(
    ("size", "published"),
    [
        ("large", 5_483_032),  # torchvision's model cards
        ("small", 2_542_856),
        ("large_minimal", 3_924_288),  # timm's tf_mobilenetv3_*_minimal_100: 3.92 M and 2.04 M
        ("small_minimal", 2_044_736),
    ],
)
def test_mobilenet(size, published):
    dense = 1280 if size.startswith("large") else 1024
    last = 960 if size.startswith("large") else 576
    classifier = conv(last, dense, 1) + conv(dense, 1000, 1)
    assert count(MobileNetV3(size)) == published - classifier


def up_block(c_in, c_skip, c_out):
    shuffle = conv(c_in, 4 * c_out, 1) + norm(4 * c_out)
    return shuffle + norm(c_skip) + conv(c_out + c_skip, c_out, 3) + norm(c_out)


@pytest.mark.parametrize("preset", ["faithful", "full"])
def test_mobilenet_unet(preset):
    total = count(MobileNetV3("small_minimal"))
    total += norm(576) + conv(576, 1152, 3) + norm(1152) + conv(1152, 576, 3) + norm(576)
    if preset == "faithful":
        total += up_block(576, 16, 256)
    else:
        total += up_block(576, 48, 512) + up_block(512, 24, 512)
        total += up_block(512, 16, 512) + up_block(512, 16, 256)
        total += 2 * conv(512, 64, 1, bias=False) + conv(512, 512, 1, bias=False) + 1
    total += conv(256, 4 * 256, 1) + 2 * conv(259, 259, 3) + conv(259, 3, 1)
    assert count(build("mobilenet_unet", preset=preset)) == total
    assert total == {"faithful": 15_071_468, "full": 26_117_021}[preset]


def test_phone():
    def generator(c):
        return conv(3, c, 9) + 10 * conv(c, c, 3) + 8 * norm(c) + conv(c, 3, 9)

    assert generator(64) == 401_475  # 1,605,900 bytes of the authors' checkpoint
    assert count(build("dped64")) == 401_475
    assert count(build("phone")) == generator(32) == 108_579
    widths = [32, 64, 64, 128, 128, 256, 256]
    seven = conv(1, 32, 3) + conv(256 * 7 * 7, 1024, 1) + conv(1024, 1, 1)
    for a, b in pairwise(widths):
        seven += conv(a, b, 3, bias=False) + norm(b)
    assert count(build("phone", DISCRIMINATORS)) == seven == 14_010_433
    five = conv(1, 48, 11) + conv(48, 128, 5) + conv(128, 192, 3) + conv(192, 192, 3)
    five += conv(192, 128, 3) + norm(128 + 192 + 192 + 128)
    five += conv(6272, 1024, 1) + conv(1024, 2, 1)
    assert count(build("dped", DISCRIMINATORS)) == five == 7_361_122


@pytest.mark.parametrize(
    ("name", "arguments", "weights", "biases"),
    [
        ("srcnn", {}, 8_032, 97),
        ("srcnn", {"kernels": (9, 5, 5)}, 57_184, 97),
        ("vdsr", {}, 664_704, 1_217),  # "about 665 k"
    ],
)
def test_baselines(name, arguments, weights, biases):
    parameters = list(build(name, **arguments).parameters())
    assert sum(p.numel() for p in parameters if p.ndim == 4) == weights
    assert sum(p.numel() for p in parameters if p.ndim == 1) == biases
