"""The table of ablations: a study for every shipped model, of settings that its recipe takes."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from undegrade.catalog import Catalog, user_folder
from undegrade.training import recipe_file

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def ablations():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("ablations")


@pytest.fixture(scope="module")
def studies(ablations):
    return ablations.STUDIES


def test_every_shipped_model_has_a_study(studies):
    assert set(studies) == set(Catalog(user_folder() / "none").enhancing)


def test_every_trial_is_a_recipe_of_its_own(studies):
    for model, study in studies.items():
        recipes = []
        for label, own in study.trials.items():
            settings = study.common | {key: value for key, value in own.items() if key != "init"}
            recipe = recipe_file.read(study.recipe, settings)
            recipes.append((recipe, own.get("init", study.init)))
            assert recipe.name == model, label
        different = [a for i, a in enumerate(recipes) if a not in recipes[:i]]
        assert len(different) == len(recipes), model


def test_what_others_wrote_during_a_trial_stays(ablations, tmp_path, monkeypatch):
    result = tmp_path / "ablations.json"
    labels = iter(ablations.STUDIES["sr-x2"].trials)

    def trial(study, own, data, folder, before):
        assert before is None
        others = ablations.stored(result).get("sr-x2", {})
        ablations.keep(result, {"sr-x2": others | {f"beside {next(labels)}": {}}})
        return {"scores": {}}

    monkeypatch.setattr(ablations, "RESULT", result)
    monkeypatch.setattr(ablations, "trial", trial)
    monkeypatch.setattr(ablations.torch, "set_num_threads", lambda count: None)
    words = ["ablations.py", "--data", "data", "--runs", "runs", "--only", "sr-x2"]
    monkeypatch.setattr("sys.argv", words)
    ablations.main()
    kept = ablations.stored(result)["sr-x2"]
    own = list(ablations.STUDIES["sr-x2"].trials)
    assert set(kept) == {*own, *(f"beside {label}" for label in own)}
