"""Learned perceptual image patch similarity, version 0.1 (Zhang et al., CVPR 2018)."""

from __future__ import annotations

import hashlib
import math
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from undegrade.errors import ModelError, UndegradeError, first_line
from undegrade.imaging.arrays import Doubles
from undegrade.metrics import weights
from undegrade.metrics.base import Comparison, coloured, optional
from undegrade.metrics.published import WEIGHTS, Weights

NETWORKS = {
    "alex": ("alexnet", 63),
    "vgg": ("vgg16", 16),
    "squeeze": ("squeezenet1_1", 17),
    "squeeze-fp16": ("squeezenet1_1_fp16", 17),
}
"""What a variant stands on: its trunk's weights in :data:`.published.WEIGHTS`, and the shortest
side that its layers can see, in pixels."""


class LPIPS(Comparison):
    """``sum_l mean_hw sum_c w_lc (x^_lchw - y^_lchw)^2``, 0 for equal pictures.

    ``x^_l`` are the features of layer l after its ReLU, divided by their norm over the channels
    (plus 1e-10), ``w_l`` the non-negative weights of the learned head. AlexNet is what tables
    report, VGG-16 what networks are trained with. The trunk of ``squeeze-fp16`` is SqueezeNet
    rounded to float16: near ``squeeze``, but not it, hence the name of its own.

    The networks run in float32 by ONNX Runtime, the means in float64. Both pictures are held in
    memory at once: up to 0.5 kB a pixel for SqueezeNet and AlexNet, 1.5 kB for VGG-16.

    The network is a card of the user's catalogue, built of the published weights when it is first
    needed: from then on neither weights nor the packages that read them are needed. *trunk*
    and *heads* are files of weights to take instead; of those nothing is kept.
    """

    better = "lower"
    range = (0.0, math.inf)
    channels = ("rgb",)

    def __init__(
        self,
        network: Literal["alex", "vgg", "squeeze", "squeeze-fp16"] = "alex",
        trunk: Path | None = None,
        heads: Path | None = None,
    ) -> None:
        self.name = f"lpips-{network}"
        self.weights, self.least = NETWORKS[network]
        self.architecture = self.weights.removesuffix("_fp16")
        self.trunk = trunk
        self.heads = heads

    def _value(self, picture: Doubles, reference: Doubles) -> float:
        pair = np.stack([coloured(picture), coloured(reference)]).transpose(0, 3, 1, 2)
        try:
            maps = self._session.run(None, {"pictures": np.ascontiguousarray(pair, np.float32)})
        except UndegradeError:
            raise
        except Exception as error:  # ONNX Runtime compares shapes no earlier than this
            raise ModelError(
                f"{self.name} cannot be computed: {first_line(error)}",
                "use the published weights, and a picture that fits into memory",
            ) from None
        return float(sum(np.mean(values, dtype=np.float64) for values in maps))

    @cached_property
    def _session(self) -> Any:
        from undegrade.runtime import open_session

        name, remedy = f"{self.name}, as built,", "use the published weights"
        return open_session(self._network(), name, remedy=remedy)

    def _network(self) -> bytes:
        """The ONNX file: that of the user's catalogue, or else built and, if published, added."""
        if self.trunk or self.heads:
            return self._build()
        from undegrade.catalog import Card, Catalog, read_weights, user_folder, write_card

        place = user_folder() / f"{self.name}.onnx"
        if place.is_file() and place.with_suffix(".toml").is_file():
            model = Catalog().find(str(place))
            if model.card.recipe == self._recipe:
                try:
                    return read_weights(model)
                except ModelError as error:
                    remedy = f"remove {str(place)!r}, it is built anew"
                    raise ModelError(error.what, remedy) from None
        network = self._build()
        card = Card(
            name=self.name,
            task="compare",
            file=place.name,
            sha256=hashlib.sha256(network).hexdigest(),
            summary="Tells how far two pictures look apart (LPIPS)",
            licence="; ".join(part.licence for part in self._parts),
            recipe=self._recipe,
        )
        weights.keep(network, place)
        weights.keep(write_card(card).encode(), place.with_suffix(".toml"))
        return network

    @property
    def _parts(self) -> tuple[Weights, Weights]:
        """The published weights that it is built of: of the trunk, and of the heads."""
        return WEIGHTS[self.weights], WEIGHTS[f"lpips_{self.architecture}"]

    @property
    def _recipe(self) -> str:
        """What it is built of, and how: where that changes, it is built anew."""
        files = [file.sha256 for part in self._parts for file in part.files]
        digest = hashlib.sha256(" ".join([GRAPH, *files]).encode())
        return f"published weights, {digest.hexdigest()[:12]}"

    def _build(self) -> bytes:
        path = weights.find(self.weights, self.trunk)
        trunk = weights.arrays(path)
        halves = any(array.dtype == np.float16 for array in trunk.values())
        if halves != self.name.endswith("-fp16"):
            raise ModelError(
                f"the trunk {str(path)!r} is {'' if halves else 'not '}in float16, so this would "
                f"not be {self.name}",
                "take lpips-squeeze-fp16 for the rounded SqueezeNet, and the published file "
                "for everything else",
            )
        heads = weights.arrays(weights.find(f"lpips_{self.architecture}", self.heads))
        return lpips_graph(self.architecture, trunk, heads)


Arrays: TypeAlias = dict[str, NDArray[Any]]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of pictures in [0, 1]; the constants (-.030, -.088, -.188) and (.458, .448, .450) of the authors'
code for [-1, 1] are the same map."""

EPSILON = 1e-10
GRAPH = "1"
"""To be raised with every change of what this module builds, that no old file be taken for it."""
OPSET, IR_VERSION = 17, 8
"""Old enough for every ONNX Runtime that is supported."""


class _Graph:
    """A network that grows by a layer a call; every node has one output, which has its name.

    Layers are those of torchvision's ``features``, by number. Raises
    :class:`KeyError` for an array that *trunk* or *heads* lacks.
    """

    def __init__(self, trunk: Arrays, heads: Arrays) -> None:
        self.helper = optional("onnx.helper")
        self.from_array = optional("onnx.numpy_helper").from_array
        self.trunk, self.heads = trunk, heads
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.maps: list[str] = []
        mean, std = (np.reshape(values, (1, 3, 1, 1)) for values in (MEAN, STD))
        self.x = self.add("Sub", "pictures", self.constant(mean))
        self.x = self.add("Div", self.x, self.constant(std))

    def constant(self, values: NDArray[Any]) -> str:
        name = f"constant{len(self.constants)}"
        array = np.ascontiguousarray(values, np.float32)
        self.constants.append(self.from_array(array, name))
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def convolved(self, x: str, layer: str, stride: int = 1, pad: int = 0) -> str:
        weight = self.constant(self.trunk[f"features.{layer}.weight"])
        bias = self.constant(self.trunk[f"features.{layer}.bias"])
        x = self.add("Conv", x, weight, bias, strides=[stride] * 2, pads=[pad] * 4)
        return self.add("Relu", x)

    def conv(self, layer: int, stride: int = 1, pad: int = 1) -> Self:
        """A convolution and a ReLU."""
        self.x = self.convolved(self.x, str(layer), stride, pad)
        return self

    def pool(self, size: int, *, ceil: bool = False) -> Self:
        """Max-pooling with stride 2."""
        attributes = {"kernel_shape": [size] * 2, "strides": [2, 2], "ceil_mode": int(ceil)}
        self.x = self.add("MaxPool", self.x, **attributes)
        return self

    def fire(self, layer: int) -> Self:
        """SqueezeNet's module: 1x1, ReLU, then 1x1 and 3x3 side by side, ReLU."""
        x = self.convolved(self.x, f"{layer}.squeeze")
        sides = (
            self.convolved(x, f"{layer}.expand1x1"),
            self.convolved(x, f"{layer}.expand3x3", pad=1),
        )
        self.x = self.add("Concat", *sides, axis=1)
        return self

    def look(self) -> Self:
        """Compare the features here: the next map of weighted squared differences."""
        head = self.heads[f"lin{len(self.maps)}.model.1.weight"]
        norm = self.add("ReduceL2", self.x, axes=[1], keepdims=1)
        norm = self.add("Add", norm, self.constant(np.array(EPSILON)))
        unit = self.add("Div", self.x, norm)
        pair = [f"{unit}_first", f"{unit}_second"]
        self.nodes.append(self.helper.make_node("Split", [unit], pair, axis=0))
        difference = self.add("Sub", *pair)
        squared = self.add("Mul", difference, difference)
        self.maps.append(self.add("Conv", squared, self.constant(head.reshape(1, -1, 1, 1))))
        return self

    def serialised(self) -> bytes:
        helper, kind = self.helper, optional("onnx").TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            "lpips",
            [helper.make_tensor_value_info("pictures", kind, [2, 3, None, None])],
            [helper.make_tensor_value_info(name, kind, [1, 1, None, None]) for name in self.maps],
            self.constants,
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
        data: bytes = model.SerializeToString()
        return data


def _alexnet(net: _Graph) -> None:
    net.conv(0, stride=4, pad=2).look().pool(3)
    net.conv(3, pad=2).look().pool(3)
    net.conv(6).look().conv(8).look().conv(10).look()


def _vgg16(net: _Graph) -> None:
    net.conv(0).conv(2).look().pool(2)
    net.conv(5).conv(7).look().pool(2)
    net.conv(10).conv(12).conv(14).look().pool(2)
    net.conv(17).conv(19).conv(21).look().pool(2)
    net.conv(24).conv(26).conv(28).look()


def _squeezenet1_1(net: _Graph) -> None:
    net.conv(0, stride=2, pad=0).look().pool(3, ceil=True)
    net.fire(3).fire(4).look().pool(3, ceil=True)
    net.fire(6).fire(7).look().pool(3, ceil=True)
    net.fire(9).look().fire(10).look().fire(11).look().fire(12).look()


TRUNKS = {"alexnet": _alexnet, "vgg16": _vgg16, "squeezenet1_1": _squeezenet1_1}
"""What builds each trunk, up to the last layer that is looked at."""


def lpips_graph(network: str, trunk: Arrays, heads: Arrays) -> bytes:
    """The graph of LPIPS on *network*, serialised.

    Its input ``pictures`` is (2, 3, H, W) float32 in [0, 1], the pair; its outputs are one map
    (1, 1, h, w) for each layer looked at: the weighted squared differences of the unit features.
    LPIPS is the sum of the maps' means. Raises :class:`ModelError` for arrays of another network.
    """
    graph = _Graph(trunk, heads)
    try:
        TRUNKS[network](graph)
    except KeyError as error:
        raise ModelError(
            f"the weights of LPIPS on {network!r} do not fit: {error.args[0]!r} is missing",
            "use the published files",
        ) from None
    if len(graph.maps) != len(heads):
        raise ModelError(
            f"the heads of LPIPS on {network!r} do not fit: {len(heads)} arrays instead of "
            f"{len(graph.maps)}",
            "use the published file",
        )
    return graph.serialised()
