"""A trained network as plain convolutions: the same function with fewer operations.

What folds: collapsible convolutions, spectral normalisation, and any normalisation with running
statistics that directly follows a convolution in an ``nn.Sequential``. With
``y = g * (W x + b - m) / sqrt(v + eps) + s`` the plain weight is ``g / sqrt(v + eps) * W``.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils import fusion, parametrize

from undegrade.training.networks.blocks import fold as fold_collapsible

Convolution = nn.Conv2d | nn.ConvTranspose2d
Norm = nn.BatchNorm2d | nn.InstanceNorm2d


def plain(network: nn.Module) -> nn.Module:
    """Fold all that folds, in place; the result equals *network* in evaluation only."""
    return fold_normalisation(fold_spectral(fold_collapsible(network.eval())))


def fold_spectral(network: nn.Module) -> nn.Module:
    """Replace every convolution under spectral norm by one with its present weight, in place."""
    for name, child in network.named_children():
        if isinstance(child, nn.Conv2d) and parametrize.is_parametrized(child, "weight"):
            setattr(network, name, _unparametrised(child))
        else:
            fold_spectral(child)
    return network


@torch.no_grad()
def _unparametrised(convolution: nn.Conv2d) -> nn.Conv2d:
    """A plain square convolution of the same function.

    Not ``parametrize.remove_parametrizations``: copies of a module share the class it changes.
    """
    plain = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel_size[0],
        convolution.stride[0],
        int(convolution.padding[0]),
        bias=convolution.bias is not None,
    )
    plain.weight.copy_(convolution.weight)
    if plain.bias is not None and convolution.bias is not None:
        plain.bias.copy_(convolution.bias)
    return plain.to(convolution.weight)


def fold_normalisation(network: nn.Module) -> nn.Module:
    """Multiply running-statistics norms into the convolutions before them, in place."""
    for module in list(network.modules()):
        if not isinstance(module, nn.Sequential):
            continue
        for index, (convolution, norm) in enumerate(pairwise(list(module))):
            if isinstance(convolution, Convolution) and isinstance(norm, Norm):
                if norm.running_mean is None or norm.running_var is None:
                    continue
                _absorb(convolution, norm)
                module[index + 1] = nn.Identity()
    return network


def _absorb(convolution: Convolution, norm: Norm) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    convolution.weight, convolution.bias = fusion.fuse_conv_bn_weights(
        convolution.weight,
        convolution.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
        transpose=isinstance(convolution, nn.ConvTranspose2d),
    )
