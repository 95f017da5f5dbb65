"""The network for light: a thumbnail decides it for every place, then come DRGN's two steps."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.imaging.luma import luma
from undegrade.training.networks.blocks import ResidualPair, zero
from undegrade.training.networks.drgn import Steps

THUMBNAIL = 96
"""Side of the thumbnail: the whole picture, averaged to 96 x 96 whatever its shape."""

CELLS = 12
"""Places along each side of the grid of transforms."""

BINS = 6
"""Brightnesses for which each place has a transform of its own."""

BLACKEST = 1e-4
"""What is left of ``1 - x`` in white, so that its power has a gradient."""

KNEE, FULLEST = 0.96, 0.99
"""Encoded values from which on what is lit is held back, and that it never reaches."""

LOG_FLOOR = 0.01
"""Encoded brightness below which its logarithm says no more."""


class Tone(nn.Module):
    """Exposure of the whole, then an affine transform of colour by place and brightness.

    A thumbnail of the whole picture is turned into

    1. three exposures ``s`` in stops, for the curve ``1 - (1 - x)^(2^s)`` of each channel, which
       brightens without clipping;
    2. a bilateral grid (Gharbi et al., "Deep bilateral learning", HDRNet, SIGGRAPH 2017): at each
       of 12 x 12 places and for each of 6 brightnesses 12 numbers, the change of an affine
       transform of colour. It is read at every pixel's place and brightness, linear in between, so
       that what stands against the light is lit and the sky behind it is not;
    3. *hints* for what comes after.

    All begin as zero, so that the network begins as the identity. Only the grid depends on the
    place, and it is computed from the thumbnail alone: a tile that knows where it lies in the
    picture equals that part of the whole.

    Shapes
    ------
    ``x`` (N, 3, H, W) sRGB in [0, 1], sides multiples of 2; ``thumbnail`` (N, 3, 96, 96);
    ``place`` (N, 4), of the window in the picture: its top and left, and a pixel's height and
    width, in heights and widths of the picture; ``level`` (N, 1, 1, 1), the lift, see
    :func:`undegrade.diagnosis.units.to_level`, and 0 where the network is to decide. Returns
    (N, 3, H, W), not clipped, and the hints (N, hints, 1, 1).
    """

    knots: Tensor
    cells: Tensor

    def __init__(self, hints: int = 0, channels: int = 16, told: bool = False) -> None:
        super().__init__()
        c = channels
        self.register_buffer("knots", torch.arange(BINS).view(1, BINS, 1, 1).float(), False)
        self.register_buffer("cells", torch.arange(CELLS).float(), False)
        self.outputs = 3 + hints
        self.look = nn.Sequential(
            *(nn.Conv2d(6, c, 3, 2, 1), nn.LeakyReLU(0.1)),
            *(nn.Conv2d(c, 2 * c, 3, 2, 1), nn.LeakyReLU(0.1)),
            *(nn.Conv2d(2 * c, 4 * c, 3, 2, 1), nn.LeakyReLU(0.1)),
        )
        self.whole = nn.Sequential(
            *(nn.Conv2d(8 * c + 6, 8 * c, 1), nn.LeakyReLU(0.1)),
            *(nn.Conv2d(8 * c, 4 * c, 1), nn.LeakyReLU(0.1)),
        )
        # The lift, and whether there is one: begun as zero, what was trained without goes on.
        self.lift = zero(nn.Conv2d(2, 8 * c, 1)) if told else None
        self.wanted = zero(nn.Conv2d(4 * c, self.outputs, 1))
        self.around = nn.Sequential(
            *(nn.Conv2d(4 * c, 4 * c, 3, padding=1), nn.LeakyReLU(0.1)),
            nn.Conv2d(4 * c, 4 * c, 3, padding=1),
        )
        self.grid = zero(nn.Conv2d(4 * c, 12 * BINS, 1))

    def read(self, thumbnail: Tensor, level: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What the whole wants, (N, 3 + hints, 1, 1), and the grid, (N, 12 * 6, 12, 12)."""
        # Light is a factor: its logarithm adds, and tells the darkest from the dark.
        maps = self.look(torch.cat([thumbnail, _logarithm(thumbnail)], 1))
        mean = thumbnail.mean((2, 3), keepdim=True)
        seen = [maps.mean((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True), mean]
        whole = self.whole[0](torch.cat([*seen, _logarithm(mean)], 1))
        if self.lift is not None:
            assert level is not None
            whole = whole + self.lift(torch.cat([level, (level > 0).to(level)], 1))
        whole = self.whole[1:](whole)
        return self.wanted(whole), self.grid(F.leaky_relu(self.around(maps) + whole, 0.1))

    def forward(
        self, x: Tensor, thumbnail: Tensor, place: Tensor, level: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        # All in fp32: what lies near black decides the colours of a dark picture.
        with torch.autocast(x.device.type, enabled=False):
            full = torch.promote_types(x.dtype, torch.float32)
            told = None if level is None else level.to(full)
            x, wanted, grid = x.to(full), *self.read(thumbnail.to(full), told)
            exponent = torch.exp2(wanted[:, :3])
            lit = 1.0 - torch.clamp(1.0 - x, min=BLACKEST) ** exponent
            change = self._sliced(grid, lit, place.to(full))
            rows = [
                (change[:, 4 * k : 4 * k + 3] * lit).sum(1, keepdim=True)
                + change[:, 4 * k + 3 : 4 * k + 4]
                for k in range(3)
            ]
            return lit + torch.cat(rows, 1), wanted[:, 3:]

    def _sliced(self, grid: Tensor, lit: Tensor, place: Tensor) -> Tensor:
        """*grid* at every pixel's place and brightness, (N, 12, H, W), read at half the size."""
        half = F.avg_pool2d(lit, 2)
        height, width = half.shape[2:]
        down = self._weights(place[:, 0:1], place[:, 2:3], height)
        across = self._weights(place[:, 1:2], place[:, 3:4], width)
        spread = torch.matmul(torch.matmul(down[:, None], grid), across[:, None].transpose(2, 3))
        bright = luma(half).clamp(0.0, 1.0) * (BINS - 1)
        near = torch.clamp(1.0 - (bright - self.knots).abs(), min=0.0)
        read = (spread.reshape(len(spread), 12, BINS, height, width) * near[:, None]).sum(2)
        return F.interpolate(read, scale_factor=2, mode="bilinear")

    def _weights(self, start: Tensor, pixel: Tensor, count: int) -> Tensor:
        """What each of 12 cells weighs at *count* pairs of pixels, (N, count, 12), sum 1.

        Linear between the cells' middles, and the outermost ones beyond. Counted in whole pixels
        from the picture's edge, so that a place is the same number in every tile, to the last bit:
        8-bit arithmetic behind it would make a difference visible.
        """
        odd = 2.0 * torch.arange(count, device=start.device) + 1.0
        at = (torch.round(start / pixel) + odd) * pixel
        at = (at * CELLS - 0.5).clamp(0.0, CELLS - 1.0)
        return torch.clamp(1.0 - (at[:, :, None] - self.cells).abs(), min=0.0)


class ToneNetwork(nn.Module):
    """:class:`Tone` alone: what decides exposure and colour is trained on small whole pictures."""

    scale = 1
    multiple = 2
    radius = 3
    level_names = ("lift",)

    def __init__(self, hints: int = 12, channels: int = 16, told: bool = False) -> None:
        super().__init__()
        self.tone = Tone(hints, channels, told)
        self.told = int(told)

    def forward(
        self, x: Tensor, thumbnail: Tensor, place: Tensor, level: Tensor | None = None
    ) -> Tensor:
        lit: Tensor = self.tone(x, thumbnail, place, level)[0]
        return lit


class Light(nn.Module):
    """DRGN's two steps behind :class:`Tone`.

    ``I* = ReG(tone(I_L) - DeG(tone(I_L), I_L))``. What can only be told from the whole picture,
    light and colour by place, is read off a thumbnail once; what a pixel needs beyond that, off its
    surroundings. So the receptive radius is finite and tiles equal the whole, which the published
    generators, with attention over the picture, do not allow.

    DeG (Jiang et al., "Degrade is upgrade", AAAI 2022) works at a quarter of the resolution, where
    noise and colour are coarse, ReG at half of it; both are residual pairs whose features the
    hints scale and shift, and begin as zero. What comes out is full only where the input was.

    Parameters
    ----------
    coarse, fine: channels of DeG and of ReG.
    pairs: residual pairs of each.
    hints: what the thumbnail tells both, beside tone.
    told: whether :class:`Tone` is told the lift.

    Shapes as for :class:`Tone`, with sides that are multiples of 4. The radius is
    ``4 (2 pairs + 2) + 2 (2 pairs + 2) + 4 + 3`` pixels.
    """

    scale = 1
    multiple = 4
    level_names = ("lift",)

    def __init__(
        self,
        coarse: int = 64,
        fine: int = 48,
        pairs: int = 3,
        hints: int = 12,
        expand: int = 0,
        told: bool = False,
    ) -> None:
        super().__init__()
        self.tone = Tone(hints, told=told)
        self.told = int(told)
        self.hints = nn.Conv2d(hints, 2 * (coarse + fine), 1)
        self.widths = [coarse, coarse, fine, fine]
        self.deg = _Step(2 * 3 * 16, 3 * 16, coarse, pairs, expand)
        self.reg = _Step(3 * 4, 3 * 4, fine, pairs, expand)
        self.radius = 6 * (2 * pairs + 2) + 7

    def steps(
        self, x: Tensor, thumbnail: Tensor, place: Tensor, level: Tensor | None = None
    ) -> Steps:
        """The degradation of the lit picture, the base without it, and the result."""
        lit, hints = self.tone(x, thumbnail, place, level)
        turns = self.hints(hints).split(self.widths, 1)
        both = F.pixel_unshuffle(torch.cat([lit, x], 1), 4)
        degradation = F.pixel_shuffle(self.deg(both, *turns[:2]), 4)
        base = lit - degradation
        refined = self.reg(F.pixel_unshuffle(base, 2), *turns[2:])
        return Steps(degradation, base, _unclipped(base + F.pixel_shuffle(refined, 2), x))

    def forward(
        self, x: Tensor, thumbnail: Tensor, place: Tensor, level: Tensor | None = None
    ) -> Tensor:
        return self.steps(x, thumbnail, place, level).enhanced


class _Step(nn.Module):
    """3x3 in, guided residual pairs, 3x3 out, all at one resolution."""

    def __init__(self, c_in: int, c_out: int, channels: int, pairs: int, expand: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(c_in, channels, 3, padding=1)
        self.body = nn.Sequential(*(ResidualPair(channels, expand) for _ in range(pairs)))
        self.tail = zero(nn.Conv2d(channels, c_out, 3, padding=1))

    def forward(self, x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
        output: Tensor = self.tail(self.body(F.relu(self.head(x) * (1.0 + gain) + shift)))
        return output


def _unclipped(lit: Tensor, x: Tensor) -> Tensor:
    """*lit*, bent so that no value becomes full that is not full in *x*."""
    room = FULLEST - KNEE
    held = FULLEST - room * room / (room + F.relu(lit - KNEE))
    return torch.maximum(torch.minimum(lit, held), torch.minimum(lit, x))


def _logarithm(x: Tensor) -> Tensor:
    """Stops of encoded brightness in about -1..1."""
    return torch.log2(x.clamp(min=0.0) + LOG_FLOOR) / 3.0 + 1.0
