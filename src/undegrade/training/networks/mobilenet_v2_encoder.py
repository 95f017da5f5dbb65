"""MobileNetV2 as an encoder, with the key names of the published weights."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from undegrade.training.backbones.mobilenet_v2 import GROUPS, MobileNetV2
from undegrade.training.networks import receptive_field as field


class MobileNetV2Encoder(nn.Module):
    """The layers of :class:`~undegrade.training.backbones.mobilenet_v2.MobileNetV2` to block 17.

    Without batch norms, which are folded into the published weights; 1,795,936 parameters. Its
    convolutions pad as TensorFlow does: with stride 2, on even sides, one pixel behind and none
    before.

    :meth:`pyramid` takes ``x`` (N, 3, H, W) in [-1, 1], sides multiples of 32.
    """

    ENDS = (2, 4, 7, 14, 18)
    """Behind which of ``features`` the strides 2, 4, ... 32 end."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(*list(MobileNetV2().features)[: self.ENDS[-1]])

    def stages(self) -> tuple[tuple[slice, int], ...]:
        """For each stride 2, 4, ... 32: which of ``features`` lead there, and the channels."""
        widths = [32, *(channels for _, channels, blocks, _ in GROUPS for _ in range(blocks))]
        starts = (0, *self.ENDS[:-1])
        return tuple(
            (slice(first, last), widths[last - 1])
            for first, last in zip(starts, self.ENDS, strict=True)
        )

    def layers(self) -> list[field.Layer]:
        """What widens the receptive field, from input to output."""
        strides = [2, *(s if i == 0 else 1 for _, _, blocks, s in GROUPS for i in range(blocks))]
        return [
            field.conv(3, stride, padding=2 - stride) for stride in strides[: len(self.features)]
        ]

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """The features at strides 2, 4, 8, 16 and 32, each at the end of its stage."""
        features = []
        for part, _ in self.stages():
            x = self.features[part](x)
            features.append(x)
        return features

    def load_published(self, state: Mapping[str, Tensor]) -> None:
        """Load a whole classifier's weights, without what lies behind block 17."""
        behind = (f"features.{self.ENDS[-1]}.", "classifier.")
        self.load_state_dict({k: v for k, v in state.items() if not k.startswith(behind)})
