"""Forecasts of time follow from a run on this machine, which is made once and remembered."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from tests.networks import tiny_network
from undegrade import Enhancer
from undegrade.catalog import Model, sha256
from undegrade.picture import from_array
from undegrade.places import cache_folder
from undegrade.plan import Wishes
from undegrade.runtime import Networks, find_model

PHOTO = np.full((512, 512, 3), 128, np.uint8)


@pytest.fixture
def network(tmp_path):
    """The file of a network of twice the size."""
    return tiny_network(tmp_path / "double.onnx", scale=2)


@pytest.fixture(autouse=True)
def _idle(monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0), raising=False)


def ticking(seconds: float):
    """A clock that goes on by so many seconds whenever it is looked at."""
    count = itertools.count()
    return lambda: seconds * next(count)


def forecast(network: Path, clock, **options) -> float:
    """Seconds that are forecast for the photo."""
    enhancer = Enhancer(Networks(clock=clock, tile=256, **options))
    picture = from_array(PHOTO)
    plan = enhancer.plan(picture, Wishes("sr", 2, model=str(network)))
    return enhancer.forecast(picture, plan).seconds


def cache_file() -> Path:
    """Where speeds are remembered."""
    return cache_folder() / "speeds.json"


def forbidden() -> float:
    raise AssertionError("it is measured again")


def test_a_machine_that_is_slower_is_forecast_to_take_longer(network, monkeypatch, tmp_path):
    fast = forecast(network, ticking(1.0))
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path / "other"))
    # One look before and one after each run: a run takes one tick, four tiles take four.
    assert fast == pytest.approx(4.0, rel=0.1)
    assert forecast(network, ticking(4.0)) == pytest.approx(4 * fast)


def test_it_is_measured_once(network):
    first = forecast(network, ticking(1.0))
    assert cache_file().is_file()
    assert forecast(network, forbidden) == first


def test_what_a_busy_machine_took_is_not_kept(network, monkeypatch):
    with monkeypatch.context() as busy:
        busy.setattr(os, "getloadavg", lambda: (1e6, 1e6, 1e6), raising=False)
        assert forecast(network, ticking(9.0)) == pytest.approx(36.0, rel=0.1)
    assert not cache_file().exists()
    assert forecast(network, ticking(1.0)) == pytest.approx(4.0, rel=0.1)


def test_another_number_of_threads_is_measured_for_itself(network):
    one = forecast(network, ticking(1.0), threads=1)
    assert forecast(network, ticking(2.0), threads=2) == pytest.approx(2 * one)
    assert forecast(network, forbidden, threads=1) == one


def test_another_network_of_the_same_name_is_measured_for_itself(network):
    first = forecast(network, ticking(1.0))
    before = sha256(network)
    tiny_network(network, scale=2, seed=1)
    assert sha256(network) != before
    assert forecast(network, ticking(3.0)) == pytest.approx(3 * first)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": "b", "c": NaN, "d": -1}', b"\xff"])
def test_a_broken_file_is_as_good_as_none(network, content):
    cache_file().parent.mkdir(parents=True)
    cache_file().write_bytes(content)
    assert forecast(network, ticking(1.0)) == pytest.approx(4.0, rel=0.1)
    assert forecast(network, forbidden) == pytest.approx(4.0, rel=0.1)


def test_where_nothing_can_be_kept_it_is_measured_again(network, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path / "file"))
    assert forecast(network, ticking(1.0)) == pytest.approx(4.0, rel=0.1)
    assert forecast(network, ticking(2.0)) == pytest.approx(8.0, rel=0.1)


def test_a_network_that_cannot_be_run_has_the_speed_of_its_card(network):
    card = find_model(str(network), Networks().catalog).card
    broken = Model(
        type(card)(**card.as_dict() | {"sha256": "0" * 64, "seconds_per_megapixel": 5.0}), network
    )
    assert Networks(clock=forbidden).pace(broken) == 5.0
