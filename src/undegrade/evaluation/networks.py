"""Networks on floating-point pictures: in exact tiles by their card, or whole without one.

Protocols measure on inputs that are not whole numbers, such as unclipped noise, so pictures stay
in floats here; on 8-bit pictures the tiles equal :func:`undegrade.runtime.process`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from undegrade.catalog import Model, sha256
from undegrade.errors import ComputeError, ModelError, first_line
from undegrade.evaluation.cases import Case, Contender, Output, as_bytes, enlarged
from undegrade.imaging.arrays import Floats
from undegrade.levels import Levels
from undegrade.runtime import (
    Network,
    WholePhoto,
    make_grid,
    make_thumbnail,
    open_network,
    open_session,
    tile_side,
)

PROBE_SIDE = 64
"""Side of the picture on which a network without a card shows its scale, in pixels."""

LEAST_SIDE = 16
"""Shorter pictures are continued by reflection to this before a network without a card gets them:
some pool them down to nothing, and end the whole process."""


def open_carded(
    model: Model, name: str, threads: int | None, *, averages: bool = False
) -> Contender:
    """Open a model on the CPU, to be called *name*, which averages over turns or not.

    Raises :class:`ModelError`.
    """
    network = open_network(model, threads=threads, device="cpu", precision="fp32")
    how = "tiled, averaged" if averages else "tiled"
    return carded(name, f"{sha256(model.path)} {how}", replace(network, averages=averages))


def carded(name: str, digest: str, network: Network) -> Contender:
    """A network with a card, run in exact tiles, or in one where no radius is proven."""
    run, card = partial(_in_tiles, name, network), network.card
    return Contender(name, digest, run, card.scale, takes_levels=bool(card.damages))


def _in_tiles(name: str, network: Network, case: Case, levels: Levels) -> Output:
    card, scale = network.card, network.card.scale
    picture = _fitting(case, scale)
    told = levels.named(grey=case.input.shape[2] == 1)
    values = [told[name] for name in card.levels]
    height, width, channels = picture.shape
    core = tile_side(card) if card.exact else None
    grid = make_grid(height, width, card.radius, card.multiple, core)
    margin = grid.margin * scale
    output = np.empty((height * scale, width * scale, channels), np.float32)
    whole = None
    if card.thumbnail:
        small = make_thumbnail(as_bytes(picture), card.thumbnail, None)
        whole = WholePhoto(small, height, width)
    for tile in grid:
        window = cast(Floats, grid.read(cast(Any, picture), tile))
        at = tile.top - grid.margin, tile.left - grid.margin
        run = partial(network.run, levels=values, whole=whole, at=at)
        made = _made(name, run, window, 3)
        top, left = tile.top * scale, tile.left * scale
        tall, wide = tile.height * scale, tile.width * scale
        kept = made[margin : margin + tall, margin : margin + wide]
        output[top : top + tall, left : left + wide] = kept
    return Output(output)


def open_bare(path: Path, name: str, threads: int | None) -> Contender:
    """Open an ONNX file on the CPU, to be run over whole pictures as its authors do.

    Its first input is a picture (1, 1 or 3, H, W) in [0, 1]; a second one of a single value is the
    sigma of the noise in 0..255 units. It is run once to see its scale. Raises ModelError.
    """
    if not path.is_file():
        raise ModelError(f"there is no model file {str(path)!r}", "check the path")
    session = open_session(path.read_bytes(), path.name, threads=threads)
    picture, *others = session.get_inputs()
    usable = picture.type == "tensor(float)" and len(picture.shape) == 4
    single = len(others) <= 1 and all(level.shape in ([], [1]) for level in others)
    if not (usable and single and picture.shape[1] in (1, 3)):
        found = ", ".join(f"{i.name} {i.shape} {i.type}" for i in session.get_inputs())
        raise ModelError(
            f"{path.name} takes {found}; a network without a card must take one float32 picture "
            "(1, 1 or 3, height, width), and at most a single sigma",
            "write a card beside it",
        )
    channels = picture.shape[1]
    shape = (PROBE_SIDE, PROBE_SIDE, channels)
    made = _over(name, session, np.random.default_rng(0).random(shape, np.float32), 0.0)
    scale = made.shape[0] // PROBE_SIDE
    if not scale or made.shape != (scale * PROBE_SIDE, scale * PROBE_SIDE, channels):
        raise ModelError(
            f"{path.name} turns {shape} into {made.shape}; not a picture at a whole scale",
            "check the file",
        )
    run = partial(_whole, name, session, scale)
    return Contender(name, f"{sha256(path)} whole", run, scale, channels, bool(others))


def _whole(name: str, session: Any, scale: int, case: Case, levels: Levels) -> Output:
    picture = _fitting(case, scale)
    height, width = picture.shape[:2]
    edges = [(0, max(0, LEAST_SIDE - side)) for side in (height, width)]
    padded = np.pad(picture, [*edges, (0, 0)], mode="symmetric")
    made = _over(name, session, padded, levels.noise)
    if made.shape[:2] != tuple(side * scale for side in padded.shape[:2]):
        raise ComputeError(
            f"{name} turned {padded.shape[1]}x{padded.shape[0]} pixels into "
            f"{made.shape[1]}x{made.shape[0]}",
            "write a card beside it that names the multiple that sides must have",
        )
    return Output(made[: height * scale, : width * scale])


def _over(name: str, session: Any, picture: Floats, sigma: float) -> Floats:
    """The output of a network without a card for (h, w, C), as it comes."""
    first, *others = session.get_inputs()

    def call(planes: Floats) -> Floats:
        feed = {first.name: planes}
        feed |= {level.name: np.full(level.shape, sigma, np.float32) for level in others}
        output: Floats = session.run(None, feed)[0]
        return output

    return _made(name, call, picture, first.shape[1])


def _fitting(case: Case, scale: int) -> Floats:
    """The input, or for a network that does not enlarge where a case does, its enlargement."""
    return enlarged(case) if scale == 1 else case.input


def _made(name: str, call: Callable[[Floats], Floats], picture: Floats, channels: int) -> Floats:
    """What a network of so many *channels* makes of (h, w, C): (H, W, C).

    A grey picture is repeated for a network in colour, and the mean of its output taken.
    Raises :class:`ComputeError` for a network that fails or gives values that are not finite.
    """
    height, width = picture.shape[:2]
    planes = np.broadcast_to(picture.transpose(2, 0, 1), (1, channels, height, width))
    try:
        output = call(np.ascontiguousarray(planes, np.float32))
    except Exception as error:  # whatever a foreign graph may raise
        raise ComputeError(
            f"{name} cannot run on {width}x{height} pixels: {first_line(error)}",
            "check the model's card",
        ) from None
    if not np.isfinite(output.sum(dtype=np.float64)):
        raise ComputeError(f"{name} returned values that are not finite", "leave the image out")
    made: Floats = output[0].transpose(1, 2, 0)
    return made.mean(axis=2, keepdims=True) if picture.shape[2] < made.shape[2] else made
