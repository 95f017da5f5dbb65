"""Training end to end on made-up photos: learn, resume bit for bit, export, run."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.catalog import find  # noqa: E402
from undegrade.errors import ModelError, RecipeError  # noqa: E402
from undegrade.runtime import open_network, verify_model  # noqa: E402
from undegrade.training import checkpoint  # noqa: E402
from undegrade.training.data import PhotoSet  # noqa: E402
from undegrade.training.export import export, parity, trained, write_model  # noqa: E402
from undegrade.training.loop import learning_rate, setup, train  # noqa: E402
from undegrade.training.recipe import Recipe, parse, read  # noqa: E402
from undegrade.training.tasks import task  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    # The exporter's own dependencies are old-fashioned; nothing of ours.
    "ignore::DeprecationWarning:torch.*",
    "ignore::FutureWarning:torch.*",
)

SMALL = {
    "restore": {
        "name": "restore-debug",
        "task": "restore",
        "network": "restorer",
        "arguments": {"channels": 8, "pairs": 1, "expand": 1},
    },
    "sr": {
        "name": "sr-debug",
        "task": "upscale",
        "network": "upscaler",
        "scale": 2,
        "arguments": {"scale": 2, "channels": 8, "pairs": 1},
    },
}
COMMON = {
    "batch": 2,
    "patch": 16,
    "steps": 20,
    "warmup": 2,
    "hold_out": 1,
    "validate_every": 100,
    "checkpoint_every": 10,
}


def recipe(kind, **changes) -> Recipe:
    return parse(SMALL[kind] | COMMON | changes)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(4):
        coarse = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((208, 208)).save(folder / f"{i}.png")
    return folder


@pytest.mark.parametrize("kind", SMALL)
def test_resume_is_bit_for_bit(kind, photos, tmp_path):
    once = train(recipe(kind), [photos], tmp_path / "once")

    class Stop(Exception):  # noqa: N818
        pass

    def stop(row):
        raise Stop

    # Ten steps, a checkpoint, and a crash ten steps later, before anything else is saved.
    twice = tmp_path / "twice"
    with pytest.raises(Stop):
        train(recipe(kind), [photos], twice, log=stop)
    assert (twice / "last.safetensors").exists()
    resumed = train(recipe(kind), [photos], twice)

    first, second = setup(recipe(kind), None, "cpu"), setup(recipe(kind), None, "cpu")
    checkpoint.load(first, once)
    checkpoint.load(second, resumed)
    assert first.step == second.step == 20
    assert torch.equal(first.generator.get_state(), second.generator.get_state())
    for one, other in zip(
        (*first.network.state_dict().values(), *first.average.state_dict().values()),
        (*second.network.state_dict().values(), *second.average.state_dict().values()),
        strict=True,
    ):
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", SMALL)
def test_trained_network_runs_in_the_use_half(kind, photos, tmp_path):
    path = train(recipe(kind, steps=3), [photos], tmp_path / "run")
    card = write_model(recipe(kind), path, tmp_path / "models")
    model = find(str(tmp_path / "models" / card.file))
    verify_model(model)
    assert model.card == card
    network = trained(recipe(kind), path)
    # Larger weights than three steps give, so that parity means something.
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.1)
    assert export(network, tmp_path / "full.onnx", half=False) < 1e-4
    assert parity(network, tmp_path / "full.onnx") < 1e-4


def test_exported_file_names_no_machine(photos, tmp_path):
    path = train(recipe("sr", steps=1), [photos], tmp_path / "run")
    card = write_model(recipe("sr"), path, tmp_path / "models")
    data = (tmp_path / "models" / card.file).read_bytes()
    assert b"site-packages" not in data
    assert b".py" not in data


def test_level_map_runs_after_export(photos, tmp_path):
    path = train(recipe("restore", steps=1), [photos], tmp_path / "run")
    write_model(recipe("restore"), path, tmp_path / "models")
    network = open_network(find(str(tmp_path / "models" / "restore-debug.onnx")), threads=1)
    x = np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)
    feed = {"input": x, "level": np.full((1, 2, 8, 8), 0.5, np.float32)}
    (mapped,) = network._session.run(None, feed)
    assert np.allclose(mapped, network.run(x, [0.5, 0.5]), atol=1e-5)


def test_training_lowers_the_loss(photos, tmp_path):
    rows = []
    arguments = {"channels": 16, "pairs": 1}
    changes = {"steps": 200, "batch": 8, "patch": 32, "rate": 0.0015, "warmup": 20}
    longer = recipe("restore", **changes, arguments=arguments)
    train(longer, [photos], tmp_path / "run", log=rows.append)
    noisy = 10 * np.log10(255**2 / 25**2)
    assert rows[-1]["noise25"] > noisy + 1
    log = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in log] == rows


def test_init_takes_what_fits(photos, tmp_path):
    path = train(recipe("sr", steps=5), [photos], tmp_path / "x2")
    arguments = SMALL["sr"]["arguments"] | {"scale": 4}
    x4 = recipe("sr", scale=4, warmup=20, arguments=arguments)
    state = setup(x4, path, "cpu")
    x2 = setup(recipe("sr"), None, "cpu")
    checkpoint.load(x2, path)
    assert torch.equal(state.network.head.weight, x2.average.head.weight)
    assert state.network.tail.weight.shape[0] == 48


def test_init_from_an_exported_network_and_the_card_remembers(photos, tmp_path):
    first = recipe("restore", steps=5)
    path = train(first, [photos], tmp_path / "first")
    write_model(first, path, tmp_path / "models")
    shipped = tmp_path / "models" / "restore-debug.onnx"
    state = setup(first, shipped, "cpu")
    x, level = torch.rand(1, 3, 16, 16), torch.full((1, 2, 1, 1), 0.5)
    with torch.no_grad():
        expected = trained(first, path)(x, level)
        assert torch.allclose(state.network(x, level), expected, atol=0.5 / 255)
    again = train(first, [photos], tmp_path / "second", init=shipped)
    card = write_model(first, again, tmp_path / "models")
    assert card.recipe.count("restore-debug.yaml, 5 steps") == 2


def test_init_that_fits_nowhere_is_refused(photos, tmp_path):
    path = train(recipe("restore", steps=1), [photos], tmp_path / "run")
    arguments = {"scale": 4, "channels": 12, "pairs": 1}
    with pytest.raises(ModelError, match="nothing in last"):
        setup(recipe("sr", scale=4, arguments=arguments), path, "cpu")


def test_schedule_ends_at_zero_after_a_warm_up():
    r = recipe("sr", warmup=10, rate=1.0)
    assert learning_rate(r, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(r, 100, 0.5) == pytest.approx(0.5)
    assert learning_rate(r, 100, 1.0) == pytest.approx(0.0)


@pytest.mark.parametrize("kind", ["restore", "upscale"])
def test_batches_are_reproducible_and_in_range(kind, photos):
    training, _ = PhotoSet.load([photos], 1)
    what = task(kind, 1 if kind == "restore" else 2)
    one, two = (what.batch(training, 6, 16, torch.Generator().manual_seed(3)) for _ in range(2))
    for a, b in zip((*one.inputs, one.target), (*two.inputs, two.target), strict=True):
        assert torch.equal(a, b)
    assert one.target.shape == (6, 3, 16, 16) if kind == "restore" else (6, 3, 32, 32)
    assert one.target.min() >= 0
    assert one.target.max() <= 1


def test_held_out_photos_are_not_trained_on(photos):
    training, held = PhotoSet.load([photos], 2)
    assert len(training.photos) == len(held) == 2
    assert not any(torch.equal(a, b) for a in training.photos for b in held)


def test_crops_prefer_detail():
    flat = torch.full((3, 128, 128), 90, dtype=torch.uint8)
    busy = torch.randint(0, 256, (3, 128, 128), dtype=torch.uint8)
    crops = PhotoSet([flat, busy]).crops(200, 16, torch.Generator().manual_seed(0))
    share = (crops.float().std((1, 2, 3)) > 1).float().mean()
    assert 0.8 < share < 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, "colour = 1 is not a setting"),
        ({"batch": 1.5}, "batch = 1.5 must be a whole number"),
        ({"batch": 0}, "batch = 0 must be at least 1"),
        ({"rate": "fast"}, "rate = 'fast' must be a number"),
        ({"task": "fly"}, "task = 'fly' must be one of restore, upscale"),
        ({"scale": 2}, "scale = 2 does not fit the task 'restore'"),
        ({"ema": 2.0}, "ema = 2.0 must lie between 0 and 1"),
    ],
)
def test_impossible_recipes_name_the_key(change, message):
    with pytest.raises(RecipeError, match=message):
        recipe("restore", **change)


@pytest.mark.parametrize("name", ["restore", "sr-x2", "sr-x4"])
def test_bundled_recipes_are_complete(name):
    chosen = read(name)
    assert chosen.name == name
    import yaml

    from undegrade.training import recipe as module

    folder = module.resources.files("undegrade.training") / "recipes"
    written = yaml.safe_load((folder / f"{name}.yaml").read_text())
    assert set(written) == set(chosen.as_dict())
