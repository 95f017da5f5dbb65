"""How the service and its workers talk: frames of JSON and bytes through pipes.

A frame is the length of its head and of its body, four bytes each, a JSON object, and raw bytes.
JSON, not pickle: a worker opens strangers' files, and whatever takes one over must find nothing
to run in the service itself.
"""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any, BinaryIO

Head = dict[str, Any]

_LENGTHS = struct.Struct(">II")
LONGEST_HEAD = 4_000_000
LONGEST_BODY = 256_000_000


def pack(head: Head, body: bytes = b"") -> bytes:
    """A frame."""
    text = json.dumps(head).encode()
    return _LENGTHS.pack(len(text), len(body)) + text + body


def read(file: BinaryIO) -> Head | None:
    """The head of the next frame, on the worker's side; ``None`` at the end."""
    lengths = file.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    head, body = _LENGTHS.unpack(lengths)
    text = file.read(head + body)
    if len(text) < head + body:
        return None
    found: Head = json.loads(text[:head])
    return found


async def receive(stream: asyncio.StreamReader) -> tuple[Head, bytes]:
    """The next frame, on the service's side.

    Raises
    ------
    EOFError: the worker is gone (also :class:`asyncio.IncompleteReadError`).
    ValueError: what came is no frame.
    """
    head, body = _LENGTHS.unpack(await stream.readexactly(_LENGTHS.size))
    if head > LONGEST_HEAD or body > LONGEST_BODY:
        raise ValueError(f"a frame of {head} + {body} bytes")
    found = json.loads(await stream.readexactly(head))
    if not isinstance(found, dict):
        raise ValueError("a frame without an object")
    return found, await stream.readexactly(body)
