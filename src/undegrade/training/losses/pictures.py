"""Losses that compare pictures as they are: pixel by pixel, through a window, or by their moments.

What half precision made is compared in the precision of the target.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from undegrade.training.degradations import bicubic_down


def require_pictures(*tensors: Tensor, channels: int | None = None) -> None:
    """Raise ``ValueError`` unless all *tensors* are (N, C, H, W) of one shape."""
    shape = tuple(tensors[0].shape)
    if len(shape) != 4:
        raise ValueError(f"a loss takes pictures (N, C, H, W), not {shape}")
    if channels is not None and shape[1] != channels:
        raise ValueError(f"this loss takes pictures of {channels} channels, not {shape[1]}")
    for other in tensors[1:]:
        if tuple(other.shape) != shape:
            raise ValueError(f"the pictures differ in shape: {shape} and {tuple(other.shape)}")


def gaussian(size: int, sigma: float, like: Tensor) -> Tensor:
    """``exp(-k^2 / (2 sigma^2))`` of unit sum, shape (size,); *size* is odd."""
    if size < 1 or size % 2 == 0:
        raise ValueError(f"a window needs an odd size, not {size}")
    if sigma <= 0:
        raise ValueError(f"a window needs a positive sigma, not {sigma}")
    k = torch.arange(size, dtype=torch.float64) - size // 2
    window = torch.exp(-(k**2) / (2 * sigma**2))
    return (window / window.sum()).to(like)


def blur(x: Tensor, size: int, sigma: float, padding: int = 0) -> Tensor:
    """Filter each channel of (N, C, H, W) with the window, with *padding* zeros on each side."""
    channels = x.shape[1]
    row = gaussian(size, sigma, x).expand(channels, 1, 1, size)
    x = F.conv2d(x, row, padding=(0, padding), groups=channels)
    return F.conv2d(x, row.transpose(2, 3), padding=(padding, 0), groups=channels)


def l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean of ``|d|`` over all samples of two (N, C, H, W); a scalar, 0 for equal pictures."""
    require_pictures(output, target)
    return F.l1_loss(output.to(target.dtype), target)


def mse(output: Tensor, target: Tensor, reduction: Literal["mean", "sum"] = "mean") -> Tensor:
    """Mean of ``d^2``; PSNR is -10 log10 of it for a range of [0, 1].

    "sum" is ``sum(d^2) / (2 N)``, the size that VDSR's published rate of 0.1 belongs to (Kim et
    al., CVPR 2016, section 3.2).
    """
    require_pictures(output, target)
    if reduction not in ("mean", "sum"):
        raise ValueError(f"no reduction is called {reduction!r}; there are: mean, sum")
    if reduction == "sum":
        return ((output.to(target.dtype) - target) ** 2).sum() / (2 * len(output))
    return F.mse_loss(output.to(target.dtype), target)


def charbonnier(output: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean of ``sqrt(d^2 + epsilon^2)`` (Lai et al., LapSRN, CVPR 2017, equation 2).

    L1 with a rounded tip: *epsilon* for equal pictures, and differentiable there.
    """
    require_pictures(output, target)
    return torch.sqrt((output.to(target.dtype) - target) ** 2 + epsilon**2).mean()


def matched(output: Tensor, target: Tensor, most: float = 2.0) -> Tensor:
    """:func:`charbonnier` of *output* once each picture has the mean brightness of its target.

    How bright a scene was meant to be cannot be told from a dark photo of it; this part of the loss
    does not ask. The factor is held within 1 / *most* and *most* and is no function to be learned
    through (after Liao et al., "GT-mean loss", arXiv 2507.20148, 2025).
    """
    require_pictures(output, target)
    means = [x.detach().clamp(0.0, 1.0).mean((1, 2, 3), keepdim=True) for x in (target, output)]
    factor = (means[0] / means[1].clamp(min=1e-3)).clamp(1 / most, most)
    return charbonnier(output * factor, target)


def psnr_loss(output: Tensor, target: Tensor, epsilon: float = 1 / 510) -> Tensor:
    """Minus the PSNR in dB of each pair of pictures, its mean over the batch.

    ``10 log10(mean(d^2) + epsilon^2)``: a decibel counts the same wherever it is gained, where by
    :func:`mse` a picture of little noise hardly counts beside one of much (Chen et al., "HINet",
    CVPRW 2021, section 4.2). *epsilon*, half a step of 8 bit, is what rounding leaves of equal
    pictures: a loss of -54 dB.
    """
    require_pictures(output, target)
    error = ((output.to(target.dtype) - target) ** 2).mean((1, 2, 3))
    return 10.0 * torch.log10(error + epsilon**2).mean()


def consistency(output: Tensor, target: Tensor, scale: int) -> Tensor:
    """:func:`l1` of two (N, C, scale * H, scale * W) reduced by *scale*, antialiased and bicubic.

    What is made up between the pixels of a small picture must not show in them: reduced again, an
    enlarged picture is what it was made of, or what that would have been without its damage.
    """
    require_pictures(output, target)
    return bicubic_down(output - target, scale).abs().mean()


def mesh(output: Tensor, target: Tensor, scale: int, cells: int = 8) -> Tensor:
    """What the error of (N, C, H, W) has in common in all cells of *scale* x *scale* pixels.

    From flat ground a network that enlarges by shuffling pixels can make one texture only, the same
    in every cell. Looked at through a classifier such a mesh passes for detail, and a small picture
    does not show it, so neither content nor :func:`consistency` forbids it. Detail that is merely
    misplaced has another sign in every cell, and is gone in the mean over windows of *cells* x
    *cells* of them: what is left is the mean absolute deviation between the places of a cell. 0 for
    equal pictures, and for a difference in brightness. Sides are cut to whole cells, of which a
    picture has at least *cells* a side.
    """
    require_pictures(output, target)
    height, width = (side - side % scale for side in output.shape[-2:])
    if min(height, width) < cells * scale:
        raise ValueError(
            f"mesh needs sides of at least {cells * scale} pixels, not {(height, width)}"
        )
    places = F.pixel_unshuffle((output - target)[..., :height, :width], scale)
    windows = F.avg_pool2d(places, cells, stride=cells // 2)
    means = windows.view(len(windows), -1, scale * scale, *windows.shape[2:])
    return (means - means.mean(2, keepdim=True)).abs().mean()


def total_variation(x: Tensor, power: Literal[1, 2] = 2) -> Tensor:
    """Mean of ``|dx|^power`` plus mean of ``|dy|^power`` over neighbours in (N, C, H, W).

    ``power=2`` is the smoothness term of DPED (Ignatov et al., ICCV 2017), each mean over its own
    number of differences; ``power=1`` is the anisotropic total variation, which keeps edges.
    0 for a flat picture.
    """
    require_pictures(x)
    if min(x.shape[-2:]) < 2:
        raise ValueError(f"total variation needs two pixels a side, not {tuple(x.shape[-2:])}")
    across = (x[..., :, 1:] - x[..., :, :-1]).abs()
    down = (x[..., 1:, :] - x[..., :-1, :]).abs()
    return (across**power).mean() + (down**power).mean()


def ssim(
    x: Tensor, y: Tensor, *, size: int = 11, sigma: float = 1.5, data_range: float = 1.0
) -> Tensor:
    """SSIM of each pair of pictures, mean over the channels; (N, C, H, W) twice to (N,).

    ``(2 mx my + C1)(2 sxy + C2) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2))`` with
    ``C1 = (0.01 L)^2`` and ``C2 = (0.03 L)^2``; moments under a Gaussian window, without padding:
    the mean is over the positions where the window lies wholly inside. 1 for equal pictures, at
    least -1.
    """
    require_pictures(x, y)
    if min(x.shape[-2:]) < size:
        raise ValueError(f"SSIM needs sides of at least {size} pixels, not {tuple(x.shape[-2:])}")
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mx, my = blur(x, size, sigma), blur(y, size, sigma)
    sxx = blur(x * x, size, sigma) - mx * mx
    syy = blur(y * y, size, sigma) - my * my
    sxy = blur(x * y, size, sigma) - mx * my
    luminance = (2 * mx * my + c1) / (mx * mx + my * my + c1)
    structure = (2 * sxy + c2) / (sxx + syy + c2)
    return (luminance * structure).mean((1, 2, 3))


def ssim_loss(output: Tensor, target: Tensor) -> Tensor:
    """``1 - SSIM``, mean over the batch: 0 for equal pictures, at most 2."""
    return 1 - ssim(output.to(target.dtype), target).mean()


Reduction = Literal["mean", "norm", "sum"]

KERNEL, SIGMA = 21, 3.0
"""Side of the blur's kernel and its standard deviation in pixels."""


def colour_loss(
    output: Tensor,
    target: Tensor,
    *,
    kernel: int = KERNEL,
    sigma: float = SIGMA,
    reduction: Reduction = "mean",
) -> Tensor:
    """Compare brightness and colour and ignore texture and small shifts.

    With B the Gaussian blur, per channel and with zeros around the picture, and
    ``D = B(output) - B(target)``:

    - "mean": mean of ``D^2``;
    - "norm": ``||D||_2`` of each picture, mean over the batch (Prakash & Phumbhra, 2020);
    - "sum": ``sum(D^2) / (2 N)``, the size that DPED's published weights belong to.

    Three blurs go under DPED's name: the paper's formula amounts to a standard deviation of
    sqrt(3), its code means 3 and gets 4.34, all on a 21x21 kernel; hence the arguments.
    Pictures are (N, 3, H, W) in [0, 1].
    """
    require_pictures(output, target, channels=3)
    if reduction not in get_args(Reduction):
        raise ValueError(f"no reduction is called {reduction!r}; there are: {get_args(Reduction)}")
    difference = blur(output - target, kernel, sigma, padding=kernel // 2)
    if reduction == "norm":
        norms: Tensor = torch.linalg.vector_norm(difference.flatten(1), dim=1)
        return norms.mean()
    if reduction == "sum":
        return (difference**2).sum() / (2 * len(output))
    return (difference**2).mean()


def gaussian_kl(mean: Tensor, variance: Tensor, mean_ref: Tensor, variance_ref: Tensor) -> Tensor:
    """``KL(N(m1, v1) || N(m2, v2)) = (log(v2 / v1) + (v1 + (m1 - m2)^2) / v2 - 1) / 2``.

    Element by element; not symmetric; 0 for equal moments and positive otherwise.
    """
    spread = (variance + (mean - mean_ref) ** 2) / variance_ref
    return 0.5 * (torch.log(variance_ref / variance) + spread - 1)


def degradation_kl(
    degradation: Tensor, reference: Tensor, *, cell: int = 8, floor: float = 1e-6
) -> Tensor:
    """Divergence of the degradations I_D from those of the reference pictures I_D,ref.

    Each (N, C, H, W) of signed degradations is averaged over cells of *cell* x *cell* pixels;
    each channel's cells, of the whole batch, make one Gaussian; the loss is the mean over the
    channels of :func:`gaussian_kl`. The two batches may differ in N, H and W, as their pictures
    have nothing to do with each other. *floor* is added to the variances, so that flat
    degradations have a divergence too. ``cell=1`` compares noise as well.
    """
    for x in (degradation, reference):
        require_pictures(x)
        if min(x.shape[-2:]) < cell:
            raise ValueError(f"cells of {cell} pixels do not fit into {tuple(x.shape)}")
    if degradation.shape[1] != reference.shape[1]:
        raise ValueError(
            f"the degradations have {degradation.shape[1]} and {reference.shape[1]} channels"
        )
    moments: list[Tensor] = []
    for x in (degradation, reference):
        cells = F.avg_pool2d(x, cell).transpose(0, 1).flatten(1)
        moments += [cells.mean(1), cells.var(1, correction=0) + floor]
    return gaussian_kl(*moments).mean()
