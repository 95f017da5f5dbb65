"""What every degradation promises."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.degradation.pictures import natural, psnr
from undegrade.degradation import DEGRADATIONS
from undegrade.degradation.fields import Choice, Flag, Number, Whole
from undegrade.errors import UsageError

NAMES = list(DEGRADATIONS)
SEEDED = [n for n in NAMES if "seed" in {field.name for field in DEGRADATIONS[n].fields}]

LADDERS = {
    "gaussian-noise": [{"sigma": s, "seed": 1} for s in (0, 2, 10, 25, 50, 80)],
    "gaussian-noise as file": [{"sigma": s, "seed": 1, "as_file": True} for s in (0, 5, 25, 50)],
    "poisson-gaussian-noise": [
        {"gain": g, "read": 2 * g, "seed": 1} for g in (0, 1e-4, 1e-3, 1e-2, 5e-2)
    ],
    "jpeg": [{"quality": q} for q in (100, 95, 80, 50, 30, 10, 5, 2)],
    "jpeg 4:4:4": [{"quality": q, "subsampling": "4:4:4"} for q in (100, 90, 50, 10, 5)],
    "resample": [{"scale": s, "back": True} for s in (2, 3, 4, 8)],
    "blur": [{"sigma": s} for s in (0, 0.4, 0.8, 1.5, 3, 6)],
    "blur ellipse": [{"sigma": s, "ratio": 0.4, "angle": 30} for s in (0, 0.5, 1.5, 3, 6)],
    "blur disk": [{"sigma": s, "shape": "disk"} for s in (0, 0.4, 0.8, 1.5, 3, 6)],
    "blur motion": [{"sigma": s, "shape": "motion", "angle": 70} for s in (0, 0.4, 0.8, 1.5, 3)],
    "lowlight": [
        {"stops": s, "gamma": 1 + s / 20, "gain": 1e-3, "read": 1e-3, "seed": 1}
        for s in (0, 0.5, 1, 2, 4, 6)
    ],
    "phone": [
        {
            "blur": 2 * t,
            "gain": 0.02 * t**2,
            "read": 0.01 * t,
            "red": -0.5 * t,
            "blue": 0.3 * t,
            "hue": 15 * t,
            "tone": 4 * t,
            "sharpen": 2 * t,
            "quality": round(100 - 95 * t),
            "seed": 1,
        }
        for t in (0, 0.25, 0.5, 0.75, 1)
    ],
    "camera": [{"iso": i, "quality": 100, "seed": 1} for i in (0, 200, 1600, 6400, 25600, 102400)],
    "scan": [{"grain": g, "quality": 100, "seed": 1} for g in (0, 2, 5, 10, 25, 50)],
    "web": [{"quality": q, "again": 100, "order": "jpeg-jpeg"} for q in (100, 90, 60, 30, 10, 5)],
}

MOST = {"camera": 0.35, "scan": 0.45, "web": 0.6}
"""Levels that samples go beyond: 0.7, but for noise that is drawn up to 25 and told in units of 50,
so that a level means the same for every kind, and for web sites, that code at 30 or better."""


def sampled(name, seed=0):
    """Parameters of the operator, drawn."""
    return DEGRADATIONS[name].sample(np.random.default_rng(seed))


@pytest.mark.parametrize("name", NAMES)
def test_the_table_uses_the_operators_own_names(name):
    assert DEGRADATIONS[name].name == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_stored_sample_replays_exactly(name, channels):
    operator, image = DEGRADATIONS[name], natural(channels=channels)
    for seed in range(3):
        parameters = sampled(name, seed)
        stored = json.loads(json.dumps(parameters, allow_nan=False))
        assert stored == parameters
        np.testing.assert_array_equal(
            operator.apply(image, parameters), operator.apply(image, stored)
        )


@pytest.mark.parametrize("name", NAMES)
def test_samples_come_from_the_generator_alone(name):
    assert sampled(name, 5) == sampled(name, 5)
    assert sampled(name, 5) != sampled(name, 6)


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_complete_and_in_the_trained_range(name):
    operator, rng = DEGRADATIONS[name], np.random.default_rng(3)
    drawn = []
    for _ in range(200):
        parameters = operator.sample(rng)
        assert list(parameters) == [field.name for field in operator.fields]
        assert operator.check(parameters) == parameters
        drawn.append(operator.level(parameters))
    assert min(drawn) >= 0
    assert max(drawn) <= 1 + 1e-3
    assert max(drawn) > MOST.get(name, 0.7)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_apply_keeps_type_and_channels_and_its_input(name, channels):
    image = natural(channels=channels)
    kept = image.copy()
    image.setflags(write=False)
    parameters = sampled(name)
    kept_parameters = dict(parameters)
    result = DEGRADATIONS[name].apply(image, parameters)
    assert result.dtype == np.float32
    assert result.shape[2] == channels
    assert np.isfinite(result).all()
    if name not in ("resample", "web"):
        assert result.shape == image.shape
    np.testing.assert_array_equal(image, kept)
    assert parameters == kept_parameters
    assert not np.may_share_memory(result, image)


@pytest.mark.parametrize("case", LADDERS)
def test_doing_nothing_still_returns_a_new_array(case):
    image = natural(16, 16)
    result = DEGRADATIONS[case.split(" ", 1)[0]].apply(image, LADDERS[case][0])
    assert not np.may_share_memory(result, image)


@pytest.mark.parametrize("name", NAMES)
@given(
    height=st.integers(1, 21), width=st.integers(1, 21), channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 2**20),
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_every_size_works(name, height, width, channels, seed):
    image = np.random.default_rng(seed).random((height, width, channels), dtype=np.float32)
    parameters = sampled(name, seed)
    result = DEGRADATIONS[name].apply(image, parameters)
    if name == "web":  # whose size depends on the order; see below
        assert result.shape[2] == channels
        assert min(result.shape) >= 1
    else:
        scale = parameters.get("scale", 1)
        assert result.shape == (-(-height // scale), -(-width // scale), channels)
    assert np.isfinite(result).all()


@pytest.mark.parametrize("case", LADDERS)
def test_level_rises_and_psnr_falls_along_the_main_parameter(case):
    operator, image = DEGRADATIONS[case.split(" ", 1)[0]], natural()
    levels = [operator.level(parameters) for parameters in LADDERS[case]]
    quality = [psnr(operator.apply(image, parameters), image) for parameters in LADDERS[case]]
    assert levels[0] >= 0
    assert all(np.diff(levels) > 0), levels
    assert all(a > b for a, b in itertools.pairwise(quality)), quality


@pytest.mark.parametrize("case", [case for case in LADDERS if not case.startswith("resample")])
def test_level_zero_is_harmless(case):
    operator, image = DEGRADATIONS[case.split(" ", 1)[0]], natural()
    parameters = LADDERS[case][0] | ({"gain": 0, "read": 0} if case == "lowlight" else {})
    assert operator.level(parameters) == 0
    coded = {**dict.fromkeys(("jpeg", "phone", "camera", "scan"), 35), "web": 34}
    least = coded.get(case, 48 if case.startswith("jpeg") else 100)
    assert psnr(operator.apply(image, parameters), image) > least


@pytest.mark.parametrize(
    ("name", "parameters", "level"),
    [
        ("gaussian-noise", {"sigma": 50, "seed": 0}, 1),
        ("gaussian-noise", {"sigma": 100, "seed": 0}, 2),
        ("poisson-gaussian-noise", {"gain": 0.0, "read": 0.1814705, "seed": 0}, 1),
        ("jpeg", {"quality": 5}, 1),
        ("jpeg", {"quality": 100}, 0),
        ("resample", {"scale": 2}, 1 / 3),
        ("resample", {"scale": 8}, 1),
        ("blur", {"sigma": 4}, 1),
        ("lowlight", {"stops": 5, "seed": 0}, 1),
        ("lowlight", {"stops": 0, "gamma": 2, "seed": 0}, 0.44482),
        (
            "phone",
            {"blur": 2, "gain": 0.0, "read": 0.0907353, "sharpen": 2, "red": 0.5, "tone": 4}
            | {"quality": 5, "seed": 0},
            1,
        ),
        # 255 / 50 * 1.0805 sqrt(0.0016 * 0.21404 + exp(2.18 log 0.0016 + 1.2))
        ("camera", {"iso": 1600, "seed": 0}, 0.10238),
        ("camera", {"iso": 0, "read": 3.0, "seed": 0}, 0),
        ("scan", {"grain": 50, "seed": 0}, 1),
        ("web", {"quality": 5}, 1),
        ("web", {"quality": 50, "again": 5}, 1),
        ("web", {"quality": 50, "again": 5, "order": "resize-jpeg"}, 0.51957),
        ("web", {"quality": 50, "again": 5, "order": "resize-jpeg", "rounds": 2}, 1),
    ],
)
def test_levels_are_what_they_are_said_to_be(name, parameters, level):
    assert DEGRADATIONS[name].level(parameters) == pytest.approx(level, abs=1e-4)


@pytest.mark.parametrize("name", SEEDED)
def test_the_seed_decides_the_noise(name):
    operator, image = DEGRADATIONS[name], natural(32, 32)
    parameters = sampled(name) | {"seed": 1}
    first = operator.apply(image, parameters)
    np.testing.assert_array_equal(first, operator.apply(image, parameters))
    assert not np.array_equal(first, operator.apply(image, parameters | {"seed": 2}))


BAD_VALUES = {
    Number: ["3", None, True, float("nan"), float("inf"), [1.0], -1e9, 1e9],
    Whole: ["3", None, True, 3.5, -1, 2**70],
    Choice: ["9:9:9", None, True, 5.0, 5, ["a"]],
    Flag: [0, 1, "yes", None],
}
BAD = [
    (name, field.name, value)
    for name in NAMES
    for field in DEGRADATIONS[name].fields
    for value in BAD_VALUES[type(field)]
]


@pytest.mark.parametrize(("name", "key", "value"), BAD)
def test_bad_parameters_are_refused_by_name_and_value(name, key, value):
    operator, image = DEGRADATIONS[name], np.zeros((4, 4, 3), np.float32)
    parameters = sampled(name) | {key: value}
    for refuse in (lambda: operator.apply(image, parameters), lambda: operator.level(parameters)):
        with pytest.raises(UsageError) as caught:
            refuse()
        assert f"{key} = {value!r}" in str(caught.value)
        assert name in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_and_missing_parameters_are_refused(name):
    operator, image = DEGRADATIONS[name], np.zeros((4, 4, 3), np.float32)
    with pytest.raises(UsageError, match="no parameter 'colour'"):
        operator.apply(image, sampled(name) | {"colour": 1})
    required = [field.name for field in operator.fields if field.default is None]
    assert required
    for key in required:
        parameters = sampled(name)
        del parameters[key]
        with pytest.raises(UsageError, match=f"{key} is missing"):
            operator.apply(image, parameters)


def test_a_near_miss_is_named():
    with pytest.raises(UsageError, match="did you mean 'quality'"):
        DEGRADATIONS["jpeg"].level({"qualty": 3})


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4, 2), np.float32),
        np.zeros((4, 4, 4), np.float32),
        np.zeros((0, 4, 3), np.float32),
        np.zeros((4, 4, 3), np.uint8),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_image_is_refused(name, image):
    with pytest.raises(UsageError, match="an image must be"):
        DEGRADATIONS[name].apply(image, sampled(name))


@pytest.mark.parametrize("name", ["jpeg", "phone", "lowlight", "camera", "scan", "web"])
def test_clipping_operators_stay_in_range(name):
    image = natural() * 1.4 - 0.2
    for seed in range(5):
        result = DEGRADATIONS[name].apply(image, sampled(name, seed))
        assert result.min() >= 0
        assert result.max() <= 1


@pytest.mark.parametrize(
    "name", [n for n in NAMES if "as_file" in {field.name for field in DEGRADATIONS[n].fields}]
)
def test_as_file_gives_eight_bit_values(name):
    image = natural() * 1.2 - 0.1
    levels = DEGRADATIONS[name].apply(image, sampled(name) | {"as_file": True}) * 255
    assert levels.min() >= 0
    assert levels.max() <= 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)


@pytest.mark.parametrize("name", ["camera", "scan", "web"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_ends_in_a_file_has_eight_bit_values(name, channels):
    levels = DEGRADATIONS[name].apply(natural(channels=channels), sampled(name)) * 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
