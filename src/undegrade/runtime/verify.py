"""Check that a model is what its card says."""

from __future__ import annotations

import numpy as np

from undegrade.catalog import Model, read_weights, vivid_of
from undegrade.errors import ModelError
from undegrade.imaging.arrays import Floats
from undegrade.runtime.session import Network, open_network, open_session
from undegrade.runtime.thumbnail import WholePhoto


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
        reason = str(error).splitlines()[0]
        raise ModelError(f"{card.name!r} does not run: {reason}", "export it again") from None
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
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"the network {card.name!r} does not run: {reason}", "add it again with a right card"
        ) from None
    _check_output(card.name, output, (1, 3, side * card.scale, side * card.scale))


def _check_output(name: str, output: Floats, expected: tuple[int, ...]) -> None:
    if output.shape != expected or not np.isfinite(output).all():
        raise ModelError(
            f"the network {name!r} returned {output.shape} instead of {expected}, "
            "or values that are not finite",
            "mend its card or the file",
        )
