"""``undegrade evaluate``."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import refused
from tests.evaluation.made_up import made_noisy, made_pairs, made_set
from tests.networks import tiny_model, tiny_network
from tests.test_imports import loaded_after
from undegrade.cli.evaluate import PROTOCOLS as NAMED
from undegrade.evaluation import PROTOCOLS
from undegrade.evaluation.rows import COLUMNS


@pytest.fixture
def data(tmp_path):
    return made_set(tmp_path / "photos", 3)


@pytest.fixture
def nets(tmp_path):
    """Two networks, the first with a card."""
    first = tiny_model(tmp_path / "nets", "one", levels=2, seed=1).path
    return first, tiny_network(tmp_path / "nets" / "two.onnx", seed=2)


def test_help_names_every_protocol(undegrade):
    ran = undegrade("evaluate", "--help")
    assert ran.code == 0
    assert ", ".join(PROTOCOLS) == NAMED


def test_several_models_side_by_side(undegrade, data, nets):
    first, second = nets
    ran = undegrade(
        *("evaluate", "--protocol", "denoise-color", "--data", data, "--noise", "25,50"),
        *("--model", first, "--model", second, "--model", "none", "--metrics", "psnr, ssim"),
    )
    assert ran.code == 0, ran.err
    header, *lines = (line.split("\t") for line in ran.out.splitlines())
    assert header == list(COLUMNS)
    assert [line[:3] for line in lines] == [
        [model, setting, metric]
        for setting in ("sigma 25", "sigma 50")
        for model in ("none", "one", "two")
        for metric in ("psnr", "ssim")
    ]
    assert "sigma 25, no gate checked" in ran.err
    assert "*" in ran.err
    assert "no gate is known for denoise-color on photos (unknown set), sigma 50" in ran.err


def test_json_to_stdout(undegrade, data):
    ran = undegrade(
        *("evaluate", "--protocol", "jpeg-color", "--data", data, "--jpeg", 10, "--json", "-")
    )
    rows = json.loads(ran.out)
    assert [row["metric"] for row in rows] == ["psnr", "ssim", "psnr-b"]
    assert rows[0]["images"] == ["a", "b", "c"]
    assert rows[0]["model"] == "none"
    assert set(rows[0]) == {
        *("model", "protocol", "setting", "metric", "mean", "values", "images", "n", "gate"),
        *("commit", "version", "machine", "seconds_per_megapixel", "worse", "steps"),
    }


def test_json_to_a_file_and_a_limit(undegrade, data, tmp_path):
    target = tmp_path / "out" / "rows.json"
    ran = undegrade(
        *("evaluate", "--protocol", "sr-bicubic", "--data", data, "--scale", 2, "--limit", 1),
        *("--json", target),
    )
    assert ran.code == 0, ran.err
    assert ran.out.startswith("model\t")
    assert json.loads(target.read_text())[0]["n"] == 1
    assert "the gate is not checked where --limit is given" in ran.err


def test_a_gate_that_is_off(undegrade, tmp_path, nets):
    data = made_set(tmp_path / "set5", 5)
    ran = undegrade(
        *("evaluate", "--protocol", "sr-bicubic", "--data", data, "--scale", 4),
        *("--model", nets[0]),
    )
    refused(ran, 3, "the gate is off: sr-bicubic on set5, x4: psnr", "instead of 28.43")


def test_values_are_kept(undegrade, data, nets, tmp_path):
    arguments = (
        *("evaluate", "--protocol", "denoise-color", "--data", data, "--noise", 25),
        *("--model", nets[0], "--cache", tmp_path / "kept", "--json", "-"),
    )
    first, second = json.loads(undegrade(*arguments).out), json.loads(undegrade(*arguments).out)
    assert [row["values"] for row in first] == [row["values"] for row in second]
    assert first[-1]["seconds_per_megapixel"] > 0
    assert second[-1]["seconds_per_megapixel"] is None


def test_one_bad_image(undegrade, data):
    (data / "b.png").write_bytes(b"broken")
    ran = undegrade("evaluate", "--protocol", "denoise-color", "--data", data, "--noise", 25)
    assert ran.code == 1
    assert ran.out.splitlines()[1].split("\t")[4] == "2"
    assert "undegrade: b: cannot read 'b'" in ran.err


def test_a_report(undegrade, data, nets, tmp_path):
    ran = undegrade(
        *("evaluate", "--protocol", "denoise-color", "--data", data, "--noise", 25),
        *("--model", nets[0], "--report", tmp_path / "report"),
    )
    assert ran.code == 0, ran.err
    (line,) = (line for line in ran.err.splitlines() if line.startswith("report: "))
    assert line.removeprefix("report: ").startswith(str(tmp_path / "report"))
    assert (tmp_path / "report" / "report.html").is_file()


def test_blind_pairs_and_no_reference(undegrade, tmp_path, nets):
    pairs = made_pairs(tmp_path / "pairs")
    ran = undegrade("evaluate", "--protocol", "lol", "--data", pairs, "--model", nets[0], "--blind")
    assert ran.code == 0, ran.err
    assert "gt-mean" in ran.out
    assert "told the estimates" in " ".join(ran.err.split())
    ran = undegrade(
        *("evaluate", "--protocol", "noref", "--data", pairs / "low"),
        *("--model", nets[0], "--metrics", "noise-amplification"),
    )
    assert ran.code == 0, ran.err


def test_real_noise_unasked(undegrade, tmp_path, nets):
    pairs = made_noisy(tmp_path / "pairs")
    ran = undegrade(
        *("evaluate", "--protocol", "real-noise", "--data", pairs, "--metrics", "psnr"),
        *("--model", "auto", "--model", nets[0], "--noise", "5,10"),
    )
    assert ran.code == 0, ran.err
    lines = [line.split("\t") for line in ran.out.splitlines()[1:]]
    assert [(line[1], line[0]) for line in lines] == [
        *(("unasked", who) for who in ("none", "auto", "one")),
        *((f"told {level}", who) for level in (5, 10) for who in ("none", "one")),
    ]
    assert lines[1][COLUMNS.index("steps")] == "restore 2, left alone 0"
    assert "auto: restore 2, left alone 0" in ran.err
    assert {line[-1] for line in lines} == {"real-noise on pairs (unknown set)"}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--protocol", "sr"], 2, "no protocol is called 'sr'"),
        (["--protocol", "lol"], 3, "needs pairs"),
        (["--protocol", "denoise-color", "--scale", "2"], 2, "has no scale; leave --scale away"),
        (["--protocol", "denoise-color", "--noise", "-1"], 2, "a noise of -1 is not possible"),
        (["--protocol", "denoise-color", "--noise", "5,x"], 2, "--noise '5,x' is no list"),
        (["--protocol", "sr-bicubic", "--scale", "2.5"], 2, "a scale of 2.5 is not measured"),
        (["--protocol", "denoise-color", "--model", "best"], 5, "no model is called 'best'"),
        (["--protocol", "denoise-color", "--model", "sr-x4"], 2, "'sr-x4' enlarges by 4"),
        (["--protocol", "denoise-color", "--metrics", "pnsr"], 2, "no metric is called 'pnsr'"),
        (["--protocol", "denoise-color", "--json", "/"], 4, "it is a folder"),
        (["--protocol", "denoise-color", "--limit", "0"], 2, "leaves no images"),
    ],
)
def test_wrong_use(undegrade, data, arguments, code, says):
    refused(undegrade("evaluate", "--data", data, *arguments), code, says)


def test_no_test_set(undegrade, tmp_path):
    gone = tmp_path / "gone"
    refused(undegrade("evaluate", "--protocol", "lol", "--data", gone), 3, "there is no test set")


def test_torch_is_never_touched(data):
    loaded = loaded_after(
        "import sys, undegrade.cli\n"
        f"sys.argv = ['undegrade', 'evaluate', '--protocol', 'sr-bicubic', '--data', {str(data)!r},"
        " '--model', 'sr-x2', '--limit', '1']\n"
        "try: undegrade.cli.main()\nexcept SystemExit as end: assert not end.code, end.code\n"
    )
    assert "onnxruntime" in loaded
    assert not {name for name in loaded if name.split(".")[0] == "torch"}
    assert not {name for name in loaded if name.startswith("undegrade.training")}
