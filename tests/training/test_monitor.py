"""What a run leaves for people: rows, TensorBoard's events, grids of pictures, a terminal."""

from __future__ import annotations

import io
import json
import struct
import sys
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from rich.console import Console  # noqa: E402
from tensorboardX.proto.event_pb2 import Event  # noqa: E402

from tests.training.runs import Stop, every_row, rows, stop_after  # noqa: E402
from undegrade.errors import UsageError  # noqa: E402
from undegrade.training.checkpoint import State  # noqa: E402
from undegrade.training.loop import fit  # noqa: E402
from undegrade.training.monitor import (  # noqa: E402
    GAP,
    Display,
    Monitor,
    grid,
)
from undegrade.training.recipe_file import read  # noqa: E402

ROW = {"step": 7, "stage": "main", "seconds": 1.5, "rate": 0.25, "psnr": 31.0}


def events(folder):
    """Tag and step of everything in TensorBoard's files of a run, with scalars as they are."""
    found = {}
    for path in (folder / "events").iterdir():
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack("<Q", data[at : at + 8])
            event = Event.FromString(data[at + 12 : at + 12 + length])
            at += 16 + length
            for value in event.summary.value:
                picture = value.HasField("image")
                shown = (value.image.height, value.image.width) if picture else value.simple_value
                found[value.tag, event.step] = shown
    return found


def test_rows_go_to_the_log_to_tensorboard_and_to_the_caller(tmp_path):
    heard = []
    monitor = Monitor(tmp_path, heard.append)
    monitor.row(ROW)
    monitor.row(ROW | {"step": 8, "psnr": 32.0})
    monitor.close()
    assert rows(tmp_path) == heard == [ROW, ROW | {"step": 8, "psnr": 32.0}]
    found = events(tmp_path)
    assert {key: found[key, 7] for key in ("main/psnr", "main/rate")} == {
        "main/psnr": 31.0,
        "main/rate": 0.25,
    }
    assert found["main/psnr", 8] == 32.0


def test_a_later_run_adds_to_the_log(tmp_path):
    for step in (1, 2):
        monitor = Monitor(tmp_path)
        monitor.row(ROW | {"step": step})
        monitor.close()
    assert [row["step"] for row in rows(tmp_path)] == [1, 2]


def test_only_the_main_process_writes(tmp_path):
    heard = []
    monitor = Monitor(tmp_path, heard.append, main=False)
    monitor.row(ROW)
    monitor.pictures(7, "x2", [torch.zeros(1, 3, 8, 8)])
    monitor.close()
    assert list(tmp_path.iterdir()) == heard == []


def test_a_grid_has_a_row_a_sample_and_a_column_a_kind():
    small = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 3, 2, 3)
    large = torch.tensor([0.5, -1.0]).view(2, 1, 1, 1).expand(2, 3, 4, 6)
    pixels = grid([small, large, large + 2])
    assert pixels.dtype == np.uint8
    assert pixels.shape == (2 * 4 + GAP, 3 * 6 + 2 * GAP, 3)
    expected = np.full(pixels.shape, 255)
    expected[:4, :6], expected[4 + GAP :, :6] = 0, 255
    expected[:4, 6 + GAP : 12 + GAP], expected[4 + GAP :, 6 + GAP : 12 + GAP] = 128, 0
    assert np.array_equal(pixels, expected)


def test_small_pictures_are_repeated():
    pixels = grid(
        [torch.arange(4.0).view(1, 1, 2, 2).expand(1, 3, 2, 2) / 3, torch.ones(1, 3, 4, 4)]
    )
    assert pixels[:4, :4, 0].tolist() == [[0, 0, 85, 85]] * 2 + [[170, 170, 255, 255]] * 2


def test_pictures_are_files_and_events(tmp_path):
    monitor = Monitor(tmp_path)
    monitor.pictures(12, "x2", [torch.zeros(2, 3, 4, 6), torch.ones(2, 3, 8, 12)])
    monitor.pictures(13, "none", [torch.zeros(0, 3, 4, 6)])
    monitor.close()
    (path,) = (tmp_path / "pictures").iterdir()
    assert path.name == "x2-0000012.png"
    with Image.open(path) as image:
        assert image.size == (2 * 12 + GAP, 2 * 8 + GAP)
    assert events(tmp_path)["x2", 12] == (2 * 8 + GAP, 2 * 12 + GAP)


class FakeWandB(ModuleType):
    """What is called of wandb, and nothing that contacts anybody."""

    def __init__(self):
        super().__init__("wandb")
        self.begun, self.logged, self.finished = [], [], 0

    def init(self, **arguments):
        self.begun.append(arguments)
        return self

    def log(self, values, step):
        self.logged.append((step, values))

    def finish(self):
        self.finished += 1

    def Image(self, pixels):  # noqa: N802
        return pixels.shape


def test_a_run_is_shown_to_wandb_and_goes_on_there(sources, tmp_path, monkeypatch):
    fake = FakeWandB()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    changes = {"validation.every": 2, "checkpoint_every": 2, "stages.main.steps": 4}
    recipe = read("sr-x2:debug", changes)
    with pytest.raises(Stop):
        fit(recipe, sources(recipe), tmp_path, wandb="mine", tick=stop_after(2))
    fit(recipe, sources(recipe), tmp_path, wandb="mine")
    first, second = fake.begun
    assert first["project"] == "mine"
    assert first["config"]["name"] == "sr-x2"
    assert first["id"] == second["id"] == (tmp_path / "wandb-id").read_text()
    assert {one["resume"] for one in fake.begun} == {"allow"}
    assert fake.finished == 2
    numbers = [values for _, values in fake.logged if "main/psnr" in values]
    assert [values["main/psnr"] for values in numbers] == [row["psnr"] for row in rows(tmp_path)]
    assert [step for step, values in fake.logged if "x2" in values] == [2, 4]


def test_wandb_is_missing(sources, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    recipe = read("sr-x2:debug")
    with pytest.raises(UsageError, match=r"--wandb mine needs wandb, .*undegrade\[wandb\]"):
        fit(recipe, sources(recipe), tmp_path, wandb="mine")
    assert not (tmp_path / "wandb-id").exists()


def test_what_a_run_writes(sources, tmp_path):
    recipe = read("restore:debug", {"validation": {"photos": 2, "pictures": 1}})
    heard = []
    fit(recipe, sources(recipe), tmp_path, log=heard.append)
    assert every_row(tmp_path) == json.loads(json.dumps(heard))
    told = heard.pop(0)
    assert (told["step"], told["stage"], told["precision"]) == (0, "main", "fp32")
    assert [row["step"] for row in heard] == [10, 20]
    assert {row["stage"] for row in heard} == {"main"}
    kinds = ["noise15", "noise25", "noise50", "jpeg10", "jpeg20", "jpeg40", "grey25"]
    kinds += ["camera", "web"]
    scores = {f"{kind}/{score}" for kind in kinds for score in ("psnr", "ssim")}
    assert set(heard[-1]) == {"step", "stage", "seconds", "rate", "loss", "psnr", "ssim"} | scores
    shown = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert shown == {f"{kind}-{step:07d}.png" for kind in kinds for step in (10, 20)}
    with Image.open(tmp_path / "pictures" / "noise25-0000020.png") as image:
        assert image.size == (3 * 64 + 2 * GAP, 64)
        truth = np.asarray(image)[:, -64:]
    with Image.open(tmp_path / "pictures" / "jpeg10-0000020.png") as image:
        assert np.array_equal(np.asarray(image)[:, -64:], truth)
    found = events(tmp_path)
    assert found["main/loss", 20] == pytest.approx(heard[-1]["loss"])
    assert found["main/noise25/psnr", 20] == pytest.approx(heard[-1]["noise25/psnr"])
    assert found["noise25", 10] == (64, 3 * 64 + 2 * GAP)


def test_the_losses_of_adversaries_have_their_names(sources, tmp_path):
    recipe = read("drgn:debug", {"stages.deg": None, "stages.joint.steps": 5})
    fit(recipe, sources(recipe), tmp_path)
    (row,) = rows(tmp_path)
    assert {"critic-low", "critic-de", "loss", "psnr", "ssim"} <= row.keys()
    terms = recipe.stages["joint"].losses
    weighed = [(row[f"loss/{k}"], t.get("weight", 1.0)) for k, t in terms.items()]
    assert len(weighed) == 7
    assert row["loss"] == pytest.approx(sum(value * weight for value, weight in weighed), rel=1e-4)


def state(stage):
    network = torch.nn.Linear(1, 1)
    return State(network, network, stage=stage)


def test_a_log_file_gets_rows_and_nothing_else():
    file = io.StringIO()
    recipe = read("srgan:debug")
    with Display(recipe, Console(file=file)) as display:
        display.tick(state(0), 0.5, 12.0)
        display.row({"step": 7, "stage": "pixel", "psnr": 31.23456789})
        display.row({f"long-name-{i}": 1.0 for i in range(40)})
        display.tick(state(1), 1.0, 12.0)
    lines = file.getvalue().splitlines()
    assert lines[0] == "step 7  stage pixel  psnr 31.235"
    assert len(lines) == 2


def test_a_terminal_shows_how_far_every_stage_is():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, color_system=None)
    with Display(read("srgan:debug"), console) as display:
        display.tick(state(0), 0.25, 12.34)
        display.row({"step": 7, "psnr": 31.0})
        display.tick(state(0), 1.0, 12.34)
        display.tick(state(1), 0.5, 5.0)
    shown = file.getvalue()
    for part in ("step 7  psnr 31", "pixel", "100%", "12.3 samples/s", "adversarial", "50%"):
        assert part in shown


def test_a_terminal_is_given_back_after_a_failure():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True)
    with pytest.raises(ValueError, match="broken"), Display(read("srgan:debug"), console):
        raise ValueError("broken")
    assert file.getvalue().rstrip().endswith("\x1b[?25h")  # the cursor is visible again
