"""Texture loss: an adversary that sees no colour (Ignatov et al., DPED, ICCV 2017, section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.losses import checks
from undegrade.training.losses.adversarial import Form, discriminator_loss, generator_loss

GRAY = (0.299, 0.587, 0.114)
"""BT.601 luma."""


def grayscale(x: Tensor) -> Tensor:
    """``0.299 R + 0.587 G + 0.114 B``; (N, 3, H, W) to (N, 1, H, W)."""
    checks.pictures(x, channels=3)
    return (x * x.new_tensor(GRAY).view(1, 3, 1, 1)).sum(1, keepdim=True)


class TextureLoss:
    """An adversarial loss on the grayscale of the pictures.

    *discriminator* maps (N, 1, H, W) to logits of any shape; it belongs to the caller, who
    optimises it with :meth:`discriminator_loss` and clears the gradients that
    :meth:`generator_loss` leaves in it. The default form is the ``-log D`` of Prakash & Phumbhra
    (2020); DPED's own code is "saturating", summed over the batch where ours is the mean.
    """

    def __init__(self, discriminator: nn.Module, form: Form = "vanilla") -> None:
        self.discriminator = discriminator
        self.form = form

    def generator_loss(self, output: Tensor, target: Tensor) -> Tensor:
        """For the generator that made *output*; *target* matters to the relativistic form only."""
        fake = self.discriminator(grayscale(output))
        if self.form != "relativistic":
            return generator_loss(fake, self.form)
        with torch.no_grad():
            real = self.discriminator(grayscale(target))
        return generator_loss(fake, self.form, real)

    def discriminator_loss(self, output: Tensor, target: Tensor) -> Tensor:
        """For the discriminator, which sees both batches; no gradient goes to *output*."""
        real = self.discriminator(grayscale(target))
        return discriminator_loss(real, self.discriminator(grayscale(output.detach())), self.form)

    def swapped_loss(self, output: Tensor, target: Tensor, real: Tensor) -> Tensor:
        """For the discriminator as DPED trains it: one call, real or fake drawn per sample.

        *real* (N,) of booleans says which samples are taken from *target*; the loss is the binary
        cross-entropy of one logit per sample against it. No gradient goes to *output*.
        """
        checks.pictures(output, target, channels=3)
        if real.dtype != torch.bool or real.shape != output.shape[:1]:
            raise ValueError(f"the choice must be ({len(output)},) booleans, not {real}")
        mixed = torch.where(real.view(-1, 1, 1, 1), target, output.detach())
        logits: Tensor = self.discriminator(grayscale(mixed)).flatten(1)
        labels = real.to(logits).view(-1, 1).expand_as(logits)
        return F.binary_cross_entropy_with_logits(logits, labels)
