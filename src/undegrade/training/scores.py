"""How good a generator is on fixed crops that it never learned from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.losses import LPIPS, ssim
from undegrade.training.tasks import Batch


@torch.no_grad()
def outputs(network: nn.Module, batch: Batch) -> Tensor:
    """What *network* makes of *batch*, one picture at a time, clipped and rounded to 8 bit."""
    network.eval()
    made = [network(*(x[i : i + 1] for x in batch.inputs)) for i in range(len(batch.target))]
    return torch.round(torch.cat(made).float().clamp(0, 1) * 255) / 255


@torch.no_grad()
def scores(made: Tensor, target: Tensor, perceptual: LPIPS | None) -> dict[str, float]:
    """Mean PSNR in dB and SSIM over RGB, and LPIPS where there is a network for it."""
    errors = F.mse_loss(made, target, reduction="none").mean((1, 2, 3))
    found = {"psnr": float((-10 * torch.log10(errors.clamp(min=1e-10))).mean())}
    found["ssim"] = float(ssim(made, target).mean())
    if perceptual is not None:
        found["lpips"] = float(perceptual(made, target))
    return found


@torch.no_grad()
def level_errors(regressor: nn.Module, batch: Batch, names: Sequence[str] = ()) -> dict[str, float]:
    """Mean absolute error of the levels that *regressor* reads off graded pictures.

    All together as ``level-error``, and each of *names* as ``level-error/name``. Log-variances
    behind the levels are passed over, and so are levels that nobody knows (NaN).
    """
    regressor.eval()
    assert batch.level is not None
    made = regressor(batch.inputs[0])[:, : batch.level.shape[1]]
    errors = (made - batch.level).abs().nanmean(0)
    each = {f"level-error/{name}": float(errors[k]) for k, name in enumerate(names)}
    return {"level-error": float(errors.nanmean()), **each}


def level_error(regressor: nn.Module, batch: Batch) -> float:
    """The mean absolute error over all levels."""
    return level_errors(regressor, batch)["level-error"]
