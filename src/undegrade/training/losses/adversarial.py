"""Adversarial losses on the logits of a discriminator.

===============  =====================================================================
vanilla          Goodfellow et al., NeurIPS 2014; the generator maximises log D(fake)
saturating       the same discriminator; the generator minimises log(1 - D(fake))
least-squares    Mao et al., ICCV 2017, with a, b, c = 0, 1, 1; the generator's without their 1/2,
                 as the code that published weights of it come from has it
hinge            Lim & Ye, arXiv 1705.02894; Miyato et al., ICLR 2018
relativistic     the average form of Jolicoeur-Martineau, ICLR 2019, as in ESRGAN
===============  =====================================================================

Logits have any shape: one per picture, per patch or per pixel; a loss is the mean over all of
them. The loss of the discriminator is a **sum** of its two halves as in the papers; systems that
take their mean (DLL-GAN, pix2pix) weigh it by 0.5. Nothing is detached here: hand the
discriminator the logits of a detached picture.

DPED's texture loss is this on a discriminator that sees brightness alone, ``phone`` and ``dped``
in the table of networks.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

Form = Literal["vanilla", "saturating", "least-squares", "hinge", "relativistic"]


def discriminator_loss(real: Tensor, fake: Tensor, form: Form = "vanilla") -> Tensor:
    """What the discriminator minimises, given its logits of *real* and *fake* pictures.

    With ``s`` the sigmoid: vanilla and saturating ``-log s(r) - log(1 - s(f))``; least-squares
    ``((r - 1)^2 + f^2) / 2``; hinge ``max(0, 1 - r) + max(0, 1 + f)``; relativistic
    ``-log s(r - mean f) - log(1 - s(f - mean r))``.
    """
    _known(form)
    if form == "least-squares":
        return 0.5 * ((real - 1) ** 2).mean() + 0.5 * (fake**2).mean()
    if form == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    if form == "relativistic":
        real, fake = real - fake.mean(), fake - real.mean()
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor, form: Form = "vanilla", real: Tensor | None = None) -> Tensor:
    """What the generator minimises; the relativistic form also needs the logits of *real*.

    Vanilla ``-log s(f)``; saturating ``log(1 - s(f))``, whose gradient dies while the
    discriminator wins and which, like hinge's ``-f``, has no lower bound; least-squares
    ``(f - 1)^2``; relativistic ``-log s(f - mean r) - log(1 - s(r - mean f))``.
    """
    _known(form)
    if form == "relativistic":
        if real is None:
            raise ValueError("the relativistic loss of the generator needs the logits of real")
        return discriminator_loss(fake, real, form)
    if form == "saturating":
        return -F.softplus(fake).mean()
    if form == "least-squares":
        return ((fake - 1) ** 2).mean()
    if form == "hinge":
        return -fake.mean()
    return F.softplus(-fake).mean()


def swapped_loss(logits: Tensor, real: Tensor) -> Tensor:
    """For a discriminator as DPED trains it: one batch, real or fake drawn per sample.

    Binary cross-entropy of the *logits*, one or more per sample, against *real* (N,) of booleans,
    which says which samples are real (Ignatov et al., ICCV 2017, the authors' code).
    """
    if real.dtype != torch.bool or real.shape != logits.shape[:1]:
        raise ValueError(f"the choice must be ({len(logits)},) booleans, not {real}")
    logits = logits.flatten(1)
    return F.binary_cross_entropy_with_logits(logits, real.to(logits).view(-1, 1).expand_as(logits))


def _known(form: str) -> None:
    if form not in get_args(Form):
        raise ValueError(f"no adversarial loss is called {form!r}; there are: {get_args(Form)}")
