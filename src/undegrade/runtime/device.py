"""What this machine offers to run on."""

from __future__ import annotations

import os
from pathlib import Path

from undegrade.errors import ModelError

GPU_PROVIDERS = ("CUDAExecutionProvider", "CoreMLExecutionProvider", "DmlExecutionProvider")

CPU_INFO = Path("/proc/cpuinfo")


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_flags(cpu_info: Path = CPU_INFO) -> frozenset[str]:
    """What the CPU says that it can do, in Linux' words; empty where nobody says so."""
    try:
        with cpu_info.open(encoding="ascii", errors="replace") as lines:
            # "flags" on x86, "Features" on ARM.
            found = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        return frozenset()
    return frozenset(found.partition(":")[2].split())


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
