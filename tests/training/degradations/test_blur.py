"""Blurs on tensors equal those on arrays, edges included."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from tests.training.degradations.pairs import (  # noqa: E402
    array,
    columns,
    generator,
    on_arrays,
    random_pictures,
    tensor,
)
from undegrade.degradation import DEGRADATIONS  # noqa: E402
from undegrade.degradation.fields import Choice  # noqa: E402
from undegrade.training import degradations  # noqa: E402
from undegrade.training.degradations.blur import SHAPES  # noqa: E402

SIDES = st.integers(1, 40)


@settings(max_examples=30, deadline=None)
@given(
    sigmas=st.lists(
        st.sampled_from([0.0, 0.1, 1e-9]) | st.floats(0.125, 6, width=32), min_size=1, max_size=4
    ),
    height=SIDES,
    width=SIDES,
    channels=st.sampled_from([1, 3]),
)
def test_round_gaussians(sigmas, height, width, channels):
    images = random_pictures(len(sigmas), height, width, channels)
    ours = degradations.gaussian_blur(tensor(images), torch.tensor(sigmas))
    theirs = on_arrays("blur", images, [{"sigma": sigma} for sigma in sigmas])
    np.testing.assert_allclose(array(ours), theirs, atol=1e-5)


@st.composite
def blurs(draw):
    """A record of the operator on arrays, the corners of its range included."""
    shape = draw(st.sampled_from(SHAPES))
    return {
        "sigma": draw(st.sampled_from([0.0, 0.05]) | st.floats(0.125, 5, width=32)),
        "shape": shape,
        "ratio": draw(st.floats(0.125, 1, width=32)) if shape == "gaussian" else 1.0,
        "angle": draw(st.floats(0, 180, width=32)),
    }


def damage_of(records):
    sigma, ratio, angle = columns(records, "sigma", "ratio", "angle")
    shape = torch.tensor([SHAPES.index(record["shape"]) for record in records])
    return degradations.BlurDamage(sigma, shape, ratio, angle)


@settings(max_examples=30, deadline=None)
@given(
    records=st.lists(blurs(), min_size=1, max_size=4),
    height=SIDES,
    width=SIDES,
    channels=st.sampled_from([1, 3]),
)
def test_every_shape(records, height, width, channels):
    images = random_pictures(len(records), height, width, channels)
    kernels = degradations.blur_kernels(damage_of(records))
    ours = degradations.blur(tensor(images), kernels)
    np.testing.assert_allclose(array(ours), on_arrays("blur", images, records), atol=1e-5)


def test_a_batch_equals_its_samples():
    x = tensor(random_pictures(5, 31, 26))
    sigma = torch.tensor([0.0, 0.4, 1.1, 2.9, 4.0])
    damage = degradations.sample_blur(5, generator(3))
    kernels = degradations.blur_kernels(damage)
    together = degradations.gaussian_blur(x, sigma), degradations.blur(x, kernels)
    for i in range(5):
        one = slice(i, i + 1)
        own = degradations.blur_kernels(degradations.BlurDamage(*(v[one] for v in damage)))
        alone = degradations.gaussian_blur(x[one], sigma[one]), degradations.blur(x[one], own)
        for ours, theirs in zip(together, alone, strict=True):
            torch.testing.assert_close(ours[one], theirs, atol=1e-5, rtol=0)


def test_drawn_as_the_operator_draws():
    (field,) = (f for f in DEGRADATIONS["blur"].fields if f.name == "shape")
    assert isinstance(field, Choice)
    assert field.choices == SHAPES
    ours = degradations.sample_blur(4000, generator())
    rng = np.random.default_rng(0)
    theirs = [DEGRADATIONS["blur"].sample(rng) for _ in range(4000)]
    for key in ("sigma", "ratio", "angle"):
        quantiles = np.linspace(0.05, 0.95, 10)
        expected = np.quantile([record[key] for record in theirs], quantiles)
        scale = {"sigma": 4, "ratio": 1, "angle": 180}[key]
        np.testing.assert_allclose(
            np.quantile(getattr(ours, key), quantiles), expected, atol=0.04 * scale
        )
    assert (ours.ratio[ours.shape != 0] == 1).all()
    np.testing.assert_allclose(torch.bincount(ours.shape) / 4000, [0.6, 0.2, 0.2], atol=0.03)


def test_what_does_not_fit():
    x = torch.rand(2, 3, 8, 8)
    with pytest.raises(ValueError, match=r"kernels must be \(2, k, k\)"):
        degradations.blur(x, torch.ones(3, 3))
    with pytest.raises(ValueError, match="square with odd sides"):
        degradations.blur(x, torch.ones(2, 4, 4))
    with pytest.raises(ValueError, match=r"sigma must lie in 0\.\.50"):
        degradations.gaussian_blur(x, torch.tensor([1.0, -1.0]))
    with pytest.raises(ValueError, match="one value for each of the 2"):
        degradations.gaussian_blur(x, torch.tensor(1.0))
    damage = degradations.sample_blur(2, generator())
    with pytest.raises(ValueError, match=r"ratio must lie in 0\.05\.\.1"):
        degradations.blur_kernels(damage._replace(ratio=torch.tensor([1.0, 2.0])))
