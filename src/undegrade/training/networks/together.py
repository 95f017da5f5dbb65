"""Batch normalisation over all processes that share a batch, on any device.

torch's own ``SyncBatchNorm`` is for GPUs. Here one small sum a layer goes between the processes,
forwards and backwards, so that n of them compute what one computes on the whole batch.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, distributed, nn

Norm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d
PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


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


class Synchronised(nn.modules.batchnorm._NormBase):
    """What a norm of torch computes, of the whole batch; (N, C, ...) to the same."""

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
        if type(child) in PLAIN and child.track_running_stats:
            setattr(network, name, _replaced(cast(Norm, child)))
        else:
            synchronised(child)


def _replaced(norm: Norm) -> Synchronised:
    made = Synchronised(norm.num_features, norm.eps, norm.momentum, norm.affine)
    made.load_state_dict(norm.state_dict())
    made.requires_grad_(all(p.requires_grad for p in norm.parameters()))
    return made.to(cast(Tensor, norm.running_mean).device).train(norm.training)
