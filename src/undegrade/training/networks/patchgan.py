"""The 70x70 PatchGAN: one judgement per overlapping patch."""

from __future__ import annotations

from torch import Tensor, nn

from undegrade.training.networks import initialisation
from undegrade.training.networks.luma import luma
from undegrade.training.networks.normalisation import spectral


class PatchDiscriminator(nn.Module):
    """4x4 convolutions: 64 s2, 128 s2, 256 s2, 512 s1, 1 s1, leaky ReLU 0.2 between.

    Isola et al., "Image-to-image translation with conditional adversarial networks", CVPR 2017,
    appendix 6.1.2, with spectral norm in place of batch norm; weights N(0, 0.02^2). **2,764,737
    parameters**. Serves DRGN as D_low (on pictures) and as D_de (on signed degradations): two
    networks of this kind, whose layers the paper's public parts do not give.

    Parameters
    ----------
    channels: of the first convolution.
    grey: judge brightness alone, as the discriminators of texture do.
    signed: of differences in [-1, 1], which are judged as they are; pictures in [0, 1] are brought
        to that range, for under spectral norm the size of the input is the size of the gradient.

    ``x`` (N, 3, H, W). Returns logits (N, 1, H / 8 - 2, W / 8 - 2), H and W at least
    24; each sees 70 x 70 pixels.
    """

    def __init__(self, channels: int = 64, grey: bool = False, signed: bool = False) -> None:
        super().__init__()
        self.grey = grey
        self.signed = signed
        layers: list[nn.Module] = []
        for c_in, c_out, stride in (
            (1 if grey else 3, channels, 2),
            (channels, 2 * channels, 2),
            (2 * channels, 4 * channels, 2),
            (4 * channels, 8 * channels, 1),
            (8 * channels, 1, 1),
        ):
            layers += [nn.Conv2d(c_in, c_out, 4, stride, padding=1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers[:-1])
        initialisation.gaussian(self, 0.02)
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                spectral(layer)

    def forward(self, x: Tensor) -> Tensor:
        seen = luma(x) if self.grey else x
        logits: Tensor = self.layers(seen if self.signed else 2 * seen - 1)
        return logits
