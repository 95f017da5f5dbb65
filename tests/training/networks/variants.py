"""Small variants of every published network, and what tests do to them."""

from __future__ import annotations

import torch

from undegrade.training.networks import NETWORKS, build

UNET = {"size": "small_minimal", "width": 8}

VARIANTS = {
    "srresnet-paper-x4": ("srresnet", {"scale": 4, "channels": 4, "blocks": 2}),
    "srresnet-paper-x3": ("srresnet", {"scale": 3, "channels": 4, "blocks": 1}),
    "srresnet-seed-x2": ("srresnet", {"scale": 2, "channels": 4, "blocks": 1, "preset": "seed"}),
    "srresnet-mended-x8": (
        "srresnet",
        {"scale": 8, "channels": 4, "blocks": 1, "preset": "mended"},
    ),
    "dcgan-seed-x4": ("dcgan", {"scale": 4, "channels": 4, "blocks": 1}),
    "dcgan-mended-x2": ("dcgan", {"scale": 2, "channels": 4, "blocks": 2, "preset": "mended"}),
    "dllgan-faithful": ("dllgan", {"channels": 3, "blocks": 1}),
    "dllgan-mended": ("dllgan", {"channels": 3, "blocks": 2, "preset": "mended"}),
    "drgn-faithful": ("drgn", {"widths": (4, 8, 12), "groups": 1, "blocks": 1}),
    "drgn-mended": ("drgn", {"widths": (4, 6), "groups": 2, "blocks": 1, "preset": "mended"}),
    "one-step": ("one-step", {"widths": (4, 8), "groups": 1, "blocks": 1}),
    "mobilenet_unet-faithful": ("mobilenet_unet", UNET),
    "mobilenet_unet-faithful-large": ("mobilenet_unet", UNET | {"size": "large"}),
    "mobilenet_unet-full": ("mobilenet_unet", UNET | {"preset": "full", "size": "small"}),
    "mobilenet_unet-light": ("mobilenet_unet", UNET | {"preset": "light", "bridge": 16}),
    "phone-running": ("phone", {"channels": 4, "blocks": 1}),
    "phone-batch": ("phone", {"channels": 4, "blocks": 2, "statistics": "batch"}),
    "dped64": ("dped64", {"channels": 4, "blocks": 1}),
    "srcnn": ("srcnn", {}),
    "srcnn-955-colour": ("srcnn", {"kernels": (9, 5, 5), "colour": True}),
    "srcnn-x3": ("srcnn", {"scale": 3}),
    "vdsr": ("vdsr", {"depth": 3, "channels": 4}),
    "vdsr-x2-colour": ("vdsr", {"scale": 2, "depth": 4, "channels": 4, "colour": True}),
}
assert {name for name, _ in VARIANTS.values()} | {
    "restorer",
    "sr",
    "identity",
    "light",
    "light-told",
    "tone",
    "tone-told",
} == set(NETWORKS)

FINITE = [
    key
    for key in VARIANTS
    if not key.startswith(("drgn", "one-step", "dped64", "mobilenet"))
    or key in ("mobilenet_unet-faithful", "mobilenet_unet-light")
]
"""Those whose receptive radius is a number."""


def variant(key, **changes):
    """The network of that key, with PyTorch's seed set."""
    torch.manual_seed(0)
    name, arguments = VARIANTS[key]
    return build(name, **arguments | changes)


def picture(network, rows=3, columns=2, batch=2, seed=0):
    """Random pictures whose sides are the network's multiple times *rows* and *columns*."""
    generator = torch.Generator().manual_seed(seed)
    m = network.multiple
    return torch.rand(batch, 3, rows * m, columns * m, generator=generator)


def awake(network, x):
    """Random weights everywhere, zero-initialised ones included, and lived-in statistics.

    The signs of biases alternate, so that no narrow layer dies in its ReLU or stays above it.
    """
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
            if key.endswith("bias"):
                parameter.abs_()[1::2].neg_()
        for _ in range(3):
            network.train()(x)
    return network.eval()


def count(network):
    """Number of learned values."""
    return sum(p.numel() for p in network.parameters())


def assert_every_parameter_learns(network, loss):
    loss.backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key
