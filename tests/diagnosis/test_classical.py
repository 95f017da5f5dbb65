"""What is told of a photo where the network is missing, and which of the two is asked."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tests.diagnosis.readers import tiny_reader
from tests.photos import noisy, photo_file, scene
from undegrade.catalog import Catalog
from undegrade.diagnosis import estimate, open_diagnoser
from undegrade.errors import ModelError
from undegrade.picture import decode, from_array


@pytest.mark.parametrize("quality", [5, 10, 30, 50, 75, 90, 95])
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_quality_is_read_from_the_file(quality, channels):
    data = photo_file(scene(channels=channels), "JPEG", quality=quality)
    found = estimate(decode(data))
    assert found.jpeg.value == found.file_quality == pytest.approx(quality, abs=1)
    assert found.jpeg.found == (quality <= 90)
    assert not found.noise.found


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP"])
def test_no_jpeg_history(kind):
    found = estimate(decode(photo_file(scene(), kind)))
    assert (found.file_quality, found.jpeg.found) == (None, False)
    assert math.isinf(found.jpeg.uncertainty)


def test_noise_is_found_and_detail_is_not_looked_at():
    found = estimate(from_array(noisy(scene(192, 256), 20)))
    assert found.noise.found
    assert found.noise.value == pytest.approx(20, abs=3)
    assert found.words == (f"noise of sigma {found.noise.value:.1f}",)
    assert (found.scale.value, found.scale.found, found.crops) == (1, False, 0)
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["blur"]["uncertainty"] is None


def test_light_is_counted_all_the_same():
    assert estimate(from_array((scene(160, 200) * 0.3).astype(np.uint8))).exposure.found


def test_the_network_is_asked_where_it_lies(tmp_path):
    assert open_diagnoser(Catalog(bundled=tmp_path)) is estimate
    path = tiny_reader(tmp_path).path
    found = open_diagnoser(Catalog(bundled=tmp_path), threads=1)(from_array(scene()))
    assert found.crops == 1
    whole = path.read_bytes()
    path.unlink()
    assert open_diagnoser(Catalog(bundled=tmp_path)) is estimate
    path.write_bytes(whole + b"more")
    with pytest.raises(ModelError, match="damaged"):
        open_diagnoser(Catalog(bundled=tmp_path))
