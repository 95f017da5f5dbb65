"""Variants of a recipe are comparable: what they share, they share bit for bit."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.training import setup  # noqa: E402
from undegrade.training.loop import fit  # noqa: E402
from undegrade.training.recipe_file import read  # noqa: E402
from undegrade.training.tasks.level import LevelTask  # noqa: E402
from undegrade.training.tasks.pairs import PairsTask  # noqa: E402

ARMS = [
    ("dllgan-denoise:debug", "dllgan-denoise:l1+debug", LevelTask),
    ("drgn:debug", "drgn:one-step+debug", PairsTask),
]
"""A whole system, an ablation that lacks its first stage, and what draws their batches."""


@pytest.mark.parametrize(("whole", "part", "kind"), ARMS)
def test_a_stage_sees_the_same_batches_in_every_arm(
    whole, part, kind, sources, tmp_path, monkeypatch
):
    seen, draw = [], kind.batch

    def watched(self, photos, count, patch, generator):
        batch = draw(self, photos, count, patch, generator)
        seen[-1].append((batch.inputs[0], batch.target))
        return batch

    monkeypatch.setattr(kind, "batch", watched)
    for choice in (whole, part):
        seen.append([])
        recipe = read(choice)
        fit(recipe, sources(recipe), tmp_path / recipe.name / str(len(seen)))
    steps = recipe.stages[list(recipe.stages)[-1]].steps
    for one, other in zip(seen[0][-steps:], seen[1][-steps:], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_another_stage_sees_other_batches(sources, tmp_path, monkeypatch):
    seen, draw = [], LevelTask.batch

    def watched(*arguments):
        batch = draw(*arguments)
        seen.append(batch.target)
        return batch

    monkeypatch.setattr(LevelTask, "batch", watched)
    changes = {"stages.second": {"steps": 10, "losses": {"l1": 1.0}}}
    recipe = read("dllgan-denoise:l1+debug", changes)
    fit(recipe, sources(recipe), tmp_path)
    first, second = seen[1:11], seen[11:]
    assert len(first) == len(second) == 10
    assert not any(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_networks_that_arms_share_start_alike():
    whole = read("dllgan-denoise:debug")
    for gone in ("discriminators", "regressor"):
        changes = {gone: None, "stages.regressor": None}
        changes["stages.adversarial"] = {"kind": "generator", "losses": {"adversarial": None}}
        if gone == "regressor":
            changes["stages.adversarial"] = {"losses": {"level": None}}
        part = read("dllgan-denoise:debug", changes)
        one, other = (
            setup.initial_state(recipe, None, "cpu").networks() for recipe in (whole, part)
        )
        assert one.keys() > other.keys()
        for name, network in other.items():
            theirs = one[name].state_dict()
            for key, value in network.state_dict().items():
                assert torch.equal(value, theirs[key]), (name, key)
