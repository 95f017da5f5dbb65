"""Attention: over positions, over channels, and between branches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.networks.normalisation import spectral


class SelfAttention(nn.Module):
    """``x + gamma * V softmax(K^T Q)``: every position looks at all others.

    Zhang et al., "Self-attention generative adversarial networks", ICML 2019, section 3, without
    its last 1x1 convolution, as DeOldify has it. Queries and keys have c / 8 channels; 1x1
    convolutions without bias under spectral norm; gamma starts at 0, so that the block starts as
    the identity. (N, c, H, W) to the same; memory and time grow with (H * W)^2.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = max(1, channels // 8)
        self.query = spectral(nn.Conv2d(channels, narrow, 1, bias=False))
        self.key = spectral(nn.Conv2d(channels, narrow, 1, bias=False))
        self.value = spectral(nn.Conv2d(channels, channels, 1, bias=False))
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            projection(x).flatten(2).transpose(1, 2).unsqueeze(1)  # one head
            for projection in (self.query, self.key, self.value)
        )
        seen = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        return x + self.gamma * seen.squeeze(1).transpose(1, 2).reshape(x.shape)


class ChannelAttention(nn.Module):
    """``x * sigmoid(W2 relu(W1 mean(x)))`` with a squeeze by 16, to 4 channels at least.

    Zhang et al., "Image super-resolution using very deep residual channel attention networks",
    ECCV 2018, section 3.3. (N, c, H, W) to the same.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        narrow = max(4, channels // reduction)
        self.weigh = nn.Sequential(
            nn.Conv2d(channels, narrow, 1),
            nn.ReLU(),
            nn.Conv2d(narrow, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        weighted: Tensor = x * self.weigh(x.mean((2, 3), keepdim=True))
        return weighted


class SelectiveFusion(nn.Module):
    """A sum of branches whose weights per channel add up to one.

    Selective kernel feature fusion: ``w = softmax_b(A_b prelu(S mean(sum_b x_b)))`` and
    ``y = sum_b w_b x_b`` (Zamir et al., "Learning enriched features for real image restoration
    and enhancement", ECCV 2020, section 3.1). A list of (N, c, H, W) to one (N, c, H, W).
    """

    def __init__(self, channels: int, branches: int, reduction: int = 8) -> None:
        super().__init__()
        narrow = max(4, channels // reduction)
        self.squeeze = nn.Sequential(nn.Conv2d(channels, narrow, 1), nn.PReLU())
        self.attend = nn.ModuleList([nn.Conv2d(narrow, channels, 1) for _ in range(branches)])

    def forward(self, branches: Sequence[Tensor]) -> Tensor:
        stacked = torch.stack(tuple(branches), 1)
        squeezed = self.squeeze(stacked.sum(1).mean((2, 3), keepdim=True))
        weights = torch.stack([attend(squeezed) for attend in self.attend], 1).softmax(1)
        return (weights * stacked).sum(1)
