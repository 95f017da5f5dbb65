"""Patches with a thumbnail of the picture around them."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from tests.training.runs import rows  # noqa: E402
from undegrade.errors import RecipeError  # noqa: E402
from undegrade.training import recipe_file, setup  # noqa: E402
from undegrade.training.loop import fit  # noqa: E402
from undegrade.training.tasks import Batch, task  # noqa: E402
from undegrade.training.tasks.pairs import GuidedTask  # noqa: E402


class Ramp:
    """A task whose pictures are brighter to the right."""

    def batch(self, photos, count, patch, generator):
        picture = torch.linspace(0, 1, patch).expand(count, 3, patch, patch)
        return Batch((picture,), 1 - picture)

    def validation(self, photos, size):
        return {"ramp": self.batch(photos, 2, size, None)}


def generator():
    return torch.Generator().manual_seed(0)


def test_the_patch_is_a_part_of_what_the_thumbnail_shows():
    batch = GuidedTask(Ramp(), 96).batch(None, 2, 32, generator())
    picture, thumbnail, place = batch.inputs
    assert picture.shape == batch.target.shape == (2, 3, 32, 32)
    torch.testing.assert_close(batch.target, 1 - picture)
    torch.testing.assert_close(thumbnail[0, 0, 0], torch.linspace(0, 1, 96))
    # The ramp says in which column of 96 the patch begins.
    left = float(picture[0, 0, 0, 0]) * 95 / 96
    expected = torch.tensor([left, 1 / 96, 1 / 96]).expand(2, -1)
    torch.testing.assert_close(place[:, 1:], expected)
    assert 0 <= picture.min() < picture.max() <= 1


def test_references_come_with_what_is_around_them():
    class WithReferences(Ramp):
        def batch(self, photos, count, patch, generator):
            batch = super().batch(photos, count, patch, generator)
            return replace(batch, reference=batch.target)

    batch = GuidedTask(WithReferences(), 96).batch(None, 2, 32, generator())
    assert torch.equal(batch.reference, batch.target)
    torch.testing.assert_close(batch.reference_thumbnail, 1 - batch.inputs[1])


@pytest.mark.parametrize("choice", ["lowlight:synthetic+debug"])
def test_the_shipped_recipe_makes_pairs_of_its_own(choice, sources, tmp_path):
    changes = {"stages.main": {"steps": 4, "warmup": 0}, "validation.every": 4}
    recipe = recipe_file.read(choice, changes)
    path = fit(recipe, sources(recipe), tmp_path).path
    (row,) = rows(path.parent)
    assert row["loss/reference-charbonnier"] > 0


def test_patches_lie_anywhere_and_repeat_with_the_generator():
    guided = GuidedTask(Ramp(), 96)
    random = generator()
    starts = {float(guided.batch(None, 1, 32, random).inputs[0].min()) for _ in range(20)}
    assert len(starts) > 8
    again = [guided.batch(None, 1, 32, generator()).inputs[0] for _ in range(2)]
    assert torch.equal(*again)


def test_a_patch_as_large_as_the_context():
    picture, *_ = GuidedTask(Ramp(), 64).batch(None, 1, 96, generator()).inputs
    assert picture.shape == (1, 3, 96, 96)


def test_validation_shows_the_whole():
    picture, thumbnail, place = GuidedTask(Ramp(), 64).validation(None, 96)["ramp"].inputs
    assert picture.shape == (2, 3, 96, 96)
    assert thumbnail.shape == (2, 3, 96, 96)
    torch.testing.assert_close(place, torch.tensor([[0, 0, 1 / 96, 1 / 96]]).expand(2, -1))


@pytest.mark.parametrize(
    ("choice", "changes"),
    [
        ("lowlight:debug", {"degradation": None}),
        ("phone:debug", {"degradation": {"context": 64}}),
    ],
)
def test_a_thumbnail_belongs_to_a_network_that_takes_one(choice, changes):
    recipe = recipe_file.read(choice, changes)
    with pytest.raises(RecipeError, match=r"degradation\.context"):
        setup.initial_state(recipe, None, "cpu")


def made(name):
    recipe = recipe_file.read(name)
    return task(recipe.task, recipe.scale, recipe.degradation)


def test_recipes_ask_for_it():
    assert isinstance(made("lowlight"), GuidedTask)
    assert not isinstance(made("phone"), GuidedTask)
