"""Prints and slides after decades."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.degradation import DEGRADATIONS  # noqa: E402
from undegrade.training.degradations import (  # noqa: E402
    FadeDamage,
    fade,
    sample_fade,
    to_linear,
)

COLOURS = ("red", "green", "blue")


def generator():
    return torch.Generator().manual_seed(0)


def damage(**changes):
    """Nothing at all, but for *changes*."""
    values = {
        "kept": torch.ones(1, 3),
        "stain": torch.zeros(1, 3),
        "gain": torch.zeros(1),
        "contrast": torch.ones(1),
        "lift": torch.zeros(1),
    }
    return FadeDamage(**values | {name: torch.tensor(value) for name, value in changes.items()})


def ramp():
    """From black to white, every channel alike."""
    return torch.linspace(0.0, 1.0, 256).expand(1, 3, 4, 256)


def test_nothing_changes_nothing_but_the_deepest_black():
    made = fade(ramp(), damage())
    torch.testing.assert_close(made[..., 20:], ramp()[..., 20:], atol=1e-5, rtol=0)
    assert made.min() > 0, "no print is black altogether"


def test_half_of_the_density_is_the_root_of_the_light():
    made = fade(ramp(), damage(kept=[[0.5, 0.5, 0.5]]))
    expected = to_linear(ramp()).clamp(min=10.0**-2.4) ** 0.5
    torch.testing.assert_close(to_linear(made), expected, atol=1e-4, rtol=1e-3)


def test_dyes_that_fade_unlike_tint_the_dark_and_leave_white():
    made = fade(ramp(), damage(kept=[[0.5, 1.0, 1.0]]))
    red, others = made[0, 0], made[0, 1:]
    assert (red[:, 20:200] > others[:, :, 20:200]).all()
    torch.testing.assert_close(made[..., -1], torch.ones(1, 3, 4))


def test_paper_yellows_in_white_too():
    white = fade(ramp(), damage(stain=[[0.0, 0.0, 0.1]]))[0, :, 0, -1]
    assert white[2] < 0.95
    torch.testing.assert_close(white[:2], torch.ones(2))


def test_flat_scans_have_neither_black_nor_white():
    made = fade(ramp(), damage(contrast=[0.6], lift=[0.1]))
    assert made.min() == pytest.approx(0.1 + 0.2 * 0.9, abs=0.03)
    assert made.max() == pytest.approx(0.1 + 0.8 * 0.9, abs=0.01)


def test_tensors_and_arrays_agree():
    operator, x = DEGRADATIONS["fade"], torch.rand(1, 3, 16, 16, generator=generator())
    drawn = operator.sample(np.random.default_rng(3))
    kept, stain = ([[drawn[f"{c}_{what}"] for c in COLOURS]] for what in ("kept", "stain"))
    made = fade(x, damage(kept=kept, stain=stain, gain=[drawn["gain"]]))
    array = operator.apply(x[0].permute(1, 2, 0).numpy(), drawn)
    torch.testing.assert_close(made[0].permute(1, 2, 0), torch.from_numpy(array), atol=1e-5, rtol=0)


def test_one_in_five_stays_as_it_is_and_no_dye_gains():
    drawn = sample_fade(2000, generator())
    same = (drawn.kept == 1).all(1) & (drawn.stain == 0).all(1) & (drawn.gain == 0)
    assert same.float().mean() == pytest.approx(0.2, abs=0.03)
    assert drawn.kept.min() >= 0.4 - 1e-6
    assert drawn.kept.max() <= 1
