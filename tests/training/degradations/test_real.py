"""Real damage on batches: the same formulas as on arrays, and what is said of the noise."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from tests.training.data.sets import textured  # noqa: E402
from tests.training.degradations.pairs import generator, random_pictures, tensor  # noqa: E402
from undegrade.degradation import sensor  # noqa: E402
from undegrade.degradation.sensor import DEMOSAICS, DENOISERS  # noqa: E402
from undegrade.imaging.noise_levels import MAX_NOISE, part_weights  # noqa: E402
from undegrade.imaging.resize import FILTERS, resized  # noqa: E402
from undegrade.training import degradations  # noqa: E402
from undegrade.training.degradations import real_damage, source_side  # noqa: E402
from undegrade.training.degradations.jpeg import jpeg  # noqa: E402
from undegrade.training.degradations.real import HELD_OUT  # noqa: E402

SIDE = 24
MODULE = "undegrade.training.degradations.real"


def both(**values):
    """The same parameters (N,) for arrays and for tensors."""
    arrays = {key: np.float32(value) for key, value in values.items()}
    return arrays, {key: torch.from_numpy(value) for key, value in arrays.items()}


def pictures(seed=0):
    """(4, 3, 21, 26), as an array and as a tensor."""
    x = tensor(random_pictures(4, 21, 26, seed=seed))
    return x.numpy(), x


def test_arrays_and_tensors_are_photographed_alike():
    array, batch = pictures()
    noise = np.random.default_rng(5).standard_normal(array.shape, dtype=np.float32)
    settings = both(
        lens=[0.0, 0.4, 0.7, 0.9],
        shot=[1e-4, 1e-3, 5e-3, 0.02],
        read=[0.0, 1e-5, 1e-4, 1e-3],
        red=[1.0, 1.5, 2.0, 2.5],
        blue=[2.2, 1.7, 1.2, 1.0],
        saturation=[0.0, 0.3, 0.6, 1.0],
        tone=[1.0, 0.7, 0.3, 0.0],
    )
    kinds = {"demosaic": [3, 2, 1, 0], "phase": [0, 1, 2, 3]}
    lights = [
        sensor.scene(x, some["tone"]) for x, some in zip((array, batch), settings, strict=True)
    ]
    np.testing.assert_allclose(lights[0], lights[1].numpy(), atol=1e-5)
    light = lights[0]
    for drawn in (noise, None):
        ours = sensor.expose(light, drawn, **settings[0], **kinds)
        theirs = sensor.expose(
            torch.from_numpy(light),
            None if drawn is None else torch.from_numpy(drawn),
            **settings[1],
            **kinds,
        )
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-5)


def test_arrays_and_tensors_are_smoothed_and_sharpened_alike():
    array, batch = pictures(1)
    settings = both(
        luma=[0.9, 0.6, 0.3, 1.0],
        luma_radius=[0.5, 0.8, 1.2, 1.6],
        chroma=[0.2, 1.0, 0.7, 0.9],
        radius=[0.5, 2.0, 5.0, 1.0],
        sigma=[0.01, 0.03, 0.08, 0.05],
    )
    ours, theirs = (
        sensor.denoise(x, kind=[0, 1, 2, 3], **some)
        for x, some in zip((array, batch), settings, strict=True)
    )
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)
    settings = both(amount=[0.0, 0.3, 1.0, 2.0], radius=[0.5, 1.0, 1.5, 0.8])
    ours, theirs = (
        sensor.sharpen(x, **some) for x, some in zip((array, batch), settings, strict=True)
    )
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


def test_arrays_and_tensors_have_the_same_grain():
    array, batch = pictures(2)
    noise = np.random.default_rng(6).standard_normal((4, 4, 21, 26), dtype=np.float32)
    settings = both(amount=[0.0, 0.02, 0.05, 0.1], size=[0.0, 0.7, 1.5, 2.2], shared=[0, 0.5, 1, 1])
    ours = sensor.film_grain(array, noise, **settings[0])
    theirs = sensor.film_grain(batch, torch.from_numpy(noise), **settings[1])
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)
    np.testing.assert_allclose(ours[0], array[0], atol=1e-6)


def crops(count, side, seed=0):
    """Clean pictures (N, 3, S, S)."""
    drawn = [textured(side, side, seed + index) for index in range(count)]
    return torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).float() / 255


def damaged(factor=1.0, count=8, seed=0, side=SIDE, **options):
    x = crops(count, source_side(side, factor))
    return real_damage(x, side, factor, generator(seed), **options)


@pytest.mark.parametrize("factor", [0.4, 0.63, 1.0, 1.4])
@pytest.mark.parametrize("seed", range(3))
def test_every_factor_gives_whole_pictures(factor, seed):
    made = damaged(factor, seed=seed)
    assert made.picture.shape == made.clean.shape == (8, 3, SIDE, SIDE)
    values = made.picture * 255
    torch.testing.assert_close(values, values.round(), atol=1e-3, rtol=0)
    for picture in (made.picture, made.clean):
        assert 0 <= picture.min() < picture.max() <= 1
    assert made.noise.shape == (8, 6)
    assert made.grain.shape == made.jpeg.shape == (8,)
    for levels in (made.noise, made.grain, made.jpeg):
        assert levels.isfinite().all()
        assert levels.min() >= 0
    assert made.noise.max() < 3
    assert made.grain.max() <= 1


def test_the_generator_decides():
    first, again, other = (damaged(0.7, seed=seed) for seed in (1, 1, 2))
    for name in ("picture", "clean", "noise", "grain", "jpeg"):
        assert torch.equal(getattr(first, name), getattr(again, name)), name
    assert not torch.equal(first.picture, other.picture)


def test_factors_are_those_that_are_said():
    drawn = [degradations.sample_factor(generator(seed)) for seed in range(400)]
    assert 0.4 < drawn.count(1.0) / 400 < 0.6
    assert 0.4 <= min(drawn) < 0.5
    assert 1.3 < max(drawn) <= 1.4


@pytest.fixture
def drawn(monkeypatch):
    """The kinds that are used from here on, by what they are of."""
    seen = {"demosaic": set(), "denoiser": set(), "filter": set()}
    expose, denoise = sensor.expose_often, sensor.denoise

    def seen_expose(light, noise, **settings):
        seen["demosaic"] |= {DEMOSAICS[kind] for kind in settings["demosaic"]}
        return expose(light, noise, **settings)

    def seen_denoise(x, **settings):
        seen["denoiser"] |= {DENOISERS[kind] for kind in settings["kind"]}
        return denoise(x, **settings)

    def seen_resized(image, height, width, filter):
        seen["filter"].add(filter)
        return resized(image, height, width, filter)

    monkeypatch.setattr(sensor, "expose_often", seen_expose)
    monkeypatch.setattr(sensor, "denoise", seen_denoise)
    monkeypatch.setattr(f"{MODULE}.resize.resized", seen_resized)
    return seen


KINDS = {"demosaic": DEMOSAICS, "denoiser": DENOISERS, "filter": FILTERS}


def drawn_often(**options):
    # Weights of resizing are kept: another size each time shows every filter that is drawn.
    for seed in range(20):
        damaged(0.9 + seed / 100 if seed != 10 else 1.0, seed=seed, side=8, **options)


def test_training_never_draws_what_is_held_out(drawn):
    drawn_often()
    for what, names in KINDS.items():
        assert drawn[what] == set(names) - {HELD_OUT[what]}


def test_validation_draws_nothing_else(drawn):
    drawn_often(unseen=True)
    assert drawn == {what: {name} for what, name in HELD_OUT.items()}


@pytest.mark.parametrize("factor", [1.0, 0.75])
def test_without_noise_and_hardly_coded_the_picture_is_the_clean_one(factor, monkeypatch):
    monkeypatch.setattr(
        sensor,
        "expose_often",
        lambda light, noise, **some: (sensor.expose(light, None, **some),) * 2,
    )
    fine = torch.full((8,), 99.0)
    monkeypatch.setattr(f"{MODULE}.jpeg", lambda x, *_: jpeg(x, fine[: len(x)], "4:4:4"))
    made = damaged(factor, unseen=True)
    error = (made.picture - made.clean).square().mean((1, 2, 3)).sqrt() * 255
    assert error.max() < 2
    assert made.noise.max() < 1e-4


@pytest.mark.parametrize("factor", [1.0, 0.75])
def test_levels_are_what_noise_has_done_to_the_picture(factor, monkeypatch):
    """Over all parts of a picture their squares sum to the mean square of the difference."""
    monkeypatch.setattr(f"{MODULE}.jpeg", lambda x, *_: x)
    for seed in range(4):
        made = damaged(factor, seed=seed, side=64)
        found = (made.picture - made.clean).square().mean((1, 2, 3)).sqrt() * 255
        squares = made.noise[:, :3].square() + made.noise[:, 3:].square()
        weights = torch.stack([part_weights(clean[None]) for clean in made.clean])
        told = (weights * squares).sum(1).sqrt() * MAX_NOISE
        torch.testing.assert_close(found, told, rtol=0.1, atol=0.7)
