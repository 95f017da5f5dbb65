"""Beginning from other weights, what a card remembers, and files that are no checkpoints."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from tests.networks import tiny_network  # noqa: E402
from tests.training.runs import part, untimed  # noqa: E402
from undegrade.catalog import Catalog, user_folder  # noqa: E402
from undegrade.errors import ModelError  # noqa: E402
from undegrade.training import checkpoint  # noqa: E402
from undegrade.training.export import trained, write_model  # noqa: E402
from undegrade.training.loop import fit  # noqa: E402
from undegrade.training.networks import built  # noqa: E402
from undegrade.training.recipe_file import read  # noqa: E402
from undegrade.training.setup import initial_state  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    # The exporter's own dependencies are old-fashioned; nothing of ours.
    "ignore::DeprecationWarning:torch.*",
    "ignore::FutureWarning:torch.*",
)


def short(name, steps=3, **changes):
    return read(f"{name}:debug", {"stages.main.steps": steps} | changes)


@pytest.fixture(scope="module")
def ran(photos, tmp_path_factory):
    """The checkpoint of a short run of a recipe."""
    made = {}

    def run(name):
        if name not in made:
            made[name] = fit(short(name), [photos], tmp_path_factory.mktemp("run")).path
        return made[name]

    return run


def test_another_run_begins_with_what_fits(ran):
    path = ran("sr-x2")
    x2 = part(path, "average")
    x4 = initial_state(read("sr-x4:debug"), path, "cpu").generator.state_dict()
    same = {key for key in x2 if torch.equal(x4[key], x2[key])} if x2.keys() <= x4.keys() else set()
    assert same == {key for key in x2 if x2[key].shape == x4[key].shape}
    assert {key for key in x2 if not key.startswith("tail")} <= same
    assert x4["tail.weight"].shape[0] == 48


def test_a_run_begins_with_an_exported_network_and_its_card_remembers(ran, photos, tmp_path):
    path, recipe = ran("restore"), short("restore")
    write_model(recipe, path, tmp_path / "models")
    shipped = tmp_path / "models" / "restore.onnx"
    state = initial_state(recipe, shipped, "cpu")
    x, level = torch.rand(1, 3, 16, 16), torch.full((1, 8, 1, 1), 0.5)
    with torch.no_grad():
        expected = trained(recipe, path)(x, level)
        assert torch.allclose(state.generator(x, level), expected, atol=0.5 / 255)
    again = fit(recipe, [photos], tmp_path / "second", init=shipped).path
    card = write_model(recipe, again, tmp_path / "models")
    twice = ["restore.yaml, 3 steps"] * 2
    assert untimed(card.recipe) == "; then ".join(twice)
    # A resumed run remembers, too.
    resumed = fit(recipe, [photos], tmp_path / "second", init=shipped).path
    assert [untimed(run) for run in checkpoint.history(resumed)] == twice


def test_the_average_follows_the_weights(photos, tmp_path):
    paths = {
        ema: fit(short("sr-x2", ema=ema), [photos], tmp_path / str(ema)).path for ema in (0.0, 1.0)
    }
    now = part(paths[0.0], "generator")
    assert all(torch.equal(part(paths[0.0], "average")[key], now[key]) for key in now)
    # The first steps count more than the decay says, or the average would be the start for long.
    start = initial_state(short("sr-x2"), None, "cpu").generator.state_dict()
    slow = part(paths[1.0], "average")
    moved = [key for key in slow if not torch.equal(slow[key], start[key])]
    assert moved


def test_weights_that_fit_nowhere_are_refused(ran):
    with pytest.raises(ModelError, match=r"nothing in last\.safetensors fits"):
        initial_state(read("vdsr:debug"), ran("sr-x2"), "cpu")


@pytest.mark.parametrize("name", ["lost.safetensors", "lost.onnx"])
def test_weights_that_are_not_there(name, tmp_path):
    with pytest.raises(ModelError, match="lost"):
        initial_state(short("sr-x2"), tmp_path / name, "cpu")


@pytest.mark.parametrize("name", ["junk.safetensors", "junk.onnx"])
def test_weights_that_are_none(name, tmp_path):
    (tmp_path / name).write_bytes(b"no weights")
    with pytest.raises(ModelError, match="junk"):
        initial_state(short("sr-x2"), tmp_path / name, "cpu")


def test_tensors_that_are_no_checkpoint(tmp_path):
    from safetensors.torch import save_file

    save_file({"head.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="is no checkpoint of a run"):
        initial_state(short("sr-x2"), tmp_path / "other.safetensors", "cpu")


def test_what_else_a_checkpoint_says_is_passed_over(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "noted.safetensors"
    told = {"progress": '{"step": 3}', "note": "not in JSON"}
    save_file({"average.weight": torch.zeros(3)}, path, told)
    assert checkpoint.step_of(path) == 3
    assert checkpoint.made_of(path) == {}


@pytest.mark.parametrize("reads", ["load", "save_halves"])
def test_a_checkpoint_that_a_run_may_replace_is_opened_once(reads, ran, tmp_path, monkeypatch):
    path, opened, safe_open = ran("sr-x2"), [], checkpoint.safe_open

    def counted(file, **settings):
        opened.append(file)
        return safe_open(file, **settings)

    monkeypatch.setattr(checkpoint, "safe_open", counted)
    if reads == "load":
        checkpoint.load(initial_state(short("sr-x2"), None, "cpu"), path)
    else:
        checkpoint.save_halves(path, tmp_path / "halves.safetensors")
    assert opened == [path]


def test_an_export_with_batch_normalisation_folded_in_is_no_beginning():
    shipped = Catalog(user_folder() / "none").find("dejpeg-mobile").path
    recipe = read("dejpeg-mobile")
    lacking = r"dejpeg-mobile\.onnx is an export without the batch normalisation.*its run"
    with pytest.raises(ModelError, match=lacking):
        initial_state(recipe, shipped, "cpu")
    # Nor is it a teacher, of which all is wanted.
    network = built("network", recipe.network, recipe.arguments)
    with pytest.raises(ModelError, match="holds another network than the recipe"):
        checkpoint.load_average(network, shipped, whole=True)


def test_a_foreign_network_does_not_fit(tmp_path):
    tiny_network(tmp_path / "tiny.onnx")
    with pytest.raises(ModelError, match=r"nothing in tiny\.onnx fits"):
        initial_state(short("sr-x2"), tmp_path / "tiny.onnx", "cpu")


def test_an_export_wants_the_recipe_of_its_checkpoint(ran, tmp_path):
    # Much of x2 fits into x4, and the rest would be random.
    with pytest.raises(ModelError, match="another network than the recipe"):
        write_model(short("sr-x4"), ran("sr-x2"), tmp_path)
    with pytest.raises(ModelError, match=r"nothing in|another network"):
        write_model(read("sr-x2"), ran("sr-x2"), tmp_path)
    assert list(tmp_path.iterdir()) == []
