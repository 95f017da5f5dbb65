"""A client of a service elsewhere: the same call as :func:`undegrade.enhance`, done over there.

>>> from undegrade.client import Server
>>> server = Server("http://127.0.0.1:8400")
>>> server.enhance("photo.jpg", scale=2).save("better.jpg")  # doctest: +SKIP
"""

from __future__ import annotations

import http.client
import json
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlencode, urlsplit

from undegrade.errors import (
    Cancelled,
    InputError,
    LimitError,
    ModelError,
    UndegradeError,
    UsageError,
)
from undegrade.picture import format_of, write_atomic
from undegrade.picture import read as read_source
from undegrade.picture.formats import FORMATS, WRITABLE
from undegrade.plan import DETAIL, Wishes
from undegrade.work import Done, Order, sha256

if TYPE_CHECKING:
    from PIL import Image

    from undegrade.enhancer import Progress

SECONDS = 60.0
"""Longest silence of the service; it is waited for with many short requests, never one long one."""
PATIENCE = 600.0
"""Seconds in which a service that is busy, or restarts, must have taken a photo."""
TRIES = 4
"""How often a connection is tried that breaks off, a second and more apart."""
LEAST, MOST = 0.05, 2.0
"""Seconds between two questions how far a job is."""
SUFFIXES = {name: FORMATS[name].suffixes[0].removeprefix(".") for name in WRITABLE}
"""What a service calls the formats that it writes."""
ERRORS: Mapping[str, type[UndegradeError]] = {
    "not-a-photo": InputError,
    "too-large": LimitError,
    "time": LimitError,
    "busy": LimitError,
    "wishes": UsageError,
    "invalid": UsageError,
    "token": UsageError,
    "host": UsageError,
    "model": ModelError,
}
"""What kinds of problems are here."""


@dataclass(frozen=True)
class Enhanced(Done):
    """What :meth:`Server.enhance` returns: the file that the service made, and its report."""

    @property
    def unchanged(self) -> bool:
        """Whether nothing had to be done."""
        return self.status == "unchanged"

    @property
    def image(self) -> Image.Image:
        """The picture, decoded by Pillow."""
        from PIL import Image

        return Image.open(BytesIO(self.data))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file in one atomic step, as it came."""
        write_atomic(Path(path), self.data)
        return Path(path)


class Server:
    """A service at *url*; may be called from several threads.

    Parameters
    ----------
    url: such as ``https://photos.example``.
    token: what the service asks for, if anything.

    Raises
    ------
    UsageError: no such kind of address.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{url!r} is no address of a service", "write http://HOST:PORT")
        self.url = url
        self._parts = parts
        self._token = token

    def enhance(
        self,
        source: str | os.PathLike[str] | bytes | BinaryIO,
        *,
        task: str = "auto",
        scale: int | None = None,
        strength: float = 1.0,
        model: str | None = None,
        noise: float | None = None,
        jpeg: float | None = None,
        detail: float = DETAIL,
        detail_everywhere: bool = False,
        keep: Sequence[str] = (),
        skip: Sequence[str] = (),
        add: Sequence[str] = (),
        effort: str = "normal",
        frame: int | None = None,
        format: str | None = None,
        quality: int | None = None,
        strip: bool = False,
        mark: bool = True,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Enhanced:
        """Find out what a photo has lost and give it back, over there.

        Parameters
        ----------
        source: a path, the bytes of a file, or a binary file object.
        format: ``jpg``, ``png``, ``webp``, ``tif`` or ``avif``; by default the photo's own.
        quality, strip, mark: see :class:`undegrade.work.Order`.

        All others are those of :func:`undegrade.enhance`.

        Raises
        ------
        UndegradeError: see :mod:`undegrade.errors`; the service's own words.
        """
        lists: tuple[Any, Any, Any] = (keep, skip, add)
        asked = task, scale, strength, model, noise, jpeg, detail, detail_everywhere
        wishes = Wishes(*asked, *lists, effort)
        name = format_of(f"photo.{format}") if format else None
        order = Order(wishes, name, quality, strip, mark=mark, frame=frame)
        data, called = read_source(source)
        done = self.work(data, called, order, progress=progress, cancelled=cancelled)
        return Enhanced(done.data, done.format, done.report)

    def work(
        self,
        data: bytes,
        name: str,
        order: Order,
        *,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Done:
        """As :func:`undegrade.work.work`, over there; nothing of the photo stays there."""
        # Whatever breaks off, the photo is sent again by the same name and taken once.
        headers = {
            "Content-Type": "application/octet-stream",
            "Idempotency-Key": uuid.uuid4().hex,
            "Prefer": "respond-async",
        }
        fields = urlencode(_fields(order), doseq=True)
        with closing(_Visit(self._parts, self._token)) as visit:
            job = json.loads(visit.ask("POST", f"/enhance?{fields}", data, headers))
            place = f"/jobs/{job['id']}"
            try:
                while job["state"] in ("queued", "running"):
                    if cancelled and cancelled():
                        raise Cancelled
                    if progress:
                        progress(job["progress"])
                    time.sleep(min(max((job["seconds_left"] or 0) / 4, LEAST), MOST))
                    job = json.loads(visit.ask("GET", place))
                if problem := job["problem"]:
                    raise _error(problem, name)
                made = visit.ask("GET", f"{place}/result")
            finally:
                for path in (f"/photos/{job['photo']}", place):  # the first may be gone
                    with suppress(UndegradeError):
                        visit.ask("DELETE", path)
        suffix = job["name"].rpartition(".")[2]
        known = {short: format for format, short in SUFFIXES.items()}
        return Done(made, known.get(suffix, suffix.upper()), job["report"], made == data)

    def digest(self, order: Order) -> str:
        """A short hash of everything but the input that decides an output; asks the service.

        Raises
        ------
        UndegradeError: it does not answer, or wants another token.
        """
        with closing(_Visit(self._parts, self._token, tries=1)) as visit:
            models = json.loads(visit.ask("GET", "/models"))["models"]
        weights = {card["name"]: card["sha256"] for card in models}
        decisive = [_fields(order), weights]
        return sha256(json.dumps(decisive, sort_keys=True).encode())[:16]


def _fields(order: Order) -> dict[str, Any]:
    """The fields of a request for *order*: what is not as it is by default."""
    plain = Order()
    given = {name: getattr(order, name) for name in ("quality", "frame", "strip", "mark")}
    fields = {name: value for name, value in given.items() if value != getattr(plain, name)}
    for name, value in asdict(order.wishes).items():
        if value != getattr(plain.wishes, name):
            fields[name] = value
    return fields | ({"format": SUFFIXES[order.format]} if order.format else {})


class _Visit:
    """Requests one after another, on one connection as long as it lasts."""

    def __init__(self, parts: Any, token: str | None, tries: int = TRIES) -> None:
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=SECONDS)
        self._base = f"{parts.path.rstrip('/')}/api/v1"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._tries = tries
        self._url = f"{parts.scheme}://{parts.netloc}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The answer's body.

        Raises
        ------
        UndegradeError: the service refuses, or does not answer, even when it is asked again.
        """
        end, broken = time.monotonic() + PATIENCE, 0
        while True:
            try:
                self._connection.request(
                    method, self._base + path, body, self._headers | dict(headers or {})
                )
                answer = self._connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                broken += 1
                if broken >= self._tries:
                    why = str(error) or type(error).__name__
                    raise UndegradeError(
                        f"the service at {self._url} does not answer: {why}",
                        "check its address, and whether it runs",
                    ) from None
                time.sleep(2.0 ** (broken - 1))
                continue
            if answer.status < 300:
                return content
            wait = float(answer.headers.get("Retry-After", 0) or 0)
            if answer.status not in (429, 503) or time.monotonic() + wait > end:
                raise _error(_problem(answer, content), "the photo")
            time.sleep(max(wait, LEAST))

    def close(self) -> None:
        self._connection.close()


def _problem(answer: http.client.HTTPResponse, content: bytes) -> dict[str, Any]:
    with suppress(ValueError):
        found = json.loads(content)
        if isinstance(found, dict) and "type" in found:
            return found
    return {"type": "", "detail": f"the service answered {answer.status} {answer.reason}"}


def _error(problem: Mapping[str, Any], name: str) -> UndegradeError:
    """The service's problem as an error of ours, which calls the photo by its own name."""
    kind = ERRORS.get(str(problem["type"]).rpartition(":")[2], UndegradeError)
    detail = str(problem["detail"]).replace("the photo", name, 1)
    return kind(detail, str(problem.get("hint", "")))
