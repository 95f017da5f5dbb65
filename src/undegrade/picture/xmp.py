"""XMP at the level of bytes: what the pixels change is patched, what points nowhere goes.

A packet may be written as attributes or as elements, and in any order; patterns that know both do
what a parser would, and leave every other byte as it was.
"""

from __future__ import annotations

import re

_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)([0-9])""")
_SIZES = (
    (re.compile(rb"""((?:exif:PixelXDimension|tiff:ImageWidth)\s*(?:=\s*["']|>)\s*)\d+"""), 0),
    (re.compile(rb"""((?:exif:PixelYDimension|tiff:ImageLength)\s*(?:=\s*["']|>)\s*)\d+"""), 1),
)
_PANORAMA = re.compile(rb"""(GPano:[A-Za-z]+Pixels\s*(?:=\s*["']|>)\s*)(\d+)""")
_PANORAMA_WIDTH = re.compile(rb"""GPano:CroppedAreaImageWidthPixels\s*(?:=\s*["']|>)\s*(\d+)""")
_EXTENDED = b"xmpNote:HasExtendedXMP"
_MOTION = re.compile(rb"""(GCamera:(?:MotionPhoto|MicroVideo)\s*(?:=\s*["']|>)\s*)1""")
_LENGTH = re.compile(rb"""(Item:Length\s*(?:=\s*["']|>)\s*)\d+""")
_SOURCE_TYPE = b"http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
_MARKED = re.compile(rb"""(Iptc4xmpExt:DigitalSourceType\s*(?:=\s*["']|>)\s*)[^"'<]*""")


def orientation(packet: bytes | None) -> int:
    """How the packet says that the pixels are turned; 1 where it says nothing."""
    found = _ORIENTATION.search(packet or b"")
    return int(found[2]) if found else 1


def upright(packet: bytes) -> bytes:
    """*packet* with orientation 1."""
    return _ORIENTATION.sub(rb"\g<1>1", packet)


def fit_size(packet: bytes, width: int, height: int) -> bytes:
    """*packet* with the sizes that it states, those of a panorama too, set to the output's."""
    for pattern, axis in _SIZES:
        packet = pattern.sub(rb"\g<1>%d" % (width, height)[axis], packet)
    before = _PANORAMA_WIDTH.search(packet)
    if before and int(before[1]) not in (0, width):
        ratio = width / int(before[1])
        packet = _PANORAMA.sub(lambda m: m[1] + b"%d" % round(int(m[2]) * ratio), packet)
    return packet


def without_field(packet: bytes, name: bytes) -> bytes:
    """*packet* without every attribute or simple element whose name matches *name*."""
    packet = re.sub(rb"""\s+%s\s*=\s*(?:"[^"]*"|'[^']*')""" % name, b"", packet)
    return re.sub(rb"<(%s)\b[^>]*(?:/>|>.*?</\1>)\s*" % name, b"", packet, flags=re.DOTALL)


def mended(packet: bytes, *, extended: bool, video: bool, gain_map: int) -> bytes:
    """*packet* that points only to what the file has.

    Parameters
    ----------
    extended, video: whether extended XMP, and the video of a Motion Photo, are there.
    gain_map: its bytes; 0 is none.
    """
    if not extended and _EXTENDED in packet:
        packet = without_field(packet, _EXTENDED)
    if not video:
        packet = _item(b"MotionPhoto").sub(b"", _MOTION.sub(rb"\g<1>0", packet))
    if not gain_map:
        packet = _item(b"GainMap").sub(b"", without_field(packet, rb"hdrgm:\w+"))
    else:
        packet = _item(b"GainMap").sub(
            lambda found: _LENGTH.sub(rb"\g<1>%d" % gain_map, found[0]), packet
        )
    return packet


def _item(semantic: bytes) -> re.Pattern[bytes]:
    """A file in the list of those behind the photo, as Google's container format has it."""
    inner = rb"(?:(?!</?rdf:li\b).)*?"
    return re.compile(
        rb"""<rdf:li\b%sItem:Semantic\s*(?:=\s*["']|>)\s*%s\b%s</rdf:li>\s*"""
        % (inner, semantic, inner),
        re.DOTALL,
    )


def marked(packet: bytes | None) -> bytes:
    """*packet*, or a new one, that calls the photo algorithmically enhanced, as IPTC has it."""
    if packet and _MARKED.search(packet):
        return _MARKED.sub(rb"\g<1>" + _SOURCE_TYPE, packet)
    field = (
        b'<rdf:Description rdf:about="" '
        b'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        b'Iptc4xmpExt:DigitalSourceType="%s"/>' % _SOURCE_TYPE
    )
    if packet and b"</rdf:RDF>" in packet:
        before, after = packet.rsplit(b"</rdf:RDF>", 1)
        return before + field + b"</rdf:RDF>" + after
    if packet:
        return packet  # no place that these patterns could be sure of
    return (
        b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        + field
        + b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )
