"""VGG-16 and VGG-19 without their classifiers (Simonyan & Zisserman, ICLR 2015)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import nn

from undegrade.training.backbones.features import IMAGENET, Backbone, Preprocessing, Step

STAGES = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions in each of the five stages (configurations D and E of the paper)."""

WIDTHS = (64, 128, 256, 512, 512)


class VGG(Backbone):
    """The convolutional part: 3x3 convolutions, ReLU, 2x2 max-pooling after each stage.

    Layers are called ``conv1_1``, ``relu1_1``, ... ``pool5``; parameters have torchvision's
    names (``features.0.weight``). Maps of stage *s* are (N, width, H / 2^(s-1), W / 2^(s-1)).

    Parameters
    ----------
    depth: 16 or 19.
    last: the deepest layer to build.
    padding: of the convolutions; "reflect" is what the style-transfer copies were used with.
    """

    def __init__(
        self,
        depth: Literal[16, 19],
        last: str = "pool5",
        padding: Literal["zeros", "reflect"] = "zeros",
        preprocessing: Preprocessing = IMAGENET,
    ) -> None:
        super().__init__(preprocessing)
        self.names: list[str] = []
        self.features = nn.Sequential()
        before = 3
        for stage, (count, width) in enumerate(zip(STAGES[depth], WIDTHS, strict=True), start=1):
            for index in range(1, count + 1):
                self._add(
                    f"conv{stage}_{index}",
                    nn.Conv2d(before, width, 3, padding=1, padding_mode=padding),
                )
                self._add(f"relu{stage}_{index}", nn.ReLU())
                before = width
            self._add(f"pool{stage}", nn.MaxPool2d(2))
        if last not in self.names:
            raise ValueError(f"VGG-{depth} has no layer {last!r}")
        keep = self.names.index(last) + 1
        self.features = nn.Sequential(*list(self.features)[:keep])
        self.names = self.names[:keep]

    def _add(self, name: str, layer: nn.Module) -> None:
        self.names.append(name)
        self.features.append(layer)

    def steps(self) -> Iterator[tuple[str, Step]]:
        return zip(self.names, self.features, strict=True)
