"""What is shown of a photo: all of it, small."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from undegrade.picture import Picture, to_pil

QUALITY = 88
"""Of renderings."""


def rendered(picture: Picture, side: int) -> tuple[bytes, str]:
    """The photo as any browser shows it: upright, 8 bit, sRGB, at most *side* pixels a side.

    The bytes of a file and its media type: JPEG, or WebP where there is transparency.
    """
    image = _small(picture, side)
    if not picture.colour.is_srgb:
        image = _in_srgb(image, picture)
    image.info.clear()
    out = BytesIO()
    if picture.alpha is None:
        image.save(out, "JPEG", quality=QUALITY, subsampling=0)
        return out.getvalue(), "image/jpeg"
    image.save(out, "WEBP", quality=QUALITY, method=2)
    return out.getvalue(), "image/webp"


def _small(picture: Picture, side: int) -> Image.Image:
    """The whole photo at most *side* pixels a side, in its own encoding."""
    image = to_pil(picture)
    factor = side / max(image.size)
    if factor >= 1:
        return image
    width, height = (max(1, round(length * factor)) for length in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)


def _in_srgb(image: Image.Image, picture: Picture) -> Image.Image:
    """What lies outside of sRGB is clipped: a browser without colour management would, too."""
    colours = np.asarray(image.convert("RGB"), np.float32) / np.float32(255)
    values = np.clip(picture.colour.to_srgb(colours), 0, 1) * np.float32(255)
    shown = Image.fromarray(np.rint(values).astype(np.uint8))
    if "A" in image.getbands():
        shown.putalpha(image.getchannel("A"))
    return shown
