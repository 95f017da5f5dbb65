"""Training from the command line: runs, their ends, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from PIL import Image  # noqa: E402

from tests.cli.conftest import refused  # noqa: E402
from tests.photos import write_photo  # noqa: E402
from tests.training.data.sets import textured  # noqa: E402
from tests.training.runs import progress, rows, untimed  # noqa: E402
from undegrade.catalog import checkpoints, sha256  # noqa: E402
from undegrade.catalog.card import parse_card  # noqa: E402
from undegrade.training import recipe_file  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    # The exporter's own dependencies are old-fashioned; nothing of ours.
    "ignore::DeprecationWarning:torch.*",
    "ignore::FutureWarning:torch.*",
)

SHORT = ("--set", "stages.main.steps=4", "--set", "validation.every=2")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for index in range(3):
        write_photo(tmp_path / "photos" / f"{index}.png", textured(128, 128, index))


def test_train_export_enhance(undegrade, tmp_path):
    command = ("train", "sr-x2:debug", "--data", "photos", "-o", "run", *SHORT)
    ran = undegrade(*command)
    assert ran.code == 0
    assert ran.out == "run/last.safetensors\n"
    choice, first, second = ran.err.splitlines()
    assert re.match(r"step 0  stage main  precision (fp32|bf16)  because this CPU ", choice)
    assert first.startswith("step 2  stage main  seconds ")
    assert second.startswith("step 4  stage main")
    assert "psnr" in second
    assert len(rows(tmp_path / "run")) == 2
    # A finished run is left alone, a longer one goes on.
    again = undegrade(*command)
    assert (again.code, again.out, again.err) == (0, ran.out, "")

    ran = undegrade("export", "run", "-o", "models")
    assert ran.code == 0
    assert ran.out == "models/sr-x2.onnx\n"
    ran = undegrade(
        "enhance", "photos/0.png", "-o", "big.png", "--scale", "2", "--model", "models/sr-x2.onnx"
    )
    assert ran.code == 0
    with Image.open("big.png") as image:
        assert image.size == (256, 256)


def test_settings_are_yaml_by_dotted_key(undegrade, tmp_path):
    ran = undegrade(
        *("train", "srgan:debug", "--data", "photos", "-o", "run"),
        *("--set", "stages.pixel=null", "--set", "stages.adversarial={steps: 2, rate: 1e-3}"),
        *("--set", "validation.every=1", "--set", "seed=3"),
    )
    assert ran.code == 0
    assert [row["stage"] for row in rows(tmp_path / "run")] == ["adversarial"] * 2
    assert progress(tmp_path / "run" / "last.safetensors")["step"] == 2


def test_a_recipe_of_ones_own(undegrade, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ntask: sr\nscale: 2\nnetwork: sr\n"
        "arguments: {scale: 2, channels: 8, pairs: 1}\nbatch: 2\npatch: 16\n"
        "stages: {main: {steps: 2, losses: {l1: 1}}}\nvalidation: {photos: 1, crop: 64}\n"
        "variants: {longer: {stages: {main: {steps: 3}}}}\n"
    )
    ran = undegrade("train", "mine.yaml:longer", "--data", "photos", "-o", "run")
    assert ran.code == 0
    assert progress(tmp_path / "run" / "last.safetensors")["step"] == 3


def test_a_budget_and_other_weights_to_start_from(undegrade, tmp_path):
    ran = undegrade("train", "sr-x2:debug", "--data", "photos", "-o", "one", *SHORT)
    assert ran.code == 0
    ran = undegrade(
        *("train", "sr-x4:debug", "--data", "photos", "-o", "two", "--minutes", "0.01"),
        *("--init", "one/last.safetensors"),
    )
    assert ran.code == 0
    last = progress(tmp_path / "two" / "last.safetensors")
    assert [untimed(run) for run in last["earlier"]] == ["sr-x2.yaml, 4 steps"]
    assert last["seconds"] >= 0.6


def test_a_signal_stops_in_good_order_and_the_same_command_goes_on(tmp_path):
    command = [sys.executable, "-m", "undegrade", "train", "sr-x2:debug", "--data", "photos"]
    command += ["-o", "run", "--set", "stages.main.steps=100000", "--set", "checkpoint_every=5"]
    path, reached = tmp_path / "run" / "last.safetensors", 0
    for _ in range(2):
        with subprocess.Popen(command, stdout=-1, stderr=-1, text=True, cwd=tmp_path) as worker:
            until = time.monotonic() + 60
            while not path.exists() or progress(path)["step"] <= reached:
                assert worker.poll() is None
                assert time.monotonic() < until
                time.sleep(0.05)
            worker.terminate()
            out, err = worker.communicate(timeout=240)
        assert worker.returncode == 130
        assert out == ""
        assert err.splitlines()[-1] == "undegrade: stopped on request"
        now = progress(path)["step"]
        assert now > reached
        reached = now
    assert {p.name for p in path.parent.glob("*.part")} == set()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["magic"], 2, "'magic' is not bundled"),
        (["magic.yaml"], 2, "is not a file"),
        (["restore:magic"], 2, "is not one of restore"),
        (["restore:debug", "--set", "steps"], 2, "'steps' has no '='"),
        (["restore:debug", "--set", "steps=[1"], 2, "is not YAML"),
        (["restore:debug", "--set", "stages.main.rate=fast"], 2, "stages.main.rate = 'fast' must"),
        (["restore:debug", "--set", "stages.main.speed=1"], 2, "stages.main.speed = 1 is not a"),
        (["restore:debug", "--set", "batch=0"], 2, "batch = 0 must be at least 1"),
        (["restore:debug", "--set", "stages.main.losses.l2=1"], 2, "stages.main.losses.l2"),
        (["restore:debug", "--set", "patch=33"], 2, "patch = 33 must be a multiple of 4"),
        (["restore:debug", "--set", "precision=fp16"], 2, "needs a GPU"),
        (["restore:debug", "--device", "tpu"], 2, "'tpu'"),
        (["restore:debug", "--init", "lost.onnx"], 5, "lost.onnx"),
        (["restore:debug", "--set", "patch=256"], 3, "too few for a crop"),
        (["drgn:debug"], 3, "no pair in sibling folders"),
    ],
)
def test_what_is_refused(undegrade, tmp_path, arguments, code, says):
    ran = undegrade("train", *arguments, "--data", "photos", "-o", "run")
    assert ran.code == code, ran.err
    assert ran.data == b""
    assert ran.err.startswith("undegrade: ")
    assert ran.err.count("\n") == 1
    assert says in ran.err
    assert not (tmp_path / "run" / "last.safetensors").exists()


def test_data_that_is_not_there(undegrade):
    ran = undegrade("train", "restore:debug", "--data", "missing", "-o", "run")
    refused(ran, 3, "there is no 'missing'")
    refused(undegrade("export", "lost.safetensors", "-o", "models"), 5, "lost")


def test_the_bundled_recipes_are_listed(undegrade):
    ran = undegrade("recipes")
    assert ran.code == 0
    for name in recipe_file.names():
        assert name in ran.out
    assert "one-step" in ran.out


def test_a_recipe_is_shown_complete(undegrade):
    ran = undegrade("recipes", "show", "sr-x2:debug", "--set", "stages.main.rate=0.5")
    assert ran.code == 0
    shown = yaml.safe_load(ran.out)
    assert shown["stages"]["main"]["rate"] == 0.5
    assert recipe_file.parse(shown) == recipe_file.read("sr-x2:debug", {"stages.main.rate": 0.5})


def test_a_run_has_its_own_recipe_and_photos(undegrade, tmp_path):
    wide = ("--set", "arguments.channels=12", "--set", "stages.main.steps=2")
    assert undegrade("train", "sr-x2:debug", "--data", "photos", "-o", "run", *wide).code == 0
    ran = undegrade("train", "run", "--set", "stages.more={steps: 1, losses: {l1: 1}}")
    assert ran.code == 0, ran.err
    assert progress(tmp_path / "run" / "last.safetensors")["step"] == 3
    ran = undegrade("export", "run", "-o", "models", "--set", "card.licence=mine")
    assert ran.code == 0, ran.err
    card = parse_card((tmp_path / "models" / "sr-x2.toml").read_text(), "the card")
    assert card.training_data == "3 photos of photos (terms not recorded)"
    assert card.licence == "mine"
    assert "torch" in card.made_with
    assert "; seed 0; undegrade train run --set" in card.made_with


def test_weights_are_fetched_by_name_and_begun_with(undegrade, tmp_path, monkeypatch):
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path / "home"))
    assert undegrade("train", "sr-x2:debug", "--data", "photos", "-o", "run", *SHORT).code == 0
    ran = undegrade("export", "run", "-o", "shelf", "--weights", "--set", "card.licence=mine")
    assert (ran.code, ran.out) == (0, "shelf/sr-x2.safetensors\n"), ran.err
    small, whole = (tmp_path / p for p in ("shelf/sr-x2.safetensors", "run/last.safetensors"))
    assert small.stat().st_size < 0.5 * whole.stat().st_size
    card = parse_card((tmp_path / "shelf" / "sr-x2.toml").read_text(), "the card")
    assert card.training_data == "3 photos of photos (terms not recorded)"
    begin = ("train", "sr-x2:debug", "--data", "photos", "-o", "two", *SHORT, "--init", "sr-x2")
    refused(undegrade(*begin), 5, "no weights called so were fetched", "models fetch sr-x2")
    refused(undegrade("models", "fetch", "sr-x2", "--from", "photos"), 5, "sr-x2.toml", "--from")
    ran = undegrade("models", "fetch", "sr-x2", "--from", "shelf")
    assert ran.code == 0, ran.err
    assert re.match(r"sr-x2: [\d,]+ parameters, mine, ", ran.out)
    ran = undegrade(*begin)
    assert ran.code == 0, ran.err
    earlier = progress(tmp_path / "two" / "last.safetensors")["earlier"]
    assert [untimed(run) for run in earlier] == ["sr-x2.yaml, 4 steps"]
    small.write_bytes(small.read_bytes()[:-1] + b"x")
    refused(undegrade("models", "fetch", "sr-x2", "--from", "shelf"), 5, "not what its card says")


def test_what_ships_to_begin_with_is_small():
    shelf = Path(checkpoints.SOURCE)
    assert sum(path.stat().st_size for path in shelf.rglob("*")) <= 20e6
    for card in shelf.glob("*.toml"):
        told = parse_card(card.read_text(encoding="utf-8"), card.name)
        assert sha256(card.with_name(told.file)) == told.sha256


def test_a_dry_run_measures_and_keeps_nothing(undegrade, tmp_path):
    ran = undegrade("train", "srgan:debug", "--data", "photos", "--dry-run")
    assert ran.code == 0, ran.err
    pixel, adversarial, generator, critic, whole = ran.out.splitlines()
    assert re.match(r"pixel +\(\d+, 3, \d+, \d+\) to .* s a step  .* hours", pixel)
    assert adversarial.startswith("adversarial")
    assert re.match(r"generator +[\d,]+ parameters", generator)
    assert "discriminator.d" in critic
    assert re.match(r"in all .* hours, .* MB of memory", whole)
    assert {path.name for path in tmp_path.iterdir()} == {"photos"}


def test_photos_and_a_folder_are_needed(undegrade):
    refused(undegrade("train", "sr-x2:debug", "-o", "run"), 2, "no photos were given")
    refused(undegrade("train", "sr-x2:debug", "--data", "photos"), 2, "no folder was given")
