"""Crops with a thumbnail of the picture around them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from undegrade.training.networks.guided import THUMBNAIL
from undegrade.training.tasks.base import Batch, Photos, Task


class GuidedTask:
    """*task* on larger crops, of which the network sees a part and a thumbnail of all.

    *context* is the side in pixels of what stands for the whole picture. Inputs are the patch
    (N, 3, patch, patch) and the thumbnail (N, 3, 48, 48), averages over equal areas.
    """

    def __init__(self, task: Task, context: int) -> None:
        self.task = task
        self.context = context

    def batch(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        whole = _with_thumbnail(self.task.batch(photos, count, max(patch, self.context), generator))
        room = max(self.context - patch, 0)
        top, left = torch.randint(0, room + 1, (2,), generator=generator).tolist()
        window = (..., slice(top, top + patch), slice(left, left + patch))
        picture, thumbnail = whole.inputs
        return Batch(
            (picture[window].contiguous(), thumbnail),
            whole.target[window].contiguous(),
            reference=None if whole.reference is None else whole.reference[window].contiguous(),
            reference_thumbnail=whole.reference_thumbnail,
        )

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        found = self.task.validation(photos, size)
        return {name: _with_thumbnail(batch) for name, batch in found.items()}


def _with_thumbnail(batch: Batch) -> Batch:
    (picture,) = batch.inputs
    around = None
    if batch.reference is not None:
        around = F.adaptive_avg_pool2d(batch.reference, THUMBNAIL)
    return Batch(
        (picture, F.adaptive_avg_pool2d(picture, THUMBNAIL)),
        batch.target,
        reference=batch.reference,
        reference_thumbnail=around,
    )
