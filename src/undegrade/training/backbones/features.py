"""What every backbone is: pictures in, named feature maps out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

Step = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Preprocessing:
    """``(x - mean) / std`` per channel; what a set of weights expects of a picture in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, x: Tensor) -> Tensor:
        """Map sRGB (N, 3, H, W) in [0, 1] to the network's own range."""
        if x.dim() != 4 or x.shape[1] != 3:
            raise ValueError(f"a backbone takes pictures (N, 3, H, W), not {tuple(x.shape)}")
        mean, std = (x.new_tensor(value).view(1, 3, 1, 1) for value in (self.mean, self.std))
        return (x - mean) / std


IMAGENET = Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""torchvision's; LPIPS's constants (-.030, -.088, -.188) / (.458, .448, .450) for a range of
[-1, 1] are the same map."""

SYMMETRIC = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""``2 x - 1``, the range of TensorFlow's mobile networks."""

CAFFE = Preprocessing((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255))
"""``255 x - mean``, Oxford's own range of VGG, here in RGB order."""


class Backbone(nn.Module):
    """A feed-forward feature network whose every step has a name.

    ``forward`` takes pictures (N, 3, H, W) in [0, 1], applies the preprocessing of the weights
    and stops at the deepest layer that was asked for. No step works in place, so that maps
    before a ReLU are what they say.
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.preprocessing = preprocessing

    def steps(self) -> Iterator[tuple[str, Step]]:
        """Name and function of each step, in order."""
        raise NotImplementedError

    def layers(self) -> tuple[str, ...]:
        """All names that ``forward`` knows, in order."""
        return tuple(name for name, _ in self.steps())

    def forward(self, x: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """The feature maps called *layers*, in that order; ``ValueError`` for an unknown name."""
        known = self.layers()
        if unknown := [name for name in layers if name not in known]:
            raise ValueError(f"no layer is called {unknown[0]!r}; there are: {', '.join(known)}")
        found: dict[str, Tensor] = {}
        x = self.preprocessing(x)
        for name, step in self.steps():
            x = step(x)
            if name in layers:
                found[name] = x
            if len(found) == len(set(layers)):
                break
        return [found[name] for name in layers]
