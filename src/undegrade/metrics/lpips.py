"""Learned perceptual image patch similarity, version 0.1 (Zhang et al., CVPR 2018)."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from undegrade.errors import ModelError, UndegradeError, first_line
from undegrade.imaging.arrays import Doubles
from undegrade.metrics import weights
from undegrade.metrics.base import Comparison, coloured, optional
from undegrade.metrics.published import WEIGHTS, Weights


class Network(NamedTuple):
    """What a variant of LPIPS stands on."""

    trunk: str
    """Its weights in :data:`.published.WEIGHTS`."""
    architecture: str
    least: int
    """The shortest side that its layers can see, in pixels."""


NETWORKS = {
    "alex": Network("alexnet", "alexnet", 63),
    "vgg": Network("vgg16", "vgg16", 16),
    "squeeze": Network("squeezenet1_1", "squeezenet1_1", 17),
    "squeeze-fp16": Network("squeezenet1_1_fp16", "squeezenet1_1", 17),
}


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
        self.network = NETWORKS[network]
        self.least = self.network.least
        self.trunk = trunk
        self.heads = heads

    def _compare(self, picture: Doubles, reference: Doubles) -> float:
        pair = np.stack([coloured(picture), coloured(reference)]).transpose(0, 3, 1, 2)
        try:
            maps = self._session.run(None, {"pictures": np.ascontiguousarray(pair, np.float32)})
        except UndegradeError:
            raise
        except Exception as error:  # ONNX Runtime compares shapes no earlier than this
            raise self._failure(error) from None
        return float(sum(np.mean(values, dtype=np.float64) for values in maps))

    @cached_property
    def _session(self) -> Any:
        remedy = "use the published weights"
        from undegrade.runtime import open_session

        return open_session(self._network(), f"{self.name}, as built,", remedy=remedy)

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
        return WEIGHTS[self.network.trunk], WEIGHTS[f"lpips_{self.network.architecture}"]

    @property
    def _recipe(self) -> str:
        """What it is built of, and how: where that changes, it is built anew."""
        files = [file.sha256 for part in self._parts for file in part.files]
        digest = hashlib.sha256(" ".join([GRAPH, *files]).encode())
        return f"published weights, {digest.hexdigest()[:12]}"

    def _build(self) -> bytes:
        path = weights.find(self.network.trunk, self.trunk)
        trunk = weights.arrays(path)
        halves = any(array.dtype == np.float16 for array in trunk.values())
        if halves != self.name.endswith("-fp16"):
            raise ModelError(
                f"the trunk {str(path)!r} is {'' if halves else 'not '}in float16, so this would "
                f"not be {self.name}",
                "take lpips-squeeze-fp16 for the rounded SqueezeNet, and the published file "
                "for everything else",
            )
        heads = weights.arrays(weights.find(f"lpips_{self.network.architecture}", self.heads))
        return lpips_graph(self.network.architecture, trunk, heads)

    def _failure(self, error: Exception) -> ModelError:
        return ModelError(
            f"{self.name} cannot be computed: {first_line(error)}",
            "use the published weights, and a picture that fits into memory",
        )


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
