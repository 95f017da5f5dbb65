"""The simulation of more machines, where its answer can be worked out; the numbers of the page."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def cluster():
    """The module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("cluster_simulation")


@pytest.fixture
def free(cluster):
    """A network that costs nothing, and work that costs only its computing."""
    network = cluster.Network(latency=0.0, node_rate=1e18, store_rate=1e18)
    return network, cluster.Work(dispatch=0.0, start=0.0)


def test_nothing_in_the_way_is_an_efficiency_of_one(cluster, free):
    for workers in (1, 8, 64):
        told = cluster.simulate(workers, [2.0], *free)
        assert told["efficiency"] == pytest.approx(1)
        assert told["seconds"] == pytest.approx(40 * 4 * 2.0)


def test_each_limit_alone_gives_its_own_time(cluster, free):
    network, work = free
    late = cluster.simulate(8, [1.0], replace(network, latency=0.25), work)
    assert late["efficiency"] == pytest.approx(0.5)
    serial = cluster.simulate(64, [1e-6], network, replace(work, dispatch=0.01))
    assert serial["seconds"] == pytest.approx(64 * 40 * 0.01, rel=0.01)
    assert serial["driver"] == pytest.approx(1, rel=0.01)
    store = cluster.simulate(64, [1e-6], replace(network, store_rate=1e9), work)
    size = work.read + work.write
    assert store["seconds"] == pytest.approx(64 * 40 * 4 * size / 1e9, rel=0.01)
    line = cluster.simulate(64, [1e-6], replace(network, node_rate=1e9, node_workers=16), work)
    assert line["seconds"] == pytest.approx(16 * 40 * 4 * size / 1e9, rel=0.01)
    begun = cluster.simulate(8, [1.0], network, replace(work, start=10.0))
    assert begun["seconds"] == pytest.approx(170)


def test_uneven_objects_cost_the_wait_for_the_last_worker(cluster, free):
    told = cluster.simulate(64, [1.0, 9.0], *free, seed=3)
    assert 0.9 < told["efficiency"] < 1
    assert told == cluster.simulate(64, [1.0, 9.0], *free, seed=3)
    assert told != cluster.simulate(64, [1.0, 9.0], *free, seed=4)


def test_the_page_says_what_was_measured(monkeypatch):
    pytest.importorskip("onnx", reason="needs undegrade[dev]")
    monkeypatch.syspath_prepend(BENCHMARKS)
    benchmark = importlib.import_module("cluster")
    page = benchmark.DOCS.read_text()
    told = json.loads(benchmark.RESULTS.read_text())
    assert page == importlib.import_module("pages").renewed(
        page, "measured", benchmark.tables(told)
    )
