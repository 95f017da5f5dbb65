"""Views: every picture of a step that a loss may look at, by name.

==================  =======================================================================
view                what
==================  =======================================================================
input               the degraded picture I_L
target              the truth I
output              the generator's G(I_L)
shown               sr: the output where I_L shows detail, and the truth where it shows none
teacher             what the recipe's teacher makes of the input, where it has one
degradation         two-step: I_D, what DeG finds in the input
base                two-step: I_B = I_L - I_D
reference           two-step: a well-exposed picture I_ref of another scene
reference_low       two-step: I_L,ref, the reference under a real picture's degradation
reference_degradation, reference_base, reference_output
                    two-step: what both generators make of I_L,ref
==================  =======================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.imaging.luma import luma
from undegrade.training.networks.drgn import Steps
from undegrade.training.tasks import Batch

Views = dict[str, Tensor]

HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(device: torch.device, precision: str, wanted: bool = True) -> torch.autocast:
    """A context in which convolutions run in *precision*, where that is a half one."""
    dtype = HALVES.get(precision, torch.bfloat16)
    return torch.autocast(device.type, dtype, enabled=wanted and precision in HALVES)


FLAT, DETAILED = 3 / 255, 9 / 255
"""Contrast of luma from which a place of a small picture counts as detail, and counts in full."""


def detail(picture: Tensor) -> Tensor:
    """How much of each place of (N, 3, H, W) in [0, 1] is detail, (N, 1, H, W) in 0..1.

    By the standard deviation of luma among a pixel and its neighbours, from ``FLAT`` to
    ``DETAILED``: noise that a restorer leaves lies below, an edge that is seen above.
    """
    y = luma(picture)
    mean, square = (F.avg_pool2d(x, 3, 1, 1, count_include_pad=False) for x in (y, y * y))
    contrast = (square - mean * mean).clamp(min=0.0).sqrt()
    return ((contrast - FLAT) / (DETAILED - FLAT)).clamp(0.0, 1.0)


class PlainSystem(nn.Module):
    """A generator by itself, with a teacher beside it or without one.

    Of a network that enlarges there is a view ``shown``, in which the truth takes the place of the
    output where the input shows no detail: what compares it with the truth (an adversary, content)
    asks for no texture there, of which the network could make but one, the same everywhere.

    Parameters
    ----------
    network: the generator. ``precision``: what it computes in.
    teacher: takes what the generator takes, and does not learn.
    """

    views: tuple[str, ...] = ("input", "target", "output", "shown", "teacher")

    def __init__(
        self, network: nn.Module, precision: str = "fp32", teacher: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.precision = precision
        self.teacher = teacher

    def forward(self, batch: Batch) -> Views:
        picture, *levels = batch.inputs
        picture = picture.contiguous(memory_format=torch.channels_last)
        with autocast(picture.device, self.precision):
            output = self.network(picture, *levels)
        views = {"input": picture, "target": batch.target, "output": output.float()}
        size = batch.target.shape[-2:]
        if size != picture.shape[-2:]:
            share = F.interpolate(detail(picture), size, mode="bilinear")
            views["shown"] = torch.lerp(batch.target, views["output"], share)
        if self.teacher is not None:
            with torch.no_grad(), autocast(picture.device, self.precision):
                views["teacher"] = self.teacher(picture, *levels).float()
        return views


class TwoSteps(Protocol):
    """A network that shows what its first step made; it may take a thumbnail and a place, too."""

    def steps(self, x: Tensor, *around: Tensor) -> Steps: ...


CELL = 16
"""Pixels a side over which light is taken to be even, in the pairs that DRGN makes."""
DARKEST = 1 / 255
"""Least mean of a cell that a gain is divided by."""


class TwoStepSystem(PlainSystem):
    """DRGN with its second row, the pairs it makes itself (Jiang et al., AAAI 2022, figure).

    A reference is degraded as another sample of the batch was: ``I_L,ref = clip(g I_ref + n)``. The
    gain ``g = S(I_L) / S(I_B)`` is how much darker that sample's surroundings are than its base, S
    a mean over cells of ``CELL`` pixels, and ``n = I_L - g I_B`` what a gain does not explain,
    its noise. So nothing of the other scene is in the pair.

    The adversary of low light moves DeG through ``reference_low``; both generators then see it
    as data, without a gradient, as they see a real picture.
    """

    views = (
        *("input", "target", "output"),
        *("degradation", "base", "reference", "reference_low"),
        *("reference_degradation", "reference_base", "reference_output"),
    )

    def forward(self, batch: Batch) -> Views:
        picture, *around = batch.inputs
        picture = picture.contiguous(memory_format=torch.channels_last)
        views = {"input": picture, "target": batch.target} | self._steps(picture, around)
        if batch.reference is not None:
            if batch.reference_thumbnail is not None:
                around[0] = batch.reference_thumbnail
            views |= self._reference_row(batch.reference, around, views)
        return views

    def _steps(self, picture: Tensor, around: Sequence[Tensor], row: str = "") -> Views:
        """What both steps make of *picture*, by the names that it has in its *row*."""
        with autocast(picture.device, self.precision):
            steps = cast(TwoSteps, self.network).steps(picture, *around)
        return {
            f"{row}degradation": steps.degradation.float(),
            f"{row}base": steps.base.float(),
            f"{row}output": steps.enhanced.float(),
        }

    def _reference_row(self, reference: Tensor, around: Sequence[Tensor], views: Views) -> Views:
        gain, offset = (x.roll(1, 0) for x in self.degradation(views["input"], views["base"]))
        low = torch.clamp(gain * reference + offset, 0.0, 1.0)
        # What is around the patch is darker by as much as the patch is.
        means = [x.detach().mean((2, 3), keepdim=True) for x in (gain, offset)]
        small = [torch.clamp(means[0] * x + means[1], 0.0, 1.0) for x in around[:1]]
        low_as_data = low.detach().contiguous(memory_format=torch.channels_last)
        made = self._steps(low_as_data, [*small, *around[1:]], "reference_")
        return {"reference": reference, "reference_low": low} | made

    def degradation(self, picture: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
        """What to multiply a reference by, and what then to add, for each of a batch."""
        gain = _even(picture).clamp(min=0.0) / _even(base).clamp(min=DARKEST)
        gain = gain.clamp(max=1.0)
        return gain, picture - gain * base


class LiteralTwoStepSystem(TwoStepSystem):
    """The rule as the figure reads: ``I_L,ref = clip(I_ref + I_D, 0, 1)``.

    I_D is bright where the other scene is dark and dark where it is bright, and so is the pair: a
    ghost of that scene, most of it clipped to black.
    """

    def degradation(self, picture: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones_like(picture), picture - base


def _even(x: Tensor) -> Tensor:
    """Means over cells, interpolated between them; (N, C, H, W) to the same."""
    rows, columns = (max(1, side // CELL) for side in x.shape[2:])
    cells = F.adaptive_avg_pool2d(x, (rows, columns))
    return F.interpolate(cells, x.shape[2:], mode="bilinear")


SYSTEMS: dict[str, type[PlainSystem]] = {
    "plain": PlainSystem,
    "two-step": TwoStepSystem,
    "two-step-literal": LiteralTwoStepSystem,
}
