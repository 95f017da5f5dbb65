"""Degradations on batches of tensors, on whatever device they lie.

The operators of :mod:`undegrade.degradation`, one parameter per sample, so that the loader never
leaves the device. Pictures are (N, 3, H, W) or (N, 1, H, W) float32 sRGB in [0, 1]; parameters are
(N,), on any device. ``sample_*`` draw them as the operators on arrays do, where the generator lies;
all random numbers come from the generator that is passed in. Wrong shapes and values out of an
operator's range are a ``ValueError``. To be called outside autocast, which would round the
pictures.

>>> import torch
>>> from undegrade.training import degradations
>>> generator = torch.Generator().manual_seed(0)
>>> pictures = torch.rand(4, 3, 32, 32, generator=generator)
>>> damage = degradations.sample_phone(4, generator)
>>> degradations.phone(pictures, damage, generator).shape
torch.Size([4, 3, 32, 32])
"""

from undegrade.imaging.srgb import to_linear, to_srgb
from undegrade.training.degradations.batches import quantise
from undegrade.training.degradations.blur import (
    BlurDamage,
    blur,
    blur_kernels,
    gaussian_blur,
    sample_blur,
)
from undegrade.training.degradations.fade import FadeDamage, fade, sample_fade
from undegrade.training.degradations.jpeg import jpeg, quality_of_level, sample_jpeg
from undegrade.training.degradations.lowlight import (
    LightDamage,
    LowlightDamage,
    lowlight,
    relight,
    sample_light,
    sample_lowlight,
)
from undegrade.training.degradations.noise import (
    gaussian_noise,
    poisson_gaussian_noise,
    sample_sensor_noise,
)
from undegrade.training.degradations.phone import PhoneDamage, phone, sample_phone
from undegrade.training.degradations.real import (
    Real,
    real_damage,
    resized,
    sample_factor,
    source_side,
)
from undegrade.training.degradations.resample import bicubic_down, bicubic_to, bicubic_up

__all__ = [
    "BlurDamage",  # parameters of blur_kernels
    "FadeDamage",  # parameters of fade
    "LightDamage",  # parameters of relight
    "LowlightDamage",  # parameters of lowlight
    "PhoneDamage",  # parameters of phone
    "Real",  # what real_damage makes
    "bicubic_down",  # fewer pixels
    "bicubic_to",  # any size
    "bicubic_up",  # more pixels
    "blur",  # convolution with one kernel a picture
    "blur_kernels",  # Gaussians, disks and lines for blur
    "fade",  # dyes of prints and slides
    "gaussian_blur",  # a round Gaussian of one sigma a picture
    "gaussian_noise",  # white noise on encoded values
    "jpeg",  # through a JPEG file
    "lowlight",  # underexposure and its noise
    "phone",  # a cheap phone's camera
    "poisson_gaussian_noise",  # a sensor's noise on encoded values
    "quality_of_level",  # JPEG level to quality
    "quantise",  # clip and round to 8 bit
    "real_damage",  # cameras, scans and the web
    "relight",  # too little light, backlight and uneven light
    "resized",  # any size by one of the web's filters
    "sample_blur",
    "sample_factor",  # of resizing, for real_damage
    "sample_fade",
    "sample_jpeg",
    "sample_light",
    "sample_lowlight",
    "sample_phone",
    "sample_sensor_noise",
    "source_side",  # of the crops that real_damage needs
    "to_linear",  # sRGB values to linear light
    "to_srgb",  # linear light to sRGB values
]
