"""What keeps a run from harm: non-finite numbers, the clock, devices, data that does not fit."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from safetensors.torch import load_file  # noqa: E402

from tests.photos import write_photo  # noqa: E402
from tests.training.data.sets import plain  # noqa: E402
from tests.training.runs import first_checkpoint, part, rows, stop_after  # noqa: E402
from undegrade.errors import (  # noqa: E402
    ComputeError,
    InputError,
    OutputError,
    RecipeError,
    UsageError,
)
from undegrade.training.loop import fit  # noqa: E402
from undegrade.training.recipe_file import read  # noqa: E402


def test_a_loss_that_is_not_finite_ends_the_run_with_the_last_checkpoint_sound(sources, tmp_path):
    good = read("phone:debug", {"precision": "fp32"})
    path = first_checkpoint(good, sources(good), tmp_path)
    before = path.read_bytes()
    # The same run with a rate that blows the weights up within a step.
    bad = read("phone:debug", {"precision": "fp32", "stages.main.rate": 1e30})
    with pytest.raises(ComputeError, match=r"not finite at step 20; the last good") as error:
        fit(bad, sources(bad), tmp_path)
    assert error.value.exit_code == 7
    assert path.read_bytes() == before
    assert all(torch.isfinite(tensor).all() for tensor in load_file(path).values())
    # And it can be resumed.
    fit(good, sources(good), tmp_path)


def test_weights_that_are_not_finite_are_never_saved(sources, tmp_path):
    recipe = read("sr-x2:debug", {"checkpoint_every": 4, "validation.every": 20, "clip": 0.0})

    def tick(state, progress, samples):
        # The gradient of a finite loss may be infinite: of a root at 0, or in half precision.
        if state.step == 7:
            for parameter in state.generator.parameters():
                parameter.register_hook(lambda gradient: gradient * math.inf)

    with pytest.raises(ComputeError, match="weights are not finite at step 8"):
        fit(recipe, sources(recipe), tmp_path, tick=tick)
    saved = load_file(tmp_path / "last.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in saved.values())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_weights_stay_in_full_precision(precision, sources, tmp_path):
    recipe = read("sr-x2:debug", {"precision": precision, "stages.main.steps": 2})
    path = fit(recipe, sources(recipe), tmp_path).path
    floats = [t.dtype for t in load_file(path).values() if t.is_floating_point()]
    assert set(floats) == {torch.float32}


def test_fp16_is_for_a_gpu(sources, tmp_path):
    recipe = read("sr-x2:debug", {"precision": "fp16"})
    with pytest.raises(RecipeError, match="precision = 'fp16' needs a GPU"):
        fit(recipe, sources(recipe), tmp_path)


@pytest.mark.parametrize(("device", "message"), [("gpu", "'gpu'"), ("cuda", "no GPU")])
def test_devices_that_are_not_there(device, message, sources, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=message):
        fit(read("sr-x2:debug"), sources(read("sr-x2:debug")), tmp_path, device=device)


def test_a_budget_of_time_ends_with_finished_schedules(sources, tmp_path):
    losses = {"l1": 1.0}
    changes = {
        "stages.main": {"share": 1.0, "warmup": 0},
        "stages.second": {"share": 2.0, "schedule": "one-cycle", "losses": losses},
        "validation.every": 10_000,
        "checkpoint_every": 10_000,
    }
    recipe = read("sr-x2:debug", changes)
    ends, parts = {}, []

    def tick(state, progress, samples):
        ends[state.stage] = state.seconds
        parts.append(progress)
        assert samples > 0

    fit(recipe, sources(recipe), tmp_path, minutes=3 / 60, tick=tick)
    last = {row["stage"]: row for row in rows(tmp_path)}
    assert list(last) == ["main", "second"]
    for name, row in last.items():
        assert row["rate"] < 0.2 * recipe.stages[name].rate
    # A step is begun before the time is up, and the clock of a busy machine is generous.
    assert 1.0 <= ends[0] < 3.0
    assert 2.0 <= ends[1] - ends[0] < 5.0
    assert max(parts) == 1.0
    assert len(parts) > 20


def test_parts_of_a_batch_add_up_to_it(tmp_path):
    # Photos of one colour make every sample the same, so that only the parts differ.
    for index in range(3):
        write_photo(tmp_path / "flat" / f"{index}.png", plain(96, 96, 90))
    weights, logs = {}, {}
    for parts in (1, 2, 4):
        changes = {
            "accumulate": parts,
            "precision": "fp32",
            "stages.main": {"steps": 5, "rate": 0.05},
            "validation.every": 1,
        }
        recipe = read("vdsr:debug", changes)
        folder = tmp_path / str(parts)
        weights[parts] = part(fit(recipe, [tmp_path / "flat"], folder).path, "generator")
        logs[parts] = [row["loss"] for row in rows(folder)]
    assert logs[1][-1] < logs[1][0]
    for parts in (2, 4):
        assert logs[parts] == pytest.approx(logs[1], rel=1e-4)
        for key, value in weights[1].items():
            torch.testing.assert_close(weights[parts][key], value, atol=1e-6, rtol=1e-4)


class Kept:
    """What graphs keep for their way back, in bytes: now and at most."""

    def __init__(self):
        self.now = self.most = 0

    def pack(self, tensor):
        return Held(tensor, self)

    def unpack(self, held):
        return held.tensor


class Held:
    """A tensor that counts as long as a graph holds it."""

    def __init__(self, tensor, kept):
        self.tensor, self.kept = tensor, kept
        kept.now += tensor.nbytes
        kept.most = max(kept.most, kept.now)

    def __del__(self):
        self.kept.now -= self.tensor.nbytes


@pytest.mark.parametrize(
    ("choice", "stage"),
    [("vdsr:debug", "main"), ("phone:debug", "main"), ("dllgan-denoise:debug", "regressor")],
)
def test_parts_of_a_batch_are_worked_through_one_by_one(choice, stage, sources, tmp_path):
    changes = {"validation.every": 100, "precision": "fp32"}
    if stage == "regressor":
        changes |= {"stages.adversarial": None, "discriminators": None}
    most = {}
    for parts in (1, 4):
        changes |= {f"stages.{stage}.steps": 2, "batch": 2 * parts, "accumulate": parts}
        recipe, kept = read(choice, changes), Kept()
        with torch.autograd.graph.saved_tensors_hooks(kept.pack, kept.unpack):
            fit(recipe, sources(recipe), tmp_path / str(parts))
        most[parts] = kept.most
    assert 0 < most[4] <= 1.15 * most[1]


def test_parts_of_a_batch_are_different_samples(sources, tmp_path):
    seen = []

    def tick(state, progress, samples):
        state.generator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))

    recipe = read("sr-x2:debug", {"accumulate": 2, "stages.main.steps": 2})
    fit(recipe, sources(recipe), tmp_path, tick=tick)
    assert [x.shape[0] for x in seen] == [2, 2]
    assert not torch.equal(*seen)


def test_streamed_photos_do_not_depend_on_the_number_of_threads(sources, tmp_path):
    found = []
    for workers in (1, 3):
        changes = {"data": {"memory": 0.001, "workers": workers}, "stages.main.steps": 6}
        recipe = read("restore:debug", changes)
        path = fit(recipe, sources(recipe), tmp_path / str(workers)).path
        found.append(load_file(path))
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])


@pytest.mark.parametrize("late", [0, 512])
def test_photos_that_are_too_small_for_a_patch(late, sources, tmp_path):
    recipe = read("sr-x2:debug", {"patch": 16 if late else 512, "patch_late": late})
    with pytest.raises(InputError, match="too few for a crop of 1040 x 1040"):
        fit(recipe, sources(recipe), tmp_path, tick=stop_after(1))


def test_photos_too_small_for_validation(tmp_path):
    for index, side in enumerate((96, 128, 96, 112)):
        write_photo(tmp_path / "photos" / f"{index}.png", plain(side, side))
    recipe = read("sr-x2:debug", {"validation": {"crop": 192, "photos": 3}})
    with pytest.raises(InputError, match=r"only \d+ x \d+ of 192 x 192 pixels"):
        fit(recipe, [tmp_path / "photos"], tmp_path / "run")


def test_too_few_photos(sources, tmp_path):
    recipe = read("sr-x2:debug", {"validation.photos": 4})
    with pytest.raises(RecipeError, match="leaves nothing of 4 photos to train on"):
        fit(recipe, sources(recipe), tmp_path)


def test_a_file_in_the_place_of_the_run(sources, tmp_path):
    (tmp_path / "run").write_text("mine")
    recipe = read("sr-x2:debug")
    with pytest.raises(OutputError, match="cannot create"):
        fit(recipe, sources(recipe), tmp_path / "run")
