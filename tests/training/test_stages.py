"""Who learns in which stage, in which order, and when a stage ends."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from tests.training.runs import (  # noqa: E402
    Stop,
    assert_same_checkpoint,
    equal,
    learners,
    part,
    rows,
    stop_after,
)
from undegrade.training import checkpoint, setup  # noqa: E402
from undegrade.training.loop import fit, in_phase  # noqa: E402
from undegrade.training.recipe_file import read  # noqa: E402

TINY = {
    "network": "phone",
    "arguments": {"preset": None, "size": None, "width": None, "channels": 4, "blocks": 1},
}
"""A generator in place of the U-Net of the artefact-removal GAN."""


def run(recipe, sources, folder):
    """The networks that changed in every step but the first, and the checkpoint."""
    changed, tick = learners()
    path = fit(recipe, sources(recipe), folder, tick=tick).path
    return changed, path


def short(name, **stages):
    """The debug variant with these numbers of steps by stage; 0 takes a stage away."""
    changes = {f"stages.{k}.steps": v for k, v in stages.items() if v}
    return read(
        f"{name}:debug", changes | {f"stages.{k}": None for k, v in stages.items() if not v}
    )


def test_every_stage_moves_those_it_should_and_nobody_else(sources, tmp_path):
    recipe = short("dllgan-jpeg", regressor=4, adversarial=4)
    changed, _ = run(recipe, sources, tmp_path)
    assert changed == [{"regressor"}] * 3 + [{"generator", "discriminator.d"}] * 4


def test_a_generator_learns_alone(sources, tmp_path):
    recipe = short("srgan", pixel=3, adversarial=3)
    changed, _ = run(recipe, sources, tmp_path)
    assert changed == [{"generator"}] * 2 + [{"generator", "discriminator.d"}] * 3


def test_a_critic_learns_from_a_generator_that_stands_still(sources, tmp_path):
    recipe = read("artifact-gan:debug", TINY | {"stages.adversarial": None})
    changed, path = run(recipe, sources, tmp_path)
    assert changed == [{"generator"}] * 7 + [{"discriminator.critic"}] * 6
    with pytest.raises(Stop):
        fit(recipe, sources(recipe), tmp_path / "half", tick=stop_after(9))
    # Its statistics stand still, too.
    before = part(tmp_path / "half" / "last.safetensors", "generator")
    after = part(path, "generator")
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert any("running" in key for key in before)


def test_stored_outputs_come_again_and_new_ones_do_not(sources, tmp_path):
    changes = TINY | {"stages.generator": None, "stages.adversarial": None, "validation.every": 1}
    # The critic's rate is nearly nothing and it has no dropout, so that its loss tells the batch.
    changes |= {"stages.critic.rate": 1e-12, "discriminators.critic.arguments.dropout": 0.0}
    changes |= {"stages.critic.steps": 24}
    losses = {}
    for stored in (8, 0):
        recipe = read("artifact-gan:debug", changes | {"stages.critic.stored": stored})
        folder = tmp_path / str(stored)
        fit(recipe, sources(recipe), folder)
        losses[stored] = [row["critic-critic"] for row in rows(folder)]
    # Spectral norm still settles over the first steps, whatever the batch.
    again, fresh = ([abs(x[22] - x[20]) for x in (losses[s],)] for s in (8, 0))
    assert again[0] < fresh[0] / 5


def test_turns_are_taken_in_order(sources, tmp_path):
    recipe = read("artifact-gan:debug", TINY | {"stages.adversarial.steps": 9})
    changed, _ = run(recipe, sources, tmp_path)
    order = [*["critic"] * 5, *["generator"] * 2, *["critic"] * 2]
    assert [min(names).split(".")[-1] for names in changed[-9:]] == order
    assert all(len(names) == 1 for names in changed)


@pytest.mark.parametrize(
    ("threshold", "order"), [(1e9, "cgcgcg"), (1e-9, "cccccc")], ids=["easy", "hard"]
)
def test_the_critics_turn_ends_by_its_loss(threshold, order, sources, tmp_path):
    changes = {
        "stages.generator": None,
        "stages.critic": None,
        "stages.adversarial.steps": 7,
        "stages.adversarial.turns": [1, 1],
        "stages.adversarial.threshold": threshold,
    }
    recipe = read("artifact-gan:debug", TINY | changes)
    changed, _ = run(recipe, sources, tmp_path)
    # The first step, which is not seen, is the critic's.
    assert "c" + "".join(min(names).split(".")[-1][0] for names in changed) == order + order[:1]


def test_a_critic_that_does_not_learn_gives_the_generator_its_turn(sources, tmp_path):
    changes = {
        "stages.generator": None,
        "stages.critic": None,
        "stages.adversarial": {"steps": 9, "turns": [1, 1], "threshold": 1e-9, "longest": 3},
        "validation.every": 3,
        "checkpoint_every": 2,
    }
    recipe = read("artifact-gan:debug", TINY | changes)
    changed, path = run(recipe, sources, tmp_path)
    assert "c" + "".join(min(names).split(".")[-1][0] for names in changed) == "cccgcccgc"
    assert [row["turns"] for row in rows(tmp_path)] == [0, 1, 2]
    # A turn that was interrupted goes on.
    with pytest.raises(Stop):
        fit(recipe, sources(recipe), tmp_path / "half", tick=stop_after(7))
    again = fit(recipe, sources(recipe), tmp_path / "half").path
    assert_same_checkpoint(again, path)


def test_the_average_waits_while_the_critic_has_its_turn(sources, tmp_path):
    recipe = read("artifact-gan:debug", TINY | {"stages.generator": None, "stages.critic": None})
    moved, before = [], {}

    def tick(state, progress, samples):
        for name in ("generator", "average"):
            now = [p.detach().clone() for p in getattr(state, name).parameters()]
            if name in before and not equal(now, before[name]):
                moved.append(name)
            before[name] = now

    fit(recipe, sources(recipe), tmp_path, tick=tick)
    assert moved == ["generator", "average"] * 2  # of seven steps, five of the critic


def test_a_frozen_part_stands_still(sources, tmp_path):
    tiny = TINY | {"arguments": TINY["arguments"] | {"statistics": "running"}}
    tiny |= {"stages.critic": None, "stages.adversarial": None, "discriminators": None}
    changes = {"stages.generator": {"steps": 3, "frozen": ["layers.2"]}}
    recipe = read("artifact-gan:debug", tiny | changes)
    start = setup.initial_state(recipe, None, "cpu").generator.state_dict()
    end = part(fit(recipe, sources(recipe), tmp_path).path, "generator")
    still = {key for key in start if torch.equal(start[key], end[key])}
    assert still == {key for key in start if key.startswith("layers.2.")}
    # And learns again in the next stage.
    changes["stages.second"] = {"steps": 3, "losses": {"l1": 1.0}}
    recipe = read("artifact-gan:debug", tiny | changes)
    end = part(fit(recipe, sources(recipe), tmp_path).path, "generator")
    assert not any(torch.equal(start[key], end[key]) for key in start if "weight" in key)


def test_a_stage_has_its_own_patches_batch_and_optimiser(sources, tmp_path):
    seen, kinds = [], []

    def tick(state, progress, samples):
        if not kinds:
            state.generator.register_forward_pre_hook(
                lambda module, inputs: seen.append(tuple(inputs[0].shape))
            )
        kinds.append({name: type(o) for name, o in state.optimizers.items()})

    changes = {
        "stages.generator": {"steps": 2, "optimizer": "adam"},
        "stages.critic": None,
        "stages.adversarial": {"steps": 2, "patch": 80, "batch": 2, "turns": [0, 0]},
        "validation.every": 100,
    }
    recipe = read("artifact-gan:debug", TINY | changes)
    fit(recipe, sources(recipe), tmp_path, tick=tick)
    assert seen == [(4, 3, 64, 64), (2, 3, 80, 80), (2, 3, 80, 80)]
    assert kinds[0] == {"generator": torch.optim.Adam}
    assert kinds[-1] == {"generator": torch.optim.AdamW, "critic": torch.optim.AdamW}


def test_the_generators_step_leaves_no_gradient_in_the_critic(sources, tmp_path):
    # In turns nobody clears the gradients of the one who waits.
    recipe = read("artifact-gan:debug", TINY | {"stages.generator": None, "stages.critic": None})
    kept = []

    def tick(state, progress, samples):
        grads = [p.grad for p in state.discriminators["critic"].parameters()]
        kept.append(torch.cat([g.flatten() for g in grads]).clone())

    fit(recipe, sources(recipe), tmp_path, tick=tick)
    assert torch.equal(kept[4], kept[5])
    assert torch.equal(kept[4], kept[6])
    assert kept[4].abs().max() > 0


def test_the_level_loss_moves_the_generator_and_nothing_of_the_regressor(sources, tmp_path):
    changes = {
        "discriminators": None,
        "stages.adversarial.kind": "generator",
        "stages.adversarial.losses": {"l1": None, "adversarial": None},
        "stages.adversarial.steps": 3,
    }
    recipe = read("dllgan-jpeg:debug", changes)
    assert list(recipe.stages["adversarial"].losses) == ["level"]
    changed, path = run(recipe, sources, tmp_path)
    assert changed[-3:] == [{"generator"}] * 3
    with pytest.raises(Stop):
        fit(recipe, sources(recipe), tmp_path / "half", tick=stop_after(11))
    before = part(tmp_path / "half" / "last.safetensors", "regressor")
    after = part(path, "regressor")
    assert any("running_var" in key for key in before)
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_regressor_learns_to_tell_levels(sources, tmp_path):
    changes = {
        "stages.adversarial": None,
        "discriminators": None,
        "stages.regressor": {"steps": 100, "rate": 0.005},
        "validation.every": 20,
        "batch": 8,
    }
    recipe = read("dllgan-denoise:debug", changes)
    fit(recipe, sources(recipe), tmp_path)
    errors = [row["level-error"] for row in rows(tmp_path)]
    assert min(errors) < 0.8 * errors[0]


def test_a_regressor_learns_what_is_left_in_outputs(sources, tmp_path):
    changes = {
        "discriminators": None,
        "stages.adversarial": {"kind": "generator", "steps": 1},
        "stages.adversarial.losses": {"adversarial": None, "level": None},
        "stages.regressor": {"steps": 100, "rate": 0.005},
        "stages.adapt": {"steps": 60, "rate": 0.001, "stored": 16},
        "validation.every": 10,
        "batch": 8,
    }
    recipe = read("dllgan-denoise:adapted+debug", changes)
    assert list(recipe.stages) == ["regressor", "adapt", "adversarial"]
    changed, _ = run(recipe, sources, tmp_path)
    assert changed[:-1] == [{"regressor"}] * 159
    told = [row for row in rows(tmp_path) if row["stage"] == "adapt"]
    errors = [row["level-error/outputs"] for row in told]
    assert min(errors) < 0.6 * errors[0]
    # What is graded is not forgotten.
    assert told[-1]["level-error"] < 2 * told[0]["level-error"]


def test_training_restores(sources, tmp_path):
    changes = {
        "arguments.channels": 16,
        "batch": 8,
        "patch_late": 0,
        "degradation": {"real": 0.0},  # in so few steps
        "stages.main": {"steps": 200, "warmup": 20},
        "validation.every": 100,
    }
    recipe = read("restore:debug", changes)
    fit(recipe, sources(recipe), tmp_path)
    noisy = 20 * torch.log10(torch.tensor(255 / 25.0))
    last = rows(tmp_path)[-1]
    assert last["noise25/psnr"] > noisy + 1
    kinds = [value for key, value in last.items() if key.endswith("/psnr")]
    assert last["psnr"] == pytest.approx(sum(kinds) / len(kinds))


def early(**changes):
    """A first stage, and a second one under an allowance, which judges by LPIPS."""
    second = {
        "kind": "generator",
        "steps": 40,
        "rate": 0.001,
        "schedule": "constant",
        "losses": {"charbonnier": 1.0},
        "allowance": 0.5,
        "patience": 3,
    }
    common = {
        "stages.main.steps": 10,
        "stages.second": second | changes,
        "validation": {"every": 4, "lpips": "random"},
        "ema": 0.5,
        "patch_late": 0,
        "precision": "fp32",
    }
    return read("restore:debug", common)


def test_the_best_weights_by_lpips_come_back(sources, tmp_path):
    recipe = early(rate=0.003, steps=400)
    path = fit(recipe, sources(recipe), tmp_path).path
    found = [row for row in rows(tmp_path) if row["stage"] == "second"]
    start = [row for row in rows(tmp_path) if row["stage"] == "main"][-1]
    allowed = [row for row in found if row["psnr"] >= start["psnr"] - 0.5]
    best = min([start, *allowed], key=lambda row: row["lpips"])
    assert best["step"] < found[-1]["step"] < 400
    assert checkpoint.step_of(tmp_path / "best.safetensors") == best["step"]
    weights = part(tmp_path / "best.safetensors", "average")
    for name in ("average", "generator"):
        assert all(torch.equal(part(path, name)[key], weights[key]) for key in weights)


def test_a_stage_that_finds_nothing_better_ends_with_what_it_began(sources, tmp_path):
    recipe = early(rate=0.5)
    path = fit(recipe, sources(recipe), tmp_path).path
    with pytest.raises(Stop):
        fit(recipe, sources(recipe), tmp_path / "half", tick=stop_after(11))
    # Three validations without a better one, and then it is over.
    assert [row["step"] for row in rows(tmp_path) if row["stage"] == "second"] == [14, 18, 22]
    start = part(tmp_path / "half" / "last.safetensors", "average")
    for name in ("average", "generator"):
        assert all(torch.equal(part(path, name)[key], start[key]) for key in start)


def test_a_better_lpips_beyond_the_allowance_does_not_count(sources, tmp_path):
    # The start's own PSNR may not be lost at all, and here nothing keeps it.
    recipe = early(rate=0.5, allowance=1e-9)
    fit(recipe, sources(recipe), tmp_path)
    assert checkpoint.step_of(tmp_path / "best.safetensors") == 10


def test_without_an_allowance_the_best_by_psnr_is_set_aside(sources, tmp_path):
    recipe = short("sr-x2", main=20)
    path = fit(recipe, sources(recipe), tmp_path).path
    best = max(rows(tmp_path), key=lambda row: row.get("psnr", 0.0))
    assert checkpoint.step_of(tmp_path / "best.safetensors") == best["step"]
    # The run itself ends with its last weights.
    assert checkpoint.step_of(path) == 20


def test_a_patch_of_the_last_fifth(sources, tmp_path):
    recipe = read("restore:debug")
    assert [recipe.patch_at(p) for p in (0.0, 0.79, 0.8, 1.0)] == [32, 32, 48, 48]
    assert read("sr-x2:debug").patch_at(0.9) == 16


def test_losses_see_an_enlarged_grid_at_every_offset():
    target = torch.arange(64.0).view(1, 1, 8, 8).expand(1, 3, -1, -1)
    views = {"input": target[..., :4, :4], "target": target, "output": target + 1}
    found = [in_phase(views, 2, step) for step in range(8)]
    starts = [int(made["target"][0, 0, 0, 0]) for made in found]
    assert sorted(starts[:4]) == [0, 1, 8, 9]
    assert starts[:4] == starts[4:]
    for made in found:
        assert made["target"].shape == (1, 3, 6, 6)
        assert torch.equal(made["output"], made["target"] + 1)
        assert made["input"] is views["input"]
    assert in_phase(views, 0, 3) is views


def test_a_stage_with_phases_learns(sources, tmp_path):
    changes = {"stages.adversarial.phases": 4, "stages.pixel": None}
    recipe = read("srgan:debug", changes)
    path = fit(recipe, sources(recipe), tmp_path).path
    assert checkpoint.begun(path)[1] == 1
    plain = read("srgan:debug", {"stages.pixel": None})
    other = fit(plain, sources(plain), tmp_path / "plain").path
    one, two = (part(file, "generator") for file in (path, other))
    assert not all(torch.equal(one[key], two[key]) for key in one)
