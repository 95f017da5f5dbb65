"""Networks, losses, degradations, tasks and photos of one's own, by dotted path."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from PIL import Image  # noqa: E402

from tests.training.runs import rows  # noqa: E402
from undegrade import training  # noqa: E402
from undegrade.catalog.card import parse_card  # noqa: E402
from undegrade.errors import InputError, RecipeError, UsageError  # noqa: E402
from undegrade.training import plugins  # noqa: E402
from undegrade.training.checkpoint import made_of  # noqa: E402

MINE = """
import torch
from torch import nn

from undegrade.training.tasks.base import Batch

class Same(nn.Module):
    def __init__(self, gain=1.0):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        return self.layer(x)

class Half(Same):
    def forward(self, x):
        return self.layer(x)[:, :, ::2]

class Two(Same):
    def forward(self, x, level):
        return self.layer(x)

def error(output, target, power=1.0):
    return (output - target).abs().pow(power).mean()

def no_scalar(output, target):
    return output - target

def veil(pictures, generator, amount=0.2):
    return (1 - amount) * pictures + amount

def cut(pictures, generator):
    return pictures[..., :16]

class Inverted:
    def __init__(self, strength=1.0):
        pass

    def batch(self, photos, count, patch, generator):
        clean = photos.crops(count, patch, generator).float() / 255
        return Batch((1 - clean,), clean)

    def validation(self, photos, size):
        clean = torch.stack([photo[:, :size, :size] for photo in photos]).float() / 255
        return {"inverted": Batch((1 - clean,), clean)}

class NoTask:
    pass

class Flat:
    def crops(self, count, size, generator):
        levels = torch.randint(0, 256, (count, 3, 1, 1), generator=generator, dtype=torch.uint8)
        return levels.expand(-1, -1, size, size).contiguous()

def photos(hold_out, device, reading):
    return Flat(), [torch.full((3, 64, 64), 90, dtype=torch.uint8)] * hold_out

def nothing(hold_out, device, reading):
    return Flat()
"""

BASE = {
    "name": "own",
    "task": "mine_of_tests:Inverted",
    "network": "mine_of_tests:Same",
    "batch": 2,
    "patch": 32,
    "precision": "fp32",
    "stages": {"main": {"steps": 2, "losses": {"l1": 1.0}}},
    "validation": {"photos": 1, "crop": 32},
}


@pytest.fixture(autouse=True)
def _mine(tmp_path, monkeypatch):
    (tmp_path / "mine_of_tests.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)


def recipe(**changes):
    return training.parse(BASE | changes)


def losses(**terms):
    return {"stages": {"main": {"steps": 1, "losses": terms}}}


def test_all_of_it_together(tmp_path):
    mine = recipe(**losses(mine={"loss": "mine_of_tests:error", "power": 2.0}, l1=1.0))
    run = training.fit(mine, "mine_of_tests:photos", tmp_path / "run")
    assert run.state.step == 1
    assert {"loss/mine", "loss/l1"} <= rows(tmp_path / "run")[-1].keys()
    card = training.write_model(run.recipe, run.path, tmp_path / "models")
    # Whoever says nothing of it is taken to see the whole picture.
    assert (card.task, card.scale, card.multiple, card.exact) == ("restore", 1, 1, False)


def test_a_degradation_and_photos_in_python(tmp_path):
    import mine_of_tests

    settings = {"operator": "mine_of_tests:veil", "margin": 2, "amount": 0.5}
    mine = recipe(task="degrade", degradation=settings, network="sr", scale=1)
    with pytest.raises(RecipeError, match="scale"):
        training.fit(mine, mine_of_tests.photos, tmp_path / "none")
    run = training.fit(recipe(task="degrade", degradation=settings), mine_of_tests.photos, tmp_path)
    batch = run.task.batch(run.photos, 2, 8, torch.Generator().manual_seed(0))
    veiled = torch.round((0.5 * batch.target + 0.5) * 255) / 255
    assert torch.allclose(batch.inputs[0], veiled)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"network": "lost_of_tests:Net"}, "network = 'lost_of_tests:Net' cannot be imported"),
        ({"network": "mine_of_tests:Lost"}, "has no attribute 'Lost'"),
        ({"network": "mine_of_tests:torch"}, "is no network"),
        ({"network": "mine_of_tests:photos"}, "arguments = {} does not fit"),
        ({"network": "mine_of_tests:NoTask"}, "makes NoTask, which is no torch module"),
        ({"network": "mine_of_tests:Same", "arguments": {"width": 3}}, "arguments = {'width': 3}"),
        ({"network": "mine_of_tests:Half"}, "gives (1, 3, 16, 32) for a patch of 32"),
        ({"network": "mine_of_tests:Two"}, "does not take (1, 3, 32, 32)"),
        ({"task": "mine_of_tests:NoTask"}, "has no method 'batch'"),
        ({"task": "mine_of_tests:Lost"}, "task = 'mine_of_tests:Lost' cannot be imported"),
        (
            {"task": "degrade", "degradation": {"operator": "mine_of_tests:cut"}},
            "gives (2, 3, 32, 16)",
        ),
        ({"task": "degrade", "degradation": {"operator": "mine_of_tests:veil", "to": 1}}, "'to'"),
        (losses(x={"loss": "mine_of_tests:error", "sigma": 1}), "stages.main.losses.x"),
        (losses(x={"loss": "mine_of_tests:no_scalar"}), "a scalar is wanted"),
        (losses(x={"loss": "magic"}), "is not one of: "),
    ],
)
def test_what_does_not_fit_is_one_line(changes, says, tmp_path):
    with pytest.raises(UsageError) as error:
        training.fit(recipe(**changes), "mine_of_tests:photos", tmp_path)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_photos_that_are_none(tmp_path, photos):
    with pytest.raises(InputError, match=r"nothing\(hold_out, device, reading\) failed"):
        training.fit(recipe(), "mine_of_tests:nothing", tmp_path)
    with pytest.raises(InputError, match="no other source"):
        training.fit(recipe(), ["mine_of_tests:photos", photos], tmp_path)


def test_entry_points_of_installed_packages(monkeypatch):
    point = type("Point", (), {"name": "mine", "value": "mine_of_tests:Same"})
    asked = []
    monkeypatch.setattr(plugins, "entry_points", lambda group: asked.append(group) or [point])
    assert plugins.find("network", "networks", {}, "mine").__name__ == "Same"
    assert asked == ["undegrade.networks"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*", "ignore::FutureWarning:torch.*")
def test_the_example_trains_exports_and_enhances(photos, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "examples")
    import own_network

    made = own_network.main(photos, tmp_path, steps=3)
    with Image.open(made) as image:
        assert image.size == (320, 320)
    card = parse_card((tmp_path / "models" / "tiny.toml").read_text(), "the card")
    assert card.training_data == f"4 photos of {photos.name} (terms not recorded)"
    assert (card.licence, card.radius, card.exact) == ("mine", 3, True)
    noted = made_of(tmp_path / "run" / "last.safetensors")
    assert noted["sources"][0]["source"] == str(photos)
    assert noted["versions"]["torch"] == str(torch.__version__)


def test_the_notebook_runs_from_its_first_cell_to_its_last(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "TMPDIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    examples = Path(__file__).parents[2] / "examples"
    notebook = nbformat.read(examples / "own_network.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # kept without
    made = nbclient.NotebookClient(
        notebook, timeout=None, startup_timeout=600, resources={"metadata": {"path": examples}}
    )
    cells = [cell for cell in made.execute().cells if cell.cell_type == "code"]
    assert "dB" in str(cells[2].outputs)
    assert "image/png" in str(cells[3].outputs)
    (large,) = tmp_path.rglob("large.png")
    with Image.open(large) as image, Image.open(examples / "photos/rocket-thumbnail.png") as small:
        assert image.size == (2 * small.width, 2 * small.height)
