"""Parts of the report by themselves: marks, numbers, axes, crops, colours."""

from __future__ import annotations

import base64
import io
import itertools
import math
import re
from importlib import resources

import numpy as np
import pytest
from PIL import Image

from undegrade.evaluation.report.cases import find_box, fitted, lossless
from undegrade.evaluation.report.charts import COLOURS, Style, against_time, styles
from undegrade.evaluation.rows import Row
from undegrade.evaluation.tables import Measure, number, protocols, ranked, seconds

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("metric", "means", "marks"),
    [
        ("psnr", [30, 32, 31], ["", "best", "second"]),
        ("niqe", [3.0, 5.0, 4.0], ["best", "", "second"]),
        ("lpips-alex", [0.2, 0.1], ["", "best"]),  # no second of two
        ("psnr", [30], [""]),
        ("psnr", [], []),
        ("psnr", [31, 31, 30], ["best", "best", ""]),
        ("psnr", [31.001, 31.004, 30], ["best", "best", ""]),  # they print alike
        ("psnr", [32, 31, 31, 30], ["best", "second", "second", ""]),
        ("psnr", [INF, 32, 31], ["best", "second", ""]),
        ("psnr", [INF, INF, 31], ["best", "best", ""]),
        ("niqe", [INF, 4, 3], ["", "second", "best"]),
        ("psnr", [NAN, 32, None, 31, 30], ["", "best", "", "second", ""]),
        ("psnr", [NAN, None], ["", ""]),
        ("psnr", [NAN, 32], ["", ""]),
    ],
)
def test_marks(metric, means, marks):
    assert ranked(means, Measure.of(metric)) == marks


def test_numbers():
    assert number(-1.005, 1) == "−1.0"
    assert number(-0.001, 2) == "0.00"
    assert [number(value, 2) for value in (INF, -INF, NAN, None)] == ["∞", "−∞", "–", "–"]
    assert [seconds(value) for value in (None, 0, 0.042, 3.14, 89.4)] == [
        "–", "0", "0.042", "3.1", "89",
    ]  # fmt: skip


def test_gains_have_the_direction_of_the_metric():
    assert Measure.of("psnr").gain(31, 30) == 1
    assert Measure.of("niqe").gain(31, 30) == -1
    assert Measure.of("psnr").gain(INF, INF) == 0


TABLE = {
    "protocol": "p",
    "setting": "sigma 25",
    "metric": "psnr",
    "gate": None,
    "commit": "",
    "version": "1",
    "machine": "m",
}


def table(**means):
    """One model a mean and its seconds; each with one image."""
    rows = [
        Row(
            model=model, mean=mean, values=(mean,), images=("a",), n=1,
            seconds_per_megapixel=time, **TABLE,
        )
        for model, (mean, time) in means.items()
    ]  # fmt: skip
    (found,) = protocols(rows)
    return found.tables[0], styles([found])


def domain(chart, axis):
    return chart.spec["layer"][-1]["encoding"][axis]["scale"]["domain"]


@pytest.mark.parametrize(
    "means", [(24.1, 33.7), (0.91, 0.92), (5.0, 5.0), (-2.0, 3.0), (INF, 3.0), (3.0, NAN)]
)
def test_what_is_drawn_lies_inside(means):
    one, two = means
    (chart,) = against_time(*table(one=(one, 0.1), two=(two, 100.0)))
    for axis in "xy":
        low, high = domain(chart, axis)
        points = [point[axis] for point in chart.spec["data"]["values"]]
        assert points
        assert all(low < value < high for value in points)


def test_the_fastest_and_best_are_joined():
    drawn = table(a=(30.0, 1.0), b=(29.0, 2.0), c=(31.0, 4.0), none=(20.0, None))
    (chart,) = against_time(*drawn)
    front = next(layer for layer in chart.spec["layer"] if "interpolate" in layer["mark"])
    assert [point["y"] for point in front["data"]["values"]] == [30.0, 31.0]
    assert chart.notes == ("Off the chart: input: 20.00\u00a0dB",)
    assert against_time(*table(none=(20.0, None), a=(NAN, 1.0))) == []


def test_names_do_not_cover_each_other():
    drawn = table(**{f"network-{n}": (30 + n / 1000, 1.0) for n in range(5)})
    (chart,) = against_time(*drawn)
    places = {(one["x"], one["y"]) for one in chart.spec["layer"][-1]["data"]["values"]}
    assert len(places) == 5


def test_a_crop_is_where_it_is_worst():
    truth = np.full((100, 120, 3), 90, np.uint8)
    better, worse = truth.copy(), truth.copy()
    worse[56:72, 80:96] += 30
    better[0:20, 0:20] += 60  # an error of the other
    box = find_box(worse, better, truth, 16)
    assert box == (slice(56, 56 + 16), slice(80, 80 + 16))
    assert find_box(worse, truth, None, 16) == box
    whole = find_box(worse, better, truth, 500)
    assert whole == (slice(0, 100), slice(0, 120))


def test_sizes_and_channels_are_fitted():
    small = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    large = np.zeros((12, 16, 3), np.uint8)
    found = fitted({"input": small, "truth": large, "flat": large[:, :, 0]})
    assert [picture.shape for picture, _ in found.values()] == [(12, 16, 3)] * 3
    assert [repeated for _, repeated in found.values()] == [4, 1, 1]
    assert np.array_equal(found["input"][0][::4, ::4, 2], small[:, :, 0])


def test_crops_keep_every_value():
    picture = np.random.default_rng(0).integers(0, 256, (9, 17, 3), np.uint8)
    data = lossless(picture).removeprefix("data:image/webp;base64,")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), picture)


def test_models_look_different():
    looks = [Style.number(index) for index in range(42)]
    assert len(set(looks)) == 42


# ---- Colours of page.css, light and dark ----

CSS = (resources.files("undegrade.evaluation.report") / "page.css").read_text("utf-8")
PAIRS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)", CSS)
}


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("ground", ["paper", "wash"])
def test_contrast(mode, ground):
    for name in ("ink", "soft", "link", "harm", "doubt"):
        assert contrast(PAIRS[name][mode], PAIRS[ground][mode]) >= 4.5, name
    for name in ("edge", "base", *(f"c{index}" for index in range(COLOURS))):
        assert contrast(PAIRS[name][mode], PAIRS[ground][mode]) >= 3, name


@pytest.mark.parametrize("mode", [0, 1])
def test_colours_differ_for_the_colour_blind(mode):
    """Under Machado et al. (2009), "A physiologically-based model", severity 1, in linear light."""
    deuteranopia = np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    )  # fmt: skip
    protanopia = np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    )  # fmt: skip
    colours = [PAIRS[f"c{index}"][mode] for index in range(COLOURS)]
    encoded = np.array([[int(c[at : at + 2], 16) / 255 for at in (1, 3, 5)] for c in colours])
    for matrix in (np.eye(3), deuteranopia, protanopia):
        seen = np.clip(encoded**2.2 @ matrix.T, 0, 1) ** (1 / 2.2)
        for a, b in itertools.combinations(seen, 2):
            assert np.linalg.norm(a - b) > 0.1
