"""What the tests of the runtime share."""

from __future__ import annotations

import pytest

from tests.networks import tiny_model
from undegrade.runtime import open_network


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Tiny networks of every shape that tiles and turns must get right, by name."""
    folder = tmp_path_factory.mktemp("nets")
    shapes = {
        "same": {"unshuffle": 2, "levels": 2},
        "deep": {"unshuffle": 4, "convs": 3},
        "x2": {"scale": 2},
        "x4": {"scale": 4, "convs": 3},
    }
    models = {name: tiny_model(folder, name, **arguments) for name, arguments in shapes.items()}
    return {name: open_network(model, threads=1, device="cpu") for name, model in models.items()}
