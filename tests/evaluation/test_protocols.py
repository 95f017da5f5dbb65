"""Protocols as data: settings, what they say of themselves, and what they refuse."""

from __future__ import annotations

import pytest

from undegrade.errors import UsageError
from undegrade.evaluation.gates import GATES, TOLERANCE, GateError, check, published
from undegrade.evaluation.protocols import PROTOCOLS, choose_settings, protocol
from undegrade.metrics import METRICS, metric


@pytest.mark.parametrize("name", PROTOCOLS)
def test_each_says_everything_in_one_line(name):
    chosen = PROTOCOLS[name]
    assert chosen.name == name
    for blind in (False, True):
        text = chosen.describe(blind=blind)
        assert "\n" not in text
        assert "crop" in text
        assert "8 bit" in text
    assert ("estimates" in chosen.describe(blind=True)) is True
    assert ("true ones" in chosen.describe()) is chosen.knows_levels
    assert set(chosen.metrics) <= set(METRICS)
    assert chosen.settings


def test_words_of_some():
    text = PROTOCOLS["denoise-color"].describe()
    assert "RandomState(0) for each image" in text
    assert "neither clipped nor rounded" in text
    assert "in RGB" in text
    assert "4:2:0" in PROTOCOLS["jpeg-color"].describe()
    assert "studio" in PROTOCOLS["jpeg-gray"].describe()
    text = PROTOCOLS["sr-bicubic"].describe()
    assert "a = -0.5" in text
    assert "in Y of BT.601" in text
    assert "border of the scale cropped" in text


def test_usual_settings():
    labels = {name: [s.label for s in chosen.settings] for name, chosen in PROTOCOLS.items()}
    assert labels["sr-bicubic"] == ["x2", "x3", "x4", "x8"]
    assert labels["sr-real"] == ["x2", "x4"]
    for name in ("denoise-color", "denoise-gray", "denoise-real"):
        assert labels[name] == ["sigma 15", "sigma 25", "sigma 50", "sigma 70"]
    for name in ("jpeg-color", "jpeg-gray"):
        assert labels[name] == ["quality 10", "quality 20", "quality 30", "quality 40"]
    assert labels["real-noise"] == ["unasked", "told 5", "told 10", "told 15"]
    assert labels["camera"] == ["iso 800", "iso 3200", "iso 12800"]
    assert labels["lol"] == ["plain", "gt-mean"]
    assert labels["face-x8"] == ["x8"]


def test_settings_that_are_asked_for():
    chosen = choose_settings(PROTOCOLS["denoise-color"], {"noise": [12.5, 30, 30], "scale": []})
    assert [s.label for s in chosen] == ["sigma 12.5", "sigma 30"]
    (only,) = choose_settings(PROTOCOLS["sr-bicubic"], {"scale": [3]})
    assert (only.scale, PROTOCOLS["sr-bicubic"].crop(only)) == (3, 3)
    assert PROTOCOLS["face-x4"].crop(PROTOCOLS["face-x4"].settings[0]) == 0


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("sr-bicubic", {"noise": [25]}, "has no noise; leave --noise away"),
        ("lol", {"scale": [2]}, "has no scale"),
        ("sr-bicubic", {"scale": [5]}, "a scale of 5 is not measured; choose one of: 2, 3, 4, 8"),
        ("denoise-color", {"noise": [0]}, "a noise of 0 is not possible"),
        ("denoise-color", {"noise": [float("nan")]}, "a noise of nan"),
        ("camera", {"iso": [0]}, "an iso of 0 is not possible"),
        ("jpeg-color", {"jpeg": [101]}, "a JPEG quality of 101 is not possible"),
    ],
)
def test_settings_that_are_refused(name, values, says):
    with pytest.raises(UsageError, match=says.replace("(", r"\(")):
        choose_settings(PROTOCOLS[name], values)


def test_unknown_protocol():
    with pytest.raises(UsageError, match="no protocol is called 'sr'; choose one of: sr-bicubic"):
        protocol("sr")


def test_channels():
    chosen = PROTOCOLS["sr-bicubic"]
    assert chosen.channel_of(metric("psnr")) == "y"
    assert chosen.channel_of(metric("ciede2000")) == "rgb"
    assert chosen.channel_of(metric("niqe")) == "y"
    assert PROTOCOLS["lol"].channel_of(metric("niqe")) == "y"


def test_gates_are_of_settings_and_metrics_that_exist():
    for (name, _), settings in GATES.items():
        usual = {setting.label for setting in PROTOCOLS[name].settings}
        for label, values in settings.items():
            assert label in usual
            assert set(values) <= set(TOLERANCE)


def test_a_gate():
    assert published("jpeg-color", "live1", "quality 10")["psnr"] == 25.69
    assert published("jpeg-color", "live1", "quality 11").get("psnr") is None
    assert published("jpeg-color", None, "quality 10").get("psnr") is None
    check(25.70, 25.69, "psnr", "here")
    for value in (25.72, 25.66, float("nan"), float("inf")):
        with pytest.raises(GateError, match="the gate is off: here: psnr of the untouched input"):
            check(value, 25.69, "psnr", "here")
