"""Image file directories, the structure shared by TIFF and EXIF, at the level of bytes.

BigTIFF, with offsets of 8 bytes, is read and never written. Values are patched where they lie, or
a new directory is put behind everything else, so that no offset inside a block (thumbnails, maker
notes) ever moves.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 1, 2, 3, 4, 5, 7
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_BIG_SIZES = _SIZES | {16: 8, 17: 8, 18: 8}
_MOST_DIRECTORIES = 10_000

EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005


@dataclass(frozen=True)
class Entry:
    """One field of a directory, its value as raw bytes in the order of the block."""

    tag: int
    kind: int
    count: int
    value: bytes
    at: int = 0
    """Where the value lies in the block."""

    def numbers(self, order: str) -> tuple[int, ...]:
        """The value as integers; empty if it holds something else."""
        codes = {BYTE: "B", UNDEFINED: "B", SHORT: "H", LONG: "I", 13: "I", 16: "Q", 18: "Q"}
        code = codes.get(self.kind)
        return struct.unpack(f"{order}{self.count}{code}", self.value) if code else ()

    def ratio(self, order: str) -> float | None:
        """The first number of the value, RATIONAL or integer; None if there is none."""
        if self.kind == RATIONAL and self.count:
            top, bottom = struct.unpack(f"{order}II", self.value[:8])
            return top / bottom if bottom else None
        return next(iter(self.numbers(order)), None)


def order_of(block: bytes) -> str:
    """``"<"`` or ``">"``, the byte order of a TIFF structure; ``ValueError`` for anything else."""
    order = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}.get(bytes(block[:4]))
    if order is None or len(block) < 8:
        raise ValueError("not a TIFF structure")
    return order


def is_big(block: bytes) -> bool:
    """Whether offsets have 8 bytes."""
    return b"+" in block[2:4]


def first(block: bytes) -> int:
    """Offset of the first directory."""
    order = order_of(block)
    return _number(block, order + "Q", 8) if is_big(block) else _number(block, order + "I", 4)


def _number(block: bytes, code: str, at: int) -> int:
    if not 0 <= at <= len(block) - struct.calcsize(code):
        raise ValueError("a directory outside its block")
    return int(struct.unpack_from(code, block, at)[0])


def directories(block: bytes) -> list[int]:
    """Offsets of the chain of main directories: of a file, its pages and their reduced copies.

    Raises ``ValueError`` if the first does not fit in; a broken link later ends the chain.
    """
    order, big = order_of(block), is_big(block)
    out: list[int] = []
    at = first(block)
    while at and at not in out and len(out) < _MOST_DIRECTORIES:
        try:
            count = _number(block, order + ("Q" if big else "H"), at)
            link = at + (8 + 20 * count if big else 2 + 12 * count)
            following = _number(block, order + ("Q" if big else "I"), link)
        except ValueError:
            if not out:
                raise
            break
        out.append(at)
        at = following
    return out


def directory(block: bytes, offset: int) -> list[Entry]:
    """The fields of the directory at *offset*, less those whose values lie outside the block.

    Raises ``ValueError`` if the directory itself does not fit into it.
    """
    order, big = order_of(block), is_big(block)
    head, step, room = (8, 20, 8) if big else (2, 12, 4)
    code, sizes = ("HHQ", _BIG_SIZES) if big else ("HHI", _SIZES)
    count = _number(block, order + ("Q" if big else "H"), offset if offset >= 8 else -1)
    if offset + head + step * count > len(block):
        raise ValueError("a directory cut off")
    entries = []
    for index in range(count):
        start = offset + head + step * index
        tag, kind, length = struct.unpack_from(order + code, block, start)
        size = sizes.get(kind, 0) * length
        at = start + step - room
        if size > room:
            at = _number(block, order + ("Q" if big else "I"), at)
        if kind in sizes and at + size <= len(block):
            entries.append(Entry(tag, kind, length, bytes(block[at : at + size]), at))
    return entries


def find(block: bytes, offset: int, tag: int) -> Entry | None:
    """The field *tag* of the directory at *offset*, or None."""
    return next((entry for entry in directory(block, offset) if entry.tag == tag), None)


def value_of(block: bytes, offset: int, tag: int, default: int = 0) -> int:
    """The first integer of the field *tag* of the directory at *offset*, or *default*."""
    entry = find(block, offset, tag)
    return next(iter(entry.numbers(order_of(block))), default) if entry else default


def child(block: bytes, parent: int, tag: int) -> int | None:
    """Offset of the directory that the field *tag* of the one at *parent* points to, or None."""
    entry = find(block, parent, tag)
    numbers = entry.numbers(order_of(block)) if entry else ()
    return numbers[0] if numbers and 8 <= numbers[0] < len(block) else None


def integer(tag: int, value: int, order: str, kind: int = LONG) -> Entry:
    """A field of one integer."""
    return Entry(tag, kind, 1, struct.pack(order + ("H" if kind == SHORT else "I"), value))


def rational(tag: int, value: float, order: str) -> Entry:
    """A field of one unsigned ratio, to a thousandth (a millionth below 1000)."""
    bottom = 1_000_000 if value < 1000 else 1000
    return Entry(tag, RATIONAL, 1, struct.pack(order + "II", round(value * bottom), bottom))


def lay_out(
    entries: Iterable[Entry], order: str, offset: int, following: int = 0
) -> tuple[bytes, int]:
    """A directory with its long values, to stand at *offset* (even), and its own size alone.

    A field whose ``at`` is not 0 keeps its value where it already lies.
    """
    fields = sorted(entries, key=lambda entry: entry.tag)
    head = bytearray(struct.pack(order + "H", len(fields)))
    tail = bytearray()
    size = 2 + 12 * len(fields) + 4
    for entry in fields:
        head += struct.pack(order + "HHI", entry.tag, entry.kind, entry.count)
        if len(entry.value) <= 4:
            head += entry.value.ljust(4, b"\0")
        elif entry.at:
            head += struct.pack(order + "I", entry.at)
        else:
            head += struct.pack(order + "I", offset + size + len(tail))
            tail += entry.value + b"\0" * (len(entry.value) % 2)
    head += struct.pack(order + "I", following)
    return bytes(head + tail), size


def amended(block: bytes, fields: Sequence[Entry], without: int | None = None) -> bytes:
    """*block* with a new first directory at its end: with *fields*, and *without* one of a tag.

    The second directory (a thumbnail's) stays linked.
    """
    order = order_of(block)
    old = first(block)
    gone = {without, *(entry.tag for entry in fields)}
    kept = [entry for entry in directory(block, old) if entry.tag not in gone]
    (count,) = struct.unpack_from(order + "H", block, old)
    link = old + 2 + 12 * count
    following = struct.unpack_from(order + "I", block, link)[0] if link + 4 <= len(block) else 0
    block = block + b"\0" * (len(block) % 2)
    table, _ = lay_out([*kept, *fields], order, len(block), following)
    return block[:4] + struct.pack(order + "I", len(block)) + block[8:] + table


def moved(block: bytes, shift: int, arrays: frozenset[int]) -> bytes:
    """*block* with every offset in its main directory and in those below it raised by *shift*.

    So are the values of the tags *arrays*, besides the pointers to directories. Raises
    ``struct.error`` for a directory or a value outside the block.
    """
    order, out, seen = order_of(block), bytearray(block), set()

    def raise_at(at: int) -> None:
        struct.pack_into(
            order + "I", out, at, struct.unpack_from(order + "I", block, at)[0] + shift
        )

    def walk(start: int) -> None:
        if start in seen:
            return
        seen.add(start)
        (count,) = struct.unpack_from(order + "H", block, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, length, value = struct.unpack_from(order + "HHII", block, at)
            size = _SIZES.get(kind, 0) * length
            if tag in (EXIF_IFD, GPS_IFD, INTEROP_IFD):
                walk(value)
                raise_at(at + 8)
            elif tag in arrays:
                first_one = at + 8 if size <= 4 else value
                for index in range(length):
                    raise_at(first_one + 4 * index)
            if size > 4:
                raise_at(at + 8)

    walk(first(block))
    raise_at(4)
    return bytes(out)


def build(order: str, main: list[Entry], children: dict[int, list[Entry]]) -> bytes:
    """A compact block of a main directory and *children* (pointer tag -> fields)."""
    block = bytearray((b"II*\0" if order == "<" else b"MM\0*") + b"\0\0\0\0")

    def add(entries: list[Entry]) -> int:
        loose = [Entry(e.tag, e.kind, e.count, e.value) for e in entries]
        block.extend(b"\0" * (len(block) % 2))
        at = len(block)
        block.extend(lay_out(loose, order, at)[0])
        return at

    pending = dict(children)
    interop = pending.pop(INTEROP_IFD, None)
    if interop and EXIF_IFD in pending:
        pending[EXIF_IFD] = [*pending[EXIF_IFD], integer(INTEROP_IFD, add(interop), order)]
    pointers = [integer(tag, add(entries), order) for tag, entries in pending.items()]
    start = add([*main, *pointers])
    block[4:8] = struct.pack(order + "I", start)
    return bytes(block)
