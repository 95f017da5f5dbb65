"""Made-up photos that the tests of training share."""

from __future__ import annotations

import numpy as np
import pytest

from tests.photos import write_photo
from tests.training.data.sets import textured


@pytest.fixture(scope="session", autouse=True)
def _one_arithmetic():
    """Runs are compared bit for bit, and a trial on a busy machine may end either way."""
    pytest.importorskip("torch", reason="the make half needs undegrade[train]")
    from undegrade.training import machine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "cpu_flags", frozenset)
        yield


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of four square photos."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(4):
        write_photo(folder / f"{index}.png", textured(160, 160, index))
    return folder


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """Four pairs of a dark and a light photo in ``low/`` and ``high/``."""
    folder = tmp_path_factory.mktemp("pairs")
    for index in range(4):
        light = textured(96, 112, 10 + index)
        write_photo(folder / "high" / f"{index}.png", light)
        write_photo(folder / "low" / f"{index}.png", np.rint(0.3 * light).astype(np.uint8))
    return folder


@pytest.fixture(scope="session")
def sources(photos, pairs):
    """What a recipe is trained on, as a function of the recipe."""
    return lambda recipe: [pairs if recipe.data.pairs else photos]
