"""Every error of the service as one document: problem details, RFC 9457."""

from __future__ import annotations

import errno
import http
import re
from collections.abc import Mapping, Sequence
from typing import Any

from undegrade.errors import (
    InputError,
    LimitError,
    ModelError,
    OutputError,
    UndegradeError,
    UsageError,
)

MEDIA_TYPE = "application/problem+json"

TITLES = {
    "bad-request": (400, "The request is malformed"),
    "token": (401, "A token is needed"),
    "cross-site": (403, "Other sites may not do this"),
    "not-found": (404, "There is no such thing"),
    "method": (405, "This cannot be done here"),
    "slow": (408, "The request came too slowly"),
    "not-ready": (409, "It is not finished"),
    "gone": (410, "It has been deleted"),
    "too-large": (413, "Too large"),
    "not-a-photo": (415, "This is no photo that can be read"),
    "range": (416, "No such part"),
    "host": (421, "Not known by this name"),
    "invalid": (422, "The request does not fit"),
    "wishes": (422, "The wishes cannot be met"),
    "model": (422, "The network for that is not at hand"),
    "time": (422, "It takes longer than allowed"),
    "busy": (429, "Too much is waiting already"),
    "internal": (500, "Something went wrong here"),
    "worker": (500, "The work broke off"),
    "stopping": (503, "The service is stopping"),
    "unready": (503, "The service is not ready"),
    "storage": (507, "No room left"),
}
"""Every kind of problem: status and title. The type is ``urn:undegrade:problem:KIND``."""


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it so
    """What goes to the client instead of an answer.

    Parameters
    ----------
    kind: one of ``TITLES``.
    detail: what happened, with the value.
    hint: what the client can do about it.
    headers: for the response.
    errors: what is wrong, field by field.
    retry: seconds after which the client may come again.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        retry: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.hint = kind, detail, hint
        self.status, self.title = TITLES[kind]
        self.headers = dict(headers or {}) | ({"Retry-After": str(retry)} if retry else {})
        self.errors = [dict(error) for error in errors]

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Problem:
        """The problem that was told by :meth:`as_dict`, perhaps in another process."""
        kind = str(document["type"]).rpartition(":")[2]
        kind = kind if kind in TITLES else "internal"
        hint, errors = str(document.get("hint", "")), document.get("errors", ())
        return cls(kind, str(document["detail"]), hint, errors=errors)

    def as_dict(self, instance: str | None = None) -> dict[str, Any]:
        """The document; *instance* is the path that was asked for."""
        document: dict[str, Any] = {
            "type": f"urn:undegrade:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.hint:
            document["hint"] = self.hint
        if self.errors:
            document["errors"] = self.errors
        if instance is not None:
            document["instance"] = instance
        return document


def of_error(error: UndegradeError) -> Problem:
    """The problem that an error of the engine is for a client."""
    # Remedies name options of the command line; here they are fields.
    hint = re.sub(r"--([a-z]+)", r"'\1'", error.remedy)
    if isinstance(error, InputError):
        return Problem("not-a-photo", error.what, hint)
    if isinstance(error, LimitError):
        return Problem("too-large", error.what, "send a smaller photo")
    if isinstance(error, UsageError | OutputError):
        errors = [{"field": "wishes", "detail": error.what}]
        return Problem("wishes", error.what, hint, errors=errors)
    if isinstance(error, ModelError):
        return Problem("model", error.what, "ask for something else; see /api/v1/models")
    return Problem("internal", error.what, hint)


def of_status(status: int, detail: str = "") -> Problem:
    """The problem for a plain HTTP status, as the framework raises it."""
    kinds = {code: kind for kind, (code, _) in reversed(TITLES.items())}
    kind = kinds.get(status, "bad-request" if status < 500 else "internal")
    problem = Problem(kind, detail or http.HTTPStatus(status).phrase)
    problem.status = status
    return problem


def no_room() -> Problem:
    """The problem of a disk that is full, or of a limit on what is stored."""
    what, hint = "there is no room for the photo", "try later, or delete photos that are done"
    return Problem("storage", what, hint, retry=60)


def is_full(error: BaseException) -> bool:
    """Whether there is no room on the disk, in a quota, or below a limit on a file's size."""
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return isinstance(error, OSError) and error.errno in full
