"""What the tests of metrics share."""

from __future__ import annotations

import pytest

from tests.metrics.stand_ins import stand_in


@pytest.fixture(scope="session")
def make(tmp_path_factory):
    """A metric by name that needs no weights of others, made once."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = stand_in(name, tmp_path_factory.mktemp(name))
        return made[name]

    return get


@pytest.fixture(autouse=True)
def _no_weights_of_one_s_own(monkeypatch):
    """No test reads what the environment offers, or the network."""
    monkeypatch.delenv("UNDEGRADE_BACKBONES", raising=False)

    def refuse(url, timeout):
        raise OSError("no network in tests")

    monkeypatch.setattr("undegrade.metrics.weights.urllib.request.urlopen", refuse)
