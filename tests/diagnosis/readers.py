"""Stand-ins for the trained network: one that knows its answer, and a tiny random one in ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from undegrade.catalog import Card, Model, sha256, write_card
from undegrade.diagnosis.units import CROP, QUANTITIES, to_level
from undegrade.imaging.noise_levels import NOISE, white_levels


class Told:
    """Reads the same values, in people's units, off every crop, and keeps the crops."""

    def __init__(self, noise=0.0, jpeg=100.0, blur=0.0, grain=1.0, deviation=0.02):
        white = dict(zip(NOISE, white_levels(noise), strict=True))
        values = {"grain": grain, "jpeg": jpeg, "blur": blur}
        known = white | {name: to_level(name, value) for name, value in values.items()}
        self.level = [known[name] for name in QUANTITIES]
        self.deviation = deviation
        self.crops = []

    def __call__(self, crops):
        self.crops.append(crops)
        mean = np.tile(np.array(self.level), (len(crops), 1))
        return mean, np.full_like(mean, self.deviation)


def tiny_reader(
    folder: Path, *, outputs: int = 2 * len(QUANTITIES), side: int = 128, poison: bool = False
) -> Model:
    """A network that weighs the mean colour of a crop at random, with its card beside it."""
    rng = np.random.default_rng(0)
    weight = rng.normal(0, 0.1, (3, outputs)).astype(np.float32)
    bias = np.full(outputs, np.inf if poison else 0.0, np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["crops"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["levels"]),
    ]
    weights = [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")]
    crops = helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["n", 3, side, side])
    levels = helper.make_tensor_value_info("levels", TensorProto.FLOAT, ["n", outputs])
    graph = helper.make_graph(nodes, "tiny", [crops], [levels], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path = folder / "diagnosis.onnx"
    onnx.save(model, path)
    card = Card(
        "diagnosis", "diagnose", path.name, sha256(path), levels=QUANTITIES, crop=CROP, licence="t"
    )
    path.with_suffix(".toml").write_text(write_card(card), encoding="utf-8")
    return Model(card, path)
