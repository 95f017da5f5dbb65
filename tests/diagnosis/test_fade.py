"""Faded prints are found, fog and good photos are not."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from tests.shared_data import photos
from undegrade.catalog import Catalog
from undegrade.degradation import DEGRADATIONS
from undegrade.diagnosis.decide import decide_fade
from undegrade.diagnosis.fade import Fade, open_fade
from undegrade.enhancer import Enhancer
from undegrade.errors import ModelError
from undegrade.picture import from_array

OLD = {"red_kept": 0.4, "green_kept": 0.5, "blue_kept": 0.45}
SURE = Fade(change=15.0, error=1.0, least=0.3, lightness=30.0)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"change": 8.0}, False),  # hardly anything would change
        ({"least": 0.05}, False),  # a channel reaches black
        ({"lightness": 60.0}, False),  # fog
    ],
)
def test_what_counts_as_faded(changes, found):
    finding = decide_fade(replace(SURE, **changes))
    assert finding.found == found
    assert f"{finding.value:.1f}" in finding.words


@pytest.fixture(scope="module")
def reader():
    return open_fade(Catalog().models["fade"], threads=1)


@pytest.mark.parametrize("shape", [(2, 33), (7, 5), (400, 300)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_any_size_and_depth_is_read(reader, shape, kind):
    found = reader(from_array(np.full((*shape, 3), np.iinfo(kind).max // 3, kind)))
    assert np.isfinite([found.change, found.least, found.lightness]).all()
    assert found.least == pytest.approx(1 / 3, abs=0.01)


def test_grey_is_read_as_three_equal_channels(reader):
    ramp = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    grey, three = (reader(from_array(x)) for x in (ramp, np.repeat(ramp[..., None], 3, 2)))
    assert grey.change == pytest.approx(three.change, abs=1e-3)


def test_another_network_is_refused():
    with pytest.raises(ModelError, match="'restore'"):
        open_fade(Catalog().models["restore"])


def test_what_has_faded_is_freshened_and_as_it_was_is_left():
    enhancer, gains = Enhancer(), []
    for _, pixels in itertools.islice(photos("live1.tar"), 12):
        assert not enhancer.diagnose(from_array(pixels)).fade.found
        faded = DEGRADATIONS["fade"].apply(pixels.astype(np.float32) / 255, OLD)
        old = np.rint(255 * faded).astype(np.uint8)
        result = enhancer(from_array(old))
        if "fade" in [step.name for step in result.steps]:
            errors = [np.square(x.astype(float) - pixels).mean() for x in (old, result.array)]
            gains.append(10 * np.log10(errors[0] / errors[1]))
    assert len(gains) >= 3
    assert min(gains) > 0
    assert np.mean(gains) > 3
