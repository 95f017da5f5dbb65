"""``undegrade quantise``: what it writes, prints and refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.cli.conftest import refused
from tests.networks import tiny_model

quantise = pytest.importorskip(
    "undegrade.training.quantise", reason="the make half needs undegrade[train]"
)


def test_the_file_on_stdout_and_the_losses_on_stderr(undegrade, tmp_path, monkeypatch):
    model, asked = tiny_model(tmp_path), []

    def write_int8(*arguments):
        asked.append(arguments)
        return replace(model.card, int8="tiny-int8.onnx"), {"x2": 0.0123}

    monkeypatch.setattr(quantise, "write_int8", write_int8)
    ran = undegrade("quantise", model.path, "a.tar", "b", "-o", tmp_path / "out", "--seed", 3)
    assert ran.code == 0
    assert ran.out.strip() == str(tmp_path / "out" / "tiny-int8.onnx")
    assert ran.err.split() == ["x2", "0.012", "dB", "lost"]
    assert [arguments[1:] for arguments in asked] == [(["a.tar", "b"], tmp_path / "out", 3)]


def test_what_it_cannot_do_is_one_line(undegrade, tmp_path):
    refused(undegrade("quantise", "magic", "a.tar", "-o", tmp_path), 5, "'magic'")
    blind = tiny_model(tmp_path)
    refused(undegrade("quantise", blind.path, "a.tar", "-o", tmp_path), 2, "told no levels")
    assert not (tmp_path / "tiny-int8.onnx").exists()
