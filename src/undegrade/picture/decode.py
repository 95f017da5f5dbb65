"""From a file, an array or a Pillow image to a :class:`Picture`.

Each format's part makes a :class:`_Draft` from the header alone; limits are checked on that;
then one path, the same for all, settles colour, unpacks the pixels upright and keeps the rest.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from undegrade.errors import InputError, LimitError, UndegradeError, UsageError
from undegrade.picture import heif, icc, ifd, metadata, png, tiff
from undegrade.picture.alpha import bands, to_depth
from undegrade.picture.colour import GREY, SRGB, ColourSpace
from undegrade.picture.files import Source, read_source, show
from undegrade.picture.model import Encoding, Metadata, Picture

_PILLOW = {
    "JPEG": ("JpegImagePlugin", "JpegImageFile"),
    "WEBP": ("WebPImagePlugin", "WebPImageFile"),
    "TIFF": ("TiffImagePlugin", "TiffImageFile"),
    "BMP": ("BmpImagePlugin", "BmpImageFile"),
    "AVIF": ("AvifImagePlugin", "AvifImageFile"),
    "GIF": ("GifImagePlugin", "GifImageFile"),
    "PPM": ("PpmImagePlugin", "PpmImageFile"),
    "JPEG2000": ("Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    "QOI": ("QoiImagePlugin", "QoiImageFile"),
}
"""Plug-ins called by name: ``Image.open`` has a process-wide size limit, and tries parsers (EPS,
PSD, FITS ...) that a photo program need not expose to strangers' files."""

_KINDS = "JPEG, PNG, WebP, TIFF, BMP, AVIF, HEIF, GIF, PPM, JPEG 2000 or QOI"
_LOSSLESS = {"PNG", "TIFF", "BMP", "GIF", "PPM", "QOI"}


@dataclass
class _Draft:
    """A file whose header is read and whose pixels are not."""

    size: tuple[int, int]
    frames: int = 1
    image: Callable[[], Image.Image] | None = None
    """Gives the Pillow image, or the upper bytes of a 16-bit one."""
    low: Callable[[], Image.Image] | None = None
    """Gives the lower bytes of a 16-bit one."""
    array: NDArray[Any] | None = None
    """(H, W, 1..4), where Pillow has no part in it."""
    pairs: bool = False
    """The image is RGBA, but means the four bytes of 16-bit grey with alpha."""
    premultiplied: bool = False
    """Colour is multiplied by alpha, which Pillow has not undone."""
    converted: bool = False
    """The pixels have been changed to sRGB."""
    bits: int = 8
    """Bits a sample of a grey picture below 8, for ``key``, or 12."""
    inverted: bool = False
    """White is zero, and nobody has turned that round yet."""
    key: tuple[int, ...] | None = None
    turned: bool = False
    """The decoder has applied the orientation already."""
    iptc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    encoding: Encoding = field(default_factory=Encoding)
    notes: list[str] = field(default_factory=list)


def decode(source: Source, *, max_megapixels: float = 200.0) -> Picture:
    """Read a photo: pixels upright, and everything else that the file holds.

    Parameters
    ----------
    source: a path, the bytes of a file, or an open binary file.
    max_megapixels: more than this is refused from the header, before a pixel is decoded.

    Raises
    ------
    InputError: missing, empty, cut off, corrupt, animated, several pages, not a known picture.
    LimitError: over the limit, or over the memory that there is.
    """
    data, name = read_source(source, int(max_megapixels * 16e6) + (64 << 20))
    return _guarded(name, lambda: _decode(data, name, max_megapixels))


def from_pil(image: Image.Image) -> Picture:
    """A Pillow image, in the frame it stands on, with all it carries; the image stays as it is.

    Raises
    ------
    InputError: its file is corrupt, or its mode ("F", "I") is not one of pictures.
    """
    name = getattr(image, "filename", "") or "<image>"

    def convert() -> Picture:
        draft = _from_pillow(image, image.format or "PNG")
        draft.turned = image.format == "TIFF"
        return _finish(draft, str(name))

    return _guarded(str(name), convert)


def from_array(array: NDArray[Any]) -> Picture:
    """An array as a picture in sRGB.

    Parameters
    ----------
    array: (H, W) or (H, W, 1..4): grey, grey and alpha, RGB, RGB and alpha. uint8 and uint16 are
        taken as they are (without a copy where there is no alpha), float32 and float64 as
        [0, 1], rounded to 16 bit.

    Raises
    ------
    UsageError: another shape or type, or floats outside [0, 1].
    """
    array = np.asarray(array)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or not 1 <= array.shape[2] <= 4 or not array.size:
        raise UsageError(
            f"an array of shape {array.shape} is no picture", "give (H, W) or (H, W, 1 to 4)"
        )
    if array.dtype in (np.float32, np.float64):
        if not (array.min() >= 0 and array.max() <= 1):  # false for NaN, too
            raise UsageError(
                f"floating-point pixels lie in {array.min():.4g} .. {array.max():.4g}",
                "scale them to 0 .. 1 and clip them, or give uint8 or uint16",
            )
        array = np.rint(array * 65535).astype(np.uint16)
    if array.dtype not in (np.uint8, np.uint16):
        raise UsageError(f"pixels are {array.dtype}", "give uint8, uint16 or float32 in 0 .. 1")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    pixels, alpha = _split(array)
    colour = SRGB if pixels.shape[2] == 3 else GREY
    return Picture(pixels, alpha, colour, encoding=Encoding("PNG", lossless=True))


def _guarded(name: str, work: Callable[[], Picture]) -> Picture:
    """*work*, with whatever a decoder may throw at a damaged file told in one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return work()
    except UndegradeError:
        raise
    except MemoryError:
        raise LimitError(
            f"not enough memory to decode {show(name)}", "give a smaller picture"
        ) from None
    except Exception as error:  # a damaged file can make a decoder throw anything
        text = str(error).strip() or type(error).__name__
        raise InputError(
            f"cannot read {show(name)}: it is damaged or incomplete ({text})",
            "get an intact copy of the file",
        ) from error


def _sniff(data: bytes) -> str | None:
    """The format by its first bytes, whatever the name says."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:1] == b"P" and data[1:2] in b"123456" and data[2:3].isspace():
        return "PPM"
    starts = {
        b"\xff\xd8\xff": "JPEG",
        png.SIGNATURE: "PNG",
        b"II*\0": "TIFF",
        b"MM\0*": "TIFF",
        b"II+\0": "TIFF",
        b"MM\0+": "TIFF",
        b"BM": "BMP",
        b"GIF8": "GIF",
        b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
        b"\xff\x4f\xff\x51": "JPEG2000",
        b"qoif": "QOI",
    }
    found = (kind for start, kind in starts.items() if data.startswith(start))
    return next(found, None) or heif.brand(data)


def _decode(data: bytes, name: str, limit: float) -> Picture:
    kind = _sniff(data)
    if kind is None:
        what = "it is a JPEG XL" if data[:2] == b"\xff\x0a" or data[4:8] == b"JXL " else ""
        raise InputError(
            f"cannot read {show(name)}: {what or 'it is not a picture of a known kind'}",
            f"give a {_KINDS} file",
        )
    if kind == "PNG":
        draft = _from_png(data)
    elif kind == "TIFF":
        draft = _from_tiff(data, name, limit)
    elif kind == "HEIF":
        draft = _from_heif(data, name)
    else:
        draft = _from_pillow(_plugin(kind)(io.BytesIO(data)), kind)
        if kind == "WEBP":
            lossless = _webp_is_lossless(data)
            draft.encoding = replace(draft.encoding, lossless=lossless)
        elif kind == "AVIF" and _avif_is_deep(data):
            draft.notes.append("more than 8 bits a sample read as 8")
    width, height = draft.size
    if width * height > limit * 1e6:
        raise LimitError(
            f"{show(name)} has {width * height / 1e6:.1f} megapixels ({width} x {height}), "
            f"the limit is {limit:g}",
            "raise it with --max-megapixels",
        )
    if min(width, height) < 1:
        raise InputError(f"cannot read {show(name)}: it has no pixels", "give another file")
    if draft.frames > 1:
        what = f"{draft.frames} pages" if kind == "TIFF" else f"is animated, {draft.frames} frames"
        raise InputError(
            f"cannot use {show(name)}: it {'has ' if kind == 'TIFF' else ''}{what}",
            "save one of them as a picture of its own",
        )
    return _finish(draft, name)


def _plugin(kind: str) -> type[ImageFile.ImageFile]:
    from importlib import import_module

    module, plugin = _PILLOW[kind]
    found: type[ImageFile.ImageFile] = getattr(import_module(f"PIL.{module}"), plugin)
    return found


def _from_pillow(image: Image.Image, kind: str) -> _Draft:
    """Whatever a Pillow image carries, its pixels not touched yet."""
    info = image.info
    kind = "JPEG" if kind == "MPO" else kind
    draft = _Draft(image.size, image=lambda: image)
    if isinstance(image, ImageFile.ImageFile) and kind != "JPEG":
        # GIF has to look for its end, which takes no decoding, and size is checked before use.
        draft.frames = int(getattr(image, "n_frames", 1))
    draft.exif, draft.xmp, draft.icc = (
        value.encode() if isinstance(value, str) else value
        for value in (info.get("exif"), info.get("xmp"), info.get("icc_profile"))
    )
    dpi = info.get("dpi")
    draft.dpi = (float(dpi[0]), float(dpi[1])) if dpi else None
    comment = info.get("comment")
    draft.comment = comment if isinstance(comment, bytes) and kind == "JPEG" else None
    resources = info.get("photoshop")
    if isinstance(resources, dict) and isinstance(resources.get(0x0404), bytes):
        draft.iptc = resources[0x0404]
    if "mp" in info:
        draft.notes.append("further pictures in the file (MPF, such as a gain map) not kept")
    draft.encoding = _jpeg_encoding(image) if kind == "JPEG" else Encoding(kind)
    if kind in _LOSSLESS:
        draft.encoding = replace(draft.encoding, lossless=True)
    return draft


def _jpeg_encoding(image: Image.Image) -> Encoding:
    tables: dict[int, list[int]] = getattr(image, "quantization", {})
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    if not tables:
        return Encoding("JPEG")
    used = [tuple(tables[layer[3]]) for layer in layers if layer[3] in tables]
    used = used or [tuple(table) for table in tables.values()]
    while len(used) > 1 and used[-1] == used[-2]:
        used.pop()  # encoders take the last for all further components
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"] | None = None
    if len(layers) == 3:
        factors = (layers[0][1], layers[0][2])
        # 4:1:1 and the like cannot be written; nothing coarser than 4:2:0 can.
        known: dict[tuple[int, int], Literal["4:2:2", "4:2:0"]]
        known = {(2, 1): "4:2:2", (2, 2): "4:2:0", (4, 1): "4:2:0", (4, 2): "4:2:0"}
        subsampling = known.get(factors, "4:4:4")
    return Encoding(
        "JPEG",
        jpeg_tables=tuple(used),
        jpeg_quality=_jpeg_quality(used[0]),
        subsampling=subsampling,
        progressive=bool(image.info.get("progressive")),
    )


def _jpeg_quality(table: tuple[int, ...]) -> float:
    """The quality 1..100 whose luma table is nearest to *table* in the logarithm."""
    from undegrade.degradation.jpeg_tables import LUMA, scaled_table

    logs = np.log(np.maximum(table, 1))
    misfits = [
        float(np.abs(np.log(scaled_table(LUMA, quality).ravel()) - logs).sum())
        for quality in range(1, 101)
    ]
    return float(np.argmin(misfits) + 1)


def _from_png(data: bytes) -> _Draft:
    file = png.parse(data)
    if file.frames > 1:
        return _Draft((file.width, file.height), file.frames)
    deep = file.bits == 16 and file.kind in (2, 4, 6)
    return _Draft(
        (file.width, file.height),
        image=lambda: png.open_pixels(file),
        low=(lambda: png.open_pixels(file, True)) if deep and file.kind != 4 else None,
        pairs=deep and file.kind == 4,
        bits=file.bits,
        key=file.key,
        exif=file.exif,
        xmp=file.xmp,
        icc=file.icc,
        dpi=file.dpi,
        chunks=tuple(file.texts),
        encoding=Encoding("PNG", lossless=True, chunks=tuple(file.colours)),
        notes=file.notes,
    )


def _from_tiff(data: bytes, name: str, limit: float) -> _Draft:
    from PIL import TiffImagePlugin

    try:
        image = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    except (SyntaxError, NotImplementedError, KeyError):
        draft = _from_other_tiff(data, name, limit)
    else:
        if image.mode in ("F", "I"):
            raise _not_8_or_16(name)
        draft = _from_pillow(image, "TIFF")
        draft.turned = True
        draft.frames = tiff.pages(image) if draft.frames > 1 else 1
        draft.xmp = tiff.raw_field(image, tiff.XMP)
        draft.iptc = tiff.raw_field(image, tiff.IPTC)
        resources = tiff.raw_field(image, tiff.PHOTOSHOP)
        if draft.iptc is None and resources:
            draft.iptc = metadata.iptc_of(resources)
        compression = str(image.info.get("compression", "raw"))
        draft.encoding = replace(draft.encoding, compression=compression)
        draft.inverted = image.mode.startswith("I;16") and image.tag_v2.get(262) == 0
        draft.bits = int(max(image.tag_v2.get(258, (8,)))) if image.mode == "I;16" else 8
        if tiff.is_deep(image):
            draft.image = lambda: tiff.open_16(data, False)
            draft.low = lambda: tiff.open_16(data, True)
            draft.premultiplied = image.mode == "RGBA" and 1 in image.tag_v2.get(338, ())
    try:
        draft.exif = tiff.exif_of(data)
    except (ValueError, struct.error):
        draft.exif = None
        draft.notes.append("EXIF not kept, its directory cannot be read")
    return draft


def _from_other_tiff(data: bytes, name: str, limit: float) -> _Draft:
    try:
        pixels, found = tiff.read_plain(data, limit)
    except ValueError as error:
        if "floating" in str(error):
            raise _not_8_or_16(name) from None
        raise
    if found["white_is_zero"]:
        pixels = np.iinfo(pixels.dtype).max - pixels
    keep = (3 if pixels.shape[2] >= 3 else 1) + (found["alpha"] is not None)
    pixels = _turn(pixels[:, :, :keep], found["orientation"])
    return _Draft(
        found["size"],
        found["pages"],
        array=np.ascontiguousarray(pixels),
        premultiplied=found["alpha"] == "premultiplied",
        turned=True,
        icc=found["icc"],
        xmp=_tiff_bytes(data, tiff.XMP),
        iptc=_tiff_bytes(data, tiff.IPTC),
        dpi=metadata.dpi_of(data) if data[2:4] in (b"*\0", b"\0*") else None,
        encoding=Encoding("TIFF", lossless=True, compression="tiff_adobe_deflate"),
    )


def _tiff_bytes(data: bytes, tag: int) -> bytes | None:
    """A field of the first directory; None where there is none, or this is a BigTIFF."""
    try:
        entry = ifd.find(data, ifd.first(data), tag)
    except ValueError:
        return None
    return entry.value if entry and entry.value else None


def _from_heif(data: bytes, name: str) -> _Draft:
    file = heif.open_heif(data, show(name))
    info = file.info
    draft = _Draft(
        tuple(file.size),
        image=lambda: heif.image_of(file),
        exif=info.get("exif"),
        xmp=info.get("xmp"),
        icc=info.get("icc_profile"),
        turned=True,
        encoding=Encoding("HEIF"),
    )
    if info.get("bit_depth", 8) > 8:
        draft.notes.append(f"{info['bit_depth']} bits a sample read as 8")
    if len(file) > 1:
        draft.notes.append("only the main picture of the file read")
    return draft


def _webp_is_lossless(data: bytes) -> bool:
    """Whether the picture chunk is VP8L."""
    at = 12
    while at + 8 <= len(data):
        kind = data[at : at + 4]
        if kind in (b"VP8L", b"VP8 "):
            return kind == b"VP8L"
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return False


def _avif_is_deep(data: bytes) -> bool:
    """Whether the AV1 configuration says more than 8 bits."""
    at = data.find(b"av1C", 0, 1 << 16)
    return at > 0 and bool(data[at + 6] & 0x40)


def _not_8_or_16(name: str) -> InputError:
    return InputError(
        f"cannot use {show(name)}: its samples are floating-point or 32-bit numbers",
        "convert it to 8 or 16 bits a sample first",
    )


def _finish(draft: _Draft, name: str) -> Picture:
    """The one path from a draft to a picture."""
    exif, broken = metadata.clean_exif(draft.exif)
    if broken:
        draft.notes.append("broken EXIF dropped")
    turn = 1 if draft.turned else metadata.orientation(exif, draft.xmp)
    exif, xmp = metadata.upright(exif, draft.xmp)
    if draft.array is not None:
        array = draft.array
        grey = array.shape[2] <= 2
        colour, convert = _settle_profile(draft, exif, grey)
        if convert:
            array = to_depth(array, np.uint8)
            image = Image.fromarray(np.ascontiguousarray(array[:, :, :3]))
            image = _by_profile(draft, image, convert)
            array = np.concatenate([np.asarray(image), array[:, :, 3:]], axis=2)
    else:
        array, colour = _unpack(draft, exif, name, turn)
    if draft.premultiplied and array.shape[2] in (2, 4):
        _unmultiply(array)
    pixels, alpha = _split(array)
    if draft.key is not None and alpha is None:
        top = np.iinfo(pixels.dtype).max
        scale = top // (2**draft.bits - 1) if pixels.shape[2] == 1 and draft.bits < 16 else 1
        key = np.array(draft.key, np.int64) * scale
        alpha = np.where((pixels == key).all(axis=2), 0, top).astype(pixels.dtype)
    if draft.converted:
        exif = metadata.mark_srgb(exif)
        draft.encoding = replace(draft.encoding, chunks=())
    dpi = draft.dpi or metadata.dpi_of(exif)
    if dpi and not (min(dpi) >= 0.01 and max(dpi) <= 1e6):
        dpi = None
    kept = Metadata(exif, xmp, draft.iptc, draft.icc, dpi, draft.comment, draft.chunks)
    return Picture(pixels, alpha, colour, kept, draft.encoding, name, tuple(draft.notes))


def _settle_profile(
    draft: _Draft, exif: bytes | None, grey: bool
) -> tuple[ColourSpace, bytes | None]:
    """The colour space of a grey or RGB picture, and a profile to convert from, if need be.

    ``draft.icc`` becomes the profile to keep.
    """
    plain = GREY if grey else SRGB
    data = draft.icc
    if data is None:
        if not grey and metadata.says_adobe_rgb(exif):
            # Embedded from now on: EXIF says it too quietly for most programs and formats.
            draft.icc = icc.build("Adobe RGB (1998)", icc.ADOBE_RGB, icc.ADOBE_GAMMA)
            return icc.read(draft.icc).colour or SRGB, None
        return plain, None
    try:
        profile = icc.read(data)
    except ValueError as error:
        draft.icc = None
        draft.notes.append(f"broken colour profile dropped ({error}), read as sRGB")
        return plain, None
    if profile.space != ("GRAY" if grey else "RGB"):
        draft.icc = None
        draft.notes.append(f"colour profile for {profile.space} pixels dropped, it does not fit")
        return plain, None
    if grey:
        return GREY, None
    if profile.colour is not None:
        return profile.colour, None
    draft.icc = None
    return SRGB, data


def _unpack(
    draft: _Draft, exif: bytes | None, name: str, turn: int
) -> tuple[NDArray[Any], ColourSpace]:
    """Pixels (H, W, 1..4) upright, and their colour space."""
    assert draft.image is not None
    image = draft.image()
    draft.image = None  # from here on only these lines hold it, so that it can be let go
    image.load()
    image = _simple_mode(draft, image, name)
    grey = draft.pairs or image.mode in ("L", "LA", "I") or image.mode.startswith("I;16")
    colour, convert = _settle_profile(draft, exif, grey)
    if convert:
        image = _by_profile(draft, image, convert)
    wide = draft.pairs or draft.low is not None or image.mode.startswith("I")
    channels = 2 if draft.pairs else len(image.getbands())
    width, height = image.size
    shape = (width, height) if turn >= 5 else (height, width)
    out = np.empty((*shape, channels), np.uint16 if wide else np.uint8)
    # A view of ``out`` that lies as the file does; 6 and 8 undo each other.
    stored = _turn(out, {6: 8, 8: 6}.get(turn, turn))
    if draft.low is None:
        _copy_rows(draft, image, stored)
    else:
        _copy_rows(draft, image, stored, shift=8)
        del image
        _copy_rows(draft, draft.low(), stored, add=True)
    return out, colour


def _by_profile(draft: _Draft, image: Image.Image, profile: bytes) -> Image.Image:
    """*image* in sRGB, from a profile that only LittleCMS can apply, in 8 bits."""
    if draft.low is not None or (draft.array is not None and draft.array.dtype == np.uint16):
        draft.low = None
        draft.notes.append("16 bits a sample read as 8 for its colour profile")
    try:
        image = icc.convert(image, profile, image.mode)
    except ValueError as error:
        draft.notes.append(f"colour profile dropped ({error}), read as sRGB")
        return image
    draft.converted = True
    draft.notes.append("colours converted to sRGB from a profile made of tables")
    return image


def _simple_mode(draft: _Draft, image: Image.Image, name: str) -> Image.Image:
    """*image* in a mode that arrays can hold: L, LA, RGB, RGBA, I;16 or I of 16 bit."""
    mode = image.mode
    if mode in ("CMYK", "LAB"):
        return _to_rgb(draft, image)
    if mode in ("P", "PA") or (mode in ("1", "L", "RGB") and "transparency" in image.info):
        if mode in ("1", "L"):
            return image.convert("L").convert("LA") if mode == "1" else image.convert("LA")
        return image.convert("RGBA" if mode == "PA" or image.has_transparency_data else "RGB")
    if mode == "1":
        return image.convert("L")
    if mode in ("La", "RGBa"):
        return image.convert(mode.replace("a", "A"))
    if mode in ("YCbCr", "HSV", "RGBX"):
        return image.convert("RGB")
    if mode in ("L", "LA", "RGB", "RGBA") or mode.startswith("I;16"):
        return image
    if mode == "I" and draft.encoding.format in ("PPM", "JPEG2000", "PNG"):
        low, high = image.getextrema()
        if isinstance(low, int | float) and low >= 0 and isinstance(high, int) and high < 65536:
            return image
    raise _not_8_or_16(name)


def _to_rgb(draft: _Draft, image: Image.Image) -> Image.Image:
    """CMYK or Lab to sRGB, by the embedded profile where there is a good one."""
    profile, draft.icc = draft.icc, None
    mode = image.mode
    draft.low, draft.premultiplied, draft.converted = None, False, True
    if mode == "LAB":
        from PIL import ImageCms

        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    draft.notes.append(f"{mode} converted to RGB")
    if profile is not None:
        try:
            return icc.convert(image, profile, "RGB")
        except ValueError:
            draft.notes.append("broken colour profile dropped")
    return image.convert("RGB")


def _turn(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """A view of stored pixels (H, W, ...) as EXIF *orientation* 1..8 means them."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array


def _copy_rows(
    draft: _Draft, image: Image.Image, stored: NDArray[Any], *, shift: int = 0, add: bool = False
) -> None:
    """Pillow's pixels into *stored* (H, W, C), band by band: the peak is theirs and ours.

    shift: bits to move the values up by; add: to what is there, not over it.
    """
    width, height = image.size
    twelve = image.mode == "I;16" and draft.bits == 12
    for rows in bands(height, width):
        part = np.asarray(image.crop((0, rows.start, width, rows.stop)))
        if draft.pairs:
            part = np.ascontiguousarray(part).view(">u2")
        part = part.reshape(rows.stop - rows.start, width, -1)
        if twelve:
            part = np.rint(part * (65535 / 4095))
        if add:
            stored[rows] |= part
        else:
            stored[rows] = part
        if shift:
            stored[rows] <<= shift
        if draft.inverted:
            stored[rows] ^= 65535


def _unmultiply(array: NDArray[Any]) -> None:
    """Divide colour by alpha, in place."""
    top = int(np.iinfo(array.dtype).max)
    for rows in bands(*array.shape[:2]):
        alpha = array[rows, :, -1:].astype(np.uint64)
        safe = np.maximum(alpha, 1)
        colour = (array[rows, :, :-1] * np.uint64(top) + safe // 2) // safe
        array[rows, :, :-1] = np.minimum(colour, top)


def _split(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """(H, W, 1..4) to pixels (H, W, 1 or 3) and alpha (H, W) or None, each contiguous."""
    if array.shape[2] in (1, 3):
        return array, None
    return np.ascontiguousarray(array[:, :, :-1]), np.ascontiguousarray(array[:, :, -1])
