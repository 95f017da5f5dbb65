"""Every bundled recipe, shortened: train, die, go on, export, enhance a photo."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

import undegrade  # noqa: E402
from tests.training.runs import first_checkpoint, progress, rows  # noqa: E402
from undegrade.catalog import Catalog  # noqa: E402
from undegrade.training import recipe_file  # noqa: E402
from undegrade.training.export import write_model  # noqa: E402
from undegrade.training.loop import fit  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    # The exporter's own dependencies are old-fashioned; nothing of ours.
    "ignore::DeprecationWarning:torch.*",
    "ignore::FutureWarning:torch.*",
)

ON_CARD = {
    "drgn": "lowlight",
    "fade": "fade",
    "lowlight": "lowlight",
    "phone": "phone",
    "phone-guided": "phone",
    "tone": "lowlight",
}
"""What a card calls what is neither restored nor enlarged."""
CHOICES = {"dllgan-sr": "dllgan-sr:x4+", "sr-x2": "sr-x2:real+"}
SCALES = {"dllgan-sr": 4}
"""Of a network of one size that is trained behind an enlargement."""


def shortened(name):
    """The debug variant with two checkpoints a stage, or as it is where the stages are short."""
    chosen = f"{CHOICES.get(name, name + ':')}debug"
    recipe = recipe_file.read(chosen)
    if min(stage.steps for stage in recipe.stages.values()) < 10:
        return recipe
    fewer = {f"stages.{key}.steps": 4 for key in recipe.stages}
    return recipe_file.read(chosen, fewer | {"checkpoint_every": 2, "validation.every": 2})


@pytest.mark.parametrize(
    "name",
    [name for name in recipe_file.names() if not recipe_file.read(name).only_regressor],
)
def test_from_a_recipe_to_a_better_photo(name, sources, pairs, tmp_path):
    recipe = shortened(name)
    first_checkpoint(recipe, sources(recipe), tmp_path / "run")
    path = fit(recipe, sources(recipe), tmp_path / "run").path
    assert progress(path)["stage"] == len(recipe.stages)
    assert progress(path)["step"] == sum(stage.steps for stage in recipe.stages.values())
    assert {row["stage"] for row in rows(tmp_path / "run")} == set(recipe.stages)

    card = write_model(recipe, path, tmp_path / "models")
    assert card.scale == SCALES.get(name, recipe.scale)
    assert card.task == ON_CARD.get(name, "sr" if card.scale > 1 else "restore")
    assert card.variant == recipe.card.get("variant", "faithful")
    model = tmp_path / "models" / card.file
    assert Catalog().find(str(model)).card == card

    wishes = {"scale": card.scale} if card.scale > 1 else {}
    if card.damages:
        wishes = {"noise": 25}
    result = undegrade.enhance(pairs / "high" / "0.png", model=str(model), **wishes)
    assert result.array.shape == (96 * card.scale, 112 * card.scale, 3)
    assert result.array.dtype == np.uint8
    assert len(result.steps) == 1
