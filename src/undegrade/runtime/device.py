"""What this machine offers to run on."""

from __future__ import annotations

import os
from pathlib import Path

from undegrade.errors import ModelError
from undegrade.runtime import openvino

CPU = "CPUExecutionProvider"
PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "webgpu": "WebGpuExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
"""ONNX Runtime's execution providers by the name of a device; those of GPUs first. ``openvino`` is
OpenVINO itself where that is installed."""
GPUS = ("cuda", "directml", "coreml", "webgpu")
DEVICES = ("auto", "cpu", "gpu", *PROVIDERS)
"""``auto`` is the CPU, by which every photo comes out the same everywhere; ``gpu`` any of GPUS."""

CPU_INFO = Path("/proc/cpuinfo")


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def is_busy() -> bool:
    """Whether other work takes the cores, as far as the system tells its load."""
    try:
        return os.getloadavg()[0] > (os.cpu_count() or 1)
    except (AttributeError, OSError):
        return False


def cpu_flags(cpu_info: Path = CPU_INFO) -> frozenset[str]:
    """What the CPU says that it can do, in Linux' words; empty where nobody says so."""
    try:
        with cpu_info.open(encoding="ascii", errors="replace") as lines:
            # "flags" on x86, "Features" on ARM.
            found = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        return frozenset()
    return frozenset(found.partition(":")[2].split())


def devices() -> list[str]:
    """What can be asked for here, the CPU first."""
    import onnxruntime as ort

    available = set(ort.get_available_providers())
    if openvino.is_installed():
        available.add(PROVIDERS["openvino"])
    return ["cpu", *(name for name, provider in PROVIDERS.items() if provider in available)]


def providers(device: str = "auto") -> list[str]:
    """ONNX Runtime's execution providers for one of :data:`DEVICES`, in order.

    Raises
    ------
    ModelError: there is none for it here.
    """
    if device in ("auto", "cpu"):
        return [CPU]
    wanted, here = GPUS if device == "gpu" else (device,), devices()
    present = [PROVIDERS[name] for name in wanted if name in here]
    if not present:
        raise ModelError(
            f"there is no device {device!r} here, but {', '.join(here)}",
            "install the onnxruntime that has it in place of the other (for openvino: pip install "
            '"undegrade[openvino]"), or use --device cpu',
        )
    return [present[0], CPU]
