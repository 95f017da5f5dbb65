"""The course of learning rates over a stage, and whose turn it is in a GAN."""

from __future__ import annotations

import math

from undegrade.training.recipe import Stage

ONE_CYCLE_RISE = 0.3
"""Part of a one-cycle schedule in which the rate rises (Smith & Topin, 2019; fastai's default)."""


def factor(stage: Stage, step: int, progress: float) -> float:
    """What the peak rates of *stage* are multiplied by at *step*, *progress* 0..1 into it.

    ==========  ============================================================
    cosine      ``(1 + cos(pi p)) / 2``
    constant    1
    milestones  a tenth for every milestone passed
    one-cycle   cosine up from 1/25 over 0.3 of the stage, cosine down to 0
    ==========  ============================================================

    Each after a linear rise over the ``warmup`` steps.
    """
    progress = min(progress, 1.0)
    warm = min(1.0, (step + 1) / max(1, stage.warmup))
    return warm * _course(stage, progress)


def _course(stage: Stage, progress: float) -> float:
    if stage.schedule == "cosine":
        return _cosine(progress)
    if stage.schedule == "milestones":
        return float(0.1 ** sum(progress >= milestone for milestone in stage.milestones))
    if stage.schedule == "one-cycle":
        if progress < ONE_CYCLE_RISE:
            return 1 / 25 + (1 - 1 / 25) * (1 - _cosine(progress / ONE_CYCLE_RISE))
        return _cosine((progress - ONE_CYCLE_RISE) / (1 - ONE_CYCLE_RISE))
    return 1.0


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


def players(stage: Stage, step: int, critic_loss: float, turn: int = 0) -> tuple[bool, bool]:
    """Whether the critic and the generator learn at *step* of *stage*.

    Both in every step; or by a fixed count of turns (artefact-removal GAN: 5 to 2); or, adaptive
    as DeOldify's switcher, the critic until its loss since the generator's last turn,
    *critic_loss*, is below the threshold or has had as many steps, *turn*, as are allowed at the
    longest, and then the generator for one step.
    """
    if stage.kind != "adversarial":
        return stage.kind == "critic", stage.kind == "generator"
    if not any(stage.turns):
        return True, True
    if stage.threshold:
        critic = critic_loss >= stage.threshold
        if stage.longest and turn >= stage.longest:
            critic = False
    else:
        critic = step % sum(stage.turns) < stage.turns[0]
    return critic, not critic
