"""A decoded photo: pixels and everything that must be kept; decode it, encode it."""

from undegrade.picture.alpha import bleed, resize_alpha
from undegrade.picture.colour import SRGB, ColourSpace
from undegrade.picture.decode import decode, from_array, from_pil, pages
from undegrade.picture.encode import (
    default_format,
    encode,
    encode_pages,
    losses,
    save,
    to_pil,
    working_memory,
)
from undegrade.picture.files import Source, byte_limit, check_target, read, sweep, write_atomic
from undegrade.picture.formats import format_of
from undegrade.picture.formats.raw import SUFFIXES as RAW_SUFFIXES
from undegrade.picture.model import Encoding, Metadata, Picture

__all__ = [
    "RAW_SUFFIXES",
    "SRGB",
    "ColourSpace",
    "Encoding",
    "Metadata",
    "Picture",
    "Source",
    "bleed",
    "byte_limit",
    "check_target",
    "decode",
    "default_format",
    "encode",
    "encode_pages",
    "format_of",
    "from_array",
    "from_pil",
    "losses",
    "pages",
    "read",
    "resize_alpha",
    "save",
    "sweep",
    "to_pil",
    "working_memory",
    "write_atomic",
]
