"""What a source holds: pictures and pairs, nothing of them read yet."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from undegrade.training.data.files import Place


@dataclass(frozen=True)
class Entry:
    """A photo, or a pair of them; nothing is open and nothing is read."""

    name: str
    """Name inside its source; of a pair, the name of its input."""
    target: Place
    """The photo as it should be."""
    input: Place | None = None
    """What a network is given to make it from, where this is a pair."""
    scale: int = 1
    """How many times the target is larger than the input."""

    @property
    def files(self) -> tuple[Place, ...]:
        """Input and target, or the photo alone."""
        return (self.target,) if self.input is None else (self.input, self.target)


@dataclass(frozen=True)
class Gap:
    """Something that a source should hold and does not."""

    name: str
    what: str
    remedy: str


@dataclass
class Survey:
    """What a source holds."""

    entries: list[Entry] = field(default_factory=list)
    """In name order."""
    gaps: list[Gap] = field(default_factory=list)
    """What keeps it from being used as it is."""
    notes: list[str] = field(default_factory=list)
    """What is unlike the published set and does no harm."""


def paired(
    files: Mapping[str, Place],
    inputs: Mapping[str, Hashable],
    targets: Mapping[str, Hashable],
    scale: int = 1,
) -> Survey:
    """Pairs of *inputs* and *targets*, both names with what tells that they belong together.

    Several inputs may share a target. Whatever has no partner is a gap, and so is a second target.
    """
    survey = Survey()
    by_key: dict[Hashable, str] = {}
    for name, key in targets.items():
        first = by_key.setdefault(key, name)
        if first != name:
            what = f"{first!r} and {name!r} are targets of one name"
            survey.gaps.append(Gap(name, what, "keep one of them"))
    for name, key in inputs.items():
        if key in by_key:
            survey.entries.append(Entry(name, files[by_key[key]], files[name], scale))
        else:
            what = f"the input {name!r} has no target"
            survey.gaps.append(Gap(name, what, "add it, or remove the input"))
    wanted = set(inputs.values())
    for key, name in by_key.items():
        if key not in wanted:
            what = f"the target {name!r} has no input"
            survey.gaps.append(Gap(name, what, "add it, or remove the target"))
    return survey
