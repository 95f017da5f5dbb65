"""One service for all tests that change none of its limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi", reason="needs the extra web")

from tests.photos import noisy, photo_file, scene
from tests.service.running import Running, running


@pytest.fixture(scope="session")
def shared() -> Iterator[Running]:
    with running() as service:
        yield service


@pytest.fixture(scope="session")
def grainy() -> bytes:
    """A small noisy photo as PNG, so that its pixels are known."""
    return photo_file(noisy(scene(120, 160), 25), "PNG")


@pytest.fixture(scope="session")
def large() -> bytes:
    """A photo whose enlarging by four takes several tiles, and seconds."""
    return photo_file(scene(440, 560), "PNG")
