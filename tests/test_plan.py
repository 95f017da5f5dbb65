"""From findings and wishes to steps: every combination, without running a network."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from undegrade.catalog import Card, Model
from undegrade.degradation.jpeg_tables import jpeg_level
from undegrade.errors import ModelError, UsageError
from undegrade.levels import Levels
from undegrade.plan import (
    LEAST_JPEG,
    MAX_STRENGTH,
    SCALES,
    TASKS,
    Wishes,
    known_levels,
    make_plan,
    unmet,
)


def model(name, scale=1, levels=()):
    card = Card(
        name=name,
        task="restore" if scale == 1 else "sr",
        file=f"{name}.onnx",
        sha256="",
        scale=scale,
        levels=levels,
    )
    return Model(card, Path(card.file))


MODELS = {
    "restore": model("restore", levels=("noise", "jpeg")),
    "sr-x2": model("sr-x2", 2),
    "sr-x4": model("sr-x4", 4),
    "blind": model("blind"),
    "noise-only": model("noise-only", levels=("noise",)),
    "sr-levels": model("sr-levels", 2, levels=("noise",)),
}


def find(name):
    if name not in MODELS:
        raise ModelError(f"no model is called {name!r}")
    return MODELS[name]


def plan(found=None, **wishes):
    return make_plan(found or Levels(), Wishes(**wishes), find)


def names(steps):
    return [step.model.card.name for step in steps]


FOUND = {
    "clean": Levels(0.8),
    "clean JPEG": Levels(0.8, 95),
    "noisy": Levels(20),
    "coarse JPEG": Levels(1, 30),
    "noisy coarse JPEG": Levels(20, 30),
}
# What restoring is told of each, for every task: noise and JPEG, or that it is not run.
NOISE, JPEG = 20 / 50, jpeg_level(30)
RESTORED = {
    "auto": {
        "clean": None,
        "clean JPEG": None,
        "noisy": (NOISE, 0),
        "coarse JPEG": (0, JPEG),
        "noisy coarse JPEG": (NOISE, JPEG),
    },
    "denoise": {
        "clean": (0.8 / 50, 0),
        "clean JPEG": (0.8 / 50, 0),
        "noisy": (NOISE, 0),
        "coarse JPEG": (1 / 50, 0),
        "noisy coarse JPEG": (NOISE, 0),
    },
    "dejpeg": {
        "clean": None,
        "clean JPEG": (0, jpeg_level(95)),
        "noisy": None,
        "coarse JPEG": (0, JPEG),
        "noisy coarse JPEG": (0, JPEG),
    },
    "sr": dict.fromkeys(FOUND),
}
ALL = list(itertools.product(TASKS, FOUND, (None, *SCALES), (0.0, 0.5, 1.0, MAX_STRENGTH)))


@pytest.mark.parametrize(("task", "found", "scale", "strength"), ALL)
def test_every_combination(task, found, scale, strength):
    if (task in ("denoise", "dejpeg") and scale in (2, 4)) or (task == "sr" and scale == 1):
        with pytest.raises(UsageError, match=rf"task '{task}'|scale of {scale}"):
            Wishes(task=task, scale=scale)
        return
    steps = plan(FOUND[found], task=task, scale=scale, strength=strength)
    restored = RESTORED[task][found] if strength else None
    enlarged = {None: [] if task != "sr" else ["sr-x4"], 1: [], 2: ["sr-x2"], 4: ["sr-x4"]}[scale]
    assert names(steps) == (["restore"] if restored else []) + enlarged
    if restored:
        assert steps[0].levels == pytest.approx([level * strength for level in restored])
    if enlarged:
        assert steps[-1].levels == ()
        assert enlarged[0][-1] in steps[-1].reason
    assert json.loads(json.dumps([step.as_dict() for step in steps])) == [
        {
            "model": step.model.card.name,
            "scale": step.model.card.scale,
            "levels": dict(zip(step.model.card.levels, step.levels, strict=True)),
            "detail": 0.0,
            "reason": step.reason,
        }
        for step in steps
    ]


@pytest.mark.parametrize(("sigma", "runs"), [(0, False), (2.99, False), (3, True), (60, True)])
def test_noise_threshold(sigma, runs):
    steps = plan(Levels(sigma))
    assert names(steps) == ["restore"] * runs
    if runs:
        assert f"sigma {sigma:.1f}" in steps[0].reason


def test_jpeg_threshold():
    for quality in range(1, 101):
        runs = jpeg_level(quality) >= LEAST_JPEG
        assert runs == (quality < 90)
        steps = plan(Levels(0, quality))
        assert names(steps) == ["restore"] * runs
        if runs:
            assert steps[0].reason == f"JPEG artefacts of quality {quality}"


def test_both_damages_are_named():
    (step,) = plan(Levels(20, 30))
    assert step.reason == "noise of sigma 20.0 and JPEG artefacts of quality 30"


@pytest.mark.parametrize("task", ["auto", "denoise"])
def test_stated_noise_is_obeyed_below_the_threshold(task):
    (step,) = plan(Levels(0, 95), task=task, sigma=1)
    assert step.levels == (pytest.approx(1 / 50), 0)
    assert plan(Levels(20), task=task, sigma=0) == []


@pytest.mark.parametrize("task", ["auto", "dejpeg"])
def test_stated_quality_is_obeyed_below_the_threshold(task):
    (step,) = plan(Levels(1), task=task, quality=98)
    assert step.levels == (0, pytest.approx(jpeg_level(98)))
    assert plan(Levels(1, 30), task=task, quality=100) == []


def test_what_is_stated_takes_the_place_of_what_is_found():
    assert known_levels(Levels(3, 50), Wishes()) == Levels(3, 50)
    assert known_levels(Levels(3, 50), Wishes(sigma=0, quality=70)) == Levels(0, 70)
    (step,) = plan(Levels(3, 50), sigma=10)
    assert step.levels == (pytest.approx(0.2), pytest.approx(jpeg_level(50)))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("found", FOUND)
@pytest.mark.parametrize("strength", [0.0, 1.0, 1.5])
@pytest.mark.parametrize("scale", [None, *SCALES])
def test_a_model_that_is_named(name, found, strength, scale):
    card = MODELS[name].card
    if scale not in (None, card.scale):
        with pytest.raises(UsageError, match=rf"{name}.* enlarges by {card.scale}, but {scale}"):
            plan(FOUND[found], model=name, strength=strength, scale=scale)
        return
    steps = plan(FOUND[found], model=name, strength=strength, scale=scale)
    levels = {"noise": FOUND[found].noise * strength, "jpeg": FOUND[found].jpeg * strength}
    # Enlarging is no matter of strength; all else leaves the photo as it is at strength 0.
    if card.scale == 1 and strength == 0:
        assert steps == []
    else:
        assert names(steps) == [name]
        assert steps[0].levels == pytest.approx(tuple(levels[level] for level in card.levels))


def test_a_levelled_model_leaves_what_has_no_damage():
    assert plan(Levels(0), model="restore") == []
    assert plan(Levels(0, 30), model="noise-only") == []
    assert names(plan(Levels(0), model="sr-levels")) == ["sr-levels"]


@pytest.mark.parametrize(
    ("task", "name"), [("denoise", "sr-x4"), ("dejpeg", "sr-x2"), ("sr", "restore")]
)
def test_a_model_that_does_not_do_the_task(task, name):
    with pytest.raises(UsageError, match=rf"{name}.*{task}.*leave --task away"):
        plan(task=task, model=name)


def test_an_unknown_model():
    with pytest.raises(ModelError, match="'magic'"):
        plan(model="magic")


@pytest.mark.parametrize(
    ("wishes", "value"),
    [
        ({"task": "colourise"}, "'colourise'"),
        ({"scale": 3}, "3"),
        ({"scale": 0}, "0"),
        ({"strength": -0.1}, "-0.1"),
        ({"strength": 1.6}, "1.6"),
        ({"strength": float("nan")}, "nan"),
        ({"detail": -0.1}, "-0.1"),
        ({"detail": 1.01}, "1.01"),
        ({"detail": float("nan")}, "nan"),
        ({"sigma": -1}, "-1"),
        ({"sigma": 101}, "101"),
        ({"sigma": float("nan")}, "nan"),
        ({"quality": 0}, "0"),
        ({"quality": 101}, "101"),
        ({"task": "denoise", "scale": 2}, "'denoise'.*2"),
        ({"task": "dejpeg", "scale": 4}, "'dejpeg'.*4"),
        ({"task": "sr", "scale": 1}, "'sr'.*1"),
    ],
)
def test_impossible_wishes_are_refused_with_their_value(wishes, value):
    with pytest.raises(UsageError, match=value) as caught:
        Wishes(**wishes)
    assert caught.value.exit_code == 2
    assert caught.value.remedy


def test_wishes_are_plain_data():
    wishes = Wishes("sr", 2, 0.5, None, 10, 80, 0.7)
    assert wishes.as_dict()["detail"] == 0.7
    assert Wishes(**json.loads(json.dumps(wishes.as_dict()))) == wishes


@pytest.mark.parametrize("detail", [0.0, 0.3, 1.0])
def test_detail_goes_to_the_steps_that_have_a_vivid_variant(detail):
    crisp = model("sr-x4-vivid", 4)

    def find_vivid(found):
        assert detail > 0, "not even looked for"
        return crisp if found.card.name == "sr-x4" else None

    wishes = Wishes(scale=4, detail=detail)
    restoring, enlarging = make_plan(Levels(20), wishes, find, find_vivid)
    assert (restoring.detail, restoring.vivid) == (0, None)
    assert enlarging.detail == enlarging.as_dict()["detail"] == detail
    assert enlarging.vivid == (crisp if detail else None)
    notes = unmet([restoring, enlarging], wishes)
    assert notes == (("no vivid variant of 'restore': detail has no effect",) if detail else ())
    assert make_plan(Levels(0), Wishes(detail=detail), find, find_vivid) == []
