"""What the tests of aligning share: pairs are drawn and aligned once, OpenCV runs on one thread."""

from __future__ import annotations

import functools

import pytest

from tests.alignment.synthetic import make_pair
from undegrade.alignment import align

cv2 = pytest.importorskip("cv2")


@pytest.fixture(autouse=True, scope="session")
def _one_opencv_thread():
    cv2.setNumThreads(1)


@pytest.fixture(scope="session")
def pair():
    """``make_pair``, each pair once."""
    return functools.cache(make_pair)


@pytest.fixture(scope="session")
def found(pair):
    """What ``align`` finds in such a pair, each once."""

    @functools.cache
    def once(seed, **kind):
        made = pair(seed, **kind)
        return align(made.phone, made.dslr)

    return once
