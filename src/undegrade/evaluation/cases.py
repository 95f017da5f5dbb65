"""From pictures of a test set to cases: what a network gets, what it should make of it, and what
a contender does."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade.degradation import DEGRADATIONS
from undegrade.degradation.base import Parameters
from undegrade.degradation.camera import Camera
from undegrade.degradation.jpeg import Subsampling, as_jpeg
from undegrade.errors import InputError
from undegrade.evaluation.sets import Photo
from undegrade.imaging.arrays import Bytes, Floats
from undegrade.imaging.luma import LUMA, STUDIO
from undegrade.imaging.noise_levels import grain_size, measure_noise
from undegrade.imaging.resize import imresize, resized
from undegrade.levels import Levels

FULL = (0.0, tuple(255 * weight for weight in LUMA))
"""Offset and weights of luma in 0..255, as :data:`STUDIO` has them in 16..235."""

MOST_BLUR, MOST_ISO, ISO_STOPS = 0.5, 3200.0, 5.0
"""Of what people enlarge: the deviation of its blur in its own pixels, at most; the most sensitive
camera, and how many stops less the least sensitive one is."""


@dataclass(frozen=True, eq=False)
class Case:
    """One picture to be enhanced."""

    input: Floats
    """(h, w, C); only unclipped noise leaves [0, 1]."""
    truth: Bytes | None
    """(H, W, C), a whole number of times as large as the input; ``None`` where nobody knows it."""
    levels: Levels | None
    """What was done to it, where that can be said in levels."""
    quality: float | None = None
    """JPEG quality that the tables of the input's file tell."""
    file: bytes | None = None
    """The file that the input was decoded from, where it was: what a user would have."""

    @property
    def scale(self) -> int:
        """How many times as large as the input the truth is."""
        return 1 if self.truth is None else self.truth.shape[0] // self.input.shape[0]


@dataclass(frozen=True, eq=False)
class Output:
    """What a contender makes of a case: a picture, and how it came about."""

    picture: Floats
    """(H, W, C), not clipped."""
    steps: tuple[str, ...] | None = None
    """Names of the steps that were taken; ``None`` for what has no choice."""


@dataclass(frozen=True, eq=False)
class Contender:
    """Something that makes a picture out of a case's input."""

    name: str
    """As tables show it."""
    digest: str
    """The same for whatever gives the same pictures."""
    run: Callable[[Case, Levels], Output]
    """Told these levels, makes a picture as large as the truth. Raises :class:`ComputeError` where
    a network cannot run on the picture, or what it returns is not finite."""
    scale: int | None = 1
    """Output pixels per input pixel along a side; ``None`` for what fits every case."""
    channels: int = 3
    """1 for what takes grey pictures only, or 3."""
    takes_levels: bool = False
    """Whether it makes something else of a case when it is told other levels."""
    scales: tuple[int, ...] = ()
    """Of the cases that it is for, whatever its own is; empty where that decides."""


def reduced(photo: Photo, scale: int) -> Case:
    """Cut to multiples of *scale*, reduced by ``imresize``, 8 bit."""
    truth = _multiple(photo, scale)
    small = as_bytes(imresize(as_floats(truth), scale=1 / scale))
    return Case(as_floats(small), truth, Levels())


def reduced_for_real(photo: Photo, scale: int) -> Case:
    """What people enlarge: blurred, reduced, with a camera's noise, as a file of JPEG.

    All is drawn by the picture's name and so the same at every scale; the blur is in pixels of
    what is left. The levels are those of the noise as it lies there before coding.
    """
    truth, rng = _multiple(photo, scale), _by_name(photo)
    spread, speed = rng.uniform(0, MOST_BLUR), MOST_ISO * 2.0 ** rng.uniform(-ISO_STOPS, 0)
    blur, web, camera = (DEGRADATIONS[name].sample(rng) for name in ("blur", "web", "camera"))
    blurred = DEGRADATIONS["blur"].apply(as_floats(truth), blur | {"sigma": scale * spread})
    height, width = (side // scale for side in truth.shape[:2])
    small = resized(blurred, height, width, web["filter"])
    taken, clean = _taken(np.clip(small, 0, 1), camera | {"iso": speed})
    # Noise alone: its tones and colours are not what the truth has.
    return _as_jpeg_of(truth, small + taken - clean, small, web["again"], web["subsampling"])


def noisy(photo: Photo, sigma: float, *, grey: bool = False, as_file: bool = False) -> Case:
    """With N(0, sigma / 255) of numpy's legacy generator, seeded with 0, added in float.

    *grey*: on full-range luma. *as_file*: clipped and rounded to 8 bit, else neither.
    """
    truth = in_grey(photo.pixels, FULL) if grey else _coloured(photo.pixels)
    drawn = np.random.RandomState(0).normal(0, sigma / 255, truth.shape)
    result = (truth / 255 + drawn).astype(np.float32)
    if as_file:
        result = as_floats(as_bytes(result))
    return Case(result, truth, Levels(noise=sigma))


def coded(photo: Photo, quality: int, *, grey: bool = False) -> Case:
    """Through Pillow's JPEG, 4:2:0, decoded by Pillow. *grey*: studio-range luma, a grey JPEG."""
    truth = in_grey(photo.pixels, STUDIO) if grey else _coloured(photo.pixels)
    file = as_jpeg(as_floats(truth), quality)
    decoded = np.asarray(Image.open(io.BytesIO(file))).reshape(truth.shape)
    return Case(as_floats(decoded), truth, Levels(jpeg=quality), float(quality), file)


def paired(photo: Photo, levels: Levels | None = None) -> Case:
    """The damaged partner, with the picture as the truth; *levels* are what networks are told."""
    if photo.damaged is None:
        raise InputError(f"{photo.name!r} has no damaged partner", "give a set of pairs")
    truth, damaged = _coloured(photo.pixels), _coloured(photo.damaged)
    return Case(as_floats(damaged), truth, levels, photo.quality, photo.file)


def drawn(photo: Photo, name: str) -> Case:
    """Through the operator called *name*, its parameters drawn by the picture's own digest."""
    parameters = DEGRADATIONS[name].sample(np.random.default_rng(int(photo.digest[:16], 16)))
    quality = parameters.get("quality")
    return degraded(photo, name, parameters, quality=quality and float(quality))


def degraded(
    photo: Photo, name: str, parameters: Mapping[str, Any], *, quality: float | None = None
) -> Case:
    """Through the operator called *name* of :data:`undegrade.degradation.DEGRADATIONS`."""
    truth = _coloured(photo.pixels)
    damaged = DEGRADATIONS[name].apply(as_floats(truth), dict(parameters))
    return Case(damaged, truth, None, quality)


def camera(photo: Photo, iso: float) -> Case:
    """Taken again by a camera at *iso*, as a file of JPEG; the truth is the mean of such shots.

    All else about the camera is drawn by the picture's name, so that it is the same at every
    sensitivity; the levels are those of the noise as it lies there before coding.
    """
    parameters = DEGRADATIONS["camera"].sample(_by_name(photo)) | {"iso": iso}
    noisy, clean = _taken(as_floats(_coloured(photo.pixels)), parameters)
    quality, subsampling = parameters["quality"], parameters["subsampling"]
    return _as_jpeg_of(as_bytes(clean), noisy, clean, quality, subsampling)


def _by_name(photo: Photo) -> np.random.Generator:
    """Draws the same for a picture of that name everywhere."""
    seed = int(hashlib.sha256(photo.name.encode()).hexdigest()[:16], 16)
    return np.random.default_rng(seed)


def _taken(picture: Floats, parameters: Parameters) -> tuple[Floats, Floats]:
    """*picture* by the operator ``camera`` before coding, and the mean of such shots."""
    operator = DEGRADATIONS["camera"]
    assert isinstance(operator, Camera)
    return operator.uncoded(picture, parameters), operator.target(picture, parameters)


def _as_jpeg_of(
    truth: Bytes, noisy: Floats, clean: Floats, quality: int, subsampling: Subsampling
) -> Case:
    """*noisy* as a file of JPEG; *clean* is the same without its noise."""
    file = as_jpeg(noisy, quality, subsampling)
    decoded = np.asarray(Image.open(io.BytesIO(file)))
    planes = (np.clip(made, 0, 1).transpose(2, 0, 1)[None] for made in (noisy, clean))
    levels = told_levels(*planes, jpeg=float(quality))
    return Case(as_floats(decoded), truth, levels, float(quality), file)


def told_levels(noisy: Floats, clean: Floats, *, jpeg: float) -> Levels:
    """The levels of a picture, (1, 3, H, W) each, whose noise is known."""
    noise = noisy - clean
    levels, grain = measure_noise(noise, clean)
    return Levels(
        noise=255 * float(np.sqrt(np.mean(noise**2))),
        jpeg=jpeg,
        noise_levels=tuple(map(float, levels[0])),
        grain=grain_size(float(grain[0])),
    )


def face(photo: Photo, side: int, scale: int) -> Case:
    """The central square, reduced to *side* pixels, as the truth; that again by *scale*."""
    height, width = photo.pixels.shape[:2]
    shorter = min(height, width)
    if shorter < side:
        raise InputError(
            f"{photo.name!r} has {width}x{height} pixels; a face of {side} cannot be cut out of it",
            "remove it from the set",
        )
    top, left = (height - shorter) // 2, (width - shorter) // 2
    square = _coloured(photo.pixels)[top : top + shorter, left : left + shorter]
    truth = as_bytes(imresize(as_floats(square), size=(side, side)))
    small = as_bytes(imresize(as_floats(truth), scale=1 / scale))
    return Case(as_floats(small), truth, Levels())


def untouched(photo: Photo) -> Case:
    """The picture as it is, whose truth nobody knows."""
    return Case(as_floats(_coloured(photo.pixels)), None, None, photo.quality, photo.file)


def enlarged(case: Case) -> Floats:
    """The input at the size of the truth, by ``imresize``; not clipped."""
    if case.scale == 1:
        return case.input
    assert case.truth is not None
    result: Floats = imresize(case.input, size=case.truth.shape[:2])
    return result


def as_bytes(image: NDArray[Any]) -> Bytes:
    """Clipped and rounded, as an 8-bit file holds it."""
    levels: Bytes = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return levels


def as_floats(image: Bytes) -> Floats:
    """8 bit in [0, 1]."""
    return np.divide(image, 255, dtype=np.float32)


def in_grey(image: Bytes, luma: tuple[float, tuple[float, ...]]) -> Bytes:
    """(H, W, 1) luma of 8 bit, rounded; a grey picture stays as it is."""
    if image.shape[2] == 1:
        return image
    offset, weights = luma
    levels: Bytes = np.rint(offset + image / 255 @ np.array(weights))[:, :, None].astype(np.uint8)
    return levels


def _multiple(photo: Photo, scale: int) -> Bytes:
    """The picture, (H, W, 3), cut to sides that are multiples of *scale*."""
    height, width = (side // scale * scale for side in photo.pixels.shape[:2])
    if not (height and width):
        raise InputError(
            f"{photo.name!r} is too small to be reduced {scale} times", "remove it from the set"
        )
    return _coloured(photo.pixels)[:height, :width]


def _coloured(image: Bytes) -> Bytes:
    """(H, W, 3); the channels of a grey picture are equal."""
    return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))
