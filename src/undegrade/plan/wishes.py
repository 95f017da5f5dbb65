"""What the user asks for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any, NamedTuple

from undegrade.errors import UsageError

STEPS = ("restore", "lowlight", "fade", "phone", "resharpen", "sr")
"""Every step, in the order in which they are run."""

ADDED = STEPS[:-1]
"""Steps that may be added to a task; a size is asked for by ``scale``."""

TASK_STEPS = {
    "auto": STEPS,
    "denoise": ("restore",),
    "dejpeg": ("restore",),
    "sr": ("sr",),
    "restore": ("restore",),
    "lowlight": ("lowlight",),
    "fade": ("fade",),
    "phone": ("phone",),
    "face": ("sr",),
}
"""Tasks by name, and the steps that each may take: ``auto`` those that the photo needs."""

SR_SCALES = {"sr": 4, "face": 4}
"""Tasks that enlarge, and by how much where nobody says."""

SCALES = (1, 2, 4)
KEEPS = ("grain",)
"""What may be kept though it is damage; see :data:`undegrade.plan.GRAIN`."""
MAX_STRENGTH = 1.5
EFFORTS = ("fast", "normal", "best")
"""A smaller network, the network, or the network's mean over all flips and turns of the photo."""
DETAIL = 0.0
"""Detail where nobody asks for any: what a photo did not show is not made up unasked."""


class Limit(NamedTuple):
    """Between what a number must lie."""

    field: str
    """Of :class:`Wishes`."""
    name: str
    """In an error."""
    least: float
    most: float
    remedy: str
    """What to do about a value beyond."""


LIMITS = (
    Limit("strength", "a strength", 0, MAX_STRENGTH, f"choose one between 0 and {MAX_STRENGTH:g}"),
    Limit("noise", "a noise", 0, 100, "choose 0 to 100"),
    Limit("jpeg", "a JPEG quality", 1, 100, "choose 1-100"),
    Limit("detail", "a detail", 0, 1, "choose one between 0 (faithful) and 1 (vivid)"),
)


@dataclass(frozen=True)
class Wishes:
    """What the user asks for; the defaults ask for what the photo needs.

    Raises
    ------
    UsageError: something that cannot be, or two things that contradict each other.
    """

    task: str = "auto"
    """One of ``TASK_STEPS``: ``auto`` runs what the photo needs."""
    scale: int | None = None
    """1, 2 or 4 times the size, or that of ``model``; ``None`` is 1, or a model's own, or 4 for a
    task that enlarges."""
    strength: float = 1.0
    """How far every step goes: 0 leaves the pixels as they are, up to 1.5 does more."""
    model: str | None = None
    """Name or ONNX file of the one network to run instead of what the task would choose."""
    noise: float | None = None
    """Sigma of the noise in 0..255 units, where the user knows better than the diagnosis."""
    jpeg: float | None = None
    """JPEG quality, where the user knows better than the diagnosis."""
    detail: float = DETAIL
    """From faithful weights, 0, to vivid ones, 1, where a network has both."""
    detail_everywhere: bool = False
    """Whether faces and text get ``detail``, too; they stay faithful unless it is asked for."""
    keep: tuple[str, ...] = ()
    """What of ``KEEPS`` is to stay."""
    skip: tuple[str, ...] = ()
    """Steps that are left out, of ``STEPS``."""
    add: tuple[str, ...] = ()
    """Steps that are taken whatever was found, of ``ADDED``."""
    effort: str = "normal"
    """One of ``EFFORTS``, where a network has it."""

    def __post_init__(self) -> None:
        for name in ("keep", "skip", "add"):
            given = getattr(self, name)
            if not isinstance(given, Iterable):
                raise UsageError(f"{name} = {given!r} is no list of names", "give a list")
            names = (given,) if isinstance(given, str) else dict.fromkeys(given)
            object.__setattr__(self, name, tuple(names))
        self._check_kinds()
        self._check_names()
        self._check_numbers()
        self._check_together()

    @property
    def sr_scale(self) -> int:
        """The scale that is asked for, once nothing is left open; a model's own is not known."""
        return self.scale or SR_SCALES.get(self.task, 1)

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that may be run."""
        wanted = {*TASK_STEPS[self.task], *self.add} - {*self.skip}
        return tuple(step for step in STEPS if step in wanted)

    def as_dict(self) -> dict[str, Any]:
        """As plain data: with the input's hash, what decides an output."""
        return asdict(self)

    def _check_kinds(self) -> None:
        """Refuse what is of another kind than it is declared, as only Python's callers can."""
        for name in ("strength", "detail", "noise", "jpeg", "scale"):
            given = getattr(self, name)
            optional = given is None and name not in ("strength", "detail")
            if not optional and (not isinstance(given, Real) or isinstance(given, bool)):
                raise UsageError(f"{name} = {given!r} is no number", "give a number")
        if self.scale in SCALES:  # 2.0 is 2
            object.__setattr__(self, "scale", int(self.scale))
        if not isinstance(self.task, str):
            raise UsageError(f"there is no task {self.task!r}", "give the name of one")
        if self.model is not None and not isinstance(self.model, str | os.PathLike):
            raise UsageError(
                f"model = {self.model!r} is neither a name nor a file", "give one of them"
            )

    def _check_names(self) -> None:
        for kind, name, names in ("task", self.task, TASK_STEPS), ("effort", self.effort, EFFORTS):
            if name not in names:
                raise UsageError(
                    f"there is no {kind} {name!r}", f"choose one of: {', '.join(names)}"
                )
        for kind, known in (("keep", KEEPS), ("skip", STEPS), ("add", ADDED)):
            given: tuple[str, ...] = getattr(self, kind)
            for name in given:
                if name not in known:
                    raise UsageError(
                        f"there is no {name!r} to {kind}", f"choose one of: {', '.join(known)}"
                    )

    def _check_numbers(self) -> None:
        own = self.model is not None and isinstance(self.scale, int) and self.scale > 0
        if self.scale is not None and self.scale not in SCALES and not own:
            raise UsageError(f"cannot enlarge by {self.scale}", "choose a scale of 1, 2 or 4")
        for limit in LIMITS:
            value = getattr(self, limit.field)
            if value is not None and not limit.least <= value <= limit.most:
                raise UsageError(f"{limit.name} of {value:g} is not possible", limit.remedy)

    def _check_together(self) -> None:
        if "sr" not in TASK_STEPS[self.task] and (self.scale or 1) != 1:
            raise UsageError(
                f"the task {self.task!r} keeps the size, but a scale of {self.scale} was asked for",
                "use --task auto or sr to enlarge",
            )
        if self.task in SR_SCALES and self.scale == 1:
            raise UsageError(
                f"the task {self.task!r} enlarges, but a scale of 1 was asked for", "use 2 or 4"
            )
        if self.task == "face" and self.scale == 2:
            raise UsageError("the task 'face' enlarges by 4, but 2 was asked for", "use 4")
        if twice := [step for step in self.add if step in self.skip]:
            raise UsageError(f"{twice[0]} is to be added, and to be skipped", "leave one away")
        if not self.steps or ("sr" in self.skip and self.sr_scale > 1):
            raise UsageError(
                f"{' and '.join(self.skip)} cannot be skipped, for nothing else was asked for"
                if not self.steps
                else f"a scale of {self.sr_scale} was asked for, and to skip 'sr'",
                "leave --skip away",
            )
