"""Through a JPEG file and back, with the encoder that Pillow carries (libjpeg-turbo)."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from PIL import Image as PillowImage

from undegrade.degradation.base import Degradation, Image, Parameters
from undegrade.degradation.fields import Choice, Whole
from undegrade.errors import UsageError
from undegrade.imaging.jpeg_tables import jpeg_level, quality_of_level

Subsampling = Literal["4:2:0", "4:2:2", "4:4:4"]
SUBSAMPLINGS: tuple[Subsampling, ...] = ("4:2:0", "4:2:2", "4:4:4")

SIDE_LIMIT = 65500
"""The longest side that libjpeg writes, in pixels."""

QUALITY = Whole("quality", 1, 100, "setting of the encoder, IJG scale")
SUBSAMPLING = Choice("subsampling", SUBSAMPLINGS, "resolution of the chroma", "4:2:0")


class Jpeg(Degradation):
    """Encoded as baseline JPEG at *quality* and decoded again.

    The input is clipped and rounded to 8 bit, and so is the output. Grey pictures go through a
    grey JPEG, where *subsampling* means nothing. Level:
    :func:`~undegrade.imaging.jpeg_tables.jpeg_level`, 0 at quality 100 and 1 at 5.
    """

    name = "jpeg"
    fields = (QUALITY, SUBSAMPLING)

    def sample(self, rng: np.random.Generator) -> Parameters:
        """Quality 5..98, uniform in the level; 4:2:0 in three of four, else 4:4:4 or 4:2:2."""
        quality = round(quality_of_level(rng.uniform(jpeg_level(98), 1.0)))
        return {"quality": quality, "subsampling": draw_subsampling(rng)}

    def _apply(self, image: Image, parameters: Parameters) -> Image:
        return through_jpeg(image, parameters["quality"], parameters["subsampling"])

    def _level(self, parameters: Parameters) -> float:
        return jpeg_level(parameters["quality"])


def through_jpeg(image: Image, quality: int, subsampling: Subsampling = "4:2:0") -> Image:
    """*image* (H, W, 1 or 3) encoded and decoded; 8-bit values in [0, 1] as float32.

    Raises :class:`UsageError` for a side over 65500 pixels, which JPEG cannot hold.
    """
    file = io.BytesIO(as_jpeg(image, quality, subsampling))
    decoded = np.asarray(PillowImage.open(file), dtype=np.float32) / np.float32(255.0)
    return decoded.reshape(image.shape)


def as_jpeg(image: Image, quality: int, subsampling: Subsampling = "4:2:0") -> bytes:
    """The file of which :func:`through_jpeg` gives the pixels; raises the same."""
    height, width, channels = image.shape
    if max(height, width) > SIDE_LIMIT:
        raise UsageError(f"JPEG holds sides up to {SIDE_LIMIT} pixels, not {width} x {height}")
    pixels = np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)
    picture = PillowImage.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
    file = io.BytesIO()
    options = {} if channels == 1 else {"subsampling": subsampling}
    picture.save(file, "JPEG", quality=quality, **options)
    return file.getvalue()


def draw_subsampling(rng: np.random.Generator) -> str:
    """A chroma resolution as often as photos have it."""
    return str(rng.choice(np.array(SUBSAMPLINGS), p=(0.75, 0.05, 0.2)))
