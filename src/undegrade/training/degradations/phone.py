"""A cheap phone's camera: a soft lens, noise, a colour cast, and software that overdoes it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from undegrade.degradation.phone import (
    WORST_BLUR,
    WORST_CAST,
    WORST_HUE,
    WORST_NOISE,
    WORST_SHARPEN,
    WORST_TONE,
    Phone,
    colour_matrices,
    tone_curve,
)
from undegrade.imaging.arrays import column
from undegrade.imaging.srgb import to_linear, to_srgb
from undegrade.training.degradations.batches import check_parameters, check_pictures, uniform
from undegrade.training.degradations.blur import gaussian_blur
from undegrade.training.degradations.jpeg import jpeg, sample_jpeg
from undegrade.training.degradations.noise import sample_sensor_noise, sensor_noise


class PhoneDamage(NamedTuple):
    """Parameters of :func:`phone`, each (N,), named and in units as ``Phone.fields``.

    *subsampling* holds indices into ``undegrade.degradation.jpeg.SUBSAMPLINGS``, int64.
    """

    blur: Tensor
    gain: Tensor
    read: Tensor
    red: Tensor
    blue: Tensor
    hue: Tensor
    tone: Tensor
    sharpen: Tensor
    radius: Tensor
    quality: Tensor
    subsampling: Tensor


def phone(x: Tensor, damage: PhoneDamage, generator: torch.Generator) -> Tensor:
    """What a cheap camera phone makes of the scenes *x*; 8-bit values in [0, 1].

    Lens and sensor in linear light, colour (RGB only), encoding, tone, sharpening, JPEG: the steps
    and formulas of :class:`undegrade.degradation.phone.Phone`.
    """
    check_pictures(x)
    ranged = damage._asdict()
    subsampling = ranged.pop("subsampling")
    check_parameters(len(x), Phone.fields, **ranged)
    light = gaussian_blur(to_linear(x), damage.blur)
    light = sensor_noise(light, damage.gain, damage.read, generator)
    if x.shape[1] == 3:
        matrices = colour_matrices(damage.red.to(x), damage.blue.to(x), damage.hue.to(x))
        light = torch.einsum("noc,nchw->nohw", matrices, light)
    encoded = tone_curve(to_srgb(light).clamp(0.0, 1.0), column(damage.tone, x))
    halo = encoded - gaussian_blur(encoded, damage.radius)
    return jpeg(encoded + column(damage.sharpen, x) * halo, damage.quality, subsampling)


def sample_phone(count: int, generator: torch.Generator) -> PhoneDamage:
    """Each part uniform up to its worst."""
    gain, read = sample_sensor_noise(count, generator, WORST_NOISE)
    quality, subsampling = sample_jpeg(count, generator)
    return PhoneDamage(
        blur=uniform(count, 0.0, WORST_BLUR, generator),
        gain=gain,
        read=read,
        red=uniform(count, -WORST_CAST, WORST_CAST, generator),
        blue=uniform(count, -WORST_CAST, WORST_CAST, generator),
        hue=uniform(count, -WORST_HUE, WORST_HUE, generator),
        tone=uniform(count, 0.0, WORST_TONE, generator),
        sharpen=uniform(count, 0.0, WORST_SHARPEN, generator),
        radius=uniform(count, 0.5, 2.0, generator),
        quality=quality,
        subsampling=subsampling,
    )
