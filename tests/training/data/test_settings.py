"""What a recipe may say of reading data."""

from __future__ import annotations

import pytest

from undegrade.errors import RecipeError
from undegrade.training.data.sources import Reading


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"match": ""}, "match = '' matches nothing"),
        ({"centre": -2}, "centre = -2 must be a side in pixels, 0 or -1"),
        ({"resize": -1}, "resize = -1 must be a side in pixels, or 0"),
        ({"resize": 64}, "resize = 64 would distort what is no square; set centre, too"),
        ({"resize": 64, "centre": 32}, "resize = 64 is more than centre = 32"),
        ({"symmetries": "some"}, "symmetries = 'some' must be one of all, mirror, none"),
        ({"memory": -1.0}, "memory = -1.0 must be GiB"),
        ({"memory": float("nan")}, "memory = nan must be GiB"),
        ({"workers": 0}, "workers = 0 must be at least 1"),
    ],
)
def test_impossible_readings_name_the_key(change, message):
    with pytest.raises(RecipeError, match=message) as caught:
        Reading(**change)
    assert caught.value.key == next(iter(change))


@pytest.mark.parametrize("given", [{}, {"centre": -1, "resize": 64}, {"centre": 64, "resize": 64}])
def test_possible_readings(given):
    assert Reading(**given).workers == 2
