"""Training photos held on the device as bytes, and crops drawn from them in batches."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

IMAGE_SUFFIXES = {".avif", ".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
CELL = 32
"""Side in pixels of the cells in which detail is measured for drawing crops."""


def read_images(source: Path) -> Iterable[tuple[str, bytes]]:
    """Name and bytes of every image in a tar pack or, recursively, in a folder, in name order."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in IMAGE_SUFFIXES:
                yield str(path.relative_to(source)), path.read_bytes()
        return
    with tarfile.open(source) as pack:
        members = [m for m in pack if m.isfile() and Path(m.name).suffix.lower() in IMAGE_SUFFIXES]
        for member in sorted(members, key=lambda m: m.name):
            handle = pack.extractfile(member)
            assert handle is not None
            yield member.name, handle.read()


def _decode(data: bytes) -> Tensor:
    with Image.open(io.BytesIO(data)) as image:
        return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).contiguous()


class PhotoSet:
    """Photos as uint8 tensors (3, H, W), with crops drawn where there is detail.

    A crop's centre is drawn from cells of ``CELL`` pixels with probability proportional to their
    mean absolute gradient plus a tenth of the set's mean, because flat sky teaches nothing.
    """

    def __init__(self, photos: Sequence[Tensor], device: torch.device | str = "cpu") -> None:
        if not photos:
            raise ValueError("no training photo was found; give a tar pack or a folder of images")
        self.photos = [photo.to(device) for photo in photos]
        self.device = torch.device(device)
        cells, weights = [], []
        for index, photo in enumerate(self.photos):
            detail = _detail(photo)
            rows, columns = detail.shape
            grid = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
            cells.append(torch.cat([torch.full((len(grid), 1), index), grid], 1))
            weights.append(detail.flatten().cpu())
        self._cells = torch.cat(cells)
        weight = torch.cat(weights).double()
        self._cumulative = torch.cumsum(weight + 0.1 * weight.mean(), 0)

    @classmethod
    def load(
        cls, sources: Sequence[Path], hold_out: int = 0, device: torch.device | str = "cpu"
    ) -> tuple[PhotoSet, list[Tensor]]:
        """Read packs and folders; every so often a photo is held out, *hold_out* in all.

        Held-out photos are evenly spaced in the sorted list and never drawn for training.
        """
        items = [data for source in sources for _, data in read_images(source)]
        with ThreadPoolExecutor() as pool:
            photos = list(pool.map(_decode, items))
        if hold_out >= len(photos):
            raise ValueError(f"cannot hold out {hold_out} of {len(photos)} photos")
        held = {round((i + 0.5) * len(photos) / hold_out) for i in range(hold_out)}
        training = [photo for i, photo in enumerate(photos) if i not in held]
        return cls(training, device), [photos[i].to(device) for i in sorted(held)]

    def crops(self, count: int, size: int, generator: torch.Generator) -> Tensor:
        """Draw crops, turned and mirrored; (count, 3, size, size) uint8."""
        draws = torch.rand(count, generator=generator, dtype=torch.float64) * self._cumulative[-1]
        picks = torch.searchsorted(self._cumulative, draws).clamp(max=len(self._cells) - 1)
        jitter = torch.rand(count, 2, generator=generator)
        turns = torch.randint(0, 8, (count,), generator=generator)
        batch = []
        for (index, *cell), shift, turn in zip(
            self._cells[picks].tolist(), jitter.tolist(), turns.tolist(), strict=True
        ):
            photo = self.photos[index]
            corner = [
                min(max(int((c + s) * CELL - size / 2), 0), side - size)
                for c, s, side in zip(cell, shift, photo.shape[1:], strict=True)
            ]
            if min(corner) < 0:
                raise ValueError(f"a photo of {tuple(photo.shape[1:])} has no crop of {size} px")
            crop = photo[:, corner[0] : corner[0] + size, corner[1] : corner[1] + size]
            batch.append(_turned(crop, turn))
        return torch.stack(batch)


def _turned(crop: Tensor, turn: int) -> Tensor:
    """One of the eight symmetries of the square."""
    crop = torch.rot90(crop, turn % 4, (1, 2))
    return crop.flip(2) if turn >= 4 else crop


def _detail(photo: Tensor) -> Tensor:
    """Mean absolute gradient of the cells of a photo, (rows, columns) float32."""
    grey = photo.float().mean(0)
    gradient = torch.zeros_like(grey)
    gradient[:, 1:] += (grey[:, 1:] - grey[:, :-1]).abs()
    gradient[1:] += (grey[1:] - grey[:-1]).abs()
    rows, columns = max(1, grey.shape[0] // CELL), max(1, grey.shape[1] // CELL)
    return torch.nn.functional.adaptive_avg_pool2d(gradient[None], (rows, columns))[0]
