"""The trained network: a card of the catalogue, run on crops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from undegrade.catalog import Card, Model, read_weights
from undegrade.diagnosis.units import CROP, LOG_VARIANCES, QUANTITIES
from undegrade.errors import ModelError
from undegrade.runtime import open_session

if TYPE_CHECKING:
    import onnxruntime

NAME = "diagnosis"
"""What the catalogue calls it."""

BATCH = 8
"""Crops run at once, which bounds memory at about 60 MB."""


@dataclass(frozen=True)
class CropReader:
    """An open network. May be called from several threads at once."""

    card: Card
    _session: onnxruntime.InferenceSession

    def __call__(
        self, crops: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Levels and their standard deviations, each (N, quantities), of (N, 3, 128, 128) crops.

        Raises
        ------
        ModelError: the network returns something else.
        """
        name = self._session.get_inputs()[0].name
        outputs = [
            self._session.run(None, {name: np.ascontiguousarray(crops[i : i + BATCH])})[0]
            for i in range(0, len(crops), BATCH)
        ]
        output = np.concatenate(outputs).astype(np.float64)
        if output.shape != (len(crops), 2 * len(QUANTITIES)) or not np.isfinite(output).all():
            raise ModelError(
                f"the diagnosis network returned {output.shape}, or values that are not finite",
                "install undegrade again, or export the network again",
            )
        mean, log_variance = np.split(output, 2, axis=1)
        return mean, np.exp(np.clip(log_variance, *LOG_VARIANCES) / 2)


def open_reader(model: Model, threads: int | None = None) -> CropReader:
    """Open a network that diagnoses.

    Raises
    ------
    ModelError: it is missing, damaged, or no such network.
    """
    card = model.card
    if (card.task, card.levels, card.crop) != ("diagnose", QUANTITIES, CROP):
        raise ModelError(
            f"the card of {card.name!r} is of a network for {card.task!r} that reads "
            f"{', '.join(card.levels) or 'nothing'} off crops of {card.crop} pixels",
            f"export one that reads {', '.join(QUANTITIES)} off crops of {CROP}",
        )
    session = open_session(
        read_weights(model), model.path.name, threads=threads, remedy="export it again"
    )
    shape = session.get_inputs()[0].shape
    if list(shape[1:]) != [3, CROP, CROP]:
        raise ModelError(f"the diagnosis network takes {shape}", f"crops are 3 x {CROP} x {CROP}")
    return CropReader(card, session)
