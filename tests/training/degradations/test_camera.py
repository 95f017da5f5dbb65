"""Lowlight and the cheap phone on tensors do what they do on arrays."""

from __future__ import annotations

from importlib import import_module
from unittest import mock

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from tests.degradation.pictures import natural, psnr  # noqa: E402
from tests.training.degradations.pairs import (  # noqa: E402
    array,
    columns,
    generator,
    on_arrays,
    random_pictures,
    tensor,
)
from undegrade.degradation import DEGRADATIONS  # noqa: E402
from undegrade.degradation.jpeg import SUBSAMPLINGS  # noqa: E402
from undegrade.training import degradations  # noqa: E402

SIDES = st.integers(1, 40)
LOWLIGHT_KEYS = degradations.LowlightDamage._fields
PHONE_KEYS = degradations.PhoneDamage._fields
SEEDS = st.integers(0, 2**32 - 1)


def phone_damage(records):
    values = columns(records, *PHONE_KEYS[:-1])
    subsampling = [SUBSAMPLINGS.index(record["subsampling"]) for record in records]
    return degradations.PhoneDamage(*values, torch.tensor(subsampling))


def unchanged(image, *_):
    return image


def samples(name, count, seed, **fixed):
    """Records that the operator on arrays draws, some of their values *fixed*."""
    rng = np.random.default_rng(seed)
    return [{**DEGRADATIONS[name].sample(rng), **fixed} for _ in range(count)]


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, height=SIDES, width=SIDES, channels=st.sampled_from([1, 3]))
def test_lowlight_without_noise(seed, height, width, channels):
    records = samples("lowlight", 3, seed, gain=0.0, read=0.0)
    images = random_pictures(3, height, width, channels)
    damage = columns(records, *LOWLIGHT_KEYS)
    ours = degradations.lowlight(tensor(images), *damage, generator())
    np.testing.assert_allclose(array(ours), on_arrays("lowlight", images, records), atol=1e-5)


def test_the_noise_of_lowlight():
    record = {"stops": 3.0, "gamma": 1.2, "gain": 0.003, "read": 0.002, "seed": 1}
    images = np.repeat(np.linspace(0, 1, 5, dtype=np.float32), 200 * 200 * 3)
    images = images.reshape(5, 200, 200, 3)
    damage = columns([record] * 5, *LOWLIGHT_KEYS)
    ours = array(degradations.lowlight(tensor(images), *damage, generator()))
    theirs = on_arrays("lowlight", images, [record] * 5)
    np.testing.assert_allclose(ours.mean((1, 2, 3)), theirs.mean((1, 2, 3)), atol=1e-3)
    np.testing.assert_allclose(ours.std((1, 2, 3)), theirs.std((1, 2, 3)), rtol=0.02)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, height=SIDES, width=SIDES, channels=st.sampled_from([1, 3]))
def test_a_phone_without_noise_before_its_file(seed, height, width, channels):
    """What meets the encoder is the same; one that rounds otherwise would hide it."""
    records = samples("phone", 3, seed, gain=0.0, read=0.0)
    images = random_pictures(3, height, width, channels)
    with (
        mock.patch.object(import_module("undegrade.degradation.phone"), "through_jpeg", unchanged),
        mock.patch.object(
            import_module("undegrade.training.degradations.phone"), "jpeg", unchanged
        ),
    ):
        ours = array(degradations.phone(tensor(images), phone_damage(records), generator()))
        theirs = on_arrays("phone", images, records)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_files_of_a_phone_without_noise(channels):
    image = natural(91, 75, channels)
    records = samples("phone", 24, seed=3, gain=0.0, read=0.0)
    images = np.stack([image] * 24)
    ours = array(degradations.phone(tensor(images), phone_damage(records), generator()))
    theirs = on_arrays("phone", images, records)
    for mine, other, record in zip(ours, theirs, records, strict=True):
        assert psnr(mine, image) == pytest.approx(psnr(other, image), abs=0.03), record
        assert np.abs(mine - other).mean() < 0.5 / 255, record


def test_a_phone_with_everything():
    image = natural(91, 75)
    images = np.stack([image] * 24)
    for record in samples("phone", 6, seed=5):
        records = [{**record, "seed": seed} for seed in range(24)]
        ours = array(degradations.phone(tensor(images), phone_damage(records), generator()))
        theirs = on_arrays("phone", images, records)
        damage = [np.mean([psnr(one, image) for one in many]) for many in (ours, theirs)]
        assert damage[0] == pytest.approx(damage[1], abs=0.15), record
        np.testing.assert_allclose(ours.mean((0, 1, 2)), theirs.mean((0, 1, 2)), atol=4e-3)
        np.testing.assert_allclose(ours.std((0, 1, 2)), theirs.std((0, 1, 2)), rtol=0.02)


def test_a_batch_equals_its_samples():
    x = tensor(random_pictures(6, 33, 20))
    dark = degradations.sample_lowlight(6, generator(1))
    dark = dark._replace(gain=torch.zeros(6), read=torch.zeros(6))
    cheap = degradations.sample_phone(6, generator(2))
    cheap = cheap._replace(gain=torch.zeros(6), read=torch.zeros(6))
    darkened = degradations.lowlight(x, *dark, generator())
    photographed = degradations.phone(x, cheap, generator())
    for i in range(6):
        one = slice(i, i + 1)
        alone = degradations.lowlight(x[one], *(v[one] for v in dark), generator())
        torch.testing.assert_close(darkened[one], alone, atol=1e-6, rtol=0)
        own = degradations.PhoneDamage(*(v[one] for v in cheap))
        alone = degradations.phone(x[one], own, generator())
        assert (photographed[one] - alone).abs().mean() < 0.05 / 255


def test_the_generator_decides():
    x = tensor(random_pictures(2, 16, 16))
    for draw, apply in (
        (degradations.sample_phone, lambda d, g: degradations.phone(x, d, g)),
        (degradations.sample_lowlight, lambda d, g: degradations.lowlight(x, *d, g)),
    ):
        results = []
        for seed in (1, 1, 2):
            source = generator(seed)
            damage = draw(2, source)
            results.append((*damage, apply(damage, source)))
        first, again, other = results
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
        assert not torch.equal(first[-1], other[-1])


@pytest.mark.parametrize(
    ("name", "draw"),
    [("lowlight", degradations.sample_lowlight), ("phone", degradations.sample_phone)],
)
def test_drawn_as_the_operators_draw(name, draw):
    ours = draw(4000, generator())._asdict()
    theirs = samples(name, 4000, seed=0)
    assert set(ours) == set(theirs[0]) - {"seed", "as_file"}
    for key in set(ours) - {"subsampling"}:
        expected = np.quantile([record[key] for record in theirs], np.linspace(0.1, 0.9, 5))
        spread = np.ptp([record[key] for record in theirs])
        found = np.quantile(ours[key], np.linspace(0.1, 0.9, 5))
        np.testing.assert_allclose(found, expected, atol=0.04 * spread, err_msg=key)


def test_what_does_not_fit():
    x = torch.rand(2, 3, 8, 8)
    dark, cheap = (
        degradations.sample_lowlight(2, generator()),
        degradations.sample_phone(2, generator()),
    )
    with pytest.raises(ValueError, match=r"gamma must lie in 1\.\.5"):
        degradations.lowlight(x, *dark._replace(gamma=torch.zeros(2)), generator())
    with pytest.raises(ValueError, match="stops must hold one value for each of the 1 pictures"):
        degradations.lowlight(x[:1], *dark, generator())
    with pytest.raises(ValueError, match=r"hue must lie in -90\.\.90"):
        degradations.phone(x, cheap._replace(hue=torch.full((2,), 91.0)), generator())
    with pytest.raises(ValueError, match="pictures must be"):
        degradations.phone(x[0], cheap, generator())
