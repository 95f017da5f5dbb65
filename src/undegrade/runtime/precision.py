"""In which numbers a network runs: float32, or 8 bit where that is faster and as good."""

from __future__ import annotations

import platform
from pathlib import Path

from undegrade.catalog import Model
from undegrade.errors import UsageError
from undegrade.runtime.device import CPU, CPU_INFO, PROVIDERS, cpu_flags, providers

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
    if precision not in PRECISIONS:
        raise UsageError(
            f"there is no precision {precision!r}", f"choose one of: {', '.join(PRECISIONS)}"
        )
    if precision == "fp32":
        return "fp32"
    reason = _hindrance(model, device, mixed)
    if precision == "int8":
        if reason:
            raise UsageError(f"{model.card.name!r} cannot run in 8 bit: {reason[0]}", reason[1])
        return "int8"
    gains = not reason and model.card.int8_loss_db < MOST_LOSS and has_dot_products()
    return "int8" if gains else "fp32"


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
