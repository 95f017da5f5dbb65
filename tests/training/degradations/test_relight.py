"""Photos in other light: too little, against it, and uneven."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.training.degradations import (  # noqa: E402
    LightDamage,
    relight,
    sample_light,
    to_linear,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def light(**changes):
    """Nothing at all, but for *changes*."""
    none = torch.zeros(1)
    values = dict.fromkeys(LightDamage._fields, none) | {"gamma": none + 1}
    values["places"] = torch.zeros(1, 1, 2, 2)
    given = {name: torch.as_tensor(value) for name, value in changes.items()}
    return LightDamage(**values | given)


def scene():
    """A dark lower half and a bright upper one, each with a fine texture."""
    x = torch.full((1, 3, 64, 64), 0.8)
    x[..., 32:, :] = 0.3
    x[..., ::2] *= 0.9
    return x


def test_nothing_changes_nothing():
    torch.testing.assert_close(relight(scene(), light(), generator()), scene(), atol=1e-5, rtol=0)


def test_a_stop_is_half_of_the_light():
    x = scene()
    dark = relight(x, light(stops=[1.0]), generator())
    torch.testing.assert_close(to_linear(dark), to_linear(x) / 2, atol=1e-5, rtol=1e-4)


def test_against_the_light_the_subject_falls_and_keeps_its_texture():
    x = scene()
    made = relight(x, light(contrast=[1.0]), generator())
    upper, lower = (..., slice(0, 24), slice(8, 56)), (..., slice(40, 64), slice(8, 56))
    torch.testing.assert_close(made[upper], x[upper], atol=0.02, rtol=0)
    before, after = to_linear(x[lower]), to_linear(made[lower])
    assert after.mean() < 0.3 * before.mean()
    contrast = [(p[..., 1::2].mean() / p[..., ::2].mean()).item() for p in (before, after)]
    assert contrast[1] == pytest.approx(contrast[0], rel=0.02)


def test_uneven_light_is_dark_where_it_says():
    places = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])
    made = relight(scene(), light(uneven=[2.0], places=places), generator())
    stops = torch.log2(to_linear(scene()) / to_linear(made)).mean((0, 1, 2))
    assert stops[0] < 0.1
    assert stops[-1] > 1.9
    assert (stops.diff() > -1e-3).all()


def test_some_samples_stay_as_they_are_and_the_rest_gets_worse():
    drawn = sample_light(400, generator())
    still = (drawn.stops == 0) & (drawn.contrast == 0) & (drawn.uneven == 0)
    assert 0.06 < still.float().mean() < 0.2
    assert drawn.gain[still].max() == 0
    assert (drawn.contrast > 0).float().mean() > 0.15
    assert (drawn.uneven > 0).float().mean() > 0.1
    made = relight(scene().expand(400, -1, -1, -1), drawn, generator())
    torch.testing.assert_close(made[still], scene().expand(int(still.sum()), -1, -1, -1))
    assert ((made >= 0) & (made <= 1)).all()
