"""Trained networks as files for the use half: alike in both, and silent about their origin."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

import undegrade  # noqa: E402
from tests.photos import write_photo  # noqa: E402
from tests.training.data.sets import textured  # noqa: E402
from tests.training.runs import untimed  # noqa: E402
from undegrade.catalog import Catalog  # noqa: E402
from undegrade.errors import RecipeError, UsageError  # noqa: E402
from undegrade.imaging.noise_levels import CHROMA, LUMA  # noqa: E402
from undegrade.runtime import open_network, verify_model  # noqa: E402
from undegrade.training import degradations  # noqa: E402
from undegrade.training.export import (  # noqa: E402
    export,
    measured_radius,
    parity,
    trained,
    write_model,
)
from undegrade.training.loop import fit  # noqa: E402
from undegrade.training.networks import architecture, build  # noqa: E402
from undegrade.training.networks.blocks import plain  # noqa: E402
from undegrade.training.recipe_file import read  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    # The exporter's own dependencies are old-fashioned; nothing of ours.
    "ignore::DeprecationWarning:torch.*",
    "ignore::FutureWarning:torch.*",
)


def short(name):
    return read(f"{name}:debug", {"stages.main.steps": 2})


@pytest.fixture(scope="module")
def models(photos, tmp_path_factory):
    """Checkpoint, card and path of a model of a recipe; made when asked for."""
    made = {}

    def model(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            path = fit(short(name), [photos], folder / "run").path
            card = write_model(short(name), path, folder)
            made[name] = path, card, folder / card.file
        return made[name]

    return model


@pytest.mark.parametrize("name", ["restore", "sr-x2"])
def test_a_trained_network_runs_in_the_use_half(name, models, tmp_path):
    checkpoint, card, path = models(name)
    model = Catalog().find(str(path))
    verify_model(model)
    assert model.card == card
    network = trained(short(name), checkpoint)
    # Larger weights than two steps give, so that parity means something.
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.1)
    inputs = architecture("network", short(name).network).inputs
    assert export(network, tmp_path / "full.onnx", inputs, half=False) < 1e-4
    assert parity(network, tmp_path / "full.onnx") < 1e-4


@pytest.mark.parametrize("name", ["restore", "sr-x2"])
def test_the_card_says_what_the_recipe_and_the_network_say(name, models):
    _, card, path = models(name)
    recipe = short(name)
    network = build(recipe.network, **recipe.arguments)
    assert (card.name, card.file, card.scale) == (name, f"{name}.onnx", recipe.scale)
    assert card.task == ("restore" if name == "restore" else "sr")
    told = (*LUMA, *CHROMA, "jpeg", "grain")
    assert card.levels == (told if name == "restore" else ())
    assert (card.radius, card.exact, card.multiple) == (network.radius, True, network.multiple)
    assert card.summary == recipe.card["summary"]
    assert untimed(card.recipe) == f"{name}.yaml, 2 steps"
    assert {p.name for p in path.parent.iterdir()} == {"run", f"{name}.onnx", f"{name}.toml"}


def test_mixing_moves_the_weights_and_says_so(models, tmp_path):
    checkpoint, _, path = models("sr-x2")
    other = Catalog().find(str(path))
    before = open_network(other, threads=1)
    recipe = short("sr-x2")
    with safe_open(checkpoint, framework="pt") as file:
        moved = {key: 1.5 * file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        save_file(moved, tmp_path / "moved.safetensors", file.metadata())
    run = tmp_path / "moved.safetensors"
    cards = [write_model(recipe, run, tmp_path / "after")]
    cards.append(write_model(recipe, run, tmp_path / "mixed", str(path), 0.25))
    assert cards[1].recipe == cards[0].recipe + "; then mixed with 0.25 of sr-x2"
    after, mixed = (
        open_network(Catalog().find(str(tmp_path / name / "sr-x2.onnx")), threads=1)
        for name in ("after", "mixed")
    )
    x = np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)
    between = mixed.run(x)
    near, far = (np.abs(between - network.run(x)).mean() for network in (after, before))
    assert 0 < near < far


def test_an_exported_file_names_no_machine(models):
    data = models("sr-x2")[2].read_bytes()
    assert b"site-packages" not in data
    assert b".py" not in data


def test_a_map_of_levels_runs_after_export(models):
    network = open_network(Catalog().find(str(models("restore")[2])), threads=1)
    x = np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)
    feed = {"input": x, "level": np.full((1, 8, 8, 8), 0.5, np.float32)}
    (mapped,) = network._session.run(None, feed)
    assert np.allclose(mapped, network.run(x, [0.5] * 8), atol=1e-5)


def test_grain_alone_changes_nothing_after_export(models):
    network = open_network(Catalog().find(str(models("restore")[2])), threads=1)
    x = np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)
    assert np.allclose(network.run(x, [0.0] * 7 + [1.0]), x, atol=1e-6)


def test_a_radius_beyond_the_usual_probe_is_measured():
    # The U-Net of the artefact-removal GAN reaches 283 pixels.
    network = plain(build("mobilenet_unet", width=8))
    assert measured_radius(network, 2 * (network.radius + network.multiple)) == network.radius
    assert network.radius > 160


@pytest.mark.parametrize("scale", [4, 8, pytest.param(16, marks=pytest.mark.slow)])
def test_a_graded_enlargement_has_its_true_scale(scale, photos, tmp_path):
    recipe = read(f"dllgan-sr:x{scale}+l1+debug", {"stages.adversarial.steps": 1})
    checkpoint = fit(recipe, [photos], tmp_path / "run").path
    card = write_model(recipe, checkpoint, tmp_path)
    assert (card.task, card.scale, card.multiple) == ("sr", scale, 1)
    network = trained(recipe, checkpoint)
    # As in training: enlarged by bicubic first, which is the file's own business now.
    small = torch.rand(1, 3, 12, 17)
    with torch.no_grad():
        expected = network(degradations.bicubic_up(small, scale).clamp(0, 1))
    made = open_network(Catalog().find(str(tmp_path / card.file)), threads=1).run(small.numpy())
    assert made.shape == (1, 3, 12 * scale, 17 * scale)
    assert np.abs(made - expected.numpy()).max() < 0.5 / 255
    # No pixel beyond the radius matters.
    assert card.radius * scale >= network.radius
    if scale > 8:  # minutes of tiles
        return
    # And so the whole program runs it.
    write_photo(tmp_path / "small.png", textured(20, 24, 0))
    file = str(tmp_path / card.file)
    result = undegrade.enhance(tmp_path / "small.png", model=file, scale=scale)
    assert result.picture.pixels.shape[:2] == (20 * scale, 24 * scale)
    with pytest.raises(UsageError, match=f"enlarges by {scale}, but 3 was asked for"):
        undegrade.enhance(tmp_path / "small.png", model=file, scale=3)


def test_one_network_for_several_scales_is_exported_as_one(photos, tmp_path):
    recipe = read("dllgan-sr:blind+l1+debug", {"stages.adversarial.steps": 1})
    checkpoint = fit(recipe, [photos], tmp_path / "run").path
    with pytest.raises(RecipeError, match=r"degradation.at = .* for 4, 8, 16; export it as one"):
        write_model(recipe, checkpoint, tmp_path)
    chosen = read("dllgan-sr:blind+l1+x4+debug")
    assert write_model(chosen, checkpoint, tmp_path).scale == 4
