"""ONNX Runtime sessions: one network, opened once, run on windows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from undegrade.catalog import Card, Model, read_weights
from undegrade.errors import ModelError
from undegrade.runtime.blend import mixed_weights

if TYPE_CHECKING:
    import onnxruntime

Floats = NDArray[np.float32]

GPU_PROVIDERS = ("CUDAExecutionProvider", "CoreMLExecutionProvider", "DmlExecutionProvider")


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def providers(device: str = "auto") -> list[str]:
    """ONNX Runtime's execution providers for *device* ``auto``, ``cpu`` or ``gpu``, in order."""
    import onnxruntime as ort

    if device == "cpu":
        return ["CPUExecutionProvider"]
    present = [p for p in GPU_PROVIDERS if p in ort.get_available_providers()]
    if device == "gpu" and not present:
        raise ModelError(
            "no GPU provider of ONNX Runtime is installed",
            "install onnxruntime-gpu in place of onnxruntime, or use --device cpu",
        )
    return [*present, "CPUExecutionProvider"]


@dataclass(frozen=True)
class Network:
    """An open network. ``run`` may be called from several threads at once."""

    card: Card
    _session: onnxruntime.InferenceSession

    def run(
        self,
        windows: Floats,
        levels: Sequence[float] | Floats = (),
        thumbnail: Floats | None = None,
    ) -> Floats:
        """Run (1, 3, h, w) sRGB in [0, 1]; *levels* as the card orders them, one value each.

        Where the card names a thumbnail, *thumbnail* (1, 3, side, side) shows the whole picture
        (:func:`undegrade.runtime.make_thumbnail`).

        Returns (1, 3, scale * h, scale * w), not clipped.
        """
        inputs = self._session.get_inputs()
        feed: dict[str, Any] = {inputs[0].name: windows}
        if self.card.levels:
            level = np.asarray(levels, np.float32)
            feed[inputs[1].name] = level.reshape(1, len(self.card.levels), 1, 1)
        if self.card.thumbnail:
            feed[inputs[-1].name] = thumbnail
        output: Floats = self._session.run(None, feed)[0]
        return output


def open_network(
    model: Model,
    *,
    threads: int | None = None,
    device: str = "auto",
    vivid: Model | None = None,
    detail: float = 0.0,
) -> Network:
    """Check the weights against their card and open a session on them.

    Parameters
    ----------
    threads: threads inside one operator; by default every core of this process.
    device: ``auto``, ``cpu`` or ``gpu``.
    vivid: the same network with other weights (:func:`undegrade.catalog.vivid_of`).
    detail: how far the weights go towards those of *vivid*, 0 to 1.

    Raises
    ------
    ModelError: the file is damaged, cannot be opened, or is not the same network as *vivid*.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or cores()
    options.inter_op_num_threads = 1
    # The arena never gives memory back, and keeps what the largest tile ever needed.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    # Spinning threads would take the cores from decoding, encoding and other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    data = mixed_weights(model, vivid, detail) if vivid else read_weights(model)
    try:
        session = ort.InferenceSession(data, options, providers=providers(device))
    except ModelError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"the network {model.card.name!r} cannot be opened: {reason}",
            "check the file with `undegrade models verify`",
        ) from None
    return Network(model.card, session)
