"""AlexNet without its classifier (Krizhevsky, "One weird trick", arXiv 1404.5997)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from undegrade.training.backbones.features import IMAGENET, Backbone, Preprocessing, Step

NAMES = (
    *("conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "conv3", "relu3"),
    *("conv4", "relu4", "conv5", "relu5", "pool5"),
)


class AlexNet(Backbone):
    """The convolutional part of the one-column AlexNet, with torchvision's parameter names.

    ``relu1`` to ``relu5`` have 64, 192, 384, 256, 256 channels at about 1/4, 1/8, 1/16 of the
    picture's size; the smallest picture is 63x63.
    """

    def __init__(self, preprocessing: Preprocessing = IMAGENET) -> None:
        super().__init__(preprocessing)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
        )

    def steps(self) -> Iterator[tuple[str, Step]]:
        return zip(NAMES, self.features, strict=True)
