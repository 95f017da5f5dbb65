"""OpenVINO as a second runtime: Intel's CPUs and GPUs without ONNX Runtime's provider for them."""

from __future__ import annotations

from importlib import metadata
from types import SimpleNamespace
from typing import Any

import numpy as np

from undegrade.imaging.arrays import Floats


def version() -> str:
    """Of the package (the extra ``openvino``), which is not imported for that; empty without it."""
    try:
        return metadata.version("openvino")
    except metadata.PackageNotFoundError:
        return ""


def is_installed() -> bool:
    """Whether the package is at hand."""
    return version() != ""


class OpenVinoSession:
    """As much of ONNX Runtime's session as networks here are run by; from several threads, too.

    An Intel GPU is taken where there is one. Numbers stay float32: by itself OpenVINO would round
    them to bfloat16 on CPUs that have it, and to float16 on GPUs, which 16-bit photos show.

    Parameters
    ----------
    data: an ONNX file. threads: of the CPU.

    Raises whatever OpenVINO does about a graph that it cannot compile.
    """

    def __init__(self, data: bytes, threads: int) -> None:
        import openvino

        core = openvino.Core()
        gpu = any(name.startswith("GPU") for name in core.available_devices)
        settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if not gpu:
            settings["INFERENCE_NUM_THREADS"] = str(threads)
        graph = core.read_model(data)
        self._inputs = [SimpleNamespace(name=one.any_name) for one in graph.inputs]
        self._compiled = core.compile_model(graph, "GPU" if gpu else "CPU", settings)

    def run(self, outputs: None, feed: dict[str, Any]) -> list[Floats]:
        """Every output, in the graph's order; arrays of the caller's own."""
        request = self._compiled.create_infer_request()  # holds the state of one run
        found = request.infer(feed)
        return [np.array(found[output]) for output in self._compiled.outputs]

    def get_inputs(self) -> list[SimpleNamespace]:
        """By the names that they are fed under, in the graph's order."""
        return self._inputs
