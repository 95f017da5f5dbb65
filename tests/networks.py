"""Tiny random ONNX networks, so that tests need neither torch nor shipped weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from undegrade.catalog import Card, Model, sha256, write_card


def tiny_network(
    path: Path,
    *,
    scale: int = 1,
    unshuffle: int = 1,
    convs: int = 2,
    levels: int = 0,
    identity: bool = False,
    gain: float = 1.0,
    poison: bool = False,
    seed: int = 0,
) -> Path:
    """Write a small convolutional network with free height and width.

    Its receptive radius is ``convs * unshuffle`` input pixels, plus ``unshuffle - 1`` for the
    phase. With *identity* it returns its input (enlarged by repetition); *gain* multiplies the
    output of each convolution; with *poison* it turns values above 0.999 into infinity.
    """
    rng = np.random.default_rng(seed)
    channels = 3 * unshuffle**2
    nodes, weights = [], []

    def constant(name: str, values: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(values, name))
        return name

    current = "input"
    if unshuffle > 1:
        nodes.append(helper.make_node("SpaceToDepth", [current], ["low"], blocksize=unshuffle))
        current = "low"
    for i in range(convs):
        kernel = rng.normal(0, 0.1, (channels, channels, 3, 3))
        if identity:
            kernel[:] = 0
        kernel[range(channels), range(channels), 1, 1] += 1
        kernel *= gain
        name = constant(f"w{i}", kernel.astype(np.float32))
        nodes.append(helper.make_node("Conv", [current, name], [f"c{i}"], pads=[1, 1, 1, 1]))
        current = f"c{i}"
    if levels:
        total = constant("axes", np.array([1], np.int64))
        nodes.append(helper.make_node("ReduceSum", ["level", total], ["sum"], keepdims=1))
        nodes.append(helper.make_node("Add", [current, "sum"], ["levelled"]))
        current = "levelled"
    up = unshuffle * scale
    if up > 1:
        spread = np.zeros((3 * up**2, channels, 1, 1), np.float32)
        for c in range(3):
            for phase in range(up**2):
                y, x = divmod(phase, up)
                source = (y * unshuffle // up) * unshuffle + (x * unshuffle // up)
                # SpaceToDepth orders (phase, channel), DepthToSpace in CRD mode (channel, phase).
                spread[c * up**2 + phase, source * 3 + c] = 1
        name = constant("spread", spread)
        nodes.append(helper.make_node("Conv", [current, name], ["wide"]))
        nodes.append(helper.make_node("DepthToSpace", ["wide"], ["full"], blocksize=up, mode="CRD"))
        current = "full"
    if poison:
        limit = constant("limit", np.array(0.999, np.float32))
        inf = constant("inf", np.array(np.inf, np.float32))
        nodes.append(helper.make_node("Greater", [current, limit], ["hot"]))
        nodes.append(helper.make_node("Where", ["hot", inf, current], ["poisoned"]))
        current = "poisoned"
    nodes.append(helper.make_node("Identity", [current], ["output"]))
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "h", "w"])]
    if levels:
        shape = [1, levels, 1, 1]
        inputs.append(helper.make_tensor_value_info("level", TensorProto.FLOAT, shape))
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3, "H", "W"])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def tiny_model(folder: Path, name: str = "tiny", **arguments: object) -> Model:
    """A tiny network with its card beside it."""
    path = tiny_network(folder / f"{name}.onnx", **arguments)  # type: ignore[arg-type]
    unshuffle = int(arguments.get("unshuffle", 1))  # type: ignore[call-overload]
    scale = int(arguments.get("scale", 1))  # type: ignore[call-overload]
    card = Card(
        name=name,
        task="restore" if scale == 1 else "sr",
        file=path.name,
        sha256=sha256(path),
        scale=scale,
        radius=int(arguments.get("convs", 2)) * unshuffle + unshuffle - 1,  # type: ignore[call-overload]
        multiple=unshuffle,
        levels=("noise", "jpeg")[: int(arguments.get("levels", 0))],  # type: ignore[call-overload]
        licence="test",
    )
    (folder / f"{name}.toml").write_text(write_card(card), encoding="utf-8")
    return Model(card, path)
