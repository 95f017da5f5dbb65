"""Learned perceptual image patch similarity, version 0.1 (Zhang et al., CVPR 2018)."""

from __future__ import annotations

import hashlib
import math
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from undegrade.errors import ModelError, UndegradeError
from undegrade.imaging.arrays import Doubles
from undegrade.metrics import weights
from undegrade.metrics.base import Comparison
from undegrade.metrics.lpips_graph import GRAPH, lpips_graph
from undegrade.metrics.pictures import coloured
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
            f"{self.name} cannot be computed: {str(error).splitlines()[0]}",
            "use the published weights, and a picture that fits into memory",
        )
