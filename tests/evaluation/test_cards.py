"""The script that measures the shipped models: its jobs are possible, its tables right."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.evaluation.test_significance import row
from undegrade.catalog import Catalog, user_folder
from undegrade.evaluation.protocols import choose_settings, protocol
from undegrade.metrics import METRICS

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ROWS = [
    row("bicubic", [20.0, 22.0], protocol="sr-bicubic on set5: in Y", setting="x4"),
    row("sr-x4", [30.123456, 30.0], protocol="sr-bicubic on set5: in Y", setting="x4"),
    row("bicubic", [0.5, 0.6], protocol="sr-bicubic on set5: in Y", setting="x4", metric="ssim"),
    row("sr-x4", [0.7, 0.8], protocol="sr-bicubic on set5: in Y", setting="x4", metric="ssim"),
]


@pytest.fixture
def cards(monkeypatch):
    pytest.importorskip("skimage", reason="needs undegrade[eval]")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield import_module("cards")
    sys.modules.pop("cards", None)


def test_every_job_is_possible(cards):
    assert set(cards.JOBS) == set(Catalog(user_folder() / "none").enhancing)
    for name, jobs in cards.JOBS.items():
        assert name in cards.SHOWN or name.startswith("face")
        for job in jobs:
            chosen = protocol(job.protocol)
            assert choose_settings(chosen, job.parameters)
            assert set(job.metrics) <= set(METRICS)


def test_scores_and_tables(cards):
    (one, other) = cards.scores(ROWS, "sr-x4")
    assert (one.protocol, one.metric, one.n) == ("sr-bicubic on set5, x4", "psnr", 2)
    assert (one.value, one.input) == (30.0617, 21.0)
    assert (other.value, other.input) == (0.75, 0.55)
    assert cards.table(ROWS, *cards.settings(ROWS)[0]).splitlines() == [
        "| sr-bicubic on set5, x4 (n = 2) | psnr | ssim |",
        "|---|---:|---:|",
        "| input | 21.00 | 0.5500 |",
        "| sr-x4 | 30.06 | 0.7500 |",
    ]
