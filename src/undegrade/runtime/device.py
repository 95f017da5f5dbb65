"""What this machine offers to run on, and in which numbers: 8 bit where that gains."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from undegrade.catalog import Model
from undegrade.errors import ModelError, UsageError
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


def cpu_says(*beginnings: str, cpu_info: Path = CPU_INFO) -> str:
    """What Linux tells of the CPU in the line that begins so; empty where nobody says it."""
    try:
        with cpu_info.open(encoding="utf-8", errors="replace") as lines:
            found = next((line for line in lines if line.startswith(beginnings)), "")
    except OSError:
        return ""
    return found.partition(":")[2].strip()


def cpu_flags(cpu_info: Path = CPU_INFO) -> frozenset[str]:
    """What the CPU says that it can do, in Linux' words; empty where nobody says so."""
    # "flags" on x86, "Features" on ARM.
    return frozenset(cpu_says("flags", "Features", cpu_info=cpu_info).split())


def devices() -> list[str]:
    """What can be asked for here, the CPU first."""
    import onnxruntime as ort

    available = set(ort.get_available_providers())
    if openvino.is_installed():
        available.add(PROVIDERS["openvino"])
    return ["cpu", *(name for name, provider in PROVIDERS.items() if provider in available)]


def providers(device: str = "auto") -> list[str]:
    """ONNX Runtime's execution providers for one of :data:`DEVICES`, in order.

    Raises :class:`ModelError` if there is none for it here.
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


PRECISIONS = ("auto", "fp32", "int8")
MOST_LOSS = 0.1
"""PSNR in dB that ``auto`` may lose; nobody sees that much."""
DOT_PRODUCTS = frozenset({"avx_vnni", "avx512_vnni", "amx_int8"})
"""Flags of x86 CPUs that multiply and add four bytes in one instruction. Without it, multiplying
bytes exactly is slower than float32 (0.6 to 0.9 times as fast). ARM has not been measured."""


def choose_precision(
    model: Model, precision: str = "auto", *, device: str = "auto", mixed: bool = False
) -> str:
    """``fp32`` or ``int8``: what :func:`open_network` runs for the *precision* asked for.

    ``auto`` takes 8 bit if the model has such a file, its card says that the file loses less than
    ``MOST_LOSS``, the network runs on the CPU, and the CPU has one of ``DOT_PRODUCTS``. That
    follows from the machine alone, not from its load, so that a photo always comes out the same.

    Parameters
    ----------
    device: one of :data:`undegrade.runtime.device.DEVICES`.
    mixed: whether faithful and vivid weights are mixed, which is done in float32.

    Raises
    ------
    UsageError: ``int8`` is asked for and impossible, or *precision* is unknown.
    """
    check_known("precision", precision, PRECISIONS)
    if precision == "fp32":
        return "fp32"
    reason = _hindrance(model, device, mixed)
    if precision == "int8":
        if reason:
            raise UsageError(f"{model.card.name!r} cannot run in 8 bit: {reason[0]}", reason[1])
        return "int8"
    gains = not reason and model.card.int8_loss_db < MOST_LOSS and has_dot_products()
    return "int8" if gains else "fp32"


def check_known(kind: str, name: str, names: Sequence[str]) -> None:
    """Refuse the *name* of a *kind* of thing that is none of *names*."""
    if name not in names:
        raise UsageError(f"there is no {kind} {name!r}", f"choose one of: {', '.join(names)}")


def has_dot_products(cpu_info: Path = CPU_INFO) -> bool:
    """Whether the CPU is known to have one of ``DOT_PRODUCTS``; only Linux says so."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    return not DOT_PRODUCTS.isdisjoint(cpu_flags(cpu_info))


def _hindrance(model: Model, device: str, mixed: bool) -> tuple[str, str] | None:
    """Why *model* cannot run in 8 bit, and what to do about it; ``None`` if it can."""
    if not model.card.int8:
        return "it has no such weights", "use --precision auto, or make them: undegrade quantise"
    if not model.path.with_name(model.card.int8).is_file():
        return f"there is no {model.card.int8!r}", "use --precision auto, or make it again"
    if mixed:
        return "vivid weights are mixed in float32", "use --detail 0, or --precision auto"
    if providers(device)[0] not in (CPU, PROVIDERS["openvino"]):
        return (
            "its weights in 8 bit are for the CPU and OpenVINO",
            "use --device cpu, or --precision auto",
        )
    return None
