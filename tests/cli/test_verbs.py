"""The other verbs: help, version, models, doctor, degrade."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import undegrade as package
from tests.batch.replaying import replayed
from tests.cli.conftest import refused
from tests.networks import tiny_model, tiny_network
from tests.photos import files, scene, write_photo
from undegrade.catalog import Catalog, user_folder
from undegrade.cli import app
from undegrade.errors import (
    Cancelled,
    ComputeError,
    InputError,
    LimitError,
    ModelError,
    OutputError,
    RecipeError,
    UndegradeError,
    UsageError,
)

VERBS = [
    "align",
    "enhance",
    "diagnose",
    "models",
    "models list",
    "models show",
    "models verify",
    "models add",
    "degrade",
    "data check",
    "data list",
    "train",
    "recipes",
    "export",
    "evaluate",
    "doctor",
]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_exit_codes():
    """The table in :mod:`undegrade.errors`."""
    kinds = [UndegradeError, UsageError, InputError, OutputError, ModelError, LimitError]
    assert [kind.exit_code for kind in (*kinds, ComputeError)] == [1, 2, 3, 4, 5, 6, 7]
    assert RecipeError.exit_code == 2
    assert Cancelled.exit_code == 130
    error = InputError("two\nlines", "do  this")
    assert str(error) == "two lines; do this"


def test_errors_reach_main_as_they_are():
    result = CliRunner().invoke(app, ["enhance", "missing.png", "-o", "-"])
    assert isinstance(result.exception, InputError)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(undegrade, verb, option):
    ran = undegrade(*verb.split(), option)
    assert ran.code == 0
    assert ran.err == ""
    assert f"{verb} [OPTIONS]" in ran.out
    assert "Traceback" not in ran.out


def test_help_of_all(undegrade):
    ran = undegrade("--help")
    assert ran.code == 0
    for verb in VERBS:
        assert verb.split()[0] in ran.out
    assert "--version" in ran.out
    bare = undegrade()
    assert bare.code == 2
    assert "Usage" in bare.out + bare.err


def test_version(undegrade):
    assert undegrade("--version").out == package.__version__ + "\n"


@pytest.mark.parametrize("line", [["enhanse"], ["--verison"], ["models", "lst"]])
def test_mistyped(undegrade, line):
    ran = undegrade(*line)
    assert ran.code == 2
    assert line[-1] in ran.err
    assert ran.data == b""


def test_models_list(undegrade, tmp_path):
    ran = undegrade("models", "list")
    assert ran.code == 0
    lines = ran.out.splitlines()
    titles = ["name", "task", "scale", "parameters", "s/MP", "int8", "licence"]
    assert lines[0].split() == titles
    assert [line.split()[0] for line in lines[1:]] == list(Catalog().models)
    assert {"restore", "sr-x2", "sr-x4"} <= set(Catalog().models)
    rows = json.loads(undegrade("models", "list", "--json").out)
    assert [row["name"] for row in rows] == list(Catalog().models)


def test_models_show(undegrade):
    ran = undegrade("models", "show", "restore")
    assert ran.code == 0
    assert "chroma_bright, jpeg, grain" in ran.out
    shown = json.loads(undegrade("models", "show", "restore", "--json").out)
    assert shown["name"] == "restore"
    assert shown["path"].endswith("restore.onnx")
    refused(undegrade("models", "show", "magic"), 5, "'magic'", "restore")


def test_models_verify(undegrade, tmp_path):
    ran = undegrade("models", "verify")
    assert ran.code == 0
    assert ran.out.splitlines() == [f"{name}: sound" for name in Catalog().models]
    model = tiny_model(tmp_path)
    model.path.write_bytes(model.path.read_bytes() + b"!")
    ran = undegrade("models", "verify", "restore", "tiny.onnx", "magic")
    assert ran.code == 5
    assert ran.out == "restore: sound\n"
    first, second, last = ran.err.splitlines()
    assert "'tiny' are damaged" in first
    assert "'magic'" in second
    assert "2 models failed" in last


def test_models_add(undegrade, tmp_path):
    tiny_network(tmp_path / "mine.onnx", scale=2, identity=True)
    ran = undegrade("models", "add", "mine.onnx", "--name", "double")
    assert ran.code == 0
    assert ran.out == "added double: task sr, scale 2, radius 2 pixels\n"
    assert "double" in undegrade("models", "list").out
    assert undegrade("models", "verify", "double").out == "double: sound\n"
    write_photo(tmp_path / "a.png")
    assert undegrade("enhance", "a.png", "-o", "b.png", "--model", "double").code == 0
    with Image.open("b.png") as image:
        assert image.size == (160, 128)


def test_models_add_refuses(undegrade, tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    refused(undegrade("models", "add", "bad.onnx"), 5, "bad.onnx")
    refused(undegrade("models", "add", "missing.onnx"), 5, "missing.onnx")
    tiny_network(tmp_path / "mine.onnx")
    refused(undegrade("models", "add", "mine.onnx", "--name", "../x"), 5, "'../x'")


def test_doctor(undegrade):
    ran = undegrade("doctor")
    assert ran.code == 0
    assert ran.err == ""
    for part in (package.__version__, "onnxruntime", "webp", "restore: sound"):
        assert part in ran.out


def test_doctor_finds_a_damaged_model(undegrade, tmp_path):
    tiny_network(tmp_path / "mine.onnx")
    assert undegrade("models", "add", "mine.onnx").code == 0
    (user_folder() / "mine.onnx").write_bytes(b"damaged")
    ran = undegrade("doctor")
    assert ran.code == 5
    assert "restore: sound" in ran.out
    assert "'mine' are damaged" in ran.out
    assert ran.err.count("\n") == 1


def test_degrade(undegrade, tmp_path):
    for name in ("photos/a.png", "photos/sub/b.png"):
        write_photo(tmp_path / name)
    command = ("degrade", "photos", "--with", "gaussian-noise:sigma=20", "--with", "jpeg")
    ran = undegrade(*command, "-o", "out", "--seed", "5")
    assert ran.code == 0
    assert ran.out == "out/manifest.jsonl\n"
    assert ran.err == "2 pairs written, 0 failed\n"
    out = tmp_path / "out"
    assert set(files(out)) == {"a.png", "sub/b.png", "manifest.jsonl"}
    assert replayed(out / "manifest.jsonl") == 2
    with Image.open(out / "a.png") as image:
        assert np.abs(np.asarray(image).astype(int) - scene()).mean() > 3
    undegrade(*command, "-o", "again", "--seed", "5")
    assert files(tmp_path / "again") == files(out)
    undegrade(*command, "-o", "other", "--seed", "6")
    assert files(tmp_path / "other")["a.png"] != files(out)["a.png"]


def test_degrade_names_what_failed(undegrade, tmp_path):
    write_photo(tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / "b.png").write_bytes(b"no picture")
    ran = undegrade("degrade", "photos", "-o", "out", "--with", "jpeg:quality=20")
    assert ran.code == 1
    assert ran.out == "out/manifest.jsonl\n"
    failure, summary = ran.err.splitlines()
    assert failure.startswith("undegrade: b.png: cannot read")
    assert summary == "1 pair written, 1 failed"
    ran = undegrade("degrade", "photos/b.png", "-o", "none", "--with", "jpeg")
    assert ran.code == 3
    assert "no pair was made" in ran.err


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("fog", "fog"),
        ("jpeg:quality", "'quality' has no '='"),
        ("jpeg:quality=high", "high"),
        ("jpeg:colour=1", "colour"),
        ("gaussian-noise:sigma=-3", "-3"),
    ],
)
def test_degrade_refuses(undegrade, tmp_path, step, says):
    write_photo(tmp_path / "a.png")
    ran = undegrade("degrade", "a.png", "-o", "out", "--with", step)
    assert ran.code == 2
    assert ran.data == b""
    assert ran.err.count("\n") == 1
    assert says in ran.err
    assert not (tmp_path / "out").exists()


def test_degrade_of_what_is_not_there(undegrade):
    ran = undegrade("degrade", "missing", "-o", "out", "--with", "jpeg")
    assert ran.code == 3
    assert "missing" in ran.err
    assert ran.err.count("\n") == 1


def test_training_without_its_extra():
    # In a process of its own: here other tests have already imported what must be missing.
    script = (
        "import sys\nsys.modules['torch'] = None\nfrom undegrade.cli import main\n"
        "sys.argv = 'undegrade train restore --data x -o run'.split()\nmain()"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert "torch" in ran.stderr
    assert 'pip install "undegrade[train]"' in ran.stderr


def test_training_settings(undegrade):
    pytest.importorskip("torch")
    ran = undegrade("train", "restore", "--data", "x", "-o", "run", "--set", "steps")
    refused(ran, 2, "'steps' has no '='")
