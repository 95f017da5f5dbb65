"""What this machine offers to run on."""

from __future__ import annotations

import os

from undegrade.errors import ModelError

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
