"""What the tests of aligning share: pairs are drawn once, OpenCV runs on one thread."""

from __future__ import annotations

import functools

import pytest

from tests.alignment.synthetic import make_pair

cv2 = pytest.importorskip("cv2")


@pytest.fixture(autouse=True, scope="session")
def _one_opencv_thread():
    cv2.setNumThreads(1)


@pytest.fixture(scope="session")
def pair():
    """``make_pair``, each pair once."""
    return functools.cache(make_pair)
