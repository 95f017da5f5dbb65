"""Learned perceptual image patch similarity, version 0.1 (Zhang et al., CVPR 2018)."""

from __future__ import annotations

import hashlib
import math
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from undegrade.errors import ModelError, UndegradeError
from undegrade.metrics import weights
from undegrade.metrics.base import Comparison
from undegrade.metrics.lpips_graph import GRAPH, lpips_graph
from undegrade.metrics.pictures import Floats, coloured
from undegrade.metrics.published import WEIGHTS
from undegrade.runtime import open_session


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

    The network is an ONNX file, built of the published weights when it is first needed and kept
    beside them: from then on neither weights nor the packages that read them are needed. *trunk*
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

    def _compare(self, picture: Floats, reference: Floats) -> float:
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
        kept = self._kept and self._kept.is_file()
        name = str(self._kept) if kept else f"{self.name}, as built of these weights,"
        remedy = "remove it, and it is built anew" if kept else "use the published weights"
        return open_session(self._network(), name, remedy=remedy)

    def _network(self) -> bytes:
        """The ONNX file: the one that is kept, or else built."""
        if self._kept and self._kept.is_file():
            return self._kept.read_bytes()
        network = self._build()
        if self._kept:
            weights.keep(network, self._kept)
        return network

    @property
    def _kept(self) -> Path | None:
        """Where the file is kept that is built of the published weights."""
        if self.trunk or self.heads:
            return None
        parts = self.network.trunk, f"lpips_{self.network.architecture}"
        files = [file.sha256 for part in parts for file in WEIGHTS[part].files]
        digest = hashlib.sha256(" ".join([GRAPH, *files]).encode()).hexdigest()
        return weights.cache_folder() / f"{self.name}-{digest[:12]}.onnx"

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
            f"{self.name} cannot be computed: {str(error).splitlines()[0]}",
            "use the published weights, and a picture that fits into memory",
        )
