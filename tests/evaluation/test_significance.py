"""The paired bootstrap: known distributions, what pairing is worth, and corner cases."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from undegrade.errors import UsageError
from undegrade.evaluation import Row, compare, interval


def row(model, values, images=None, **changes):
    names = tuple(images or (f"{number:03}" for number in range(len(values))))
    mean = float(np.mean(values)) if len(values) else math.nan
    made = Row(
        model=model,
        protocol="p",
        setting="s",
        metric="psnr",
        mean=mean,
        values=tuple(map(float, values)),
        images=names,
        n=len(values),
        gate=None,
        commit="",
        version="1",
        machine="m",
        seconds_per_megapixel=None,
    )
    return replace(made, **changes)


def test_the_interval_of_a_normal_mean():
    """mean +- 1.96 s / sqrt(n), as the theory of large samples has it."""
    values = np.random.default_rng(1).normal(0.3, 2.0, 400)
    low, high = interval(values)
    half = 1.96 * values.std() / math.sqrt(400)
    assert low == pytest.approx(values.mean() - half, abs=0.03 * half * 2)
    assert high == pytest.approx(values.mean() + half, abs=0.03 * half * 2)


def test_the_interval_of_two_values_by_hand():
    """Means of two draws of 0 and 1 are 0, 1/2, 1 with chances 1/4, 1/2, 1/4."""
    assert interval([0.0, 1.0]) == (0.0, 1.0)
    assert interval([1.0] * 9) == (1.0, 1.0)


def test_it_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(2)
    held = 0
    for trial in range(300):
        low, high = interval(rng.exponential(1.0, 40), resamples=400, seed=trial)
        held += low <= 1.0 <= high
    # 95 %, a little less for skewed distributions and few values.
    assert 0.88 <= held / 300 <= 0.98


def test_the_seed_makes_it_repeatable():
    values = np.random.default_rng(3).normal(size=50)
    assert interval(values) == interval(values)
    assert interval(values, seed=1) != interval(values)


def test_memory_is_bounded_without_changing_the_law(monkeypatch):
    values = np.random.default_rng(3).normal(size=50)
    whole = interval(values)
    monkeypatch.setattr("undegrade.evaluation.significance.AT_A_TIME", 1000)
    assert interval(values) == pytest.approx(whole, abs=0.02)


def test_pairs_show_what_spreads_hide():
    """Images differ by 5 dB, the models by 0.05 on every one of them."""
    rng = np.random.default_rng(4)
    hard = rng.normal(30, 5, 60)
    better = hard + 0.05 + rng.normal(0, 0.02, 60)
    (found,) = compare([row("ours", better), row("theirs", hard)])
    assert (found.first, found.second, found.n) == ("ours", "theirs", 60)
    assert found.mean == pytest.approx(0.05, abs=0.01)
    assert 0 < found.low < found.mean < found.high < 0.07
    assert not found.noise
    # The same numbers in other pairs say nothing.
    (shuffled,) = compare([row("ours", rng.permutation(better)), row("theirs", hard)])
    assert shuffled.mean == pytest.approx(found.mean)
    assert shuffled.noise
    assert shuffled.high - shuffled.low > 2


def test_what_is_no_difference_is_noise():
    rng = np.random.default_rng(5)
    hard = rng.normal(30, 5, 60)
    (found,) = compare([row("a", hard + rng.normal(0, 0.5, 60)), row("b", hard)])
    assert found.noise
    assert found.low < 0 < found.high
    (same,) = compare([row("a", hard), row("b", hard)])
    assert (same.mean, same.low, same.high, same.noise) == (0, 0, 0, True)


def test_a_loss_is_told_from_noise_too():
    (found,) = compare([row("a", np.arange(20.0)), row("b", np.arange(20.0) + 1)])
    assert (found.mean, found.low, found.high, found.noise) == (-1, -1, -1, False)


def test_only_common_images_count_by_name():
    first = row("a", [1, 2, 3], ["x", "y", "z"])
    second = row("b", [9, 1, 0], ["q", "z", "x"])
    (found,) = compare([first, second])
    assert (found.n, found.mean) == (2, 1.5)
    (nothing,) = compare([first, row("b", [1.0], ["q"])])
    assert (nothing.n, nothing.noise) == (0, True)
    assert math.isnan(nothing.mean)
    assert math.isnan(nothing.low)


def test_infinite_values():
    """Pictures that equal the truth do not differ; one that does is infinitely better."""
    (same,) = compare([row("a", [math.inf, 30, 31]), row("b", [math.inf, 29, 30])])
    assert same.mean == pytest.approx(2 / 3)
    (found,) = compare([row("a", [math.inf, 30, 31]), row("b", [40, 29, 30])])
    assert found.mean == math.inf
    assert found.low == pytest.approx(1)
    assert found.high == math.inf
    assert not found.noise


def test_groups_and_order():
    rows = [
        row(model, [base, base + 1], setting=setting, metric=metric)
        for setting in ("x2", "x4")
        for metric in ("psnr", "ssim")
        for model, base in (("none", 1), ("a", 2), ("b", 3))
    ]
    found = compare(rows)
    assert [(d.setting, d.metric, d.first, d.second) for d in found[:4]] == [
        ("x2", "psnr", "none", "a"),
        ("x2", "psnr", "none", "b"),
        ("x2", "psnr", "a", "b"),
        ("x2", "ssim", "none", "a"),
    ]
    assert len(found) == 4 * 3
    assert compare([]) == compare(rows[:1]) == []


def test_too_few():
    assert all(math.isnan(end) for end in interval([1.0]))
    with pytest.raises(UsageError, match="10 resamples give no interval"):
        interval([1.0, 2.0], resamples=10)
