"""Phone-to-camera enhancement: the generator and two discriminators.

Ignatov et al., "DSLR-quality photos on mobile devices with deep convolutional networks", ICCV
2017, sections 3.2-3.3, and the authors' code where it differs; Prakash and Phumbhra, 2020,
for the narrower generator and the discriminator of seven convolutions.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.imaging.luma import luma
from undegrade.training.networks.layers import (
    Residual,
    conv_norm_leaky,
    dense_head,
    feature_norm,
    start_gaussian,
)


def _residual(channels: int, statistics: str) -> Residual:
    """``x + relu(norm(conv(relu(norm(conv(x))))))``."""
    body: list[nn.Module] = []
    for _ in range(2):
        body += [nn.Conv2d(channels, channels, 3, padding=1)]
        body += [feature_norm(channels, statistics, eps=1e-3), nn.ReLU()]
    return Residual(*body)


class PhoneGenerator(nn.Module):
    """Twelve convolutions at full size: 9x9, four residual blocks, two 3x3, 9x9.

    ReLU everywhere but at the end: ``0.58 * tanh(f(x)) + 0.5``. Weights from a normal of
    deviation 0.01 truncated at two deviations, biases 0.01. **401,475 parameters** for 64
    channels (DPED's own, ``dped64`` in the table of networks), 108,579 for the seed's 32; the
    seed fixes the width, ReLU and tanh, and the rest is DPED's.

    Parameters
    ----------
    channels, blocks: width and number of residual blocks.
    statistics: of the normalisation, see
        :func:`~undegrade.training.networks.layers.feature_norm`. ``instance`` is what
        DPED's code does, and what makes a tile differ from the whole picture; ``running`` (mended)
        maps all pixels alike and exports to plain convolutions; ``batch`` is what the paper's text
        says.

    Shapes
    ------
    ``x`` (N, 3, H, W) sRGB in [0, 1]. Returns (N, 3, H, W), sRGB within [-0.08, 1.08]. The
    receptive radius in evaluation is ``2 * blocks + 10`` pixels, or None (the whole picture) for
    ``instance``.
    """

    scale = 1
    multiple = 1

    def __init__(self, channels: int = 32, blocks: int = 4, statistics: str = "running") -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, channels, 9, padding=4), nn.ReLU())
        self.layers.extend([_residual(channels, statistics) for _ in range(blocks)])
        for _ in range(2):
            self.layers.append(nn.Conv2d(channels, channels, 3, padding=1)).append(nn.ReLU())
        self.layers.append(nn.Conv2d(channels, 3, 9, padding=4))
        start_gaussian(self, 0.01, truncated=True, bias=0.01)
        self.radius = None if statistics == "instance" else 2 * blocks + 10

    def forward(self, x: Tensor) -> Tensor:
        return 0.58 * F.tanh(self.layers(x)) + 0.5


class PhoneDiscriminator(nn.Module):
    """Seven 3x3 convolutions on brightness, dense 1024, one logit: texture without colour.

    The seed fixes "grayscale", "7 convolutions", leaky ReLU and a dense layer; the widths are
    ours: 32 s2, 64 s1, 64 s2, 128 s1, 128 s2, 256 s1, 256 s2, leaky ReLU 0.2, batch norm on all
    but the first, then DPED's dense 1024. **14,010,433 parameters** for patches of 100 x 100.

    ``x`` (N, 3, size, size) sRGB in [0, 1]. Returns logits (N, 1).
    """

    def __init__(self, size: int = 100, channels: int = 32) -> None:
        super().__init__()
        widths = [channels * factor for factor in (1, 2, 2, 4, 4, 8, 8)]
        self.features = nn.Sequential(nn.Conv2d(1, channels, 3, 2, padding=1), nn.LeakyReLU(0.2))
        for index, (c_in, c_out) in enumerate(pairwise(widths)):
            self.features.extend(conv_norm_leaky(c_in, c_out, kernel=3, stride=1 + index % 2))
        self.head = dense_head(widths[-1], size=size, width=1024)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(luma(x)))
        return logits


class DPEDDiscriminator(nn.Module):
    """DPED's own five convolutions on brightness, dense 1024, dense 2.

    11x11 s4 48, 5x5 s2 128, 3x3 192, 3x3 192, 3x3 s2 128; leaky ReLU 0.2 and then instance norm
    behind each but the first. Softmax over the two outputs is the sigmoid of their difference,
    which is what this returns. Padding is symmetric, where TensorFlow pads more at the end.
    Initialised as the generator. **7,361,122 parameters** for patches of 100 x 100 and *channels*
    of 48, to which the other widths are in proportion.

    ``x`` (N, 3, size, size) sRGB in [0, 1]. Returns logits (N, 1), positive for real.
    """

    def __init__(self, size: int = 100, channels: int = 48) -> None:
        super().__init__()
        middle, wide = 8 * channels // 3, 4 * channels
        self.features = nn.Sequential(nn.Conv2d(1, channels, 11, 4, padding=5), nn.LeakyReLU(0.2))
        for c_in, c_out, kernel, stride in (
            (channels, middle, 5, 2),
            (middle, wide, 3, 1),
            (wide, wide, 3, 1),
            (wide, middle, 3, 2),
        ):
            self.features.append(nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2))
            self.features.extend([nn.LeakyReLU(0.2), feature_norm(c_out, "instance", eps=1e-3)])
        self.head = dense_head(middle, size=size, width=1024, outputs=2)
        start_gaussian(self, 0.01, truncated=True, bias=0.01)

    def forward(self, x: Tensor) -> Tensor:
        fake, real = self.head(self.features(luma(x))).split(1, 1)
        logits: Tensor = real - fake
        return logits
