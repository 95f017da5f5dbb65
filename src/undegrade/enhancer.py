"""A photo in, a better photo out: diagnose, plan, run."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade.diagnosis import BLIND, Diagnoser, Diagnosis, open_diagnoser
from undegrade.diagnosis.light import measure
from undegrade.diagnosis.shade import cells, lift
from undegrade.errors import UsageError
from undegrade.imaging.arrays import Pixels
from undegrade.imaging.resize import enlarge, reduce
from undegrade.parts import Box, apply_to_part, small
from undegrade.picture import (
    Encoding,
    Picture,
    bleed,
    decode,
    default_format,
    encode,
    from_array,
    from_pil,
    to_pil,
    working_memory,
)
from undegrade.picture import save as save_picture
from undegrade.plan import DETAIL, Plan, Step, Variants, Wishes, make_plan
from undegrade.runtime import (
    Networks,
    Stage,
    WholePhoto,
    lock_colour,
    make_grid,
    memory_bound,
    process,
    tile_need,
)
from undegrade.runtime.process import blend_strength
from undegrade.runtime.session import TURNS
from undegrade.runtime.subjects import Subjects, near
from undegrade.version import __version__

Source: TypeAlias = (
    "str | os.PathLike[str] | bytes | BinaryIO | NDArray[Any] | Image.Image | Picture"
)
Progress = Callable[[float], None]
"""Called with the part done, 0 to 1, over all steps."""

MAX_MEGAPIXELS = 200.0
"""Pictures above are refused before they are decoded, unless the user moves the limit."""
RESTORED_QUALITY = 92
"""Least JPEG quality at which an enhanced picture is written: writing what was restored with the
coarse tables that had damaged it would damage it again."""
BRIGHTEST, DIMMING = 0.3, 0.1
"""Stops above mid grey that the middle of a photo is lit to at most, and steps of strength by which
it is lit less until that is so."""
MIDDLE = 640
"""Side of the part in the middle of a photo that is lit to see what noise there will be."""


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
        self,
        *,
        format: str | None = None,
        quality: int | None = None,
        strip: bool = False,
        mark: bool = True,
    ) -> bytes:
        """The bytes of a file; see :func:`undegrade.picture.encode`.

        Parameters
        ----------
        mark: say in XMP and EXIF that the photo was enhanced and by what, if it was.
        """
        return encode(
            self.picture,
            format=format,
            quality=self._quality(quality),
            strip=strip,
            mark=self.mark if mark else None,
        )

    def save(
        self,
        path: str | os.PathLike[str] | BinaryIO,
        *,
        format: str | None = None,
        quality: int | None = None,
        strip: bool = False,
        mark: bool = True,
    ) -> Path | None:
        """Write a file in one atomic step, the suffix decides the format; or into an open file."""
        return save_picture(
            self.picture,
            path,
            format=format,
            quality=self._quality(quality),
            strip=strip,
            mark=self.mark if mark else None,
        )

    @property
    def mark(self) -> str | None:
        """What enhanced the photo; None where nothing did."""
        return f"undegrade {__version__}" if self.steps else None

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
    plan: Plan
    width: int
    height: int
    tiles: int
    memory: int
    """Upper bound on peak memory in bytes."""
    promised: bool
    """Whether every network's need was measured; else the bound is a cautious estimate."""
    seconds: float
    """Estimate from the networks' speed on this machine (:meth:`Networks.pace`)."""

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {
            "found": self.plan.found.as_dict(),
            "steps": [step.as_dict() for step in self.plan.steps],
            "width": self.width,
            "height": self.height,
            "tiles": self.tiles,
            "memory_bytes": self.memory,
            "memory_promised": self.promised,
            "seconds_estimated": round(self.seconds, 2),
            "notes": [*self.picture.notes, *self.plan.notes],
            "spared": dict(self.plan.spared),
        }


class Enhancer:
    """Finds out what photos have lost and gives it back; may be called from several threads.

    It holds networks, which stay open from one picture to the next, and nothing of a call.

    Parameters
    ----------
    networks: by default those that ship and the user's own, on every core.
    diagnoser: how a photo is diagnosed; by default by the network of their catalogue, or by
        classical estimators where it is missing.
    subjects: finds the faces and text that detail is kept away from; by default by what is
        installed.
    """

    def __init__(
        self,
        networks: Networks | None = None,
        diagnoser: Diagnoser | None = None,
        subjects: Subjects | None = None,
    ) -> None:
        self.networks = networks or Networks()
        self._diagnoser = diagnoser
        self._subjects = subjects or Subjects()
        self._lock = threading.Lock()

    def __call__(
        self,
        source: Source,
        wishes: Wishes | None = None,
        *,
        max_megapixels: float = MAX_MEGAPIXELS,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Result:
        """Plan and run; see :func:`enhance`."""
        started = time.perf_counter()
        picture = load(source, max_megapixels)
        plan = self.plan(picture, wishes)
        result = self.run(picture, plan, progress=progress, cancelled=cancelled)
        return replace(result, seconds=time.perf_counter() - started)

    def diagnose(self, picture: Picture) -> Diagnosis:
        """What *picture* has lost."""
        with self._lock:
            if self._diagnoser is None:
                networks = self.networks
                self._diagnoser = open_diagnoser(networks.catalog, networks.threads)
        return self._diagnoser(picture)

    def plan(
        self, picture: Picture, wishes: Wishes | None = None, found: Diagnosis | None = None
    ) -> Plan:
        """The steps for *picture*; *found* is what it has lost, where that is known already.

        Raises
        ------
        ModelError: a model that was asked for is missing.
        UsageError: a model that was asked for does not do what else was.
        """
        found, wishes = found or self.diagnose(picture), wishes or Wishes()
        catalog = self.networks.catalog
        variants = Variants(catalog.vivid_of, catalog.restored_vivid_of, catalog.fast_of)
        asked = found, wishes, self.networks.find, variants
        plan = make_plan(*asked)
        if light := _light_of(plan):
            gained = self._lift(picture, light)
            plan = make_plan(*asked, lift=gained)
            light = _light_of(plan)
            restores = wishes.model is None and "restore" in wishes.steps
            if light and restores and wishes.noise is None:
                plan = make_plan(*asked, self._lit(picture, light), gained)
            if light:
                plan = plan.dimmed(self._bearable(picture, light))
        if plan.invents and not wishes.detail_everywhere:
            plan = plan.restrained(self._subjects(picture))
        return plan if found.crops else replace(plan, notes=(BLIND, *plan.notes))

    def _lift(self, picture: Picture, light: Step) -> float:
        """Stops by which the shadows of *picture* would be lifted, seen in a small copy."""
        copy = small(picture)
        return lift(cells(copy), cells(self.apply(copy, [light])))

    def _bearable(self, picture: Picture, light: Step) -> float:
        """How much of a step lights *picture* without making its middle too bright, up to 1.

        Seen in a small copy; what is as bright before it stays so.
        """
        before = small(picture)
        after = self.apply(before, [replace(light, strength=1.0)])
        brightest = max(BRIGHTEST, measure(before).value["exposure"])
        strength = 1.0
        while strength > DIMMING:
            mixed = after.pixels.copy()
            blend_strength(before.pixels, mixed, strength)
            if measure(before.with_pixels(mixed)).value["exposure"] <= brightest:
                break
            strength -= DIMMING
        return strength

    def _lit(self, picture: Picture, light: Step) -> Diagnosis:
        """What *picture* will have lost once it is lit, seen in its middle."""
        width, height = min(picture.width, MIDDLE), min(picture.height, MIDDLE)
        middle = Box((picture.width - width) // 2, (picture.height - height) // 2, width, height)
        lit = apply_to_part(self.apply, picture, [light], middle)
        return self.diagnose(replace(lit, encoding=Encoding()))

    def forecast(
        self,
        picture: Picture,
        plan: Plan,
        workers: int = 1,
        *,
        file: int = 0,
        format: str | None = None,
    ) -> Forecast:
        """What running *plan* would take, from the file that was read to the one that is written.

        Parameters
        ----------
        workers: such photos at a time, of which memory is told.
        file: bytes of the file that *picture* was read from.
        format: that it will be written in; None is that of the file, if it can be written.

        Raises
        ------
        UsageError: a format that cannot be written.
        """
        height, width = picture.height, picture.width
        tiles, seconds, stages = 0, 0.0, []
        for step in plan.steps:
            card, mixed = step.model.card, step.detail > 0
            precision = self.networks.precision_of(step.model, mixed=mixed)
            seen = -(-height // step.shrink), -(-width // step.shrink)
            side = self.networks.tile_of(card, precision)
            grid = make_grid(*seen, card.radius, card.multiple, side)
            before = _bytes(picture, height, width) + (step.shrink > 1) * _bytes(picture, *seen)
            height, width = height * step.scale, width * step.scale
            restrained = bool(step.faithful)
            need = tile_need(card, grid, precision, averages=step.averages, restrained=restrained)
            stages.append(Stage(before, _bytes(picture, height, width), need))
            tiles += len(grid)
            # What tiles share is computed for each of them.
            twice = sum(bool(near(step.regions, *one.kept(card.scale))) for one in grid)
            computed = (len(grid) + twice) * grid.window_pixels * card.scale**2
            pace = self.networks.pace(step.model, mixed=mixed)
            seconds += pace * computed / 1e6 * (len(TURNS) if step.averages else 1)
        reading, writing = working_memory(picture, width, height, format)
        written = format or default_format(picture)
        copied = not plan.steps and written == picture.encoding.format
        memory = memory_bound(
            file=file,
            photo=picture.nbytes,
            reading=reading,
            stages=stages,
            writing=0 if copied else writing,
            finders=plan.sought,
            workers=workers,
        )
        promised = all(step.model.card.bytes_per_pixel for step in plan.steps)
        return Forecast(picture, plan, width, height, tiles, memory, promised, seconds)

    def run(
        self,
        picture: Picture,
        plan: Plan,
        *,
        wholes: Mapping[str, WholePhoto] | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Result:
        """Run *plan* on *picture*, and diagnose what comes out.

        Parameters
        ----------
        wholes: the photo that *picture* is a part of, by the name of the step that sees it.
        progress, cancelled: see :func:`enhance`.
        """
        for name, given in (("progress", progress), ("cancelled", cancelled)):
            if given is not None and not callable(given):
                raise UsageError(f"{name} = {given!r} cannot be called", "give a function")
        started = time.perf_counter()
        made = self.apply(
            picture, plan.steps, wholes=wholes, progress=progress, cancelled=cancelled
        )
        left = self.diagnose(replace(made, encoding=Encoding())) if plan.steps else plan.found
        made = replace(made, notes=(*made.notes, *plan.notes))
        return Result(made, plan.found, plan.steps, left, time.perf_counter() - started)

    def apply(
        self,
        picture: Picture,
        steps: Sequence[Step],
        wholes: Mapping[str, WholePhoto] | None = None,
        *,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Picture:
        """What *steps* make of *picture*; parameters as for :meth:`run`."""
        for number, step in enumerate(steps):
            part = _share(progress, number, len(steps))
            seen = (wholes or {}).get(step.name)
            picture = self._step(step, picture, seen, part, cancelled)
        return picture

    def part(self, picture: Picture, plan: Plan, box: Box) -> Picture:
        """What becomes of *box* when *plan* is run on *picture*, computed on the part alone.

        Raises
        ------
        UsageError: the box lies outside.
        """
        return apply_to_part(self.apply, picture, plan.steps, box)

    def _step(
        self,
        step: Step,
        picture: Picture,
        whole: WholePhoto | None,
        progress: Callable[[int, int], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> Picture:
        pixels, colour = picture.pixels, picture.colour
        if picture.alpha is not None:
            pixels = bleed(pixels, picture.alpha)
        if step.strength == 0:
            return picture.with_pixels(_plain(pixels, step.scale))
        networks, averages = self.networks, step.averages
        network = networks.open(step.model, step.vivid, step.detail, averages=averages)
        faithful = networks.open(step.model, averages=averages) if step.faithful else None
        result = process(
            network,
            pixels if step.shrink == 1 else reduce(pixels, step.shrink),
            step.levels,
            tile=networks.tile_of(step.model.card, network.precision),
            whole=whole,
            to_srgb=None if colour.is_srgb else colour.to_srgb,
            from_srgb=None if colour.is_srgb else colour.from_srgb,
            faithful=faithful,
            regions=step.regions,
            progress=progress,
            cancelled=cancelled,
        )
        if step.shrink > 1:  # reducing rounds the sides up
            height, width = pixels.shape[0] * step.scale, pixels.shape[1] * step.scale
            result = result[:height, :width].copy()
        if step.model.card.colour_locked:
            result = lock_colour(pixels, result)
        if step.strength != 1:
            blend_strength(_plain(pixels, step.scale), result, step.strength)
        notes = dict.fromkeys((*picture.notes, *network.notes))
        return replace(picture.with_pixels(result), notes=tuple(notes))


def _light_of(plan: Plan) -> Step | None:
    """The step of *plan* that lights, as it is looked at in a small copy: once."""
    lit = (step for step in plan.steps if step.name == "lowlight")
    return next((replace(step, effort="normal") for step in lit), None)


def _bytes(picture: Picture, height: int, width: int) -> int:
    """Of the samples of *picture* in another size."""
    return picture.nbytes * height * width // (picture.height * picture.width)


def load(
    source: Source, max_megapixels: float = MAX_MEGAPIXELS, frame: int | None = None
) -> Picture:
    """Any kind of *source* as a picture; *frame*, from 1, of a file of several.

    Raises
    ------
    InputError, LimitError, UsageError: see :func:`undegrade.picture.decode`.
    """
    if frame is not None and isinstance(source, Picture | np.ndarray | Image.Image):
        raise UsageError(f"there is no frame {frame} of what is no file", "leave frame out")
    if isinstance(source, Picture):
        return source
    if isinstance(source, np.ndarray):
        return from_array(source)
    if isinstance(source, Image.Image):
        return from_pil(source)
    return decode(source, frame=frame, max_megapixels=max_megapixels)


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
    detail_everywhere: bool = False,
    tile: int | None = None,
    threads: int | None = None,
    device: str = "auto",
    max_megapixels: float = MAX_MEGAPIXELS,
    precision: str = "auto",
    keep: Sequence[str] = (),
    skip: Sequence[str] = (),
    add: Sequence[str] = (),
    effort: str = "normal",
    frame: int | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Result:
    """Find out what a photo has lost and give it back.

    Parameters
    ----------
    source: a path, the bytes of a file, a binary file object, a Pillow image, or an array
        (H, W), (H, W, 3) or (H, W, 4) of uint8 or uint16.
    task: ``auto`` does what the photo needs; ``restore``, ``denoise``, ``dejpeg``, ``lowlight``,
        ``fade``, ``phone``, ``sr`` and ``face`` do one thing.
    scale: 1, 2 or 4 times the size.
    strength: 0 (untouched, or plainly enlarged) to 1.5; 1 as measured.
    model: name or ONNX file of the one network to run.
    noise, jpeg: the noise's sigma (0..255 units) and the JPEG quality, where they are known.
    keep: ``grain`` leaves most of the noise and smooths and sharpens less.
    skip: steps that are left out: ``restore``, ``lowlight``, ``fade``, ``phone``, ``resharpen``,
        ``sr``.
    add: steps that are taken whatever was found, of those but ``sr``.
    detail: 0 (faithful) to 1 (vivid: crisper, but partly made up), where a network has both.
    detail_everywhere: whether faces and text get it, too; they stay faithful otherwise, where an
        extra finds them (``faces``, ``detect``).
    effort: ``fast`` runs smaller networks, ``best`` takes the mean over all flips and turns of the
        photo, in eight times the time; where a network has them.
    tile: kept side of a tile in pixels; smaller needs less memory and more time.
    threads: threads inside a network; by default every core.
    device: ``auto`` and ``cpu`` are the CPU; ``gpu``, ``cuda``, ``directml``, ``coreml`` and
        ``webgpu`` what ONNX Runtime has of them, ``openvino`` that or OpenVINO itself; and the CPU,
        with a note, where a network fails there.
    max_megapixels: larger pictures are refused before they are decoded.
    precision: ``auto``, ``fp32`` or ``int8``.
    frame: which one of an animation or which page, from 1; by default a file of several is refused.
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
    lists: tuple[Any, Any, Any] = (keep, skip, add)
    asked = task, scale, strength, model, noise, jpeg, detail, detail_everywhere
    wishes = Wishes(*asked, *lists, effort)
    networks = Networks(threads=threads, device=device, precision=precision, tile=tile)
    picture = load(source, max_megapixels, frame)
    return Enhancer(networks)(picture, wishes, progress=progress, cancelled=cancelled)


def diagnose(
    source: Source, *, threads: int | None = None, max_megapixels: float = MAX_MEGAPIXELS
) -> Diagnosis:
    """Find out what a photo has lost; nothing is changed.

    Parameters
    ----------
    source, threads, max_megapixels: see :func:`enhance`.

    Raises
    ------
    UndegradeError: see :mod:`undegrade.errors`.

    Examples
    --------
    >>> import numpy as np
    >>> import undegrade
    >>> undegrade.diagnose(np.full((64, 64, 3), 128, np.uint8)).is_clean
    True
    """
    return Enhancer(Networks(threads=threads)).diagnose(load(source, max_megapixels))


def _share(progress: Progress | None, number: int, count: int) -> Callable[[int, int], None] | None:
    """Turn a step's tile counts into the part done of all steps."""
    if progress is None:
        return None
    return lambda done, total: progress((number + done / total) / count)


__all__ = ["Enhancer", "Forecast", "Result", "diagnose", "enhance", "load"]
