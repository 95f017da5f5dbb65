"""The table of ablations: a study for every shipped model, of settings that its recipe takes."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from undegrade.catalog import Catalog, user_folder
from undegrade.training import recipe_file

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def studies():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("ablations").STUDIES


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
