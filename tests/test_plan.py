"""From findings and wishes to steps: every combination, without running a network."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.diagnosis.made_up import BLUE, DARK, FADED, FLAT, RED, SHADE, jpeg, made_up, noise, scale
from undegrade.catalog import Card, Model
from undegrade.diagnosis import Finding
from undegrade.diagnosis.units import to_level
from undegrade.errors import ModelError, UsageError
from undegrade.imaging import noise_levels as noise_of
from undegrade.imaging.jpeg_tables import jpeg_level
from undegrade.plan import (
    EFFORTS,
    FOUR_TIMES,
    GRAIN,
    LOWLIGHT,
    MAX_STRENGTH,
    SCALES,
    STEPS,
    TASK_STEPS,
    TWICE,
    Variants,
    Wishes,
    make_plan,
    model_names,
    stated,
)
from undegrade.plan.make import DARKEST_MEANT, LEAST_HEADROOM, LEAST_LIFT, LIT_SHADE, MOST_LIFT


def model(name, scale=1, levels=(), task=None):
    card = Card(
        name=name,
        task=task or ("restore" if scale == 1 else "sr"),
        file=f"{name}.onnx",
        sha256="",
        scale=scale,
        levels=levels,
    )
    return Model(card, Path(card.file))


TOLD = model("lowlight-free", task="lowlight", levels=("lift",))


def find_told(name):
    return TOLD if name == LOWLIGHT else find(name)


MODELS = {
    "restore": model("restore", levels=("noise", "jpeg")),
    "lowlight-free": model("lowlight-free", task="lowlight"),
    "lowlight": model("lowlight", task="lowlight"),
    "fade": model("fade", task="fade"),
    "phone": model("phone", task="phone"),
    "sr-x2": model("sr-x2", 2),
    "sr-x4": model("sr-x4", 4),
    "face-x4": model("face-x4", 4),
    "blind": model("blind"),
    "noise-only": model("noise-only", levels=("noise",)),
    "sr-levels": model("sr-levels", 2, levels=("noise",)),
}
CLEAN = made_up()


def find(name):
    if name not in MODELS:
        raise ModelError(f"no model is called {name!r}")
    return MODELS[name]


def without(*missing):
    """An installation that lacks some models."""

    def find_one(name):
        if name in missing:
            raise ModelError(f"no model is called {name!r}", "choose another")
        return find(name)

    return find_one


def plan(found=CLEAN, **wishes):
    return make_plan(found, Wishes(**wishes), find).steps


def names(steps):
    return [step.model.card.name for step in steps]


FOUND = {
    "clean": {},
    "slight": {"noise": noise(0.8, False, error=0.4), "jpeg": jpeg(95, False)},
    "noisy": {"noise": noise(20)},
    "coarse JPEG": {"noise": noise(1, False), "jpeg": jpeg(30)},
    "noisy coarse JPEG": {"noise": noise(20), "jpeg": jpeg(30)},
}


def told(sigma):
    """The level of white noise that a restorer is told: as it was measured."""
    return sigma / 50


# What restoring is told of each, for every task: noise and JPEG, or that it is not run.
NOISE, SLIGHT, LITTLE, JPEG = told(20), told(0.8), told(1), jpeg_level(30)
RESTORED = {
    "auto": {
        "clean": None,
        "slight": None,
        "noisy": (NOISE, 0),
        "coarse JPEG": (0, JPEG),
        "noisy coarse JPEG": (NOISE, JPEG),
    },
    "denoise": {
        "clean": None,
        "slight": (SLIGHT, 0),
        "noisy": (NOISE, 0),
        "coarse JPEG": (LITTLE, 0),
        "noisy coarse JPEG": (NOISE, 0),
    },
    "dejpeg": {
        "clean": None,
        "slight": (0, jpeg_level(95)),
        "noisy": None,
        "coarse JPEG": (0, JPEG),
        "noisy coarse JPEG": (0, JPEG),
    },
    "restore": {
        "clean": None,
        "slight": (SLIGHT, jpeg_level(95)),
        "noisy": (NOISE, 0),
        "coarse JPEG": (LITTLE, JPEG),
        "noisy coarse JPEG": (NOISE, JPEG),
    },
} | {task: dict.fromkeys(FOUND) for task in ("sr", "face", "lowlight", "fade", "phone")}
LIGHT = {
    "well lit": ({}, []),
    "dark": ({"exposure": DARK}, [LOWLIGHT]),
    "tinted": ({"yellow_blue": BLUE}, []),
    "flat": ({"flatness": FLAT}, []),
    "dark and flat": ({"exposure": DARK, "flatness": FLAT}, [LOWLIGHT]),
    "faded": ({"fade": FADED}, ["fade"]),
    "dark and faded": ({"exposure": DARK, "fade": FADED}, [LOWLIGHT, "fade"]),
    "dark and tinted": ({"exposure": DARK, "red_green": RED}, [LOWLIGHT]),
}
DETAIL = {"sharp": (1.0, 1), "soft": (1.35, 1), "half": (2.3, 2), "quarter": (4.5, 4)}
STRENGTHS = (0.0, 0.5, 1.0, MAX_STRENGTH)


@pytest.mark.parametrize("damage", FOUND)
@pytest.mark.parametrize("light", LIGHT)
@pytest.mark.parametrize("detail", DETAIL)
def test_what_a_photo_needs(damage, light, detail):
    """Every combination of findings, scales and strengths."""
    value, factor = DETAIL[detail]
    lit, retouched = LIGHT[light]
    found = made_up(scale=scale(value), **FOUND[damage], **lit)
    for size, strength in itertools.product((None, *SCALES), STRENGTHS):
        steps = plan(found, scale=size, strength=strength)
        expected = []
        if strength and (levels := RESTORED["auto"][damage]):
            expected.append(("restore", "restore", 1, 1.0))
            assert steps[0].levels == pytest.approx([level * strength for level in levels])
        if strength:
            expected += [(name.removesuffix("-free"), name, 1, strength) for name in retouched]
        if (size or 1) > 1:
            shrink = min(factor, 4 // size)
            expected.append(("sr", f"sr-x{size * shrink}", shrink, strength))
        elif factor > 1 and strength:
            expected.append(("resharpen", f"sr-x{factor}", factor, strength))
        made = [(s.name, s.model.card.name, s.shrink, s.strength) for s in steps]
        assert made == expected
        assert [step.name for step in steps] == sorted(
            (step.name for step in steps), key=STEPS.index
        )
        assert all(step.reason for step in steps)
        scaled = 1
        for step in steps:
            scaled *= step.scale
        assert scaled == (size or 1)


@pytest.mark.parametrize("task", TASK_STEPS)
@pytest.mark.parametrize("damage", FOUND)
@pytest.mark.parametrize("size", [None, *SCALES])
def test_every_task(task, damage, size):
    keeps_size = task in ("denoise", "dejpeg", "restore", "lowlight", "fade", "phone")
    refused = (keeps_size and size in (2, 4)) or (task in ("sr", "face") and size == 1)
    if refused or (task == "face" and size == 2):
        with pytest.raises(UsageError, match=rf"task '{task}'"):
            Wishes(task=task, scale=size)
        return
    # A named task does not look at what else there is.
    others = {} if task == "auto" else {"exposure": DARK, "red_green": RED, "scale": scale(3)}
    for strength in STRENGTHS:
        steps = plan(made_up(**FOUND[damage], **others), task=task, scale=size, strength=strength)
        restored = RESTORED[task][damage] if strength else None
        last = {
            "sr": [f"sr-x{size or 4}"],
            "face": ["face-x4"],
            "lowlight": [LOWLIGHT] if strength else [],
            "fade": ["fade"] if strength else [],
            "phone": ["phone"] if strength else [],
        }.get(task, [f"sr-x{size}"] if (size or 1) > 1 else [])
        assert names(steps) == (["restore"] if restored else []) + last
        if restored:
            assert steps[0].levels == pytest.approx([level * strength for level in restored])
        rows = json.loads(json.dumps([step.as_dict() for step in steps]))
        assert rows == [
            {
                "name": step.name,
                "model": step.model.card.name,
                "scale": step.model.card.scale,
                "shrink": 1,
                "levels": dict(zip(step.model.card.levels, step.levels, strict=True)),
                "strength": 1.0 if step.levels else strength,
                "detail": 0.0,
                "faithful": [],
                "effort": "normal",
                "reason": step.reason,
            }
            for step in steps
        ]


def test_reasons_hold_the_numbers():
    found = made_up(
        noise=noise(12.3),
        jpeg=jpeg(30),
        exposure=DARK,
        yellow_blue=BLUE,
        red_green=RED,
        scale=scale(2.3),
    )
    assert [step.reason for step in plan(found)] == [
        "noise of sigma 12.3 ± 0.8 and JPEG artefacts of quality 30",
        "its middle 4.1 ± 0.1 stops below mid grey",
        "as much detail as a photo 2.3 ± 0.1 times smaller",
    ]
    (enlarging,) = plan(made_up(scale=scale(2.3)), scale=2)
    assert enlarging.reason.startswith("enlarging 2 times was asked for, and it holds as much")
    assert plan(task="phone")[0].reason == "this was asked for"
    tinted = made_up(yellow_blue=BLUE, red_green=RED, flatness=FLAT)
    (retouching,) = plan(tinted, task="phone")
    assert retouching.reason == " and ".join((RED.words, BLUE.words, FLAT.words))


@pytest.mark.parametrize(
    ("value", "error", "factor"),
    [
        (TWICE, 0.0, 2),
        (TWICE - 0.01, 0.0, 1),
        (TWICE + 0.5, 0.6, 1),
        (FOUR_TIMES, 0.0, 4),
        (FOUR_TIMES + 1, 1.1, 2),
        (9.0, float("inf"), 1),
    ],
)
def test_detail_must_surely_be_missing(value, error, factor):
    steps = plan(made_up(scale=scale(value, error)))
    assert names(steps) == ([f"sr-x{factor}"] if factor > 1 else [])
    assert all(step.scale == 1 for step in steps)


@pytest.mark.parametrize("task", ["auto", "denoise", "restore"])
def test_stated_noise_is_obeyed_however_little(task):
    (step,) = plan(task=task, noise=1)
    assert step.levels == (pytest.approx(1 / 50), 0)
    assert step.reason == "noise of sigma 1.0"
    assert plan(made_up(noise=noise(20)), task=task, noise=0) == ()


@pytest.mark.parametrize("task", ["auto", "dejpeg", "restore"])
def test_stated_quality_is_obeyed_however_fine(task):
    (step,) = plan(task=task, jpeg=98)
    assert step.levels == (0, pytest.approx(jpeg_level(98)))
    assert plan(made_up(jpeg=jpeg(30)), task=task, jpeg=100) == ()


@pytest.mark.parametrize("wishes", [{}, {"task": "dejpeg"}, {"model": "restore"}])
def test_only_the_sure_part_of_what_jpeg_did_is_undone(wishes):
    (step,) = plan(made_up(noise=noise(0, False), jpeg=jpeg(50, error=15)), **wishes)
    assert step.levels == (0, pytest.approx(jpeg_level(65)))
    assert plan(made_up(jpeg=jpeg(95, error=9)), task="dejpeg") == ()


def test_what_is_stated_takes_the_place_of_what_is_found():
    found = made_up(noise=noise(3), jpeg=jpeg(50))
    assert stated(found, Wishes()) == found
    known = stated(found, Wishes(noise=0, jpeg=70))
    assert (known.noise.value, known.noise.found) == (0, False)
    assert (known.jpeg.value, known.jpeg.found, known.jpeg.uncertainty) == (70, True, 0)
    (step,) = plan(found, noise=10)
    assert step.levels == (pytest.approx(0.2), pytest.approx(jpeg_level(50)))


def test_grain_is_kept():
    found = made_up(noise=noise(20), jpeg=jpeg(30), exposure=DARK, red_green=RED, scale=scale(2.3))
    plain, kept = plan(found), plan(found, keep=("grain",))
    assert names(kept) == names(plain)
    restore, lowlight, resharpen = kept
    (phone,) = plan(found, task="phone", keep=("grain",))
    assert restore.levels == pytest.approx((NOISE * GRAIN["restore"], JPEG))
    assert "kept as grain" in restore.reason
    assert lowlight.strength == 1
    assert phone.strength == GRAIN["phone"]
    assert resharpen.strength == GRAIN["resharpen"]
    assert all(0 < factor < 1 for factor in GRAIN.values())
    assert plan(found, keep=("grain",), strength=0.5)[2].strength == GRAIN["resharpen"] / 2
    (named,) = plan(found, keep=("grain",), model="noise-only")
    assert named.levels == pytest.approx((NOISE * GRAIN["restore"],))
    (jpeg_only,) = plan(made_up(jpeg=jpeg(30)), keep="grain")
    assert "grain" not in jpeg_only.reason


@pytest.mark.parametrize("skipped", STEPS)
def test_steps_that_are_skipped(skipped):
    found = made_up(noise=noise(20), exposure=DARK, red_green=RED, scale=scale(2.3))
    for size in (1, 2):
        if (skipped, size) == ("sr", 2):
            with pytest.raises(UsageError, match="a scale of 2 was asked for, and to skip"):
                Wishes(skip=(skipped,), scale=size)
            continue
        whole = [step.name for step in plan(found, scale=size)]
        steps = plan(found, scale=size, skip=(skipped,))
        assert [step.name for step in steps] == [name for name in whole if name != skipped]
    # What is not to be resharpened is enlarged plainly, too.
    (step,) = plan(made_up(scale=scale(2.3)), scale=2, skip="resharpen")
    assert (step.model.card.name, step.shrink) == ("sr-x2", 1)


def test_steps_that_are_added():
    assert [step.name for step in plan(add=("phone", "resharpen"))] == ["phone", "resharpen"]
    (sharper,) = plan(made_up(scale=scale(1.2)), add="resharpen")
    assert (sharper.model.card.name, sharper.shrink) == ("sr-x2", 2)
    (step,) = plan(add="resharpen", scale=2)
    assert (step.model.card.name, step.shrink) == ("sr-x4", 2)
    slight = made_up(**FOUND["slight"])
    (step,) = plan(slight, add="restore")
    assert step.levels == pytest.approx(RESTORED["restore"]["slight"])
    assert plan(add="restore") == ()  # there is nothing that could be taken away
    assert names(plan(slight, task="denoise", add="phone")) == ["restore", "phone"]
    assert names(plan(slight, task="phone", add="lowlight")) == [LOWLIGHT, "phone"]
    assert plan(add="lowlight", strength=0) == ()
    (step,) = plan(add="fade")
    assert (step.model.card.name, step.reason) == ("fade", "this was asked for")


def test_what_is_not_done_is_explained_with_numbers():
    spared = make_plan(made_up(scale=scale(1.4), **FOUND["slight"]), Wishes(), find).spared
    assert list(spared) == ["restore", "lowlight", "fade", "phone", "resharpen"]
    assert "noise of sigma 0.8 ± 0.4" in spared["restore"]
    assert "from sigma 2 on" in spared["restore"]
    assert "below quality 90" in spared["restore"]
    assert f"from {-DARKEST_MEANT:g} stops below mid grey" in spared["lowlight"]
    assert "1.4 ± 0.1 times smaller" in spared["resharpen"]
    assert f"surely be {TWICE:g}" in spared["resharpen"]
    noisy = made_up(noise=noise(20))
    assert "restore" not in make_plan(noisy, Wishes(), find).spared
    assert make_plan(noisy, Wishes(strength=0), find).spared["restore"] == "the strength is 0"
    assert "enlarging" in make_plan(noisy, Wishes(scale=2), find).spared["resharpen"]
    assert list(make_plan(CLEAN, Wishes(task="denoise"), find).spared) == ["restore"]
    assert make_plan(noisy, Wishes(skip="phone"), find).spared.keys() == {
        "lowlight",
        "fade",
        "resharpen",
    }


def test_a_model_that_is_missing_is_a_note_where_nobody_asked_for_it():
    found = made_up(noise=noise(20), exposure=DARK, red_green=RED)
    made = make_plan(found, Wishes(), without(LOWLIGHT, "phone"))
    assert names(made.steps) == ["restore"]
    assert made.notes == (f"the step 'lowlight' is left out: no model is called {LOWLIGHT!r}",)
    assert make_plan(found, Wishes(), find).notes == ()
    assert make_plan(CLEAN, Wishes(), without(LOWLIGHT, "phone")).notes == ()
    assert make_plan(found, Wishes(skip=("lowlight", "phone")), without(LOWLIGHT)).notes == ()
    for task in ("lowlight", "phone", "face"):
        with pytest.raises(ModelError, match="no model is called"):
            make_plan(found, Wishes(task=task), without(LOWLIGHT, "phone", "face-x4"))
    with pytest.raises(ModelError, match="'restore'"):
        make_plan(found, Wishes(), without("restore"))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("damage", FOUND)
@pytest.mark.parametrize("strength", [0.0, 1.0, 1.5])
@pytest.mark.parametrize("size", [None, *SCALES])
def test_a_model_that_is_named(name, damage, strength, size):
    card, found = MODELS[name].card, made_up(**FOUND[damage])
    if size not in (None, card.scale):
        with pytest.raises(UsageError, match=rf"{name}.* enlarges by {card.scale}, but {size}"):
            plan(found, model=name, strength=strength, scale=size)
        return
    steps = plan(found, model=name, strength=strength, scale=size)
    noise, quality = told(found.noise.value), found.jpeg.value
    levels = {"noise": noise * strength, "jpeg": jpeg_level(quality) * strength}
    expected = tuple(levels[level] for level in card.levels)
    # A larger size is no matter of strength; all else leaves the photo as it is at strength 0.
    if card.scale == 1 and (strength == 0 or (card.levels and not any(expected))):
        assert steps == ()
        return
    assert names(steps) == [name]
    assert steps[0].levels == pytest.approx(expected)
    assert steps[0].strength == (1.0 if card.levels else strength)


def test_a_levelled_model_leaves_what_has_no_damage():
    assert plan(model="restore") == ()
    assert plan(made_up(jpeg=jpeg(30)), model="noise-only") == ()
    assert names(plan(model="sr-levels")) == ["sr-levels"]


@pytest.mark.parametrize(
    ("task", "name"),
    [
        *(("denoise", "sr-x4"), ("dejpeg", "sr-x2"), ("sr", "restore")),
        *(("phone", "lowlight"), ("lowlight", "blind"), ("restore", "phone")),
    ],
)
def test_a_model_that_does_not_do_the_task(task, name):
    with pytest.raises(UsageError, match=rf"{name}.*{task}.*leave --task away"):
        plan(task=task, model=name)


def test_a_model_that_does():
    for task, name in (("lowlight", "lowlight"), ("sr", "face-x4"), ("denoise", "blind")):
        assert names(plan(task=task, model=name)) == [name]


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
        ({"effort": "most"}, "there is no effort 'most'"),
        ({"detail": 1.01}, "1.01"),
        ({"detail": float("nan")}, "nan"),
        ({"noise": -1}, "-1"),
        ({"noise": 101}, "101"),
        ({"noise": float("nan")}, "nan"),
        ({"jpeg": 0}, "0"),
        ({"jpeg": 101}, "101"),
        ({"task": "denoise", "scale": 2}, "'denoise'.*2"),
        ({"task": "dejpeg", "scale": 4}, "'dejpeg'.*4"),
        ({"task": "sr", "scale": 1}, "'sr'.*1"),
        ({"task": "face", "scale": 2}, "'face'.*2"),
        ({"keep": ("noise",)}, "'noise' to keep"),
        ({"skip": ("restore", "blur")}, "'blur' to skip"),
        ({"skip": ("restore",), "task": "denoise"}, "restore cannot be skipped"),
        ({"skip": ("sr",), "task": "sr"}, "sr cannot be skipped"),
        ({"skip": ("sr",), "scale": 4}, "scale of 4"),
        ({"add": ("sr",)}, "'sr' to add"),
        ({"add": ("phone",), "skip": ("phone",)}, "phone is to be added"),
    ],
)
def test_impossible_wishes_are_refused_with_their_value(wishes, value):
    with pytest.raises(UsageError, match=value) as caught:
        Wishes(**wishes)
    assert caught.value.exit_code == 2
    assert caught.value.remedy


def test_wishes_are_plain_data():
    lists = ("grain", "grain"), ["phone", "lowlight"]
    wishes = Wishes("auto", 2, 0.5, None, 10, 80, 0.7, False, *lists)
    assert wishes.as_dict()["detail"] == 0.7
    assert (wishes.keep, wishes.skip) == (("grain",), ("phone", "lowlight"))
    assert Wishes(keep="grain") == Wishes(keep=("grain",))
    assert Wishes(**json.loads(json.dumps(wishes.as_dict()))) == wishes


@pytest.mark.parametrize("task", TASK_STEPS)
@pytest.mark.parametrize("size", [None, *SCALES])
def test_every_model_that_may_run_is_known_before(task, size):
    try:
        wishes = Wishes(task=task, scale=size)
    except UsageError:
        return
    for value, _ in DETAIL.values():
        lit = {"exposure": DARK, "red_green": RED}
        found = made_up(noise=noise(20), jpeg=jpeg(30), scale=scale(value), **lit)
        assert set(names(make_plan(found, wishes, find).steps)) <= set(model_names(wishes))


@pytest.mark.parametrize("detail", [0.0, 0.3, 1.0])
def test_detail_goes_to_the_steps_that_have_a_vivid_variant(detail):
    crisp, behind = model("sr-x4-vivid", 4), model("sr-x4-vivid-restored", 4)

    def find_vivid(found):
        assert detail > 0, "not even looked for"
        return crisp if found.card.name == "sr-x4" else None

    def find_restored(found):
        assert detail > 0, "not even looked for"
        return behind if found.card.name == "sr-x4" else None

    wishes = Wishes(scale=4, detail=detail)
    variants = Variants(find_vivid, find_restored)
    made = make_plan(made_up(noise=noise(20)), wishes, find, variants)
    restoring, enlarging = made.steps
    assert (restoring.detail, restoring.vivid) == (0, None)
    assert enlarging.detail == enlarging.as_dict()["detail"] == detail
    assert enlarging.vivid == (behind if detail else None)
    note = "no vivid variant of 'restore': detail has no effect"
    assert made.notes == ((note,) if detail else ())
    assert make_plan(CLEAN, Wishes(detail=detail), find, variants).steps == ()
    (alone,) = make_plan(CLEAN, wishes, find, variants).steps
    assert alone.vivid == (crisp if detail else None)


@pytest.mark.parametrize("effort", EFFORTS)
def test_effort_goes_to_the_steps_that_have_it(effort):
    """``fast`` where there is such a network, told what its own card asks for; ``best`` but for
    colours of phones, which are learned from photos as they are held."""
    small = model("restore-fast", levels=("noise",))
    small = Model(replace(small.card, effort="fast"), small.path)

    def find_fast(found):
        assert effort == "fast", "not even looked for"
        return small if found.card.name == "restore" else None

    wishes = Wishes(scale=4, effort=effort, add=("phone",))
    made = make_plan(made_up(noise=noise(20)), wishes, find, Variants(fast=find_fast))
    by_name = {step.name: step for step in made.steps}
    rows = [step.as_dict()["effort"] for step in made.steps]
    assert (
        rows
        == {
            "fast": ["fast", "normal", "normal"],
            "normal": ["normal"] * 3,
            "best": ["best", "normal", "best"],
        }[effort]
    )
    assert by_name["restore"].model == (small if effort == "fast" else MODELS["restore"])
    assert len(by_name["restore"].levels) == (1 if effort == "fast" else 2)
    lacking = {"fast": ("phone", "sr-x4"), "normal": (), "best": ("phone",)}[effort]
    assert made.notes == tuple(
        f"no effort {effort!r} of {name!r}: it is run as 'normal'" for name in lacking
    )
    assert make_plan(CLEAN, Wishes(effort=effort), find).notes == ()


def test_a_fast_network_that_is_asked_for_by_its_name():
    card = replace(model("small").card, effort="fast")
    wishes = {"model": "small", "noise": 20}
    for effort, run in (("normal", "fast"), ("fast", "fast"), ("best", "best")):
        made = make_plan(
            CLEAN, Wishes(effort=effort, **wishes), lambda _: Model(card, Path("small.onnx"))
        )
        assert [step.effort for step in made.steps] == [run]


SEVERAL = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
"""Levels of luma and chroma noise by brightness."""


def coarse(error=0.0, **damage):
    """A photo whose noise is coarse and depends on brightness."""
    grains = Finding(3.0, 0.2, False, "grains 3.0 pixels wide")
    found = made_up(noise=noise(25, error=error), grain=grains, **damage)
    return replace(found, noise_levels=SEVERAL)


def told_levels(found=CLEAN, **wishes):
    """What a restorer that tells luma from chroma is told, by name; empty where it is not run."""
    names = (*noise_of.NOISE, "jpeg", "grain")
    restorer = model("restore", levels=names)
    steps = make_plan(found, Wishes(**wishes), lambda _: restorer).steps
    return dict(zip(names, steps[0].levels, strict=True)) if steps else {}


def split(levels):
    """Amounts of noise, JPEG and grain."""
    return [levels[name] for name in noise_of.NOISE], levels["jpeg"], levels["grain"]


@pytest.mark.parametrize("grey", [False, True])
def test_stated_noise_is_white(grey):
    """In a grey photo all of it is luma."""
    found = replace(coarse(), grey=grey)
    amounts, jpeg_told, grain = split(told_levels(found, noise=10))
    assert amounts == pytest.approx(noise_of.white_levels(10, grey))
    assert (jpeg_told, grain) == (0, 0)
    assert (amounts[3] == 0) is grey


def test_noise_is_told_by_brightness_with_its_grain():
    amounts, jpeg_told, grain = split(told_levels(coarse(jpeg=jpeg(30))))
    assert amounts == pytest.approx(SEVERAL)
    assert jpeg_told == pytest.approx(JPEG)
    assert grain == pytest.approx(noise_of.grain_level(3.0))


@pytest.mark.parametrize(
    ("error", "share"), [(0.0, 1.0), (5.0, 1.1), (25.0, 1.5), (float("inf"), 1.0), (80.0, 1.5)]
)
def test_as_much_noise_is_told_as_there_may_be(error, share):
    """Half an error more than was read; nothing more where nobody knows the error."""
    amounts, _, grain = split(told_levels(coarse(error)))
    assert amounts == pytest.approx([share * level for level in SEVERAL])
    assert grain == pytest.approx(noise_of.grain_level(3.0))


def test_amounts_follow_the_dial_and_kept_grain_but_the_size_of_grains_does_not():
    size = noise_of.grain_level(3.0)
    for wishes, share in (({"strength": 0.5}, 0.5), ({"keep": "grain"}, GRAIN["restore"])):
        amounts, _, grain = split(told_levels(coarse(), **wishes))
        assert amounts == pytest.approx([share * level for level in SEVERAL])
        assert grain == pytest.approx(size)
    assert told_levels(coarse(jpeg=jpeg(30)), strength=0.0) == {}


def test_grain_alone_is_no_damage():
    assert told_levels(replace(CLEAN, grain=coarse().grain)) == {}
    assert told_levels(replace(CLEAN, grain=coarse().grain), model="restore") == {}
    # Where only JPEG is undone, noise and its grain are not told.
    amounts, jpeg_told, grain = split(told_levels(coarse(jpeg=jpeg(30)), task="dejpeg"))
    assert not any(amounts)
    assert jpeg_told > 0
    assert grain == 0


@pytest.mark.parametrize(
    ("stops", "room", "found", "lit"),
    [
        (DARKEST_MEANT, LEAST_HEADROOM, True, True),
        (DARKEST_MEANT + 0.1, 4.0, True, False),
        (-5.0, LEAST_HEADROOM - 0.1, True, False),
        (-5.0, 4.0, False, False),
    ],
)
def test_a_photo_is_lit_unasked_where_nobody_can_have_meant_it(stops, room, found, lit):
    """An evening or a dark wall is right as it is; who asks for light gets it."""
    dark = made_up(
        exposure=Finding(stops, 0.1, found, "dark"), headroom=Finding(room, 0.1, False, "room")
    )
    assert names(plan(dark)) == ([LOWLIGHT] if lit else [])
    assert names(plan(dark, task="lowlight")) == [LOWLIGHT]


def test_shadows_that_are_not_meant_are_lit_unasked():
    (step,) = plan(made_up(shade=SHADE))
    assert step.model.card.name == LOWLIGHT
    assert step.reason == SHADE.words
    assert not make_plan(made_up(shade=SHADE), Wishes(), find, lift=LEAST_LIFT - 0.1).steps
    assert make_plan(made_up(exposure=DARK), Wishes(), find, lift=0.0).steps
    left = make_plan(made_up(shade=replace(SHADE, found=False)), Wishes(), find)
    assert not left.steps
    assert SHADE.words in left.spared["lowlight"]


@pytest.mark.parametrize(
    ("stops", "own", "told"),
    [
        (LIT_SHADE - 1.0, 0.6, 1.0),
        (LIT_SHADE - 1.0, 1.2, 0.0),
        (LIT_SHADE - 5.0, 0.6, MOST_LIFT),
        (0.0, 0.0, 0.0),
    ],
)
def test_shadows_are_lifted_to_where_something_is_seen(stops, own, told):
    """Where the network would do as much by itself, or nothing lies in shadow, it is not told."""
    found = made_up(shade=replace(SHADE, value=stops))
    steps = make_plan(found, Wishes(task="lowlight", strength=0.5), find_told, lift=own).steps
    (step,) = steps
    assert step.levels == pytest.approx([to_level("lift", told)])
    assert step.strength == 0.5
    (asked,) = make_plan(found, Wishes(model=LOWLIGHT), find_told, lift=own).steps
    assert asked.levels == step.levels
