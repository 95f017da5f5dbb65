"""The trained network: found beside this file, checked against its card, run on crops."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from undegrade.catalog import sha256
from undegrade.diagnosis.card import DiagnosisCard, read_card
from undegrade.diagnosis.units import CROP, LOG_VARIANCES, QUANTITIES
from undegrade.errors import ModelError
from undegrade.runtime import cores

if TYPE_CHECKING:
    import onnxruntime

BUNDLED = Path(__file__).parent / "diagnosis.onnx"

BATCH = 8
"""Crops run at once, which bounds memory at about 60 MB."""


@dataclass(frozen=True)
class CropReader:
    """An open network. May be called from several threads at once."""

    card: DiagnosisCard
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


def open_reader(path: Path | None = None, threads: int | None = None) -> CropReader:
    """Open the network at *path*, by default the one that ships.

    Raises
    ------
    ModelError: it is missing, damaged, or no such network.
    """
    import onnxruntime as ort

    path = path or BUNDLED
    if not path.is_file():
        raise ModelError(
            f"the diagnosis network is missing: there is no {str(path)!r}",
            "train the recipe 'diagnosis', export it into that folder, or install undegrade again",
        )
    card = read_card(path.with_suffix(".toml"))
    if card.sha256 != sha256(path):
        raise ModelError("the diagnosis network is damaged", "install undegrade again")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or cores()
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(path.read_bytes(), options, ["CPUExecutionProvider"])
        shape = session.get_inputs()[0].shape
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"the diagnosis network cannot be opened: {reason}", "export it again"
        ) from None
    if list(shape[1:]) != [3, CROP, CROP]:
        raise ModelError(f"the diagnosis network takes {shape}", f"crops are 3 x {CROP} x {CROP}")
    return CropReader(card, session)
