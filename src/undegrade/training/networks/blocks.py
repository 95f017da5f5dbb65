"""Building blocks that train wide and run plain.

A block may hold more parameters than it needs at run time, as long as the surplus is linear:
:func:`fold` then replaces it by one plain 3x3 convolution that computes the same function.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import fusion, parametrize


class CollapsibleConv(nn.Module):
    """A 3x3 convolution over-parameterised as ``1x1 . 3x3`` beside a short-cut.

    The kernel is ``W = P K + D`` with ``K`` of shape (expand * c, c, 3, 3), ``P`` of shape
    (c_out, expand * c) and ``D`` a plain 3x3 kernel. It is multiplied out *before* it meets the
    picture, so that a training step costs what the plain convolution costs (the "collapsed"
    training of Bhardwaj et al., SESR, MLSys 2022, section 3.2).

    Input (N, c_in, H, W), output (N, c_out, H, W), zero padding.
    """

    def __init__(self, c_in: int, c_out: int, expand: int = 2) -> None:
        super().__init__()
        wide = expand * max(c_in, c_out)
        self.direct = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.spread = nn.Parameter(torch.empty(wide, c_in, 3, 3))
        self.project = nn.Parameter(torch.empty(c_out, wide))
        nn.init.kaiming_uniform_(self.spread, a=5**0.5)
        nn.init.zeros_(self.project)

    def kernel(self) -> Tensor:
        """The 3x3 kernel this block amounts to, shape (c_out, c_in, 3, 3)."""
        return self.direct.weight + torch.einsum("om,mihw->oihw", self.project, self.spread)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernel(), self.direct.bias, padding=1)


def conv3x3(c_in: int, c_out: int, expand: int) -> nn.Module:
    """A plain 3x3 convolution for ``expand=0``, a collapsible one otherwise."""
    if expand:
        return CollapsibleConv(c_in, c_out, expand)
    return nn.Conv2d(c_in, c_out, 3, padding=1)


class ResidualPair(nn.Module):
    """``x + conv(relu(conv(x)))`` followed by ReLU; (N, c, H, W) to (N, c, H, W)."""

    def __init__(self, channels: int, expand: int = 0) -> None:
        super().__init__()
        self.first = conv3x3(channels, channels, expand)
        self.second = conv3x3(channels, channels, expand)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


def fold(network: nn.Module) -> nn.Module:
    """Replace every convolution that is collapsible or under spectral norm by a plain one.

    In place; a weight under spectral norm is taken as it is at present.
    """
    for name, child in network.named_children():
        if isinstance(child, CollapsibleConv):
            setattr(network, name, _plain(child.direct, child.kernel()))
        elif isinstance(child, nn.Conv2d) and parametrize.is_parametrized(child, "weight"):
            setattr(network, name, _plain(child, child.weight))
        else:
            fold(child)
    return network


def zero(convolution: nn.Module) -> nn.Module:
    """Set weight and bias to zero, so that a residual branch starts as the identity.

    Of a collapsible convolution the direct part alone: the other is zero, and must keep a factor
    through which it learns.
    """
    plain = convolution.direct if isinstance(convolution, CollapsibleConv) else convolution
    for parameter in plain.parameters():
        nn.init.zeros_(parameter)
    return convolution


Convolution = nn.Conv2d | nn.ConvTranspose2d
Norm = nn.BatchNorm2d | nn.InstanceNorm2d


def plain(network: nn.Module) -> nn.Module:
    """Fold all that folds, in place; the result equals *network* in evaluation only."""
    return fold_normalisation(fold(network.eval()))


@torch.no_grad()
def _plain(convolution: nn.Conv2d, weight: Tensor) -> nn.Conv2d:
    """A plain square convolution as *convolution* is, but of *weight*.

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
    plain.weight.copy_(weight)
    if plain.bias is not None and convolution.bias is not None:
        plain.bias.copy_(convolution.bias)
    return plain.to(weight)


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
