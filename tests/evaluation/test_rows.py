"""Rows: to JSON and back, as lines, as tables; and where they come from."""

from __future__ import annotations

import io
import json
import math
import subprocess

import pytest
from rich.console import Console

from tests.evaluation.test_significance import row
from tests.test_imports import loaded_after
from undegrade.errors import InputError, OutputError
from undegrade.evaluation import from_json, provenance, read_rows, to_json, to_tsv, write_rows
from undegrade.evaluation.scoreboard import scoreboard

FIELDS = [
    *("model", "protocol", "setting", "metric", "mean", "values", "images", "n", "gate"),
    *("commit", "version", "machine", "seconds_per_megapixel", "worse", "steps"),
]


def test_json_and_back(tmp_path):
    rows = [
        row("a", [1.5, math.inf], gate=33.68, seconds_per_megapixel=0.5),
        row("b", [], commit="abc+", worse=2, steps={"restore": 3, "left alone": 1}),
    ]
    text = to_json(rows)
    data = json.loads(text, parse_constant=lambda name: pytest.fail(f"not strict JSON: {name}"))
    assert [list(one) for one in data] == [FIELDS, FIELDS]
    assert data[0]["values"] == [1.5, "inf"]
    assert data[1]["mean"] == "nan"
    assert text.count("\n") == 4  # a line a row: differences can be read
    write_rows(rows, tmp_path / "new" / "rows.json")
    first, second = read_rows(tmp_path / "new" / "rows.json")
    assert first == rows[0]
    assert second.images == ()
    assert (second.worse, second.steps) == (2, {"restore": 3, "left alone": 1})
    old = {key: value for key, value in data[0].items() if key not in ("worse", "steps")}
    assert from_json(json.dumps([old]), "here") == rows[:1]
    assert math.isnan(second.mean)


def test_what_is_no_row():
    good = row("a", [1.0]).as_dict()
    for wrong in (
        "{",
        "{}",
        "[3]",
        json.dumps([{**good, "more": 1}]),
        json.dumps([{key: value for key, value in good.items() if key != "n"}]),
        json.dumps([{**good, "n": 2}]),
        json.dumps([{**good, "mean": "much"}]),
    ):
        with pytest.raises(InputError):
            from_json(wrong, "here")


def test_files_that_cannot_be(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_rows(tmp_path / "gone.json")
    with pytest.raises(OutputError):
        write_rows([], tmp_path)


def test_lines():
    counts = {"worse": 1, "steps": {"restore": 3, "left alone": 1}}
    rows = [row("a", [30.123456789], gate=33.68), row("b", [], **counts, protocol="p on s: long")]
    lines = to_tsv(rows).splitlines()
    assert lines[0].split("\t")[:4] == ["model", "setting", "metric", "mean"]
    assert lines[1].split("\t") == ["a", "s", "psnr", "30.1235", "1", "33.68", "", "", "", "p"]
    told = ["b", "s", "psnr", "nan", "0", "", "1", "restore 3, left alone 1", "", "p on s"]
    assert lines[2].split("\t") == told


def shown(rows):
    console = Console(file=io.StringIO(), width=100)
    for table in scoreboard(rows):
        console.print(table)
    return console.file.getvalue()


def test_the_best_is_marked():
    rows = [
        row("none", [20.0], gate=20.01),
        row("good", [30.0], seconds_per_megapixel=1.234),
        row("failed", []),
        row("none", [0.5], metric="ciede2000"),
        row("good", [0.7], metric="ciede2000"),
    ]
    text = shown(rows)
    assert "gates met: psnr 20.01" in text
    assert "30.00*" in text
    assert "0.5000*" in text
    assert text.count("*") == 2
    assert "1.23" in text
    assert "nan" in text
    alone = shown([row("none", [20.0])])
    assert "*" not in alone
    assert "no gate checked" in alone
    two = shown([row("a", [1]), row("a", [2], setting="x4")])
    assert "x4, no gate checked" in two


def test_every_number_of_images_is_shown():
    rows = [
        row("a", [1.0] * 3),
        row("a", [1.0] * 2, metric="ssim"),
        row("a", [1.0], metric="ciede2000"),
    ]
    assert " 1-2-3 " in shown(rows)
    assert "-" not in shown(rows[:1])


def test_settings_of_a_protocol_stand_together():
    of = [("p", "x2"), ("q", "x3"), ("p", "x4")]
    rows = [row("a", [1.0], protocol=protocol, setting=setting) for protocol, setting in of]
    assert [table.title[:2] for table in scoreboard(rows)] == ["x2", "x4", "x3"]


def test_harm_and_steps_are_shown():
    steps = {"restore": 3, "left alone": 1}
    text = shown([row("none", [20.0]), row("auto", [30.0], worse=7, steps=steps)])
    assert "worse" in text
    assert "7" in text
    assert "auto: restore 3, left alone 1" in text
    assert "worse" not in shown([row("none", [20.0])])


def test_commit_and_machine(tmp_path, monkeypatch):
    assert "cores" in provenance.machine()
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    try:
        subprocess.run([*git, "init", "--quiet"], check=True)
    except FileNotFoundError:
        pytest.skip("needs git")
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    assert provenance.commit() == ""  # not our repository
    (tmp_path / "src" / "undegrade").mkdir(parents=True)
    assert provenance.commit() == ""  # without a commit
    file = tmp_path / "src" / "undegrade" / "a.py"
    file.write_text("1")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "first"], check=True)
    clean = provenance.commit()
    assert clean.isalnum()
    file.write_text("2")
    assert provenance.commit() == clean + "+"


def test_torch_is_never_touched():
    loaded = loaded_after("import undegrade.evaluation, undegrade.evaluation.scoreboard")
    assert not {name.split(".")[0] for name in loaded} & {"torch", "rich", "onnxruntime", "onnx"}
    assert not {name for name in loaded if name.startswith("undegrade.training")}
