"""A session on a device that was asked for, with the CPU behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnxruntime

    from undegrade.runtime.openvino import OpenVinoSession


class FallingBack:
    """Runs on the first of two devices until it fails there, and from then on the CPU.

    Drivers differ in what they can do, and tell it when a graph is opened, or not before it runs.

    Parameters
    ----------
    name: of the network, in :attr:`note`.
    device: of ``first``.
    first, cpu: open a session.
    """

    def __init__(
        self,
        name: str,
        device: str,
        first: Callable[[], onnxruntime.InferenceSession | OpenVinoSession],
        cpu: Callable[[], onnxruntime.InferenceSession],
    ) -> None:
        self._name, self._device, self._open_cpu = name, device, cpu
        self._lock = threading.Lock()
        self.note = ""
        """What failed, in one sentence; empty where nothing has."""
        self._session: onnxruntime.InferenceSession | OpenVinoSession
        try:
            self._session = first()
        except Exception as error:  # whatever a driver may raise
            self._fall_back(error)

    def run(self, outputs: None, feed: dict[str, Any]) -> Any:
        """As of ONNX Runtime's session; raises what the CPU does."""
        session = self._session
        try:
            return session.run(outputs, feed)
        except Exception as error:  # whatever a driver may raise
            with self._lock:
                if self.note and session is self._session:
                    raise
                if not self.note:
                    self._fall_back(error)
            return self._session.run(outputs, feed)

    def get_inputs(self) -> Any:
        """As of ONNX Runtime's session."""
        return self._session.get_inputs()

    def _fall_back(self, error: Exception) -> None:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        self._session = self._open_cpu()
        self.note = f"{self._name} fails on {self._device!r} and was run on the CPU: {reason}"
