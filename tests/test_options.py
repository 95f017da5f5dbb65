"""What can be asked for is called the same in Python, on the command line and in REST."""

from __future__ import annotations

import dataclasses
import inspect

import pytest
import typer
from typer.testing import CliRunner

import undegrade
from undegrade.cli import app
from undegrade.errors import InputError, UsageError
from undegrade.plan import EFFORTS, KEEPS, SCALES, STEPS, TASK_STEPS, Wishes
from undegrade.service.schemas import Output, WishesBody
from undegrade.work import Order

CHOICES = {"task": tuple(TASK_STEPS), "scale": SCALES, "keep": KEEPS, "skip": STEPS}
CHOICES |= {"effort": EFFORTS}
WISHES = {field.name: field.default for field in dataclasses.fields(Wishes)}
REST = WishesBody.model_json_schema()["properties"]


def parameters(function):
    return inspect.signature(function).parameters


def options(command):
    """The options of a command by their long names, as a variable is written."""
    found = typer.main.get_command(app).commands[command].params
    names = ((name, one) for one in found for name in one.opts if name.startswith("--"))
    return {name[2:].replace("-", "_"): one for name, one in names}


def constraints(schema):
    """What a field of the schema allows, wherever it says so: of itself, its items or a choice."""
    parts = [schema, schema.get("items", {}), *schema.get("anyOf", ())]
    return {
        key: part[key] for part in parts for key in ("enum", "minimum", "maximum") if key in part
    }


def ends():
    """Name, value and whether it is allowed, at both ends of every range of the schema."""
    for name, schema in REST.items():
        limits = constraints(schema)
        if "minimum" in limits:
            low, high = limits["minimum"], limits["maximum"]
            for value in (low, high, low - 0.01, high + 0.01):
                yield name, value, low <= value <= high


@pytest.mark.parametrize("command", ["enhance", "cluster"])
def test_wishes_have_one_name_and_one_default_everywhere(command):
    python, line = parameters(undegrade.enhance), options(command)
    assert set(WISHES) == set(REST)
    for name, default in WISHES.items():
        assert python[name].default == default, name
        plain = list(default) if isinstance(default, tuple) else default
        assert REST[name]["default"] == plain, name
        assert line[name].default in (default, None), name  # None: nothing was said


@pytest.mark.parametrize("command", ["enhance", "cluster"])
def test_the_output_is_asked_for_by_the_same_names(command):
    order, line = {field.name for field in dataclasses.fields(Order)}, options(command)
    for name in Output.model_fields:
        assert name in order
        assert name in line
        assert name in parameters(undegrade.Result.encode)


def test_settings_of_a_run_are_called_the_same():
    python, line = parameters(undegrade.enhance), options("enhance")
    for name in ("tile", "device", "max_megapixels", "precision", "frame"):
        assert python[name].default == line[name].default, name


@pytest.mark.parametrize("name", list(CHOICES))
def test_choices_are_the_same(name):
    assert tuple(constraints(REST[name])["enum"]) == CHOICES[name]
    told = options("enhance")[name].help
    assert all(str(choice) in told for choice in CHOICES[name]), told


@pytest.mark.parametrize(("name", "value", "allowed"), list(ends()))
def test_ranges_are_the_same(name, value, allowed):
    line = CliRunner().invoke(app, ["enhance", "nothing.png", f"--{name}", str(value)])
    assert isinstance(line.exception, UsageError) != allowed
    assert line.exit_code == (InputError.exit_code if allowed else 1)
    if allowed:
        assert getattr(Wishes(**{name: value}), name) == value
    else:
        with pytest.raises(UsageError):
            undegrade.enhance("nothing.png", **{name: value})
