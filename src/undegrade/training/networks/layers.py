"""What networks are made of: normalisations, attention, enlargement, and how weights start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Literal, cast

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations


def checked(argument: str, value: str, choices: Sequence[str]) -> str:
    """Return *value* if it is one of *choices*; raises ``ValueError`` naming them otherwise."""
    if value not in choices:
        raise ValueError(f"{argument} is {value!r}; it can be: {', '.join(choices)}")
    return value


def _start(network: nn.Module, draw: Callable[[Tensor], Tensor], bias: float) -> nn.Module:
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            draw(module.weight)
            if module.bias is not None:
                nn.init.constant_(module.bias, bias)
    return network


def start_gaussian(
    network: nn.Module, std: float, truncated: bool = False, bias: float = 0.0
) -> nn.Module:
    """Draw every convolution and dense weight from N(0, std^2), in place.

    Truncated draws stay within two standard deviations, as TensorFlow's do.
    """
    if truncated:
        draw = partial(nn.init.trunc_normal_, std=std, a=-2 * std, b=2 * std)
        return _start(network, draw, bias)
    return _start(network, partial(nn.init.normal_, std=std), bias)


def start_dcgan(network: nn.Module) -> nn.Module:
    """N(0, 0.02^2) for weights, N(1, 0.02^2) for batch-norm scales, zero shifts, in place.

    Radford et al., "Unsupervised representation learning with deep convolutional generative
    adversarial networks", ICLR 2016, section 4; pix2pix and CycleGAN keep it.
    """
    for module in start_gaussian(network, 0.02).modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
    return network


def start_he(network: nn.Module, mode: Literal["fan_in", "fan_out"] = "fan_in") -> nn.Module:
    """Gaussian weights of variance 2 / fan and zero biases (He et al., ICCV 2015), in place."""
    draw = partial(nn.init.kaiming_normal_, mode=mode, nonlinearity="relu")
    return _start(network, draw, 0.0)


def conv_norm(c_in: int, c_out: int, *, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """A convolution padded by 1, without bias, and batch norm."""
    convolution = nn.Conv2d(c_in, c_out, kernel, stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(c_out)]


def conv_norm_leaky(c_in: int, c_out: int, *, kernel: int, stride: int) -> list[nn.Module]:
    """:func:`conv_norm` and leaky ReLU 0.2, as those that judge have them."""
    return [*conv_norm(c_in, c_out, kernel=kernel, stride=stride), nn.LeakyReLU(0.2)]


def between(
    layers: Iterable[nn.Module], activation: Callable[[], nn.Module] = nn.ReLU
) -> nn.Sequential:
    """*layers* one after the other, with an activation between each two."""
    both = [part for layer in layers for part in (layer, activation())]
    return nn.Sequential(*both[:-1])


def dense_head(c_in: int, *, size: int, width: int, outputs: int = 1) -> nn.Sequential:
    """Two dense layers with leaky ReLU 0.2 behind features (N, *c_in*, side, side).

    The side is ceil(*size* / 16), for pictures of *size* pixels and features at a 16th of them.
    """
    side = -(-size // 16)
    first = nn.Linear(c_in * side**2, width)
    return nn.Sequential(nn.Flatten(), first, nn.LeakyReLU(0.2), nn.Linear(width, outputs))


class Residual(nn.Module):
    """``x + body(x)``, the body's layers one after the other; (N, c, H, W) to the same."""

    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = x + self.body(x)
        return output


class ImageNet(nn.Module):
    """sRGB in [0, 1] to zero mean and unit deviation over ImageNet; (N, 3, H, W) both ways."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.register_buffer("mean", mean.view(3, 1, 1), persistent=False)
        self.register_buffer("std", std.view(3, 1, 1), persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        return (picture - self.mean) / self.std

    def inverse(self, normalised: Tensor) -> Tensor:
        """Back to sRGB in [0, 1]."""
        return normalised * self.std + self.mean


def feature_norm(channels: int, statistics: str, eps: float = 1e-5) -> nn.Module:
    """A normalisation with learned scale and shift, ``2 * channels`` parameters.

    - ``instance``: the statistics of each picture, always. Its result depends on the whole
      picture, so that a tile or crop comes out differently.
    - ``running``: a running average, in training as in evaluation, see :class:`Renormalisation`:
      every pixel is mapped alike, tiles are exact, the layer folds into its convolution, and what
      is trained is what is exported.
    - ``batch``: batch normalisation (Ioffe & Szegedy, ICML 2015), which trains on the statistics
      of the batch and is exported with their running average.
    """
    checked("statistics", statistics, ("instance", "running", "batch"))
    if statistics == "batch":
        return nn.BatchNorm2d(channels, eps=eps)
    if statistics == "running":
        return Renormalisation(channels, eps=eps)
    return nn.InstanceNorm2d(channels, eps=eps, affine=True)


def moments(x: Tensor) -> tuple[Tensor, Tensor, int]:
    """Mean and variance (C,) of (N, C, ...), and of how many values each is, in all processes.

    The variance is the biased one. All processes must call it with shares of one size.
    """
    var, mean = torch.var_mean(x, [0, *range(2, x.ndim)], correction=0)
    count = x.numel() // x.shape[1]
    if not (distributed.is_available() and distributed.is_initialized()):
        return mean, var, count
    fellows, rank = distributed.get_world_size(), distributed.get_rank()
    own = torch.stack([mean, var])[None]
    rows = own.new_zeros(fellows, *own.shape[1:])
    rows = rows.index_copy(0, torch.tensor([rank], device=x.device), own)
    means, variances = cast(Tensor, _Sum.apply(rows)).unbind(1)  # type: ignore[no-untyped-call]
    mean = means.mean(0)
    # Not by squares of values, whose differences lose what fp32 holds.
    return mean, (variances + (means - mean).square()).mean(0), count * fellows


class _Sum(torch.autograd.Function):
    """The sum over all processes, whose gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.contiguous().clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total


class Renormalisation(nn.BatchNorm2d):
    """Batch renormalisation (Ioffe, NeurIPS 2017): training goes by the running statistics, too.

    ``y = (x - m) / s * r + d`` with m and s of the batch, and ``r = s / S``, ``d = (m - M) / S``
    as constants, which makes it ``(x - M) / S`` of the running M and S while the gradient still
    knows that the batch moves m and s. r and d come in over the first ``SETTLED`` steps, in which
    the running statistics are no more than their start, and stay within ``MOST_R`` and ``MOST_D``.
    """

    SETTLED = 300
    MOST_R, MOST_D = 3.0, 5.0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        running_mean, running_var = cast(Tensor, self.running_mean), cast(Tensor, self.running_var)
        steps = cast(Tensor, self.num_batches_tracked)
        values = x.float()
        mean, var, count = moments(values)
        deviation = (var + self.eps).sqrt()
        with torch.no_grad():
            trust = (steps / self.SETTLED).clamp(max=1.0)
            settled = (running_var + self.eps).sqrt()
            r = (deviation / settled).clamp(1 / self.MOST_R, self.MOST_R)
            d = ((mean - running_mean) / settled).clamp(-self.MOST_D, self.MOST_D)
            r, d = 1.0 + trust * (r - 1.0), trust * d
            # As torch's own: the variance is kept without bias.
            unbiased = var * (count / max(count - 1, 1))
            running_mean.lerp_(mean, cast(float, self.momentum))
            running_var.lerp_(unbiased, cast(float, self.momentum))
            steps += 1
        scale = cast(Tensor, self.weight) * r / deviation
        shift = cast(Tensor, self.weight) * (d - mean * r / deviation) + cast(Tensor, self.bias)
        return (values * scale.view(-1, 1, 1) + shift.view(-1, 1, 1)).to(x.dtype)


PLAIN_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Synchronised(nn.modules.batchnorm._NormBase):
    """What a norm of torch computes, of the batch of all processes; (N, C, ...) to the same.

    torch's own ``SyncBatchNorm`` is for GPUs. Here one small sum a layer goes between the
    processes, forwards and backwards, so that n of them compute what one does on all.
    """

    def forward(self, x: Tensor) -> Tensor:
        values = x.float()
        if self.training:
            mean, var, count = moments(values)
            self._note(mean.detach(), var.detach() * count / max(count - 1, 1))
        else:
            mean, var = cast(Tensor, self.running_mean), cast(Tensor, self.running_var)
        scale = (var + self.eps).rsqrt()
        shift = -mean * scale
        if self.affine:
            scale, shift = scale * self.weight, shift * self.weight + self.bias
        place = (-1, *[1] * (x.ndim - 2))
        return (values * scale.view(place) + shift.view(place)).to(x.dtype)

    @torch.no_grad()
    def _note(self, mean: Tensor, var: Tensor) -> None:
        steps = cast(Tensor, self.num_batches_tracked)
        steps += 1
        share = 1 / float(steps) if self.momentum is None else self.momentum
        cast(Tensor, self.running_mean).lerp_(mean, share)
        cast(Tensor, self.running_var).lerp_(var, share)


def synchronised(network: nn.Module) -> None:
    """Replace the batch norms inside *network* by ones over all processes, in place.

    Names of weights and statistics stay, so that checkpoints are the same either way. Kinds that
    are derived from torch's have their own arithmetic and are left to it.
    """
    for name, child in network.named_children():
        if type(child) in PLAIN_NORMS and child.track_running_stats:
            setattr(network, name, _replaced(cast(nn.modules.batchnorm._BatchNorm, child)))
        else:
            synchronised(child)


def _replaced(norm: nn.modules.batchnorm._BatchNorm) -> Synchronised:
    made = Synchronised(norm.num_features, norm.eps, norm.momentum, norm.affine)
    made.load_state_dict(norm.state_dict())
    made.requires_grad_(all(p.requires_grad for p in norm.parameters()))
    return made.to(cast(Tensor, norm.running_mean).device).train(norm.training)


def spectral(convolution: nn.Conv2d) -> nn.Conv2d:
    """Divide the weight by its largest singular value (Miyato et al., ICLR 2018), in place.

    One power iteration a training step, none in evaluation. The weight must not be all zero.
    """
    parametrizations.spectral_norm(convolution)
    return convolution


@torch.no_grad()
def icnr(convolution: nn.Conv2d, scale: int) -> nn.Conv2d:
    """Start a sub-pixel convolution as nearest neighbour enlargement, in place.

    Each group of scale^2 output channels gets the weights and bias of its first, so that the
    pixels of a shuffled cell begin equal (Aitken et al., "Checkerboard artifact free sub-pixel
    convolution", arXiv 1707.02937, section 3).
    """
    cell = scale**2
    convolution.weight.copy_(convolution.weight[::cell].repeat_interleave(cell, 0))
    if convolution.bias is not None:
        convolution.bias.copy_(convolution.bias[::cell].repeat_interleave(cell, 0))
    return convolution


def mirrored(x: Tensor, edge: int) -> Tensor:
    """(N, C, H, W) reflected outwards by *edge* pixels on each side; the outermost comes twice."""
    for axis in (2, 3):
        first = x.narrow(axis, 0, edge).flip(axis)
        last = x.narrow(axis, x.shape[axis] - edge, edge).flip(axis)
        x = torch.cat([first, x, last], axis)
    return x


class Blur(nn.Module):
    """The mean of each pixel with its left, upper and upper-left neighbours, edges repeated.

    Removes what checkerboard training brings back (Sugawara et al., arXiv 1806.02658); the size
    stays. (N, c, H, W) to (N, c, H, W).
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


class PixelShuffleUp(nn.Module):
    """1x1 convolution with spectral norm, optional batch norm, ReLU, shuffle by 2, optional blur.

    The enlargement of DeOldify's decoder, started by :func:`icnr`. (N, c_in, H, W) to
    (N, c_out, 2H, 2W); ``4 * c_out * (c_in + 1)`` parameters and ``8 * c_out`` of the norm.
    """

    def __init__(self, c_in: int, c_out: int, norm: bool = True, blur: bool = True) -> None:
        super().__init__()
        convolution = nn.Conv2d(c_in, 4 * c_out, 1)
        start_he(convolution)
        self.conv = nn.Sequential(spectral(icnr(convolution, 2)))
        if norm:
            self.conv.append(nn.BatchNorm2d(4 * c_out))
        self.blur = Blur() if blur else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        enlarged: Tensor = self.blur(F.pixel_shuffle(F.relu(self.conv(x)), 2))
        return enlarged


class SelfAttention(nn.Module):
    """``x + gamma * V softmax(K^T Q)``: every position looks at all others.

    Zhang et al., "Self-attention generative adversarial networks", ICML 2019, section 3, without
    its last 1x1 convolution, as DeOldify has it. Queries and keys have c / 8 channels; 1x1
    convolutions without bias under spectral norm; gamma starts at 0, so that the block starts as
    the identity. (N, c, H, W) to the same; memory and time grow with (H * W)^2.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = max(1, channels // 8)
        self.query = spectral(nn.Conv2d(channels, narrow, 1, bias=False))
        self.key = spectral(nn.Conv2d(channels, narrow, 1, bias=False))
        self.value = spectral(nn.Conv2d(channels, channels, 1, bias=False))
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            projection(x).flatten(2).transpose(1, 2).unsqueeze(1)  # one head
            for projection in (self.query, self.key, self.value)
        )
        seen = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        return x + self.gamma * seen.squeeze(1).transpose(1, 2).reshape(x.shape)


class ChannelAttention(nn.Module):
    """``x * sigmoid(W2 relu(W1 mean(x)))`` with a squeeze by 16, to 4 channels at least.

    Zhang et al., "Image super-resolution using very deep residual channel attention networks",
    ECCV 2018, section 3.3. (N, c, H, W) to the same.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        narrow = max(4, channels // reduction)
        self.weigh = nn.Sequential(
            nn.Conv2d(channels, narrow, 1), nn.ReLU(), nn.Conv2d(narrow, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        weighted: Tensor = x * self.weigh(x.mean((2, 3), keepdim=True))
        return weighted


class SelectiveFusion(nn.Module):
    """A sum of branches whose weights per channel add up to one.

    Selective kernel feature fusion: ``w = softmax_b(A_b prelu(S mean(sum_b x_b)))`` and
    ``y = sum_b w_b x_b`` (Zamir et al., "Learning enriched features for real image restoration
    and enhancement", ECCV 2020, section 3.1). A list of (N, c, H, W) to one (N, c, H, W).
    """

    def __init__(self, channels: int, branches: int, reduction: int = 8) -> None:
        super().__init__()
        narrow = max(4, channels // reduction)
        self.squeeze = nn.Sequential(nn.Conv2d(channels, narrow, 1), nn.PReLU())
        self.attend = nn.ModuleList([nn.Conv2d(narrow, channels, 1) for _ in range(branches)])

    def forward(self, branches: Sequence[Tensor]) -> Tensor:
        stacked = torch.stack(tuple(branches), 1)
        squeezed = self.squeeze(stacked.sum(1).mean((2, 3), keepdim=True))
        weights = torch.stack([attend(squeezed) for attend in self.attend], 1).softmax(1)
        return (weights * stacked).sum(1)
