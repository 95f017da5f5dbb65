"""A run that was stopped goes on bit for bit, wherever and however it was stopped."""

from __future__ import annotations

import json
import signal

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from tests.training.runs import (  # noqa: E402
    Stop,
    assert_same_checkpoint,
    progress,
    rows,
    stop_after,
)
from undegrade.errors import Cancelled, ModelError  # noqa: E402
from undegrade.training import checkpoint  # noqa: E402
from undegrade.training.loop import fit  # noqa: E402
from undegrade.training.recipe_file import read  # noqa: E402

TINY = {"network": "phone", "arguments": {"preset": None, "size": None, "width": None}}
TINY["arguments"] |= {"channels": 4, "blocks": 1}

RUNS = {
    "restore": ("restore:debug", {}),
    "gan": ("phone:debug", {}),
    # Half steps of SGD with momentum, and batches that threads make.
    "momentum": ("vdsr:debug", {"checkpoint_every": 4, "data.memory": 0.1}),
    "muon": ("restore:debug", {"stages.main.optimizer": "muon", "arguments.channels": 32}),
    # Dropout, stored outputs, turns; then turns by threshold, and a stop by LPIPS.
    "stages": ("artifact-gan:debug", TINY | {"checkpoint_every": 3}),
    "switched": (
        "artifact-gan:full+debug",
        TINY
        | {
            "checkpoint_every": 2,
            "validation.every": 3,
            "stages.generator.steps": 4,
            "stages.critic.steps": 4,
            "stages.adversarial.threshold": 0.9,
            "stages.adversarial.patience": 2,
        },
    ),
    "regressor": ("dllgan-jpeg:debug", {}),
    # A regressor on stored outputs.
    "adapted": ("dllgan-jpeg:adapted+debug", {"stages.adapt": {"steps": 10, "stored": 8}}),
    # As "stages", with its own generator, whose checkpoints are large.
    "slow": ("artifact-gan:debug", {"checkpoint_every": 3}),
}

CRASHES = {
    "restore": [11],
    "gan": [11],
    "momentum": [6],
    "muon": [11],
    "stages": [5, 12, 19],
    "switched": [3, 7, 11],
    "regressor": [6, 17],
    "adapted": [6, 17, 27],
    "slow": [5, 12, 19],
}
"""Steps behind which a run dies, in the middle of every stage; all but one have steps to redo."""


@pytest.fixture(scope="module")
def whole(sources, tmp_path_factory):
    """The last checkpoint of a run that nothing stopped, by its name; made when asked for."""
    made = {}

    def run(name):
        if name not in made:
            recipe = read(*RUNS[name])
            folder = tmp_path_factory.mktemp("whole")
            made[name] = fit(recipe, sources(recipe), folder).path
        return made[name]

    return run


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n == "slow" else []) for n in RUNS]
)
def test_a_run_that_dies_in_every_stage_ends_bit_for_bit_the_same(name, whole, sources, tmp_path):
    recipe = read(*RUNS[name])
    for stage, step in enumerate(CRASHES[name]):
        with pytest.raises(Stop):
            fit(recipe, sources(recipe), tmp_path, tick=stop_after(step))
        before = progress(tmp_path / "last.safetensors")
        assert before["stage"] == stage
        assert step - recipe.checkpoint_every <= before["step"] <= step
    again = fit(recipe, sources(recipe), tmp_path).path
    assert_same_checkpoint(again, whole(name))
    assert progress(again)["stage"] == len(recipe.stages)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_step_and_writes_a_checkpoint(number, whole, sources, tmp_path):
    recipe = read(*RUNS["restore"])
    before = signal.getsignal(number)

    def tick(state, progress, samples):
        if state.step == 6:
            signal.raise_signal(number)

    with pytest.raises(Cancelled) as stopped:
        fit(recipe, sources(recipe), tmp_path, tick=tick)
    assert stopped.value.exit_code == 130
    assert signal.getsignal(number) is before
    assert progress(tmp_path / "last.safetensors")["step"] == 7
    assert_same_checkpoint(fit(recipe, sources(recipe), tmp_path).path, whole("restore"))


def test_a_finished_run_is_left_as_it_is(whole, sources, tmp_path):
    recipe = read(*RUNS["restore"])
    path = whole("restore")
    before, lines = path.read_bytes(), rows(path.parent)
    assert fit(recipe, sources(recipe), path.parent).path == path
    assert path.read_bytes() == before
    assert rows(path.parent) == lines


def test_the_callers_random_numbers_are_left_alone(sources, tmp_path):
    recipe = read("artifact-gan:debug", TINY | {"stages.generator": None})
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(recipe, sources(recipe), tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_another_seed_is_another_run(whole, sources, tmp_path):
    recipe = read("restore:debug", {"seed": 1})
    path = fit(recipe, sources(recipe), tmp_path).path
    with pytest.raises(AssertionError):
        assert_same_checkpoint(path, whole("restore"))


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"arguments.channels": 12}, "arguments.channels is 8, the recipe's is 12"),
        ({"seed": 1}, "seed is 0"),
        ({"stages.main.steps": 30}, "stages.main.steps is 20"),
        ({"stages.main.losses.l1": 1.0}, "stages.main.losses.l1 is None"),
        ({"stages.other": {"losses": {"l1": 1.0}}, "stages.main": None}, r"stages is \['main'\]"),
    ],
)
def test_a_finished_run_of_another_recipe_is_refused(changes, key, whole, sources):
    recipe = read("restore:debug", changes)
    with pytest.raises(ModelError, match=f"holds another run: its {key}.*; train into a new"):
        fit(recipe, sources(recipe), whole("restore").parent)


def test_what_shapes_nothing_may_change_and_a_stage_may_follow(whole, sources, tmp_path):
    path = whole("restore")
    (tmp_path / "last.safetensors").write_bytes(path.read_bytes())
    changes = {"card.summary": "other words", "validation.every": 7, "data.workers": 1}
    recipe = read("restore:debug", changes)
    again = fit(recipe, sources(recipe), tmp_path).path
    assert again.read_bytes() == path.read_bytes()
    further = {"kind": "generator", "steps": 3, "losses": {"l1": 1.0}}
    longer = read("restore:debug", {"stages.further": further})
    assert progress(fit(longer, sources(longer), tmp_path).path)["step"] == 23


def test_a_run_under_way_may_change_but_not_become_another(sources, tmp_path):
    recipe = read("restore:debug", {"stages.main.steps": 30})
    with pytest.raises(Stop):
        fit(recipe, sources(recipe), tmp_path, tick=stop_after(15))
    for changes in ({"name": "other"}, {"arguments.channels": 12}):
        other = read("restore:debug", changes)
        with pytest.raises(ModelError, match=r"holds another (run: its name|generator)"):
            fit(other, sources(other), tmp_path)
    slower = read("restore:debug", {"stages.main.rate": 1e-4})
    assert progress(fit(slower, sources(slower), tmp_path).path)["step"] == 20


@pytest.mark.parametrize("data", [b"", b"no checkpoint at all"])
def test_a_damaged_checkpoint_is_refused(data, sources, tmp_path):
    recipe = read("sr-x2:debug")
    (tmp_path / "last.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match="cannot read the checkpoint"):
        fit(recipe, sources(recipe), tmp_path)


def test_an_average_alone_is_nothing_to_resume_from(whole, sources, tmp_path):
    best = whole("restore").parent / "best.safetensors"
    (tmp_path / "last.safetensors").write_bytes(best.read_bytes())
    recipe = read("restore:debug")
    with pytest.raises(ModelError, match="holds only an average"):
        fit(recipe, sources(recipe), tmp_path)


def test_checkpoints_that_are_kept(sources, tmp_path):
    recipe = read("sr-x2:debug", {"keep": 3, "checkpoint_every": 4})
    fit(recipe, sources(recipe), tmp_path)
    kept = sorted(tmp_path.glob("*.safetensors"))
    assert [path.name for path in kept] == [
        "best.safetensors",
        "last.safetensors",
        "step-00000016.safetensors",
        "step-00000020.safetensors",
    ]
    assert [checkpoint.step_of(path) for path in kept[1:]] == [20, 16, 20]
    assert not list(tmp_path.glob("*.part"))
    # From an older one, too, the run comes out the same.
    older = tmp_path / "older"
    older.mkdir()
    (older / "last.safetensors").write_bytes(kept[2].read_bytes())
    assert_same_checkpoint(fit(recipe, sources(recipe), older).path, kept[1])
    fewer = read("sr-x2:debug", {"checkpoint_every": 4, "stages.main.steps": 4})
    fit(fewer, sources(fewer), tmp_path / "few")
    assert len(list((tmp_path / "few").glob("*.safetensors"))) == 2


def test_a_checkpoint_from_before_these_numbers_goes_on(sources, tmp_path):
    recipe = read("restore:debug", {"precision": "fp32"})
    with pytest.raises(Stop):
        fit(recipe, sources(recipe), tmp_path, tick=stop_after(15))
    path = tmp_path / "last.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    numbers, plain = (json.loads(metadata[key]) for key in ("progress", "recipe"))
    for key in ("generator_steps", "critic_turn", "precision_reason"):
        del numbers[key]
    for stage in plain["stages"].values():
        for key in ("before", "patch", "batch", "frozen", "longest"):
            del stage[key]
    older = {"progress": json.dumps(numbers), "recipe": json.dumps(plain)}
    save_file(tensors, path, older)
    assert progress(fit(recipe, sources(recipe), tmp_path).path)["step"] == 20
