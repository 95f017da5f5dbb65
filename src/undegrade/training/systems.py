"""Views: every picture of a step that a loss may look at, by name.

==================  =======================================================================
view                what
==================  =======================================================================
input               the degraded picture I_L
target              the truth I
output              the generator's G(I_L)
degradation         two-step: I_D, what DeG finds in the input
base                two-step: I_B = I_L - I_D
reference           two-step: a well-exposed picture I_ref of another scene
reference_low       two-step: I_L,ref, the reference under a real picture's degradation
reference_degradation, reference_base, reference_output
                    two-step: what both generators make of I_L,ref
==================  =======================================================================
"""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor, nn

from undegrade.training.networks.drgn import Steps
from undegrade.training.tasks import Batch

Views = dict[str, Tensor]

HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(device: torch.device, precision: str, wanted: bool = True) -> torch.autocast:
    """A context in which convolutions run in *precision*, where that is a half one."""
    dtype = HALVES.get(precision, torch.bfloat16)
    return torch.autocast(device.type, dtype, enabled=wanted and precision in HALVES)


class PlainSystem(nn.Module):
    """A generator by itself: ``input``, ``target`` and ``output``."""

    views: tuple[str, ...] = ("input", "target", "output")

    def __init__(self, network: nn.Module, precision: str = "fp32") -> None:
        super().__init__()
        self.network = network
        self.precision = precision

    def forward(self, batch: Batch) -> Views:
        picture, *levels = batch.inputs
        picture = picture.contiguous(memory_format=torch.channels_last)
        with autocast(picture.device, self.precision):
            output = self.network(picture, *levels)
        return {"input": picture, "target": batch.target, "output": output.float()}


class TwoSteps(Protocol):
    """A network that shows what its first step made; it may take a thumbnail, too."""

    def steps(self, x: Tensor, *thumbnail: Tensor) -> Steps: ...


class TwoStepSystem(PlainSystem):
    """DRGN with its second row, the pairs it makes itself (Jiang et al., AAAI 2022, figure).

    ``I_L,ref = clip(I_ref + I_D, 0, 1)`` takes its degradation from another sample of the batch.
    The adversary of low light moves DeG through ``reference_low``; both generators then see it
    as data, without a gradient, as they see a real picture.
    """

    views = (
        *PlainSystem.views,
        *("degradation", "base", "reference", "reference_low"),
        *("reference_degradation", "reference_base", "reference_output"),
    )

    def forward(self, batch: Batch) -> Views:
        network = cast(TwoSteps, self.network)
        picture, *thumbnail = batch.inputs
        picture = picture.contiguous(memory_format=torch.channels_last)
        with autocast(picture.device, self.precision):
            steps = network.steps(picture, *thumbnail)
        views = {"input": picture, "target": batch.target}
        views |= {name: getattr(steps, name).float() for name in ("degradation", "base")}
        views["output"] = steps.enhanced.float()
        if batch.reference is not None:
            views |= self._reference_row(network, batch.reference, views["degradation"])
        return views

    def _reference_row(self, network: TwoSteps, reference: Tensor, degradation: Tensor) -> Views:
        low = torch.clamp(reference + degradation.roll(1, 0), 0.0, 1.0)
        with autocast(reference.device, self.precision):
            steps = network.steps(low.detach().contiguous(memory_format=torch.channels_last))
        return {
            "reference": reference,
            "reference_low": low,
            "reference_degradation": steps.degradation.float(),
            "reference_base": steps.base.float(),
            "reference_output": steps.enhanced.float(),
        }


SYSTEMS: dict[str, type[PlainSystem]] = {"plain": PlainSystem, "two-step": TwoStepSystem}
