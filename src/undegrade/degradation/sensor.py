"""From light to an encoded picture and back: the part of a camera that numpy and torch share.

Every function takes pictures (N, C, H, W) of any array library and one parameter a picture, so
that the operator on arrays (:mod:`undegrade.degradation.camera`) and the batches of training
compute the same formula. Random numbers are handed in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias, TypedDict, Unpack

import numpy as np
from array_api_compat import array_namespace
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray

from undegrade.imaging.arrays import Array, as_like, column, place
from undegrade.imaging.luma import LUMA
from undegrade.imaging.luma import luma as brightness
from undegrade.imaging.resize import reflected
from undegrade.imaging.srgb import to_linear, to_srgb

DEMOSAICS = ("none", "bilinear", "malvar", "hamilton")
"""How colours are interpolated: not at all (a sensor with more pixels than the picture), the mean
of the neighbours, with the gradient of the measured colour added (Malvar, He and Cutler, ICASSP
2004), or along edges (Hamilton and Adams, US patent 5,629,734)."""

DENOISERS = ("gaussian", "guided", "coring", "sigma")
"""How a camera smooths: everywhere alike, by a guided filter (He, Sun and Tang, ECCV 2010), by
thresholds on the finest bands of a wavelet, or by the mean of like neighbours (Lee, 1983)."""

SHOT_AT_ISO_1 = 1e-6
"""Linear light of one photoelectron at ISO 1: 1e-4 at ISO 100, 1.2e-2 at ISO 12,000, the range of
Brooks et al., "Unprocessing images for learned raw denoising", CVPR 2019, section 3.1."""


def shot_noise(iso: float) -> float:
    """Linear light of one photoelectron, white = 1, at *iso*."""
    return SHOT_AT_ISO_1 * iso


def read_variance(shot: float, relative: float) -> float:
    """Variance of the read noise that goes with *shot*, times *relative*.

    ``log r = 2.18 log s + 1.2``; source: Brooks et al., equation 3.
    """
    return relative * math.exp(2.18 * math.log(shot) + 1.2) if shot > 0 else 0.0


def scene(x: Array, tone: Array) -> Array:
    """The light that *x* (N, 3, H, W) shows, linear, white = 1.

    The curve that :func:`expose` will put on by *tone* is taken off first.
    """
    xp = array_namespace(x)
    return to_linear(_without_curve(xp.clip(x, 0.0, 1.0), column(tone, x)))


class Exposure(TypedDict):
    """What a camera does between the light and the curve, one value a picture."""

    lens: Array
    """Blur of the lens and of the filter before the sensor in pixels, standard deviation."""
    shot: Array
    """Variance of the noise is ``shot * light + read``, white = 1."""
    read: Array
    red: Array
    """Gain of the white balance, 1 or more."""
    blue: Array
    saturation: Array
    """How far the colour matrix spreads the channels, 0 for not at all."""
    demosaic: Sequence[int]
    """Indices into :data:`DEMOSAICS`."""
    phase: Sequence[int]
    """Where the mosaic begins, 0..3."""


def expose(
    light: Array, noise: Array | None, *, tone: Array, **settings: Unpack[Exposure]
) -> Array:
    """What a camera makes of *light* (N, 3, H, W) from :func:`scene`, encoded.

    Colours and white balance are undone, the light falls on a Bayer mosaic with shot and read
    noise, and all is done again. Source: Brooks et al., sections 3.2 to 3.5.

    Parameters
    ----------
    noise: standard normal (N, 3, H, W), or ``None`` for a sensor without noise.
    tone: share of the S-curve ``3 v^2 - 2 v^3``, 0 to 1.
    settings: see :class:`Exposure`.

    Returns (N, 3, H, W) in [0, 1], not rounded.
    """
    return _encoded(_developed(light, noise, settings), column(tone, light))


def expose_often(
    light: Array, noise: Array, *, tone: Array, **settings: Unpack[Exposure]
) -> tuple[Array, Array]:
    """What :func:`expose` makes of *light* with *noise*, and the mean of many such shots.

    The mean is not the shot without noise: values are clipped at black and white and the curve is
    bent, so that noise makes the dark brighter and paler. It is what real pairs have for the
    truth, and what smoothing the shot would give; a denoiser that aims at anything else must
    change the colours of all that is noisy.
    """
    t = column(tone, light)
    taken, quiet = (_developed(light, drawn, settings) for drawn in (noise, None))
    return _encoded(taken, t), mean_of_shots(quiet, taken, lambda x: _encoded(x, t))


NEARBY = 6.0
"""Deviation in pixels of the Gaussian over which the variance of noise is taken."""


def mean_of_shots(quiet: Array, taken: Array, curve: Callable[[Array], Array]) -> Array:
    """The mean of *curve* over many shots *taken* of the picture *quiet*, both (N, 3, H, W).

    Their noise is taken as normal, its variance from around each pixel, and the mean by a
    Gauss-Hermite quadrature.
    """
    xp = array_namespace(quiet)
    around = xp.full((quiet.shape[0],), NEARBY, **place(quiet))
    spread = xp.sqrt(gaussian((taken - quiet) ** 2, around))
    points, weights = hermegauss(7)
    total = float(sum(weights))
    terms = (
        float(weight) / total * curve(quiet + float(point) * spread)
        for point, weight in zip(points, weights, strict=True)
    )
    return sum(terms, xp.zeros_like(quiet))


def _developed(light: Array, noise: Array | None, settings: Exposure) -> Array:
    """The light that a camera finds, linear, white = 1, neither clipped nor encoded."""
    xp = array_namespace(light)
    tints = settings["red"], settings["blue"], settings["saturation"]
    red, blue, s = (column(one, light) for one in tints)
    gains = xp.concat([red, xp.ones_like(red), blue], axis=1)
    light = gaussian(light, settings["lens"])
    mean = xp.mean(light, axis=1, keepdims=True)
    light = (light + s * mean) / ((1.0 + s) * gains)
    if noise is not None:
        shot, read = column(settings["shot"], light), column(settings["read"], light)
        variance = shot * xp.clip(light, 0.0, 1.0) + read
        light = light + xp.sqrt(variance) * noise
    light = _demosaiced(light, settings["demosaic"], settings["phase"]) * gains
    mean = xp.mean(light, axis=1, keepdims=True)
    return (1.0 + s) * light - s * mean


def _encoded(light: Array, tone: Array) -> Array:
    xp = array_namespace(light)
    encoded = to_srgb(xp.clip(light, 0.0, 1.0))
    return encoded * ((1.0 - tone) + tone * encoded * (3.0 - 2.0 * encoded))


def denoise(
    x: Array,
    *,
    kind: Sequence[int],
    luma: Array,
    luma_radius: Array,
    chroma: Array,
    radius: Array,
    sigma: Array,
) -> Array:
    """What a camera's own noise reduction leaves of *x* (N, 3, H, W).

    Parameters
    ----------
    kind: indices into :data:`DENOISERS`, for luma; chroma goes by the first two.
    luma, chroma: how far each goes, 0 to 1; cameras smooth chroma far more.
    luma_radius, radius: standard deviations of the smoothing of luma and of chroma in pixels; the
        means of like neighbours ("sigma") reach 2 pixels always.
    sigma: the noise that the camera expects, encoded, white = 1.
    """
    xp = array_namespace(x)
    y = brightness(x)
    smooth = _by_kind(kind, _SMOOTHERS, y, column(sigma, x), as_like(luma_radius, x))
    apart = xp.concat([x[:, :1] - y, x[:, 2:] - y], axis=1)
    # Cameras smooth chroma at half the resolution; a guided filter keeps it from running over
    # edges of luma.
    small, guide = _halved(apart), _halved(y)
    wide = gaussian(small, radius / 2)
    chosen = [i for i, k in enumerate(kind) if DENOISERS[k] != "gaussian"]
    if chosen:
        noise = column(sigma, x)[chosen] / 2
        part = _guided(small[chosen], guide[chosen], radius[chosen] / 2, noise)
        wide = _put(wide, chosen, part)
    wide = _doubled(wide, x.shape[2], x.shape[3])
    y = y + column(luma, x) * (smooth - y)
    apart = apart + column(chroma, x) * (wide - apart)
    r, b = apart[:, :1], apart[:, 1:]
    return y + xp.concat([r, -(LUMA[0] * r + LUMA[2] * b) / LUMA[1], b], axis=1)


def sharpen(x: Array, amount: Array, radius: Array) -> Array:
    """Unsharp mask ``x + amount (x - G x)`` on luma, clipped to [0, 1]."""
    xp = array_namespace(x)
    y = brightness(x)
    return xp.clip(x + column(amount, x) * (y - gaussian(y, radius)), 0.0, 1.0)


def film_grain(x: Array, noise: Array, amount: Array, size: Array, shared: Array) -> Array:
    """Film grain on *x* (N, 3, H, W), largest in the middle tones, not clipped.

    ``x + a 2 sqrt(v (1 - v)) n`` with ``n`` white noise smoothed to a grain of *size* pixels and
    brought back to deviation 1; *shared* is its correlation over the channels.

    Parameters
    ----------
    noise: standard normal (N, 4, H, W): one plane for all channels, then one for each.
    amount: standard deviation in the middle tones, white = 1.
    size: standard deviation of the smoothing in pixels; 0 leaves the noise white.
    """
    xp = array_namespace(x)
    r = column(shared, x)
    grain = xp.sqrt(r) * noise[:, :1] + xp.sqrt(1.0 - r) * noise[:, 1:]
    grain = gaussian(grain, size)
    spread = xp.sqrt(xp.mean(grain * grain, axis=(1, 2, 3), keepdims=True))
    middle = xp.sqrt(xp.clip(x * (1.0 - x), 0.0, 1.0)) * 2.0
    return x + column(amount, x) * middle * grain / (spread + 1e-6)


def _without_curve(v: Array, tone: Array) -> Array:
    """The inverse of ``(1 - t) v + t (3 v^2 - 2 v^3)``, by Newton's method on a monotone cubic."""
    xp = array_namespace(v)
    found = v
    for _ in range(4):
        value = (1.0 - tone) * found + tone * found * found * (3.0 - 2.0 * found) - v
        slope = (1.0 - tone) + tone * 6.0 * found * (1.0 - found)
        found = xp.clip(found - value / (slope + 0.05), 0.0, 1.0)
    return found


def _halved(x: Array) -> Array:
    """Means over 2 x 2 pixels; an odd edge is repeated."""
    for axis in (2, 3):
        if (length := x.shape[axis]) % 2:
            x = _picked(x, [*range(length), length - 1], axis)
    rows = x[:, :, ::2] + x[:, :, 1::2]
    return (rows[:, :, :, ::2] + rows[:, :, :, 1::2]) / 4


def _doubled(x: Array, height: int, width: int) -> Array:
    """Enlarged to (height, width) by linear interpolation."""
    for axis, side in ((2, height), (3, width)):
        last = x.shape[axis] - 1
        near = [i // 2 for i in range(side)]
        far = [min(max(i // 2 + (1 if i % 2 else -1), 0), last) for i in range(side)]
        x = 0.75 * _picked(x, near, axis) + 0.25 * _picked(x, far, axis)
    return x


def _by_kind(kinds: Sequence[int], table: Sequence[Callable[..., Array]], *arrays: Array) -> Array:
    """Each picture by the function of its kind."""
    result = arrays[0]
    for kind in sorted(set(kinds)):
        chosen = [i for i, k in enumerate(kinds) if k == kind]
        part = table[kind](*(a[chosen] for a in arrays))
        if len(chosen) == len(kinds):
            return part
        result = _put(result, chosen, part)
    return result


def _put(whole: Array, chosen: Sequence[int], part: Array) -> Array:
    """*whole* with the pictures *chosen* replaced by *part*."""
    xp = array_namespace(whole)
    at = {index: place for place, index in enumerate(chosen)}
    return xp.stack([part[at[i]] if i in at else whole[i] for i in range(whole.shape[0])])


def _picked(x: Array, index: Sequence[int] | NDArray[np.intp], axis: int) -> Array:
    """What stands at the places *index* along *axis* of *x*."""
    xp = array_namespace(x)
    return xp.take(x, xp.asarray(index, **place(x)), axis=axis)


def _reflected(x: Array, reach: int) -> Array:
    """*x* continued by *reach* on all sides without repeating its edge, which keeps a mosaic."""
    for axis in (2, 3):
        length = x.shape[axis]
        period = max(2 * length - 2, 1)
        index = [i % period for i in range(-reach, length + reach)]
        x = _picked(x, [i if i < length else period - i for i in index], axis)
    return x


def _filtered(padded: Array, kernel: Sequence[Sequence[float]], height: int, width: int) -> Array:
    """Correlation of what was padded by half the kernel; zeros cost nothing."""
    result = None
    for row, line in enumerate(kernel):
        for at, weight in enumerate(line):
            if weight:
                part = weight * padded[:, :, row : row + height, at : at + width]
                result = part if result is None else result + part
    return result


Kernels: TypeAlias = Sequence[Sequence[Sequence[float]]]

CROSS = ((0, 1 / 4, 0), (1 / 4, 0, 1 / 4), (0, 1 / 4, 0))
CORNERS = ((1 / 4, 0, 1 / 4), (0, 0, 0), (1 / 4, 0, 1 / 4))
ACROSS = ((0, 0, 0), (1 / 2, 0, 1 / 2), (0, 0, 0))
DOWN = ((0, 1 / 2, 0), (0, 0, 0), (0, 1 / 2, 0))
BILINEAR = (CROSS, ACROSS, DOWN, CORNERS)

# Malvar, He and Cutler, figure 2, over 8.
GREEN = (
    (0, 0, -1 / 8, 0, 0),
    (0, 0, 2 / 8, 0, 0),
    (-1 / 8, 2 / 8, 4 / 8, 2 / 8, -1 / 8),
    (0, 0, 2 / 8, 0, 0),
    (0, 0, -1 / 8, 0, 0),
)
IN_ROW = (
    (0, 0, 1 / 16, 0, 0),
    (0, -1 / 8, 0, -1 / 8, 0),
    (-1 / 8, 4 / 8, 5 / 8, 4 / 8, -1 / 8),
    (0, -1 / 8, 0, -1 / 8, 0),
    (0, 0, 1 / 16, 0, 0),
)
IN_COLUMN = tuple(zip(*IN_ROW, strict=True))
OPPOSITE = (
    (0, 0, -3 / 16, 0, 0),
    (0, 2 / 8, 0, 2 / 8, 0),
    (-3 / 16, 0, 6 / 8, 0, -3 / 16),
    (0, 2 / 8, 0, 2 / 8, 0),
    (0, 0, -3 / 16, 0, 0),
)
MALVAR = (GREEN, IN_ROW, IN_COLUMN, OPPOSITE)


def _demosaiced(light: Array, kinds: Sequence[int], phases: Sequence[int]) -> Array:
    """Light (N, 3, H, W) as far as a Bayer mosaic sees it."""
    xp = array_namespace(light)
    height, width = light.shape[2:]
    rows = xp.reshape(xp.arange(height, **place(light)) % 2, (1, 1, -1, 1))
    columns = xp.reshape(xp.arange(width, **place(light)) % 2, (1, 1, 1, -1))
    down = xp.reshape(xp.asarray([p // 2 for p in phases], **place(light)), (-1, 1, 1, 1))
    across = xp.reshape(xp.asarray([p % 2 for p in phases], **place(light)), (-1, 1, 1, 1))
    red_row, red_column = rows == down, columns == across
    in_red_row = xp.astype(red_row & (columns >= 0), light.dtype)
    in_red_column = xp.astype(red_column & (rows >= 0), light.dtype)
    ways: tuple[Callable[..., Array], ...] = (
        lambda light, *_: light,
        partial(_interpolated, BILINEAR),
        partial(_interpolated, MALVAR),
        _hamilton,
    )
    return _by_kind(kinds, ways, light, in_red_row, in_red_column)


def _raw(light: Array, red_row: Array, red_column: Array) -> tuple[Array, Array, Array]:
    """The mosaic (N, 1, H, W), and where it is red and where blue, 1 or 0."""
    red, blue = red_row * red_column, (1.0 - red_row) * (1.0 - red_column)
    green = 1.0 - red - blue
    raw = light[:, :1] * red + light[:, 1:2] * green + light[:, 2:] * blue
    return raw, red, blue


def _interpolated(kernels: Kernels, light: Array, red_row: Array, red_column: Array) -> Array:
    """By *kernels* over the neighbours on four sides, beside, above and below, and in corners."""
    raw, red, blue = _raw(light, red_row, red_column)
    return _chosen(raw, red, blue, red_row, *_around(raw, kernels))


def _around(raw: Array, kernels: Kernels) -> list[Array]:
    """What each of *kernels* says at every place."""
    padded = _reflected(raw, len(kernels[0]) // 2)
    return [_filtered(padded, kernel, *raw.shape[2:]) for kernel in kernels]


def _chosen(
    raw: Array,
    red: Array,
    blue: Array,
    red_row: Array,
    cross: Array,
    across: Array,
    down: Array,
    corners: Array,
) -> Array:
    """Each colour at each place of the mosaic, from what its neighbours on four sides say."""
    xp = array_namespace(raw)
    green = 1.0 - red - blue
    beside_red, beside_blue = green * red_row, green * (1.0 - red_row)
    r = raw * red + across * beside_red + down * beside_blue + corners * blue
    g = raw * green + cross * (red + blue)
    b = raw * blue + across * beside_blue + down * beside_red + corners * red
    return xp.concat([r, g, b], axis=1)


def _hamilton(light: Array, red_row: Array, red_column: Array) -> Array:
    xp = array_namespace(light)
    raw, red, blue = _raw(light, red_row, red_column)
    height, width = raw.shape[2:]
    p = _reflected(raw, 2)

    def at(y: int, x: int) -> Array:
        return p[:, :, 2 + y : 2 + y + height, 2 + x : 2 + x + width]

    bend_x, bend_y = 2 * raw - at(0, -2) - at(0, 2), 2 * raw - at(-2, 0) - at(2, 0)
    rise_x = xp.abs(at(0, -1) - at(0, 1)) + xp.abs(bend_x)
    rise_y = xp.abs(at(-1, 0) - at(1, 0)) + xp.abs(bend_y)
    green_x = (at(0, -1) + at(0, 1)) / 2 + bend_x / 4
    green_y = (at(-1, 0) + at(1, 0)) / 2 + bend_y / 4
    level = (green_x + green_y) / 2
    green = xp.where(rise_x < rise_y, green_x, xp.where(rise_x > rise_y, green_y, level))
    green = raw * (1.0 - red - blue) + green * (red + blue)
    # Red and blue differ from green by what varies slowly.
    apart = raw - green
    colours = _chosen(apart, red, blue, red_row, *_around(apart, BILINEAR))
    return xp.concat([colours[:, :1] + green, green, colours[:, 2:] + green], axis=1)


def gaussian(x: Array, sigma: Array) -> Array:
    """A Gaussian of *sigma* (N,) pixels along both axes, cut at 3.5 sigma, edges mirrored.

    Below 0.1 pixels it is the identity.
    """
    xp = array_namespace(x)
    s = column(sigma, x)
    reach = math.ceil(3.5 * float(xp.max(s)) - 1e-6)
    s = xp.clip(s, min=0.1)
    taps = [xp.exp(-0.5 * (d / s) ** 2) for d in range(reach + 1)]
    total = taps[0] + 2.0 * sum(taps[1:])
    for axis in (2, 3):
        length = x.shape[axis]
        padded = _picked(x, reflected(-reach, length + reach, length), axis)

        def at(start: int, padded: Array = padded, axis: int = axis, length: int = length) -> Array:
            stop = start + length
            return padded[:, :, start:stop] if axis == 2 else padded[:, :, :, start:stop]

        x = at(reach) * (taps[0] / total)
        for d in range(1, reach + 1):
            x = x + (at(reach - d) + at(reach + d)) * (taps[d] / total)
    return x


def _guided(x: Array, guide: Array, radius: Array, sigma: Array) -> Array:
    """Guided filter of *x* by *guide* (N, 1, H, W), with Gaussian windows."""
    mean_x, mean_g = gaussian(x, radius), gaussian(guide, radius)
    xp = array_namespace(x)
    # Rounding takes the variance of flat parts below zero.
    variance = xp.clip(gaussian(guide * guide, radius) - mean_g * mean_g, min=0.0)
    slope = (gaussian(x * guide, radius) - mean_x * mean_g) / (variance + 2.0 * sigma**2 + 1e-8)
    return gaussian(slope, radius) * guide + gaussian(mean_x - slope * mean_g, radius)


def _smooth_coring(y: Array, sigma: Array, radius: Array) -> Array:
    """Soft thresholds on the two finest bands of an undecimated pyramid."""
    xp = array_namespace(y)
    rest, kept = y, 0.0
    for width, threshold in ((1.0, 1.5), (2.0, 0.75)):
        smooth = gaussian(rest, width * radius)
        band = rest - smooth
        kept = kept + xp.sign(band) * xp.clip(xp.abs(band) - threshold * sigma, 0.0, 1.0)
        rest = smooth
    return rest + kept


def _smooth_sigma(y: Array, sigma: Array, radius: Array) -> Array:
    """The mean of those of 25 neighbours that differ by no more than noise would."""
    xp = array_namespace(y)
    height, width = y.shape[2:]
    padded = _reflected(y, 2)
    total, weight = 0.0, 0.0
    for row in range(5):
        for at in range(5):
            near = padded[:, :, row : row + height, at : at + width]
            alike = xp.exp(-0.5 * ((near - y) / (2.0 * sigma + 1e-4)) ** 2)
            total, weight = total + alike * near, weight + alike
    return total / weight


_SMOOTHERS: tuple[Callable[[Array, Array, Array], Array], ...] = (
    lambda y, sigma, radius: gaussian(y, radius),
    lambda y, sigma, radius: _guided(y, y, 2.0 * radius, sigma),
    _smooth_coring,
    _smooth_sigma,
)
"""By the order of :data:`DENOISERS`: from luma, the noise expected and a radius."""
