"""DeOldify's critic, the discriminator of the artefact-removal GAN."""

from __future__ import annotations

from torch import Tensor, nn

from undegrade.training.networks import initialisation
from undegrade.training.networks.attention import SelfAttention
from undegrade.training.networks.normalisation import ImageNet, spectral


class DeOldifyCritic(nn.Module):
    """Strided 4x4 convolutions with 3x3 ones between, dropout, one self-attention.

    4x4 s2 to c channels and dropout p / 2; three times: 3x3, dropout p, 4x4 s2 to twice the
    channels, the first followed by self-attention; 3x3; 4x4 without padding to one logit.
    Leaky ReLU 0.2, dropout of whole channels, spectral norm everywhere, no batch norm, He's
    initialisation. ``channels`` is 64 in the artefact-removal GAN (Mameli et al., ICPR 2020;
    **5,919,617 parameters**) and 256 in DeOldify.

    ``x`` (N, 3, H, W) sRGB in [0, 1], H and W at least 64; normalised by ImageNet's statistics
    inside, as fastai's pictures are: under spectral norm the size of the input is that of the
    logits, and on [0, 1] the critic stood still. Returns logits
    (N, 1, H / 16 - 3, W / 16 - 3).
    """

    def __init__(self, channels: int = 64, dropout: float = 0.15) -> None:
        super().__init__()
        self.imagenet = ImageNet()
        self.layers = nn.Sequential(
            nn.Conv2d(3, channels, 4, 2, padding=1), nn.LeakyReLU(0.2), nn.Dropout2d(dropout / 2)
        )
        for width in (channels, 2 * channels, 4 * channels):
            self.layers.extend(
                [
                    nn.Conv2d(width, width, 3, padding=1),
                    nn.LeakyReLU(0.2),
                    nn.Dropout2d(dropout),
                    nn.Conv2d(width, 2 * width, 4, 2, padding=1),
                    nn.LeakyReLU(0.2),
                ]
            )
            if width == channels:
                self.layers.append(SelfAttention(2 * width))
        self.layers.append(nn.Conv2d(8 * channels, 8 * channels, 3, padding=1))
        self.layers.append(nn.LeakyReLU(0.2))
        self.layers.append(nn.Conv2d(8 * channels, 1, 4, bias=False))
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                initialisation.he(layer)
                spectral(layer)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(self.imagenet(x))
        return logits
