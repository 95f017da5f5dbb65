"""Weight initialisations that papers ask for by name."""

from __future__ import annotations

from torch import nn

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def gaussian(
    network: nn.Module, std: float, truncated: bool = False, bias: float = 0.0
) -> nn.Module:
    """Draw every convolution and dense weight from N(0, std^2), in place.

    Truncated draws stay within two standard deviations, as TensorFlow's do.
    """
    for module in network.modules():
        if isinstance(module, (*CONVOLUTIONS, nn.Linear)):
            if truncated:
                nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
            else:
                nn.init.normal_(module.weight, std=std)
            if module.bias is not None:
                nn.init.constant_(module.bias, bias)
    return network


def dcgan(network: nn.Module) -> nn.Module:
    """N(0, 0.02^2) for weights, N(1, 0.02^2) for batch-norm scales, zero shifts, in place.

    Radford et al., "Unsupervised representation learning with deep convolutional generative
    adversarial networks", ICLR 2016, section 4; pix2pix and CycleGAN keep it.
    """
    for module in gaussian(network, 0.02).modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
    return network


def he(network: nn.Module) -> nn.Module:
    """Gaussian weights of variance 2 / fan-in and zero biases (He et al., ICCV 2015), in place."""
    for module in network.modules():
        if isinstance(module, (*CONVOLUTIONS, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
