"""The one verb: a photo in, a better photo out."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade.catalog import Catalog, Model
from undegrade.diagnosis import BLIND, Diagnoser, Diagnosis, open_diagnoser
from undegrade.errors import UsageError
from undegrade.picture import (
    ColourSpace,
    Encoding,
    Picture,
    bleed,
    decode,
    encode,
    from_array,
    from_pil,
    to_pil,
)
from undegrade.picture import save as save_picture
from undegrade.plan import DETAIL, Step, Wishes, make_plan
from undegrade.runtime import (
    PRECISIONS,
    Floats,
    Network,
    Pixels,
    bound,
    choose_precision,
    find_model,
    lock_colour,
    make_grid,
    open_network,
    process,
    tile_side,
)
from undegrade.runtime.dial import dial
from undegrade.runtime.resize import enlarge, reduce

Source: TypeAlias = (
    "str | os.PathLike[str] | bytes | BinaryIO | NDArray[Any] | Image.Image | Picture"
)
Progress = Callable[[float], None]
"""Called with the part done, 0 to 1, over all steps."""

DEVICES = ("auto", "cpu", "gpu")
RESTORED_QUALITY = 92
"""Least JPEG quality at which an enhanced picture is written: writing what was restored with the
coarse tables that had damaged it would damage it again."""
DIAGNOSIS_NEED = 60_000_000
"""Working memory of a diagnosis in bytes, whatever the size of the photo (measured)."""


@dataclass(frozen=True)
class Result:
    """What :func:`enhance` returns."""

    picture: Picture
    found: Diagnosis
    """What the photo had lost before."""
    steps: tuple[Step, ...]
    """What was run; empty when the photo was left alone."""
    left: Diagnosis
    """What it lacks now, by its pixels alone; *found* where it was left alone."""
    seconds: float

    @property
    def unchanged(self) -> bool:
        """Whether the pixels are those of the input, bit for bit."""
        return not self.steps

    @property
    def image(self) -> Image.Image:
        """The picture as a Pillow image of 8 bit."""
        return to_pil(self.picture)

    @property
    def array(self) -> NDArray[Any]:
        """The pixels, (H, W, C) uint8 or uint16."""
        return self.picture.pixels

    def encode(
        self, *, format: str | None = None, quality: int | None = None, strip: bool = False
    ) -> bytes:
        """The bytes of a file; see :func:`undegrade.picture.encode`."""
        return encode(self.picture, format=format, quality=self._quality(quality), strip=strip)

    def save(
        self,
        path: str | os.PathLike[str] | BinaryIO,
        *,
        format: str | None = None,
        quality: int | None = None,
        strip: bool = False,
    ) -> Path | None:
        """Write a file in one atomic step, the suffix decides the format; or into an open file."""
        return save_picture(
            self.picture, path, format=format, quality=self._quality(quality), strip=strip
        )

    def _quality(self, wished: int | None) -> int | None:
        before = self.picture.encoding.jpeg_quality
        if wished is None and self.steps and before is not None and before < RESTORED_QUALITY:
            return RESTORED_QUALITY
        return wished

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, for JSON."""
        return {
            "found": self.found.as_dict(),
            "steps": [step.as_dict() for step in self.steps],
            "left": self.left.as_dict(),
            "unchanged": self.unchanged,
            "width": self.picture.width,
            "height": self.picture.height,
            "seconds": round(self.seconds, 3),
            "notes": list(self.picture.notes),
        }


@dataclass(frozen=True)
class Forecast:
    """What a run would take, known before it starts."""

    picture: Picture
    found: Diagnosis
    steps: tuple[Step, ...]
    width: int
    height: int
    tiles: int
    memory: int
    """Upper bound on peak memory in bytes."""
    promised: bool
    """Whether every network's need was measured; else the bound is a cautious estimate."""
    seconds: float
    """Estimate from the models' cards; the cards name the machine."""

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {
            "found": self.found.as_dict(),
            "steps": [step.as_dict() for step in self.steps],
            "width": self.width,
            "height": self.height,
            "tiles": self.tiles,
            "memory_bytes": self.memory,
            "memory_promised": self.promised,
            "seconds_estimated": round(self.seconds, 2),
            "notes": list(self.picture.notes),
        }


@dataclass
class Enhancer:
    """Networks that stay open from one picture to the next; may be called from several threads.

    Parameters
    ----------
    wishes: what to do; by default what each photo needs.
    tile: kept side of a tile in pixels; by default chosen for the promised memory.
    threads: threads inside a network; by default every core.
    device: ``auto``, ``cpu`` or ``gpu``.
    max_megapixels: pictures above are refused before they are decoded.
    precision: ``auto``, ``fp32`` or ``int8`` (faster where a network has such weights).
    look: how a photo is diagnosed; by default by the network that ships, or by classical
        estimators where it is missing.
    thumbnails: what a step sees of the whole photo, by the step's name, where what it is given is
        a part of one; see :func:`undegrade.runtime.make_thumbnail`.
    catalog: the models at hand.
    """

    wishes: Wishes = field(default_factory=Wishes)
    tile: int | None = None
    threads: int | None = None
    device: str = "auto"
    max_megapixels: float = 200.0
    precision: str = "auto"
    look: Diagnoser | None = None
    thumbnails: Mapping[str, Floats] = field(default_factory=dict)
    catalog: Catalog = field(default_factory=Catalog)
    _open: dict[tuple[str, float], Network] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise UsageError(
                f"there is no device {self.device!r}", f"choose one of: {', '.join(DEVICES)}"
            )
        if self.precision not in PRECISIONS:
            raise UsageError(
                f"there is no precision {self.precision!r}",
                f"choose one of: {', '.join(PRECISIONS)}",
            )
        if not 0 < self.max_megapixels < float("inf"):
            raise UsageError(
                f"a limit of {self.max_megapixels:g} megapixels is not possible",
                "choose a number above 0",
            )

    def forecast(self, source: Source, workers: int = 1) -> Forecast:
        """Decode and plan, but run nothing; memory is that of *workers* such photos at a time."""
        picture, found, steps = self._plan(source)
        height, width = picture.height, picture.width
        tiles, seconds, memory = 0, 0.0, 0
        for step in steps:
            card = step.model.card
            seen = -(-height // step.shrink), -(-width // step.shrink)
            grid = make_grid(*seen, card.radius, card.multiple, self._tile(step.model))
            channels = picture.channels + (picture.alpha is not None)
            need = bound(card, grid, channels, picture.pixels.itemsize, workers)
            need += workers * DIAGNOSIS_NEED
            if step.shrink > 1:
                need += workers * height * width * channels * picture.pixels.itemsize
            memory, tiles = max(memory, need), tiles + len(grid)
            height, width = height * step.scale, width * step.scale
            # What tiles share is computed for each of them.
            computed = len(grid) * grid.window_pixels * card.scale**2
            seconds += self._pace(step) * computed / 1e6
        promised = all(step.model.card.bytes_per_pixel for step in steps)
        return Forecast(picture, found, steps, width, height, tiles, memory, promised, seconds)

    def __call__(
        self,
        source: Source,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Result:
        """Enhance one picture; see :func:`enhance`."""
        started = time.perf_counter()
        picture, found, steps = self._plan(source)
        for number, step in enumerate(steps):
            part = _share(progress, number, len(steps))
            picture = self._run(step, picture, part, cancelled)
        left = self._look(replace(picture, encoding=Encoding())) if steps else found
        return Result(picture, found, steps, left, time.perf_counter() - started)

    def _plan(self, source: Source) -> tuple[Picture, Diagnosis, tuple[Step, ...]]:
        picture = self._load(source)
        found = self._look(picture)
        plan = make_plan(found, self.wishes, self._find, self.catalog.vivid_of)
        blind = () if found.crops else (BLIND,)
        return replace(picture, notes=(*picture.notes, *blind, *plan.notes)), found, plan.steps

    def _look(self, picture: Picture) -> Diagnosis:
        with self._lock:
            if self.look is None:
                self.look = open_diagnoser(self.catalog, self.threads)
        return self.look(picture)

    def _find(self, name_or_file: str) -> Model:
        return find_model(name_or_file, self.catalog)

    def _load(self, source: Source) -> Picture:
        if isinstance(source, Picture):
            return source
        if isinstance(source, np.ndarray):
            return from_array(source)
        if isinstance(source, Image.Image):
            return from_pil(source)
        return decode(source, max_megapixels=self.max_megapixels)

    def _run(
        self,
        step: Step,
        picture: Picture,
        progress: Callable[[int, int], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> Picture:
        pixels = picture.pixels
        if picture.alpha is not None:
            pixels = bleed(pixels, picture.alpha)
        if step.strength == 0:
            return picture.with_pixels(_plain(pixels, step.scale))
        result = self._enhanced(step, pixels, picture.colour, progress, cancelled)
        if step.strength != 1:
            dial(_plain(pixels, step.scale), result, step.strength)
        return picture.with_pixels(result)

    def _enhanced(
        self,
        step: Step,
        pixels: Pixels,
        colour: ColourSpace,
        progress: Callable[[int, int], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> Pixels:
        """What the network makes of *pixels* (H, W, C) at full strength, (scale H, scale W, C)."""
        result = process(
            self._network(step),
            pixels if step.shrink == 1 else reduce(pixels, step.shrink),
            step.levels,
            tile=self._tile(step.model),
            thumbnail=self.thumbnails.get(step.name),
            to_srgb=None if colour.is_srgb else colour.to_srgb,
            from_srgb=None if colour.is_srgb else colour.from_srgb,
            progress=progress,
            cancelled=cancelled,
        )
        # Reducing rounds the sides up.
        height, width = pixels.shape[0] * step.scale, pixels.shape[1] * step.scale
        result = result[:height, :width].copy() if step.shrink > 1 else result
        return lock_colour(pixels, result) if step.model.card.colour_locked else result

    def _tile(self, model: Model) -> int:
        return tile_side(model.card) if self.tile is None else self.tile

    def _pace(self, step: Step) -> float:
        """Seconds per output megapixel, by the card."""
        card = step.model.card
        mixed = step.vivid is not None and step.detail > 0
        chosen = choose_precision(step.model, self.precision, device=self.device, mixed=mixed)
        in_bytes = chosen == "int8" and card.int8_seconds_per_megapixel
        return card.int8_seconds_per_megapixel if in_bytes else card.seconds_per_megapixel

    def _network(self, step: Step) -> Network:
        key = str(step.model.path), step.detail
        with self._lock:
            if key not in self._open:
                self._open[key] = open_network(
                    step.model,
                    threads=self.threads,
                    device=self.device,
                    vivid=step.vivid,
                    detail=step.detail,
                    precision=self.precision,
                )
            return self._open[key]


def _plain(pixels: Pixels, scale: int) -> Pixels:
    """What the change of a network is measured against: the picture, or it enlarged plainly."""
    return pixels if scale == 1 else enlarge(pixels, scale)


def enhance(
    source: Source,
    *,
    task: str = "auto",
    scale: int | None = None,
    strength: float = 1.0,
    model: str | None = None,
    noise: float | None = None,
    jpeg: float | None = None,
    detail: float = DETAIL,
    tile: int | None = None,
    threads: int | None = None,
    device: str = "auto",
    max_megapixels: float = 200.0,
    precision: str = "auto",
    keep: Sequence[str] = (),
    skip: Sequence[str] = (),
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Result:
    """Find out what a photo has lost and give it back.

    Parameters
    ----------
    source: a path, the bytes of a file, a binary file object, a Pillow image, or an array
        (H, W), (H, W, 3) or (H, W, 4) of uint8 or uint16.
    task: ``auto`` does what the photo needs; ``restore``, ``denoise``, ``dejpeg``, ``lowlight``,
        ``phone``, ``sr`` and ``face`` do one thing.
    scale: 1, 2 or 4 times the size.
    strength: 0 (untouched, or plainly enlarged) to 1.5; 1 as measured.
    model: name or ONNX file of the one network to run.
    noise, jpeg: the noise's sigma (0..255 units) and the JPEG quality, where they are known.
    keep: ``grain`` leaves most of the noise and smooths and sharpens less.
    skip: steps that are left out: ``restore``, ``lowlight``, ``phone``, ``resharpen``, ``enlarge``.
    detail: 0 (faithful) to 1 (vivid: crisper, but partly made up), where a network has both.
    tile: kept side of a tile in pixels; smaller needs less memory and more time.
    threads: threads inside a network; by default every core.
    device: ``auto``, ``cpu`` or ``gpu``.
    max_megapixels: larger pictures are refused before they are decoded.
    precision: ``auto``, ``fp32`` or ``int8``.
    progress: called with the part done, 0 to 1.
    cancelled: asked between tiles; true raises :class:`undegrade.errors.Cancelled`.

    Raises
    ------
    UndegradeError: see :mod:`undegrade.errors`; ``str`` of it is one line for a user.

    Examples
    --------
    >>> import numpy as np
    >>> import undegrade
    >>> grey = np.full((64, 64, 3), 128, np.uint8)
    >>> undegrade.enhance(grey).unchanged
    True
    """
    wishes = Wishes(task, scale, strength, model, noise, jpeg, detail, tuple(keep), tuple(skip))
    enhancer = Enhancer(wishes, tile, threads, device, max_megapixels, precision)
    return enhancer(source, progress, cancelled)


def _share(progress: Progress | None, number: int, count: int) -> Callable[[int, int], None] | None:
    """Turn a step's tile counts into the part done of all steps."""
    if progress is None:
        return None
    return lambda done, total: progress((number + done / total) / count)


__all__ = ["Enhancer", "Forecast", "Result", "enhance"]
