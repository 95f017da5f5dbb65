"""Test photos that lie beside the repository and are not part of it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

SHARED = Path(__file__).parents[1].parent / "shared"


def shared(*parts: str) -> Path:
    """The path of a shared file; the test that asks is skipped where there is none."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {'/'.join(('shared', *parts))} beside the repository")
    return path


def photos(archive: str) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Name and pixels (H, W, 3) of each photo of ``shared/data/test/<archive>``, in name order."""
    with tarfile.open(shared("data", "test", archive)) as tar:
        for member in sorted(tar.getmembers(), key=lambda member: member.name):
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None:
                with Image.open(io.BytesIO(file.read())) as picture:
                    yield Path(member.name).stem, np.asarray(picture.convert("RGB"))
