"""Protocols as data: how cases are made, where they are measured, and a sentence that says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np

from undegrade.errors import UsageError
from undegrade.evaluation import cases
from undegrade.evaluation.cases import Case, as_bytes
from undegrade.evaluation.sets import Photo
from undegrade.imaging.arrays import Bytes, Floats
from undegrade.imaging.luma import LUMA
from undegrade.levels import Levels
from undegrade.metrics import Channel, Metric

Parameter = Literal["scale", "noise", "jpeg", "iso"]

SCALES = (2, 3, 4, 8)
SIGMAS = (15.0, 25.0, 50.0, 70.0)
QUALITIES = (10, 20, 30, 40)
ISOS = (800, 3200, 12800)
TOLD = (5.0, 10.0, 15.0)
"""Levels of noise that networks are told where nobody knows the true one."""

CHANNELS: Mapping[Channel, str] = {
    "rgb": "RGB",
    "y": "Y of BT.601 in studio range, not rounded, peak 255",
    "grey": "full-range luma of BT.601, not rounded",
}


@dataclass(frozen=True)
class Setting:
    """One strength of a protocol's damage, or one way of measuring."""

    label: str
    """As tables show it."""
    value: float = 0.0
    """The parameter's value."""
    scale: int = 1
    """How many times as large as the input the truth is."""
    told: bool = False
    """Whether the value is a level that networks are told, which changes nothing in the input."""

    @property
    def levels(self) -> Levels | None:
        """What networks are told, where the setting says so."""
        return Levels(noise=self.value) if self.told else None


@dataclass(frozen=True)
class Protocol:
    """How a number is measured. The same test set gives the same cases on every machine."""

    name: str
    damage: str
    """What is done to a picture, in words."""
    case: Callable[[Photo, Setting], Case]
    settings: tuple[Setting, ...]
    """What is measured unless others are asked for."""
    metrics: tuple[str, ...] = ("psnr", "ssim")
    """Likewise."""
    parameter: Parameter | None = None
    """Of which other values than those of *settings* can be asked for."""
    channel: Channel = "rgb"
    """Where metrics are measured that are defined there."""
    crops: bool = False
    """Whether as many pixels as the scale are left out at every border."""
    pairs: bool = False
    """Whether it needs a set of pairs."""
    grey: bool = False
    """Whether its pictures are (H, W, 1)."""
    knows_levels: bool = True
    """Whether the true levels of the damage can be told."""
    knows_truth: bool = True
    unclipped: bool = False
    """Whether inputs leave [0, 1]; the PSNR of the input is then taken of it as it is."""

    @property
    def baseline(self) -> Literal["bicubic", "none"]:
        """What the untouched input is called: enlarged or as it is."""
        return "bicubic" if any(s.scale > 1 for s in self.settings) else "none"

    @property
    def tells(self) -> bool:
        """Whether levels are told by its settings, but for the one in which nothing is."""
        return UNASKED in self.settings

    def crop(self, setting: Setting) -> int:
        """Pixels left out at every border."""
        return setting.scale if self.crops else 0

    def channel_of(self, metric: Metric) -> Channel:
        """Where *metric* is measured."""
        return self.channel if self.channel in metric.channels else metric.channels[0]

    def finish(self, output: Floats, case: Case, setting: Setting) -> Bytes:
        """A network's output as the 8-bit picture that is measured."""
        if setting is GT_MEAN and case.truth is not None:
            return as_bytes(matched_mean(output, case.truth))
        return as_bytes(output)

    def describe(self, *, blind: bool = False) -> str:
        """Everything a number depends on but the set and the setting, in one line."""
        levels = "the true ones"
        if blind or not self.knows_levels:
            levels = "the estimates of undegrade.levels"
        if self.tells and not blind:
            levels = f"the setting's, in {UNASKED.label!r} {levels}"
        parts = [
            self.damage,
            "outputs clipped and rounded to 8 bit",
            "grey"
            if self.grey
            else f"in {CHANNELS[self.channel]}"
            + ("" if self.channel == "rgb" else ", in RGB for metrics without it"),
            "border of the scale cropped" if self.crops else "no crop",
            f"networks with levels are told {levels}",
            "mean of per-image values",
        ]
        if self.unclipped:
            parts.insert(1, "psnr of the input itself taken unclipped")
        return "; ".join(parts)


def matched_mean(output: Floats, truth: Bytes) -> Floats:
    """*output* in [0, 1] times the ratio of the mean luma of *truth* to its own, not clipped.

    Source: Retinexformer's evaluation, after KinD's; OpenCV's luma of BT.601.
    """
    weights = np.array(LUMA)
    picture = np.clip(output, 0, 1)
    own, wanted = float((picture @ weights).mean()), float((truth / 255 @ weights).mean())
    result: Floats = picture * np.float32(wanted / own) if own > 0 else picture
    return result


def scaled(scale: int) -> Setting:
    """Enlargement by *scale*."""
    return Setting(f"x{scale}", scale, scale)


def _of(word: str, value: float, *, told: bool = False) -> Setting:
    return Setting(f"{word} {value:g}", value, told=told)


def _settings(word: str, values: Iterable[float], *, told: bool = False) -> tuple[Setting, ...]:
    return tuple(_of(word, value, told=told) for value in values)


class _Range(NamedTuple):
    """Which values a parameter may have, and how they are called."""

    word: str
    """In the label of a setting."""
    name: str
    """In an error."""
    least: float
    """0 itself is no damage and always refused."""
    most: float


_RANGES: Mapping[Parameter, _Range] = {
    "noise": _Range("sigma", "a noise", 0, 255),
    "iso": _Range("iso", "an iso", 0, 409600),
    "jpeg": _Range("quality", "a JPEG quality", 1, 100),
}

PLAIN = Setting("plain")
UNASKED = Setting("unasked")
"""Nobody says how much damage there is: for what finds out by itself, and for blind networks."""
GT_MEAN = Setting("gt-mean")
"""Output multiplied so that its mean luma is the truth's: a column of its own, 2 to 4 dB higher."""

_NOISE = (
    "N(0, sigma/255) of numpy.random.RandomState(0) for each image, shape (H, W, {channels}), "
    "added in float"
)
_JPEG = "Pillow's JPEG (libjpeg-turbo), {colour}, decoded by Pillow"
_CUBIC = "imresize (MATLAB's antialiased cubic, a = -0.5) and rounding to 8 bit"
_ENLARGED = "networks that do not enlarge get its enlargement by the same cubic, not rounded"

_PROTOCOLS = (
    Protocol(
        "sr-bicubic",
        f"cut to multiples of the scale, reduced by {_CUBIC}; {_ENLARGED}",
        lambda photo, setting: cases.reduced(photo, setting.scale),
        tuple(scaled(scale) for scale in SCALES),
        parameter="scale",
        channel="y",
        crops=True,
    ),
    Protocol(
        "sr-real",
        "cut to multiples of the scale; blurred by the operator 'blur' of undegrade.degradation "
        "with a deviation of up to half the scale, reduced by a filter of the operator 'web', with "
        "the noise alone of the operator 'camera' at iso 100 to 3200, and coded by JPEG as the "
        "second time by 'web'; all drawn by numpy.random.default_rng of the first 16 hexadecimal "
        f"digits of sha256(name); {_ENLARGED}",
        lambda photo, setting: cases.reduced_for_real(photo, setting.scale),
        (scaled(2), scaled(4)),
        ("psnr", "ssim", "lpips-squeeze", "niqe", "consistency"),
        "scale",
        channel="y",
        crops=True,
    ),
    Protocol(
        "denoise-color",
        f"{_NOISE.format(channels=3)}, neither clipped nor rounded",
        lambda photo, setting: cases.noisy(photo, setting.value),
        _settings("sigma", SIGMAS),
        parameter="noise",
        unclipped=True,
    ),
    Protocol(
        "denoise-gray",
        "full-range luma of BT.601, rounded (MATLAB's rgb2gray); "
        f"{_NOISE.format(channels=1)}, neither clipped nor rounded",
        lambda photo, setting: cases.noisy(photo, setting.value, grey=True),
        _settings("sigma", SIGMAS),
        parameter="noise",
        grey=True,
        unclipped=True,
    ),
    Protocol(
        "denoise-real",
        f"{_NOISE.format(channels=3)}, clipped and rounded to 8 bit",
        lambda photo, setting: cases.noisy(photo, setting.value, as_file=True),
        _settings("sigma", SIGMAS),
        parameter="noise",
    ),
    Protocol(
        "real-noise",
        "aligned pairs with a camera's noise and with hardly any, as they are",
        lambda photo, setting: cases.paired(photo, setting.levels),
        (UNASKED, *_settings("told", TOLD, told=True)),
        parameter="noise",
        pairs=True,
        knows_levels=False,
    ),
    Protocol(
        "camera",
        "the operator 'camera' of undegrade.degradation at a given iso, its other parameters drawn "
        "by numpy.random.default_rng of the first 16 hexadecimal digits of sha256(name); the truth "
        "is the mean of such shots, not coded",
        lambda photo, setting: cases.camera(photo, setting.value),
        _settings("iso", ISOS),
        parameter="iso",
    ),
    Protocol(
        "jpeg-color",
        _JPEG.format(colour="4:2:0"),
        lambda photo, setting: cases.coded(photo, int(setting.value)),
        _settings("quality", QUALITIES),
        ("psnr", "ssim", "psnr-b"),
        "jpeg",
    ),
    Protocol(
        "jpeg-gray",
        "studio-range luma of BT.601, rounded (MATLAB's rgb2ycbcr); " + _JPEG.format(colour="grey"),
        lambda photo, setting: cases.coded(photo, int(setting.value), grey=True),
        _settings("quality", QUALITIES),
        ("psnr", "ssim", "psnr-b"),
        "jpeg",
        grey=True,
    ),
    Protocol(
        "lol",
        "pairs of low and normal light; under gt-mean the output is multiplied by mean(grey truth) "
        "/ mean(grey output), full-range luma of BT.601, before it is rounded",
        lambda photo, setting: cases.paired(photo),
        (PLAIN, GT_MEAN),
        pairs=True,
        knows_levels=False,
    ),
    Protocol(
        "detect",
        "pairs of low and normal light; boxes of text found in the output against those found in "
        "the truth",
        lambda photo, setting: cases.paired(photo),
        (PLAIN,),
        ("text-f1",),
        pairs=True,
        knows_levels=False,
    ),
    Protocol(
        "phone",
        "aligned pairs of a phone's and a better camera's photos",
        lambda photo, setting: cases.paired(photo),
        (PLAIN,),
        ("psnr", "ssim", "ms-ssim-dped", "ciede2000"),
        pairs=True,
        knows_levels=False,
    ),
    *(
        Protocol(
            label,
            f"the operator {name!r} of undegrade.degradation, its parameters drawn by "
            "numpy.random.default_rng of the first 16 hexadecimal digits of sha256(shape, pixels)",
            lambda photo, setting, name=name: cases.drawn(photo, name),  # type: ignore[misc]
            (PLAIN,),
            metrics,
            knows_levels=False,
        )
        for label, name, metrics in (
            ("phone-synthetic", "phone", ("psnr", "ssim", "ms-ssim-dped", "ciede2000")),
            ("fade", "fade", ("psnr", "ssim", "ciede2000")),
        )
    ),
    *(
        Protocol(
            f"face-x{scale}",
            f"the central square reduced to {side} pixels and that again to {side // scale}, each "
            f"by {_CUBIC}; {_ENLARGED}",
            lambda photo, setting, side=side: cases.face(photo, side, setting.scale),  # type: ignore[misc]
            (scaled(scale),),
            channel="y",
        )
        for scale, side in ((4, 64), (8, 128))
    ),
    Protocol(
        "noref",
        "pictures as they are, without a truth",
        lambda photo, setting: cases.untouched(photo),
        (PLAIN,),
        ("niqe", "brisque"),
        knows_levels=False,
        knows_truth=False,
    ),
)

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType({p.name: p for p in _PROTOCOLS})
"""By name."""


def protocol(name: str) -> Protocol:
    """The protocol called *name*; raises :class:`UsageError`."""
    if name not in PROTOCOLS:
        raise UsageError(
            f"no protocol is called {name!r}", f"choose one of: {', '.join(PROTOCOLS)}"
        )
    return PROTOCOLS[name]


def choose_settings(
    chosen: Protocol, values: Mapping[Parameter, Iterable[float]]
) -> tuple[Setting, ...]:
    """The settings asked for by *values* of parameters, or the usual ones where none are given.

    Raises :class:`UsageError` for a parameter that the protocol lacks, or a value out of range.
    """
    result: tuple[Setting, ...] = ()
    for parameter, wished in values.items():
        for value in wished:
            if parameter != chosen.parameter:
                raise UsageError(
                    f"the protocol {chosen.name!r} has no {parameter}", f"leave --{parameter} away"
                )
            setting = _setting(parameter, value, told=chosen.tells)
            if setting not in result:
                result = (*result, setting)
    return result or chosen.settings


def _setting(parameter: Parameter, value: float, *, told: bool) -> Setting:
    """The one that has *value*; raises :class:`UsageError` for a value out of range."""
    if parameter == "scale":
        if value not in SCALES:
            allowed = ", ".join(map(str, SCALES))
            raise UsageError(f"a scale of {value:g} is not measured", f"choose one of: {allowed}")
        return scaled(int(value))
    possible = _RANGES[parameter]
    if not possible.least <= value <= possible.most or value == 0:
        raise UsageError(
            f"{possible.name} of {value:g} is not possible",
            f"choose one in {possible.least:g}..{possible.most:g}",
        )
    return _of("told" if told else possible.word, value, told=told)
