"""Recipes: all bundled ones are sound, and what is wrong is named by its full key."""

from __future__ import annotations

import pytest
import yaml

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.errors import RecipeError  # noqa: E402
from undegrade.training import recipe_file  # noqa: E402
from undegrade.training.recipe_file import names, parse, read, variants  # noqa: E402

SOUND = {
    "name": "sound",
    "task": "sr",
    "scale": 2,
    "network": "sr",
    "arguments": {"scale": 2},
    "stages": {"main": {"steps": 5, "losses": {"l1": 1.0}}},
}
TEACHER = {"network": "drgn", "model": "lowlight"}
READS = {
    "task": "restore",
    "scale": 1,
    "regressor": {"network": "small"},
    "stages": {"read": {"kind": "regressor"}},
}
ADVERSARY = {"d": {"network": "pixel"}}


def choices():
    """Every bundled recipe, its variants, and each of those shortened."""
    for name in names():
        known = variants(name)
        short = [v for v in ("study", "debug") if v in known]
        yield name
        for variant in known:
            yield f"{name}:{variant}"
            yield from (f"{name}:{variant}+{s}" for s in short if s != variant)
        if len(short) == 2:
            yield from (f"{name}:{v}+study+debug" for v in known if v not in short)


def nested(**changes):
    """The sound recipe with these dotted changes, ``__`` for the dot."""
    data = SOUND
    for key, value in changes.items():
        for part in reversed(key.split("__")):
            value = {part: value}
        data = recipe_file.merged(data, value)
    return data


@pytest.mark.parametrize("choice", list(choices()))
def test_bundled_recipes_and_variants_are_sound(choice):
    chosen = read(choice)
    file = choice.partition(":")[0]
    assert chosen.name.startswith(file) or file.startswith(chosen.name)
    assert "summary" in chosen.card
    # What a model was trained on, and on what terms it is given, is not for a recipe to say.
    assert not {"licence", "training_data"} & chosen.card.keys()
    assert parse(chosen.as_dict()) == chosen


def test_the_shipped_and_the_published_systems_are_bundled():
    assert {"restore", "sr-x2", "sr-x4", "srgan", "dllgan-jpeg", "artifact-gan", "drgn"} <= set(
        names()
    )
    assert all("debug" in variants(name) for name in names())


def test_variants_are_laid_over_each_other_in_order(tmp_path):
    data = SOUND | {
        "variants": {
            "small": {"batch": 2, "arguments": {"channels": 8}, "stages": {"main": {"rate": 0.5}}},
            "smaller": {"arguments": {"channels": 4}},
            "empty": None,
        }
    }
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    assert variants(str(path)) == ("small", "smaller", "empty")
    one, other = read(f"{path}:small+smaller+empty"), read(f"{path}:smaller+small")
    assert one.arguments == {"scale": 2, "channels": 4}
    assert other.arguments == {"scale": 2, "channels": 8}
    assert one.batch == other.batch == 2
    assert one.stages["main"].rate == 0.5
    assert one.stages["main"].steps == 5


def test_null_takes_away_and_a_later_table_does_not_bring_back():
    full, short = read("drgn"), read("drgn:one-step+debug")
    assert list(full.stages) == ["deg", "joint"]
    assert list(short.stages) == ["joint"]
    assert short.discriminators == {}
    assert read("dllgan-sr:l1+debug").regressor is None
    assert "level" not in read("dllgan-sr:gan+debug").stages["adversarial"].losses
    # A value is no table: it comes back.
    assert read("artifact-gan:full").degradation == {"kind": "jpeg", "spread": [5, 95]}
    assert read("artifact-gan:full+study").degradation == {"kind": "jpeg", "at": [20, 10]}


def test_an_override_of_what_was_taken_away_is_not_passed_over():
    with pytest.raises(RecipeError, match="changes 'regressor', which was taken away") as error:
        read("dllgan-sr:l1", {"regressor.arguments.levels": 2})
    assert error.value.key == "regressor.arguments.levels"
    with pytest.raises(RecipeError, match="changes 'deg'"):
        read("drgn:one-step", {"stages.deg.rate": 0.1})


def test_overrides_come_last():
    chosen = read(
        "srgan:debug",
        {"stages.pixel": None, "stages.adversarial.rate": "1e-3", "clip": 2, "patch": 24},
    )
    assert list(chosen.stages) == ["adversarial"]
    assert chosen.stages["adversarial"].rate == 0.001  # YAML reads 1e-3 as text
    assert chosen.stages["adversarial"].steps == 10
    assert (chosen.clip, chosen.patch) == (2.0, 24)


def test_a_stage_before_another():
    stage = {"losses": {"l1": 1.0}}
    stages = {
        "one": stage,
        "two": stage,
        "between": {**stage, "before": "two"},
        "first": {**stage, "before": "one"},
        "inner": {**stage, "before": "between"},
    }
    recipe = parse({**SOUND, "stages": stages})
    assert list(recipe.stages) == ["first", "one", "inner", "between", "two"]
    # It stays in order when it is read again, as from a checkpoint.
    again = parse(recipe.as_dict())
    assert list(again.stages) == list(recipe.stages)
    with pytest.raises(RecipeError, match=r"stages.x.before = 'three' is none of: one") as error:
        parse({**SOUND, "stages": {"one": stage, "x": {**stage, "before": "three"}}})
    assert error.value.key == "stages.x.before"


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ({"colour": 1}, "colour", "is not a setting; there are: name, task"),
        ({"stages__main__speed": 1}, "stages.main.speed", "is not a setting"),
        ({"validation__often": 1}, "validation.often", "is not a setting"),
        ({"data__folder": "x"}, "data.folder", "is not a setting"),
        ({"discriminators__d__size": 1}, "discriminators.d.size", "is not a setting"),
        ({"batch": 1.5}, "batch", "must be a whole number"),
        ({"batch": True}, "batch", "must be a whole number"),
        ({"compile": "no"}, "compile", "must be true or false"),
        ({"name": 3}, "name", "must be text"),
        ({"card__summary": 3}, "card.summary", "must be text"),
        ({"ema": "much"}, "ema", "must be a number"),
        ({"stages__main__rate": "fast"}, "stages.main.rate", "must be a number"),
        ({"stages__main__rate": float("nan")}, "stages.main.rate", "must be a number"),
        ({"stages__main__betas": 0.9}, "stages.main.betas", "must be a list"),
        ({"stages__main__betas": [0.9]}, "stages.main.betas", "must hold 2 values"),
        ({"stages__main__betas": [0.9, "x"]}, "stages.main.betas", "must be a number"),
        ({"stages": [1]}, "stages", "must be a table"),
        ({"stages__main": 5}, "stages.main", "must be a table"),
        ({"arguments": 5}, "arguments", "must be a table"),
        ({"task": "fly"}, "task", "is not one of: degrade, diagnose"),
        ({"precision": "fp8"}, "precision", "must be one of auto, fp32"),
        ({"stages__main__kind": "critical"}, "stages.main.kind", "must be one of generator"),
        ({"network": None}, "network", "is missing"),
        ({"stages": None}, "stages", "is missing"),
    ],
)
def test_unknown_keys_and_wrong_types(changes, key, message):
    with pytest.raises(RecipeError) as error:
        parse(nested(**changes))
    assert error.value.key == key
    assert f"recipe: {key} = " in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"batch": 0}, "batch"),
        ({"keep": 0}, "keep"),
        ({"clip": -1}, "clip"),
        ({"seed": -1}, "seed"),
        ({"patch_late": -8}, "patch_late"),
        ({"ema": 2.0}, "ema"),
        ({"accumulate": 3}, "accumulate"),
        ({"scale": 1}, "scale"),
        ({"stages": {"main": None}}, "stages"),
        ({"system": "two-step"}, "system"),
        ({"system": "two-step", "task": "lowlight", "scale": 1, "teacher": TEACHER}, "teacher"),
        ({"restorer": TEACHER}, "restorer"),
        (READS | {"restorer": TEACHER}, "restorer"),
        (READS | {"stages": {"read": {"kind": "regressor", "phases": 4}}}, "stages.read.phases"),
        ({"stages__main__phases": -1}, "stages.main.phases"),
        ({"stages__main__phases": 10_000}, "stages.main.phases"),
        ({"data__pairs": True}, "data.pairs"),
        ({"task": "pairs", "scale": 1}, "data.pairs"),
        ({"data__resize": 64}, "data.resize"),
        ({"data__workers": 0}, "data.workers"),
        ({"validation__crop": 100}, "validation.crop"),
        ({"validation__every": 0}, "validation.every"),
        ({"validation__pictures": -1}, "validation.pictures"),
        ({"stages__main__steps": 0}, "stages.main.steps"),
        ({"stages__main__rate": 0}, "stages.main.rate"),
        ({"stages__main__warmup": -1}, "stages.main.warmup"),
        ({"stages__main__betas": [0.9, 1.0]}, "stages.main.betas"),
        ({"stages__main__losses": {"l1": None}}, "stages.main.losses"),
        ({"stages__main__milestones": [0.5]}, "stages.main.milestones"),
        (
            {"stages__main": {"schedule": "milestones", "milestones": [0.5, 0.2]}},
            "stages.main.milestones",
        ),
        ({"stages__main__turns": [1, 1]}, "stages.main.turns"),
        ({"stages__main__threshold": 0.5}, "stages.main.threshold"),
        ({"stages__main__stored": 8}, "stages.main.stored"),
        ({"stages__main__allowance": 0.1}, "stages.main.allowance"),
        ({"stages__main__longest": 5}, "stages.main.longest"),
        ({"stages__main__patch": -1}, "stages.main.patch"),
        ({"stages__main__batch": 3, "batch": 16, "accumulate": 2}, "stages.main.batch"),
        (
            {
                "stages__main": {"kind": "critic", "losses": {"l1": None}, "frozen": ["head"]},
                "discriminators": ADVERSARY,
            },
            "stages.main.frozen",
        ),
        ({"stages__main__kind": "adversarial"}, "stages.main.kind"),
        ({"stages__main": {"kind": "critic", "losses": {"l1": None}}}, "stages.main.kind"),
        ({"stages__main": {"kind": "critic"}, "discriminators": ADVERSARY}, "stages.main.losses"),
        ({"stages__main": {"kind": "regressor"}}, "stages.main.losses"),
        ({"stages__main": {"kind": "regressor", "losses": {"l1": None}}}, "stages.main.kind"),
        (
            {
                "stages__main": {"kind": "critic", "allowance": 0.1, "losses": {"l1": None}},
                "discriminators": ADVERSARY,
            },
            "stages.main.allowance",
        ),
        (
            {"discriminators": ADVERSARY, "stages__main": {"kind": "adversarial", "turns": [1, 0]}},
            "stages.main.turns",
        ),
        ({"discriminators__d": {"network": "pixel", "weight": -1}}, "discriminators.d.weight"),
        ({"discriminators__generator__network": "pixel"}, "discriminators.generator"),
    ],
)
def test_impossible_values_and_combinations(changes, key):
    with pytest.raises(RecipeError) as error:
        parse(nested(**changes))
    assert error.value.key == key


def test_a_regressor_needs_graded_pictures():
    regressor = {"network": "small"}
    stage = {"kind": "regressor", "losses": {"l1": None}}
    with pytest.raises(RecipeError, match=r"stages\.main\.kind = 'regressor' is not for the task"):
        parse(nested(regressor=regressor, stages__main=stage))


def test_errors_are_the_same_through_a_file_and_an_override(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(nested(stages__main__rate="fast")))
    with pytest.raises(RecipeError) as written:
        read(str(path))
    with pytest.raises(RecipeError) as overridden:
        read("sr-x2", {"stages.main.rate": "fast"})
    assert str(written.value) == str(overridden.value)
    assert written.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.yaml", "is not a file"),
        ("magic", "is not bundled; there are: artifact-gan"),
        ("restore:magic", "variant = 'magic' is not one of restore; there are: .*debug"),
        ("restore:debug+magic", "'magic'"),
    ],
)
def test_recipes_that_are_not_there(name, message):
    with pytest.raises(RecipeError, match=message):
        read(name)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"name: [", "is not YAML"),
        (b"name: \xff\xfe", "is not YAML"),
        (b"- one\n- two\n", "must hold a table"),
        (b"", "must hold a table"),
        (b"variants: 3\n", "variants = 3 must be a table"),
        (b"variants: {small: 3}\n", r"variants\.small = 3 must be a table"),
    ],
)
def test_files_that_are_no_recipes(tmp_path, data, message):
    path = tmp_path / "bad.yaml"
    path.write_bytes(data)
    with pytest.raises(RecipeError, match=message) as error:
        read(str(path))
    assert "\n" not in str(error.value)


def test_published_sizes_of_losses():
    """Weights mean nothing without the sizes of what they weigh."""
    assert read("phone").stages["main"].losses["colour"]["reduction"] == "norm"
    dped = read("phone:dped").discriminators["texture"]
    assert (dped.form, dped.reduction, dped.swapped) == ("saturating", "sum", True)
    assert read("vdsr").stages["main"].losses["mse"]["reduction"] == "sum"
    # Baselines of the phone system have their published widths, shortened or not.
    assert "channels" not in read("vdsr:phone+study").arguments
    assert "channels" not in read("srcnn:phone+study").arguments
