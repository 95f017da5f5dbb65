"""The arithmetic of a run follows from what the machine can do, is told, and stays."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from tests.training.runs import (  # noqa: E402
    Stop,
    assert_same_checkpoint,
    every_row,
    progress,
    stop_after,
)
from undegrade.training import checkpoint, machine  # noqa: E402
from undegrade.training.checkpoint import Choice  # noqa: E402
from undegrade.training.loop import fit  # noqa: E402
from undegrade.training.recipe_file import read  # noqa: E402

PLAIN = frozenset({"avx2", "fma", "avx512f", "amx_int8"})
FAST, SLOW = {"fp32": 0.4, "bf16": 0.1}, {"fp32": 0.1, "bf16": 0.4}


def no_trial():
    raise AssertionError("nothing was to be tried")


def pretend(monkeypatch, flags, trial=no_trial):
    monkeypatch.setattr(machine, "cpu_flags", lambda: frozenset(flags))
    monkeypatch.setattr(machine, "cpu_trial", trial)


def test_a_cpu_without_instructions_trains_in_fp32_untried():
    choice = machine.choose(PLAIN, None, no_trial)
    assert choice.precision == "fp32"
    assert "not known to have instructions for bf16" in choice.reason


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16", "bf16"])
@pytest.mark.parametrize(("seconds", "chosen"), [(FAST, "bf16"), (SLOW, "fp32")])
def test_a_cpu_with_instructions_is_tried(flag, seconds, chosen):
    choice = machine.choose(PLAIN | {flag}, None, lambda: seconds)
    assert choice.precision == chosen
    assert f"this CPU has {flag}" in choice.reason
    assert f"{seconds['fp32']} s in fp32 and {seconds['bf16']} s in bf16" in choice.reason


@pytest.mark.parametrize(
    ("capability", "chosen"), [((7, 5), "fp32"), ((8, 0), "bf16"), ((12, 0), "bf16")]
)
def test_a_gpu_is_taken_by_its_capability(capability, chosen):
    choice = machine.choose(frozenset({"amx_bf16"}), capability, no_trial)
    assert choice.precision == chosen
    assert f"capability {capability[0]}.{capability[1]}" in choice.reason


def test_the_trial_measures_both_and_draws_nothing_of_the_caller_s(monkeypatch):
    monkeypatch.setattr(machine, "TRIAL_SECONDS", 0.0)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    seconds = machine.cpu_trial()
    assert torch.equal(torch.rand(2), expected)
    assert seconds.keys() == {"fp32", "bf16"}
    assert min(seconds.values()) > 0


@pytest.mark.parametrize(
    ("flags", "seconds", "chosen"), [({"avx2"}, None, "fp32"), ({"amx_bf16"}, FAST, "bf16")]
)
def test_a_run_trains_in_what_the_machine_is_faster_in_and_says_why(
    flags, seconds, chosen, sources, tmp_path, monkeypatch
):
    recipe = read("sr-x2:debug", {"stages.main.steps": 4})
    pretend(monkeypatch, flags, (lambda: seconds) if seconds else no_trial)
    heard = []
    path = fit(recipe, sources(recipe), tmp_path / "auto", log=heard.append).path
    first = every_row(path.parent)[0]
    assert first == heard[0]
    assert {k: first[k] for k in ("step", "stage", "precision")} == {
        "step": 0,
        "stage": "main",
        "precision": chosen,
    }
    assert ("a trial took" in first["because"]) == bool(seconds)
    assert checkpoint.precision_of(path) == Choice(chosen, first["because"])
    # It is that arithmetic and no other.
    told = read("sr-x2:debug", {"stages.main.steps": 4, "precision": chosen})
    same = fit(told, sources(told), tmp_path / chosen).path
    assert checkpoint.precision_of(same) == Choice(chosen, "")
    assert all("precision" not in row for row in every_row(same.parent))
    numbers = [checkpoint_tensors(p) for p in (path, same)]
    assert all(torch.equal(numbers[0][k], numbers[1][k]) for k in numbers[0])


def checkpoint_tensors(path):
    from safetensors.torch import load_file

    return load_file(path)


@pytest.mark.parametrize(("begun", "now"), [(FAST, SLOW), (SLOW, FAST)])
def test_a_resumed_run_keeps_its_precision(begun, now, sources, tmp_path, monkeypatch):
    recipe = read("sr-x2:debug", {"stages.main.steps": 8, "checkpoint_every": 3})
    pretend(monkeypatch, {"amx_bf16"}, lambda: begun)
    whole = fit(recipe, sources(recipe), tmp_path / "whole").path
    with pytest.raises(Stop):
        fit(recipe, sources(recipe), tmp_path / "half", tick=stop_after(4))
    pretend(monkeypatch, {"avx2"} if now is SLOW else {"amx_bf16"}, lambda: now)
    again = fit(recipe, sources(recipe), tmp_path / "half").path
    assert_same_checkpoint(again, whole)
    assert progress(again)["precision_reason"]
    first, second = (row for row in every_row(again.parent) if "precision" in row)
    assert second["precision"] == first["precision"] == min(begun, key=begun.__getitem__)
    assert second["step"] == 3
    assert second["because"] == f"the run was begun in it: {first['because']}"


def test_a_run_from_before_goes_on_in_what_its_recipe_named(sources, tmp_path, monkeypatch):
    pretend(monkeypatch, {"avx2"})
    changes = {"stages.main.steps": 8, "checkpoint_every": 3}
    named = read("sr-x2:debug", {**changes, "precision": "bf16"})
    with pytest.raises(Stop):
        fit(named, sources(named), tmp_path, tick=stop_after(4))
    recipe = read("sr-x2:debug", changes)
    path = fit(recipe, sources(recipe), tmp_path).path
    assert checkpoint.precision_of(path).precision == "bf16"
    (row,) = (row for row in every_row(tmp_path) if "precision" in row)
    assert row["because"] == "the run was begun in it"
