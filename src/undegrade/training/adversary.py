"""A discriminator with what it compares; its optimiser belongs to the loop."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from undegrade.training.losses import discriminator_loss, generator_loss, swapped_loss
from undegrade.training.recipe import Discriminator
from undegrade.training.systems import Views, autocast


class Adversary:
    """Tells the view ``real`` from the view ``fake`` and says how far it is deceived."""

    def __init__(
        self, network: nn.Module, settings: Discriminator, precision: str, batch: int = 1
    ) -> None:
        self.network = network
        self.settings = settings
        self.precision = precision
        self.size = batch if settings.reduction == "sum" else 1
        """What makes a sum over all of a *batch*, in parts or not, of the mean over a part."""

    def loss(self, views: Views, generator: torch.Generator) -> Tensor:
        """What the discriminator minimises; no gradient goes to the generator."""
        s = self.settings
        real, fake = views[s.real].detach(), views[s.fake].detach()
        if s.swapped:
            chance = (torch.rand(len(real), generator=generator) < 0.5).to(real.device)
            mixed = torch.where(chance.view(-1, 1, 1, 1), real, fake)
            return s.weight * swapped_loss(self.logits(mixed), chance)
        return s.weight * discriminator_loss(self.logits(real), self.logits(fake), s.form)

    def deceived(self, views: Views) -> Tensor:
        """What the generator minimises; the discriminator takes no gradient from it."""
        s = self.settings
        self.network.requires_grad_(False)
        fake = self.logits(views[s.fake])
        real = self.logits(views[s.real].detach()) if s.form == "relativistic" else None
        self.network.requires_grad_(True)
        return self.size * generator_loss(fake, s.form, real)

    def logits(self, pictures: Tensor) -> Tensor:
        """The discriminator's verdict, fp32, positive for real."""
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with autocast(pictures.device, self.precision):
            verdict: Tensor = self.network(pictures)
        return verdict.float()
