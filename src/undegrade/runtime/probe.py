"""What running a network shows: its card where it has none, else whether it is what that says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from undegrade.catalog import Card, Catalog, Model, is_file_name, read_weights, vivid_of
from undegrade.errors import ModelError, first_line
from undegrade.imaging.arrays import Floats
from undegrade.runtime.session import Network, open_network, open_session
from undegrade.runtime.thumbnail import WholePhoto

Run = Callable[[Floats], Floats]

SIDE = 192
"""Side of the probing picture: a receptive radius up to about 90 pixels can be seen in it."""
SAFE_RADIUS = 48
"""Margin for a network whose receptive field is wider than the probing picture."""


def find_model(name_or_file: str, catalog: Catalog) -> Model:
    """As :meth:`undegrade.catalog.Catalog.find`, but a file without a card is probed."""
    path = Path(name_or_file)
    carded = path.with_suffix(".toml").is_file()
    if is_file_name(name_or_file) and path.is_file() and not carded:
        return Model(probe(path), path)
    return catalog.find(name_or_file)


def probe(path: Path) -> Card:
    """Find scale, receptive radius and side multiple of an ONNX network by running it.

    The network must take one (1, 3, H, W) float32 picture in [0, 1] with free H and W. The
    radius is how far a change of the central pixel is seen; where it reaches the border the
    card says that it is not exact. Raises :class:`ModelError`.
    """
    session = open_session(path.read_bytes(), path.name)
    inputs = session.get_inputs()
    shape = inputs[0].shape
    if len(inputs) != 1 or len(shape) != 4 or shape[1] != 3 or inputs[0].type != "tensor(float)":
        found = ", ".join(f"{i.name} {i.shape} {i.type}" for i in inputs)
        raise ModelError(
            f"{path.name} takes {found}; a network without a card must take one float32 picture "
            "(1, 3, height, width)",
            "write a card beside it",
        )
    if any(isinstance(side, int) for side in shape[2:]):
        raise ModelError(
            f"{path.name} takes one size only, {shape[2:]}", "export it with free height and width"
        )

    def run(picture: Floats) -> Floats:
        output: Floats = session.run(None, {inputs[0].name: picture})[0]
        return output

    rng = np.random.default_rng(0)
    picture = rng.random((1, 3, SIDE, SIDE), dtype=np.float32)
    try:
        before = run(picture)
    except Exception as error:
        what = f"{path.name} cannot run on {SIDE} pixels: {first_line(error)}"
        raise ModelError(what, "check it") from None
    if not np.isfinite(before).all():
        raise ModelError(f"{path.name} returns values that are not finite", "check it")
    scale, rest = divmod(before.shape[-1], SIDE)
    if before.ndim != 4 or before.shape[1] != 3 or rest or before.shape[-2] != before.shape[-1]:
        raise ModelError(
            f"{path.name} turns (1, 3, {SIDE}, {SIDE}) into {before.shape}; not a picture",
            "give a network whose output has three channels and a whole-number scale",
        )
    multiple = _multiple(run, picture, scale)
    radius, exact = _radius(run, picture, before, scale)
    return Card(
        name=path.stem,
        task="restore" if scale == 1 else "sr",
        file=path.name,
        sha256="",
        scale=scale,
        radius=radius,
        exact=exact,
        multiple=multiple,
        # Nobody has said what it is for: its colours may be meant.
        recolours=True,
        summary="a network without a card; scale, radius and multiple were probed",
        licence="unknown",
    )


def _multiple(run: Run, picture: Floats, scale: int) -> int:
    """The smallest of 1, 2, 4, 8, 16, 32 such that sides of an odd multiple of it work."""
    for multiple in (1, 2, 4, 8, 16):
        side = SIDE - multiple
        try:
            output = run(np.ascontiguousarray(picture[..., :side, :side]))
        except Exception:  # any failure of a foreign graph means: not this size
            continue
        if output.shape[-2:] == (side * scale, side * scale):
            return multiple
    return 32


def _radius(run: Run, picture: Floats, before: Floats, scale: int) -> tuple[int, bool]:
    centre = SIDE // 2
    reach = 0
    # Several single pixels, both ways, so that a dead ReLU does not hide a path.
    for dy, dx, value in ((0, 0, 1.0), (1, 1, 0.0), (0, 1, 1.0), (1, 0, 0.0)):
        changed = picture.copy()
        changed[..., centre + dy, centre + dx] = value
        rows, columns = np.nonzero(np.abs(run(changed) - before).max((0, 1)) > 0)
        for axis, offset in ((rows, dy), (columns, dx)):
            if axis.size:
                away = np.abs(axis // scale - centre - offset).max()
                reach = max(reach, int(away))
    if reach >= SIDE // 2 - 2:
        return SAFE_RADIUS, False
    # Weak paths vanish in rounding: a margin of a quarter on what was seen.
    return reach + max(2, reach // 4), True


def verify_model(model: Model) -> None:
    """Check hash, opening, output size and finite values; raises :class:`ModelError`.

    Where it has a vivid variant, this is done half-way to it, so that the two must fit each other.
    Where it has weights in 8 bit, they are checked, too.
    """
    if not model.card.enhances:
        _check_judges(model)
        return
    halfway = open_network(
        model, threads=1, device="cpu", vivid=vivid_of(model), detail=0.5, precision="fp32"
    )
    _check_runs(halfway)
    if model.card.int8:
        _check_runs(open_network(model, threads=1, device="cpu", precision="int8"))


def _check_judges(model: Model) -> None:
    """A network that diagnoses or compares, on two grey pictures."""
    card = model.card
    side = card.crop or 64
    session = open_session(read_weights(model), model.path.name, threads=1)
    pictures = np.full((2, 3, side, side), 0.5, np.float32)
    try:
        outputs = session.run(None, {session.get_inputs()[0].name: pictures})
    except Exception as error:
        what = f"{card.name!r} does not run: {first_line(error)}"
        raise ModelError(what, "export it again") from None
    for output in outputs:
        expected = (2, 2 * len(card.levels)) if card.task == "diagnose" else output.shape
        _check_output(card.name, output, expected)


def _check_runs(network: Network) -> None:
    card = network.card
    side = 16 * card.multiple
    picture = np.full((1, 3, side, side), 0.5, np.float32)
    try:
        small = np.full((1, 3, card.thumbnail, card.thumbnail), 0.5, np.float32)
        output = network.run(picture, [0.5] * len(card.levels), WholePhoto(small, side, side))
    except Exception as error:
        what = f"the network {card.name!r} does not run: {first_line(error)}"
        raise ModelError(what, "add it again with a right card") from None
    _check_output(card.name, output, (1, 3, side * card.scale, side * card.scale))


def _check_output(name: str, output: Floats, expected: tuple[int, ...]) -> None:
    if output.shape != expected or not np.isfinite(output).all():
        raise ModelError(
            f"the network {name!r} returned {output.shape} instead of {expected}, "
            "or values that are not finite",
            "mend its card or the file",
        )
