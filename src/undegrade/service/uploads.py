"""A multipart body, streamed to a file while it comes, with every limit checked on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from undegrade.service.photos import Folder
from undegrade.service.problems import Problem, is_full, no_room
from undegrade.service.responses import clean
from undegrade.service.settings import Settings

PART = "photo"
"""Name of the part that holds the photo."""
RAW = (b"image/", b"application/octet-stream")
"""How the types of bodies begin that are the photo itself."""
MOST_FIELDS = 32
LONGEST_FIELD = 4096
LONGEST_BOUNDARY = 70
"""Of RFC 2046."""
LONGEST_HEADERS = 8192
"""Bytes of one part's headers."""


@dataclass
class Upload:
    """What has come: a finished file, its cleaned name, and the other fields."""

    path: Path
    name: str | None
    fields: list[tuple[str, str]]
    """By name, in order; a name may come again."""


async def receive(request: Request, settings: Settings, folder: Folder) -> Upload:
    """Read the request's body, a form or the photo itself; the file is whole, or there is none.

    Raises
    ------
    Problem: no form and no picture, no photo in it or two, too large whatever Content-Length says,
        too slow, cut off, or no room.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" and not kind.startswith(RAW):
        raise Problem(
            "not-a-photo",
            "the body is neither multipart/form-data nor a picture",
            f"send the photo as a form's file field {PART!r}, or itself as image/jpeg or the like",
        )
    announced = request.headers.get("content-length", "")
    size = int(announced) if announced.isdigit() else 0
    path = folder.new_path()
    try:
        if size > settings.max_upload:
            raise _too_large(settings)
        folder.check_room(size)
        with path.open("xb") as file:
            form = _Raw(request, file) if kind.startswith(RAW) else _Form(options, file)
            async for chunk in _chunks(request, settings):
                form.feed(chunk)
            form.finish()
        return Upload(path, form.name, [*request.query_params.multi_items(), *form.fields])
    except BaseException as error:
        path.unlink(missing_ok=True)
        if is_full(error):
            error = no_room()
        raise error from None


async def _chunks(request: Request, settings: Settings) -> AsyncIterator[bytes]:
    """The body as it comes, as long as it comes fast enough and is not too much."""
    started, total = time.monotonic(), 0
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(settings.stall_seconds):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Problem(
                "slow", f"nothing came for {settings.stall_seconds:g} seconds", "send faster"
            ) from None
        except ClientDisconnect:
            raise Problem("bad-request", "the body was cut off") from None
        total += len(chunk)
        if total > settings.max_upload:
            raise _too_large(settings)
        late = time.monotonic() - started - settings.stall_seconds
        if late > 0 and total < late * settings.least_rate:
            spent = late + settings.stall_seconds
            raise Problem("slow", f"{total} bytes came in {spent:.0f} seconds", "send faster")
        yield chunk


def _too_large(settings: Settings) -> Problem:
    megabytes = settings.max_upload / 1e6
    return Problem("too-large", f"the body has more than {megabytes:g} MB", "send a smaller file")


@dataclass
class _Part:
    """The part that is being read."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    value: bytearray | None = None
    """Of a plain field; ``None`` for the photo."""
    header_bytes: int = 0


class _Raw:
    """A body that is the photo."""

    def __init__(self, request: Request, file: BinaryIO) -> None:
        _, options = parse_options_header(request.headers.get("content-disposition", ""))
        self.name = _named(options)
        self.fields: list[tuple[str, str]] = []
        self._file = file

    def feed(self, chunk: bytes) -> None:
        self._file.write(chunk)

    def finish(self) -> None:
        if not self._file.tell():
            raise _empty()


class _Form:
    """Sorts a body's parts: the photo into *file*, everything else into ``fields``."""

    def __init__(self, options: Mapping[bytes, bytes], file: BinaryIO) -> None:
        self.name: str | None = None
        self.fields: list[tuple[str, str]] = []
        self._file = file
        self._part = _Part()
        self._key = bytearray()
        self._value = bytearray()
        self._photos = self._size = 0
        self._ended = False
        calls: Any = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, a, b: self._header(self._key, data[a:b]),
            "on_header_value": lambda data, a, b: self._header(self._value, data[a:b]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": lambda data, a, b: self._data(data[a:b]),
            "on_part_end": self._part_end,
            "on_end": self._end,
        }
        boundary = options.get(b"boundary", b"")
        if not 0 < len(boundary) <= LONGEST_BOUNDARY:
            raise _malformed(f"the form's boundary has {len(boundary)} characters")
        self._parser = MultipartParser(boundary, calls)

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise _malformed("the multipart body is malformed") from None

    def finish(self) -> None:
        if not self._ended:
            raise _malformed("the multipart body was cut off")
        if not self._photos:
            raise _malformed(f"the form has no file field {PART!r}")
        if not self._size:
            raise _empty()

    def _begin(self) -> None:
        self._part = _Part()

    def _header(self, into: bytearray, data: bytes) -> None:
        self._part.header_bytes += len(data)
        if self._part.header_bytes > LONGEST_HEADERS:
            raise _malformed("a part's headers are too long")
        into += data

    def _header_end(self) -> None:
        self._part.headers[bytes(self._key).lower()] = bytes(self._value)
        self._key.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        part = self._part
        _, options = parse_options_header(part.headers.get(b"content-disposition", b""))
        part.name = options.get(b"name", b"").decode("utf-8", "replace")
        if part.name == PART:
            self._photos += 1
            if self._photos > 1:
                raise _malformed(f"the form has more than one field {PART!r}")
            self.name = _named(options)
            return
        part.value = bytearray()
        if len(self.fields) >= MOST_FIELDS:
            raise _malformed(f"the form has more than {MOST_FIELDS} fields")

    def _data(self, data: bytes) -> None:
        if self._part.value is None:
            self._size += len(data)
            self._file.write(data)
            return
        self._part.value += data
        if len(self._part.value) > LONGEST_FIELD:
            raise _malformed(f"the field {self._part.name[:40]!r} is too long")

    def _part_end(self) -> None:
        if self._part.value is not None:
            self.fields.append((self._part.name, self._part.value.decode("utf-8", "replace")))

    def _end(self) -> None:
        self._ended = True


def _named(options: Mapping[bytes, bytes]) -> str | None:
    """The name of a file, as a Content-Disposition has it, cleaned."""
    given = options.get(b"filename", b"").decode("utf-8", "replace")
    return clean(given) if given else None


def _empty() -> Problem:
    return Problem("not-a-photo", "the file is empty", "send a photo")


def _malformed(detail: str) -> Problem:
    return Problem("bad-request", detail, f"send one photo as a form's file field {PART!r}")
