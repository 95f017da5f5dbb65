"""The residual pairs of an ONNX graph, and the same graph with them in 8 bit (QDQ).

A pair computes ``relu(x + conv(relu(conv(x))))`` with x >= 0. In 8 bit its two convolutions take
whole numbers and give whole numbers, which ONNX Runtime fuses into one integer kernel each, while
``x`` itself and the sum stay in float::

    x --- scale - round - conv - relu - round - conv - round - scale --- (+) - relu
     \\_________________________________________________________________/

So rounding does not add up from pair to pair, and level branches, gates, short-cuts and the first
and last convolution, which stand outside of the pairs, are not touched.

The channels of a trained network differ by orders of magnitude, so each has a range of its own,
which is folded into the weights (cross-layer equalisation: Nagel et al., "Data-Free Quantization
through Weight Equalization and Bias Correction", ICCV 2019, section 4.1). What a pair adds is cut
off below -x, where the sum is zero whatever it is. Weights have a step for each output channel
(Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from undegrade.imaging.arrays import Floats
from undegrade.runtime import MADE_FROM

LEAST_CHANNELS = 8
"""Pairs with fewer stay in float: quantising costs more than it gains."""
BYTE, SIGNED = 255, 127
"""Steps of a range of activations, and on either side of zero of weights."""
EVENNESS = 0.75
"""How far the ranges of activations are each channel's own: 0 gives all the widest one's. What
evens them out makes those of the weights uneven."""
NARROW = 1e-2
"""Least range that such a channel counts with, as a part of the widest one's."""
TINY = 1e-5
"""Least range of a channel as a part of the widest one's; some are always zero."""


@dataclass(frozen=True)
class Pair:
    """A residual pair, by the nodes and tensors of its graph."""

    first: NodeProto
    second: NodeProto
    input: str
    """``x``, never negative; (1, C, h, w)."""
    hidden: str
    """What is between the convolutions, behind its ReLU."""
    added: str
    """What the second convolution gives."""


@dataclass
class Ranges:
    """The largest and smallest values of tensors, channel by channel, over many pictures."""

    high: dict[str, Floats] = field(default_factory=dict)
    low: dict[str, Floats] = field(default_factory=dict)

    def narrowed(self, part: float) -> Ranges:
        """This *part* of them, 0..1; what lies beyond will be clipped."""
        high, low = (
            {name: values * np.float32(part) for name, values in side.items()}
            for side in (self.high, self.low)
        )
        return Ranges(high, low)

    def widen(self, name: str, high: Floats, low: Floats) -> None:
        """Take in the extremes (C,) that tensor *name* had on one more picture."""
        self.high[name] = np.maximum(self.high.get(name, high), high)
        self.low[name] = np.minimum(self.low.get(name, low), low)


def find_pairs(model: onnx.ModelProto) -> list[Pair]:
    """The residual pairs of a graph in their order; none where it is built otherwise."""
    graph = model.graph
    users: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    given = {output.name for output in graph.output}
    rectified = {node.output[0] for node in graph.node if node.op_type == "Relu"}
    weights = constants(model)

    def only(name: str, kind: str) -> NodeProto | None:
        found = [] if name in given else users.get(name, [])
        return found[0] if len(found) == 1 and found[0].op_type == kind else None

    pairs = []
    for first in graph.node:
        if first.op_type != "Conv" or first.input[0] not in rectified:
            continue
        relu = only(first.output[0], "Relu")
        second = only(relu.output[0], "Conv") if relu else None
        total = only(second.output[0], "Add") if second else None
        if relu is None or second is None or total is None or not only(total.output[0], "Relu"):
            continue
        if first.input[0] in total.input and _quantisable(first, second, weights):
            pairs.append(Pair(first, second, first.input[0], relu.output[0], second.output[0]))
    return pairs


def _quantisable(first: NodeProto, second: NodeProto, weights: dict[str, Floats]) -> bool:
    return all(
        node.input[1] in weights
        and all(name in weights for name in node.input[2:])
        and min(weights[node.input[1]].shape[:2]) >= LEAST_CHANNELS
        for node in (first, second)
    )


def constants(model: onnx.ModelProto) -> dict[str, Floats]:
    """The float weights of a graph by name, those stored as fp16 behind a cast included."""
    found = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    }
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return {name: values.astype(np.float32) for name, values in found.items()}


def with_extremes(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """The same graph that gives, for each of *names* in turn, its channels' maxima and minima."""
    model = copy.deepcopy(model)
    graph = model.graph
    graph.initializer.append(numpy_helper.from_array(np.array([0, 2, 3]), "extremes.axes"))
    del graph.output[:]
    for name in names:
        for kind in ("ReduceMax", "ReduceMin"):
            output = f"{name}.{kind}"
            graph.node.append(helper.make_node(kind, [name, "extremes.axes"], [output], keepdims=0))
            graph.output.append(helper.make_empty_tensor_value_info(output))
    return model


def quantised(
    model: onnx.ModelProto, pairs: Iterable[Pair], ranges: Ranges, made_from: str
) -> onnx.ModelProto:
    """The same graph with *pairs* in 8 bit.

    Parameters
    ----------
    ranges: of every pair's ``input``, ``hidden`` and ``added``.
    made_from: sha256 of the file of *model*, which is noted in the result.
    """
    rewriting = _Rewriting(model)
    for pair in pairs:
        rewriting.replace(pair, ranges)
    result = rewriting.finished()
    entry = result.metadata_props.add()
    entry.key, entry.value = MADE_FROM, made_from
    onnx.checker.check_model(result)
    return result


class _Rewriting:
    """A graph whose nodes are being replaced."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = copy.deepcopy(model)
        self._weights = constants(model)
        self._nodes: list[NodeProto] = []
        self._instead: dict[str, list[NodeProto]] = {}
        """New nodes by the output of the node whose place they take."""

    def replace(self, pair: Pair, ranges: Ranges) -> None:
        """Put integer convolutions in the place of those of *pair*."""
        # Below -x the sum is zero in any case.
        least = np.maximum(ranges.low[pair.added], -ranges.high[pair.input])
        steps_in, steps_hidden = (
            _evened(ranges.high[name]) / np.float32(BYTE) for name in (pair.input, pair.hidden)
        )
        steps_added = _not_tiny(ranges.high[pair.added] - least) / np.float32(BYTE)

        between, counted = pair.first.output[0], f"{pair.input}.counted"
        factors = self._constant(f"{counted}.factors", 1 / steps_in[:, None, None])
        self._nodes.append(helper.make_node("Mul", [pair.input, factors], [counted]))
        rounded = self._rounded(counted)
        self._convolution(pair.first, between, rounded, steps_in, steps_hidden, 0 * steps_hidden)
        self._put_for(between)

        counted = f"{pair.added}.counted"
        rounded = self._rounded(pair.hidden)
        self._convolution(pair.second, counted, rounded, steps_hidden, steps_added, least)
        # A product and a sum for each channel in one pass: what it normalises by is 1.
        scaling = {
            "step": steps_added,
            "least": least,
            "mean": 0 * least,
            "variance": 0 * least + 1,
        }
        names = [self._constant(f"{pair.added}.{key}", row) for key, row in scaling.items()]
        self._nodes.append(
            helper.make_node(
                "BatchNormalization", [self._rounded(counted), *names], [pair.added], epsilon=0.0
            )
        )
        self._put_for(pair.added)

    def finished(self) -> onnx.ModelProto:
        """The new graph, without what nobody needs any more."""
        graph = self._model.graph
        nodes = [new for node in graph.node for new in self._instead.get(node.output[0], [node])]
        needed = {name for node in nodes for name in node.input} | {o.name for o in graph.output}
        nodes = [node for node in nodes if needed.intersection(node.output)]
        needed = {name for node in nodes for name in node.input}
        kept = [tensor for tensor in graph.initializer if tensor.name in needed]
        for items, wanted in ((graph.node, nodes), (graph.initializer, kept)):
            del items[:]
            items.extend(wanted)
        del graph.value_info[:]
        return self._model

    def _put_for(self, output: str) -> None:
        """What was made since takes the place of the node that gave *output*."""
        self._instead[output], self._nodes = self._nodes, []

    def _constant(self, name: str, values: Any) -> str:
        tensor = numpy_helper.from_array(np.asarray(values), name)
        self._model.graph.initializer.append(tensor)
        return name

    def _rounded(self, name: str) -> str:
        """Round tensor *name* to whole numbers 0..255."""
        one = self._constant(f"{name}.one", np.float32(1))
        zero = self._constant(f"{name}.zero", np.uint8(0))
        self._nodes += [
            helper.make_node("QuantizeLinear", [name, one, zero], [f"{name}.bytes"]),
            helper.make_node("DequantizeLinear", [f"{name}.bytes", one, zero], [f"{name}.rounded"]),
        ]
        return f"{name}.rounded"

    def _convolution(
        self,
        node: NodeProto,
        output: str,
        source: str,
        steps_in: Floats,
        steps_out: Floats,
        least: Floats,
    ) -> None:
        """Add *node* from *source* to *output* with int8 weights.

        *source* counts in *steps_in* (C_in,), and *output* how many *steps_out* (C_out,) it is
        above *least* (C_out,). A ReLU behind it stays right where that is 0.
        """
        weights = self._weights[node.input[1]] * steps_in[:, None, None]
        biases = [self._weights[name] for name in node.input[2:]]
        bias = biases[0] if biases else np.zeros(len(weights), np.float32)
        weights, bias = weights / steps_out[:, None, None, None], (bias - least) / steps_out
        grid = (_not_tiny(np.abs(weights).max((1, 2, 3))) / SIGNED).astype(np.float32)
        whole = np.rint(weights / grid[:, None, None, None]).astype(np.int8)
        limit = np.iinfo(np.int32).max // 2
        whole_bias = np.clip(np.rint(bias / grid.astype(np.float64)), -limit, limit)
        inputs = [source]
        for part, values in (("weight", whole), ("bias", whole_bias.astype(np.int32))):
            name = f"{node.output[0]}.{part}"
            stored = [
                self._constant(name, values),
                self._constant(f"{name}.step", grid),
                self._constant(f"{name}.zero", np.zeros(len(grid), values.dtype)),
            ]
            inputs.append(f"{name}.rounded")
            self._nodes.append(
                helper.make_node("DequantizeLinear", stored, [f"{name}.rounded"], axis=0)
            )
        convolution = helper.make_node("Conv", inputs, [output])
        convolution.attribute.extend(node.attribute)
        self._nodes.append(convolution)


def _evened(high: Floats) -> Floats:
    """Ranges of channels up to *high*, between their own and that of the widest one."""
    widest = np.float32(high.max() or 1)
    evened: Floats = widest * np.maximum(high / widest, NARROW) ** EVENNESS
    return evened


def _not_tiny(ranges: Floats) -> Floats:
    """*ranges* of channels, none of them zero."""
    widest = float(ranges.max()) or 1.0
    return np.maximum(ranges, np.float32(TINY * widest))
