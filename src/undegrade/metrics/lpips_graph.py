"""LPIPS as an ONNX graph: trunk, unit normalisation and heads, built from published weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from undegrade.errors import ModelError
from undegrade.metrics.base import optional

Arrays: TypeAlias = dict[str, NDArray[Any]]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of pictures in [0, 1]; the constants (-.030, -.088, -.188) and (.458, .448, .450) of the authors'
code for [-1, 1] are the same map."""

EPSILON = 1e-10
GRAPH = "1"
"""To be raised with every change of what this module builds, that no old file be taken for it."""
OPSET, IR_VERSION = 17, 8
"""Old enough for every ONNX Runtime that is supported."""


@dataclass(frozen=True)
class Conv:
    """A convolution and a ReLU; ``features.<index>`` in torchvision's names."""

    index: int
    stride: int = 1
    pad: int = 0


@dataclass(frozen=True)
class Pool:
    """Max-pooling with stride 2."""

    size: int
    ceil: bool = False


@dataclass(frozen=True)
class Fire:
    """SqueezeNet's module: 1x1, ReLU, then 1x1 and 3x3 side by side, ReLU."""

    index: int


@dataclass(frozen=True)
class Look:
    """Where the features are compared."""


Step: TypeAlias = Conv | Pool | Fire | Look
LOOK = Look()

TRUNKS: dict[str, tuple[Step, ...]] = {
    "alexnet": (
        *(Conv(0, stride=4, pad=2), LOOK, Pool(3)),
        *(Conv(3, pad=2), LOOK, Pool(3)),
        *(Conv(6, pad=1), LOOK),
        *(Conv(8, pad=1), LOOK),
        *(Conv(10, pad=1), LOOK),
    ),
    "vgg16": (
        *(Conv(0, pad=1), Conv(2, pad=1), LOOK, Pool(2)),
        *(Conv(5, pad=1), Conv(7, pad=1), LOOK, Pool(2)),
        *(Conv(10, pad=1), Conv(12, pad=1), Conv(14, pad=1), LOOK, Pool(2)),
        *(Conv(17, pad=1), Conv(19, pad=1), Conv(21, pad=1), LOOK, Pool(2)),
        *(Conv(24, pad=1), Conv(26, pad=1), Conv(28, pad=1), LOOK),
    ),
    "squeezenet1_1": (
        *(Conv(0, stride=2), LOOK, Pool(3, ceil=True)),
        *(Fire(3), Fire(4), LOOK, Pool(3, ceil=True)),
        *(Fire(6), Fire(7), LOOK, Pool(3, ceil=True)),
        *(Fire(9), LOOK, Fire(10), LOOK, Fire(11), LOOK, Fire(12), LOOK),
    ),
}
"""Trunks as torchvision numbers their layers, up to the last one that is looked at."""


def lpips_graph(network: str, trunk: Arrays, heads: Arrays) -> bytes:
    """The graph of LPIPS on *network*, serialised.

    Its input ``pictures`` is (2, 3, H, W) float32 in [0, 1], the pair; its outputs are one map
    (1, 1, h, w) for each layer looked at: the weighted squared differences of the unit features.
    LPIPS is the sum of the maps' means.

    Raises
    ------
    ModelError: arrays that are not those of the network.
    """
    builder = _Builder()
    x = builder.add("Sub", "pictures", builder.constant(np.reshape(MEAN, (1, 3, 1, 1))))
    x = builder.add("Div", x, builder.constant(np.reshape(STD, (1, 3, 1, 1))))
    maps: list[str] = []
    try:
        for step in TRUNKS[network]:
            if isinstance(step, Conv):
                x = builder.conv(x, trunk, f"features.{step.index}", step.stride, step.pad)
            elif isinstance(step, Pool):
                x = builder.add(
                    "MaxPool",
                    x,
                    kernel_shape=[step.size] * 2,
                    strides=[2, 2],
                    ceil_mode=int(step.ceil),
                )
            elif isinstance(step, Fire):
                x = builder.fire(x, trunk, f"features.{step.index}")
            else:
                maps.append(builder.distance(x, heads[f"lin{len(maps)}.model.1.weight"]))
    except KeyError as error:
        raise ModelError(
            f"the weights of LPIPS on {network!r} do not fit: {error.args[0]!r} is missing",
            "use the published files",
        ) from None
    if len(maps) != len(heads):
        raise ModelError(
            f"the heads of LPIPS on {network!r} do not fit: {len(heads)} arrays instead of "
            f"{len(maps)}",
            "use the published file",
        )
    return builder.serialised(maps)


class _Builder:
    """Collects nodes and constants; every node has one output, whose name is returned."""

    def __init__(self) -> None:
        self.helper = optional("onnx.helper")
        self.from_array = optional("onnx.numpy_helper").from_array
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: NDArray[Any]) -> str:
        name = f"constant{len(self.constants)}"
        array = np.ascontiguousarray(values, np.float32)
        self.constants.append(self.from_array(array, name))
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def conv(self, x: str, arrays: Arrays, key: str, stride: int = 1, pad: int = 0) -> str:
        weight = self.constant(arrays[f"{key}.weight"])
        bias = self.constant(arrays[f"{key}.bias"])
        x = self.add("Conv", x, weight, bias, strides=[stride] * 2, pads=[pad] * 4)
        return self.add("Relu", x)

    def fire(self, x: str, arrays: Arrays, key: str) -> str:
        x = self.conv(x, arrays, f"{key}.squeeze")
        sides = (
            self.conv(x, arrays, f"{key}.expand1x1"),
            self.conv(x, arrays, f"{key}.expand3x3", pad=1),
        )
        return self.add("Concat", *sides, axis=1)

    def distance(self, x: str, head: NDArray[Any]) -> str:
        norm = self.add("ReduceL2", x, axes=[1], keepdims=1)
        norm = self.add("Add", norm, self.constant(np.array(EPSILON)))
        unit = self.add("Div", x, norm)
        pair = [f"{unit}_first", f"{unit}_second"]
        self.nodes.append(self.helper.make_node("Split", [unit], pair, axis=0))
        difference = self.add("Sub", *pair)
        squared = self.add("Mul", difference, difference)
        return self.add("Conv", squared, self.constant(head.reshape(1, -1, 1, 1)))

    def serialised(self, outputs: list[str]) -> bytes:
        helper, kind = self.helper, optional("onnx").TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            "lpips",
            [helper.make_tensor_value_info("pictures", kind, [2, 3, None, None])],
            [helper.make_tensor_value_info(name, kind, [1, 1, None, None]) for name in outputs],
            self.constants,
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
        data: bytes = model.SerializeToString()
        return data
