"""Small sets on disk and in packs."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.photos import write_photo


def plain(height: int = 8, width: int = 8, level: int = 90) -> Any:
    """A grey picture, where only its being there counts."""
    return np.full((height, width, 3), level, np.uint8)


def textured(height: int, width: int, seed: int) -> Any:
    """Coloured noise at several scales, (H, W, 3): detail everywhere, and no two are alike."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for step in (4, 12, 40):
        coarse = rng.uniform(0, 255, (height // step + 2, width // step + 2, 3)).astype(np.uint8)
        size = (width, height)
        total += np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
    return np.clip(total / 3, 0, 255).astype(np.uint8)


def make(folder: Path, names: Iterable[str], size: tuple[int, int] = (8, 8)) -> Path:
    """Pictures of these names below *folder*, which is returned."""
    for name in names:
        write_photo(folder / name, plain(*size))
    return folder


def pack(path: Path, files: Mapping[str, bytes], mode: str = "w") -> Path:
    """A tar pack of *files*."""
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below *folder*, by its name there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
