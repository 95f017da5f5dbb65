"""From a diagnosis and wishes to steps: a pure function."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from undegrade.catalog import Model, fast_of, restored_vivid_of, vivid_of
from undegrade.catalog.card import TRAITS
from undegrade.diagnosis import Diagnosis, Finding, wording
from undegrade.diagnosis.decide import THRESHOLDS
from undegrade.diagnosis.units import to_level
from undegrade.errors import ModelError, UsageError
from undegrade.imaging.jpeg_tables import quality_of_level
from undegrade.imaging.noise_levels import NOISE, white_levels
from undegrade.plan.step import Step
from undegrade.plan.wishes import Wishes
from undegrade.runtime.subjects import Seen

LOWLIGHT = "lowlight-free"
"""The network for dark photos that is chosen unasked; ``--model`` takes another."""

TWICE, FOUR_TIMES = 1.5, 3.2
"""How many times smaller a photo of the same detail must be at least, its uncertainty taken off,
before it is reduced by 2, or by 4, and enlarged again.

Chosen on training photos of BSDS: where they were enlarged 1.5 times, which is 1.4 +- 0.1 and would
lose half a decibel, nothing is done; where they were enlarged twice, three of five gain."""

DARKEST_MEANT, LEAST_HEADROOM = -3.5, 2.0
"""Stops from mid grey to the median, and below white, from which on a photo is lit unasked.

An evening, a stage or a dark wall may lie three stops below mid grey and be right. Of the photos
that LOL took too dark, 93 of 100 lie beyond both limits (59 of its training pairs)."""

LEAST_LIFT = 0.5
"""Stops by which the network for light must lift deep shadows to be worth running unasked: it has
learned to leave alone what is right as it is, and by less hardly anything would be gained."""

LIT_SHADE, MOST_LIFT = -1.2, 3.0
"""Stops from mid grey to which the network is told to lift shadows, and stops at most. Of shadows
that were always there, which it has not learned from, it lifts about half as far."""

MORE, MOST_MORE = 0.5, 0.5
"""Standard deviations by which noise is told higher than it was read, and its share at most."""

GRAIN: Mapping[str, float] = {"restore": 0.4, "phone": 0.5, "resharpen": 0.5}
"""What ``--keep grain`` leaves of a step: of the noise that ``restore`` is told (JPEG artefacts go
as ever), and of the change that steps make which smooth or sharpen texture."""

AVERAGED = ("restore", "sr", "lowlight")
"""Tasks of networks that the effort ``best`` averages; they were trained on every flip and turn."""

Find = Callable[[str], Model]
Variant = Callable[[Model], Model | None]
"""Looks a variant of a network up; ``None`` where it has none."""


class Variants(NamedTuple):
    """Where the variants of a network are looked up."""

    vivid: Variant = vivid_of
    restored_vivid: Variant = restored_vivid_of
    """The vivid one behind ``restore``."""
    fast: Variant = fast_of


BESIDE = Variants()
"""In the folder of the network, looked up anew each time."""


@dataclass(frozen=True)
class Plan:
    """What is to be done, and what is not."""

    found: Diagnosis
    """What the photo has lost."""
    steps: tuple[Step, ...]
    """First to last; empty where the photo is best left alone."""
    notes: tuple[str, ...] = ()
    """What of the wishes or needs cannot be met, one sentence each."""
    spared: Mapping[str, str] = field(default_factory=dict)
    """Why steps that might have been taken are not, by their names."""
    sought: tuple[str, ...] = ()
    """What was looked for in the photo, of :data:`undegrade.runtime.subjects.SUBJECTS`."""

    @property
    def invents(self) -> bool:
        """Whether a step makes detail up where it could do without."""
        return any(step.invents for step in self.steps)

    def dimmed(self, share: float) -> Plan:
        """The same with what is lit lit by a *share* of its strength, and why."""
        if share == 1:
            return self
        why = f", by {share:.1f} of it lest the middle be too bright"
        steps = (
            replace(one, strength=share * one.strength, reason=one.reason + why)
            if one.name == "lowlight"
            else one
            for one in self.steps
        )
        return replace(self, steps=tuple(steps))

    def restrained(self, seen: Seen) -> Plan:
        """The same with what was *seen* left to the faithful weights."""
        steps = (replace(one, faithful=seen.regions) if one.invents else one for one in self.steps)
        return replace(
            self, steps=tuple(steps), notes=(*self.notes, *seen.notes), sought=seen.kinds
        )


@dataclass(frozen=True)
class _Case:
    """What the rules look at."""

    found: Diagnosis
    wishes: Wishes
    find: Find
    lit: Diagnosis | None = None
    """What it will have lost once it is lit, where it will be."""
    lift: float = math.inf
    """Stops by which its shadows would be lifted."""

    @property
    def restored(self) -> Diagnosis:
        """What a restorer meets: noise as it lies in the lit photo, if it comes after."""
        if self.lit is None:
            return self.found
        jpeg = min(self.found.jpeg, self.lit.jpeg, key=lambda one: one.value)
        return replace(self.lit, jpeg=jpeg)

    @property
    def auto(self) -> bool:
        """Whether a step is only taken where it is sure to be needed."""
        return self.wishes.task == "auto"

    def asked(self, step: str) -> bool:
        """Whether the user wants *step* whatever was found."""
        return not self.auto or step in self.wishes.add

    def strength(self, step: str) -> float:
        """How far a step goes: the strength wished for, less what is to be kept."""
        factor = GRAIN.get(step, 1.0) if "grain" in self.wishes.keep else 1.0
        return self.wishes.strength * factor


def make_plan(
    found: Diagnosis,
    wishes: Wishes,
    find: Find,
    variants: Variants = BESIDE,
    lit: Diagnosis | None = None,
    lift: float = math.inf,
) -> Plan:
    """The steps for a photo, each with its reason.

    First noise and JPEG, then light, faded dyes, a phone's colours, and sharpness and size at last;
    a photo of which *lit* tells what it will have lost once it has been lit is lit first. On LOL's
    pairs that is worth 0.025 of SSIM (``benchmarks/light_order.py``): in the dark, noise is hardly
    to be told from nothing. Shadows that were found are only lit where the network would lift them,
    by *lift* stops, enough for it to be seen. A pure function: *find* looks a model up by name
    (:func:`undegrade.runtime.find_model`), and *variants* its variants, only where detail or the
    effort ``fast`` is asked for.

    Raises
    ------
    ModelError: a model that was asked for is missing. One that the photo needs is a note.
    UsageError: a model that was asked for does not do what else was.
    """
    if wishes.effort == "fast":
        find = _fast_first(find, variants.fast)
    case = _Case(stated(found, wishes), wishes, find, lit, lift)
    spared: dict[str, str] = {}
    if wishes.model is not None:
        steps = _one_model(find(wishes.model), case)
        notes: list[str] = []
    else:
        steps, notes, spared = _needed(case)
    steps = [_with_effort(step, wishes.effort) for step in steps]
    if wishes.effort != "normal":
        notes += [
            f"no effort {wishes.effort!r} of {step.model.card.name!r}: it is run as {step.effort!r}"
            for step in steps
            if step.effort != wishes.effort
        ]
    if wishes.detail:
        steps = _with_detail(steps, variants, wishes.detail)
        plain = [step.model.card.name for step in steps if step.vivid is None]
        notes += [f"no vivid variant of {name!r}: detail has no effect" for name in plain]
    return Plan(found, tuple(steps), (*notes, *_unheard(case)), spared)


def stated(found: Diagnosis, wishes: Wishes) -> Diagnosis:
    """What was found, with what the user states in its place: exact, and always to be acted on."""
    if (sigma := wishes.noise) is not None:
        told = Finding(sigma, 0.0, sigma > 0, wording.noise(sigma, 0.0))
        white = Finding(1.0, 0.0, False, wording.grain(1.0, 0.0))
        levels = white_levels(sigma, found.grey)
        found = replace(found, noise=told, grain=white, noise_levels=levels)
    if (quality := wishes.jpeg) is not None:
        told = Finding(quality, 0.0, quality < 100, wording.jpeg(quality, 0.0))
        found = replace(found, jpeg=told)
    return found


def _unheard(case: _Case) -> list[str]:
    """A note for each thing that the user states though nothing that was asked for acts on it."""
    wishes, tasks = case.wishes, {"noise": "denoise", "jpeg": "dejpeg"}
    if wishes.model is not None:
        levels = set(case.find(wishes.model).card.levels)
        heard = {"noise": bool(levels & {"noise", *NOISE}), "jpeg": "jpeg" in levels}
    else:
        listens = "restore" in wishes.steps
        heard = {
            name: listens and wishes.task in ("auto", "restore", task)
            for name, task in tasks.items()
        }
    return [
        f"{name} = {value:g} has no effect: nothing that was asked for acts on it"
        for name in tasks
        if (value := getattr(wishes, name)) is not None and not heard[name]
    ]


def model_names(wishes: Wishes) -> list[str]:
    """Every bundled model that a plan for *wishes* may run, whatever is found."""
    if wishes.task == "face":
        return ["face-x4"]
    largest = wishes.sr_scale
    names = {
        "restore": ["restore"],
        "lowlight": [LOWLIGHT],
        "fade": ["fade"],
        "phone": ["phone"],
        "resharpen": ["sr-x2", "sr-x4"],
        "sr": [f"sr-x{largest}"] if largest > 1 else [],
    }
    return list(dict.fromkeys(name for step in wishes.steps for name in names[step]))


def _needed(case: _Case) -> tuple[list[Step], list[str], dict[str, str]]:
    """The steps by :data:`RULES`, a note for each whose model is missing, why not the others."""
    steps, notes, spared = [], [], {}
    order = case.wishes.steps
    if case.lit:
        order = tuple(sorted(order, key=lambda name: name != "lowlight"))
    for name in order:
        rule, why_not = RULES[name]
        try:
            step = rule(case)
        except ModelError as error:
            if not (case.auto and name in OPTIONAL):
                raise
            notes.append(f"the step {name!r} is left out: {error.what}")
        else:
            if step:
                steps.append(step)
            elif why_not:
                spared[name] = why_not(case) if case.wishes.strength else "the strength is 0"
    return steps, notes, spared


def _restore(case: _Case) -> Step | None:
    found, task = case.restored, case.wishes.task
    # A task that the user names is obeyed at any strength of damage; what is found is only acted
    # on where it is sure to be seen.
    added = "restore" in case.wishes.add
    noisy = added or task in ("denoise", "restore") or (case.auto and found.noise.found)
    coded = added or task in ("dejpeg", "restore") or (case.auto and found.jpeg.found)
    levels = _levels(case, noisy, coded)
    if not any(level for name, level in levels.items() if name not in TRAITS):
        return None
    words = {"noise": found.noise.words, "jpeg": found.jpeg.words}
    if "grain" in case.wishes.keep:
        words["noise"] += ", most of it kept as grain"
    reason = " and ".join(phrase for name, phrase in words.items() if levels[name] > 0)
    model = case.find("restore")
    return Step("restore", model, tuple(levels[name] for name in model.card.levels), reason)


def _levels(case: _Case, noisy: bool = True, coded: bool = True) -> dict[str, float]:
    """What a restorer is told, by every name that a card may have for it."""
    found, wishes = case.restored, case.wishes
    noise = case.strength("restore") * _told(found) * noisy
    return {
        "noise": to_level("noise", found.noise.value) * noise,
        **{name: level * noise for name, level in zip(NOISE, found.noise_levels, strict=True)},
        "grain": to_level("grain", found.grain.value) if noise else 0.0,
        "jpeg": _surely_coded(found.jpeg) * wishes.strength * coded,
    }


def _told(found: Diagnosis) -> float:
    """How much of the noise that was read the restorer is told: rather more than less.

    What it leaves where it is told too little weighs more than the texture that it takes where it
    is told too much. On 39 photos under damage of kinds that no network here has seen and on 15
    real pairs of noisy and mean shots, half a deviation more gained 0.08 and 0.09 dB, a quarter and
    a whole one less, and none came out worse than it went in. White noise is measured, not read,
    and told as it is: there 5 % more cost 0.05 to 0.09 dB.
    """
    noise = found.noise
    if math.isinf(noise.uncertainty) or found.white:
        return 1.0
    return 1.0 + min(MOST_MORE, MORE * noise.uncertainty / max(noise.value, 1e-6))


def _surely_coded(jpeg: Finding) -> float:
    """The JPEG level that is left once its uncertainty is taken off.

    What was resized after coding is read within 10 points of quality, not within 1: told too much,
    the network smooths detail away, told too little, it still takes most of the artefacts.
    """
    return to_level("jpeg", min(jpeg.value + jpeg.uncertainty, 100.0))


def _lowlight(case: _Case) -> Step | None:
    dark, shade = _surely_dark(case.found), case.found.shade
    in_shade = shade.found and case.lift >= LEAST_LIFT
    if not (case.asked("lowlight") or dark or in_shade):
        return None
    reason = shade.words if in_shade and not dark else case.found.exposure.words
    return _retouch(case, "lowlight", LOWLIGHT, [reason])


def _surely_dark(found: Diagnosis) -> bool:
    """Whether a photo is so dark that nobody can have meant it, and can be lit without clipping."""
    return (
        found.exposure.found
        and found.exposure.value <= DARKEST_MEANT
        and found.headroom.value >= LEAST_HEADROOM
    )


def _fade(case: _Case) -> Step | None:
    faded = case.found.fade
    if not (case.asked("fade") or faded.found):
        return None
    reason = faded.words if faded.found else "this was asked for"
    return _retouch(case, "fade", "fade", [reason])


def _phone(case: _Case) -> Step | None:
    """Only where it is asked for: a cast or flat tones alone are no proof of a phone.

    On photos that were merely tinted or flattened the network lost 0.2 and 0.6 dB; what it learned
    to mend is all that a cheap camera does at once.
    """
    if not case.asked("phone"):
        return None
    return _retouch(case, "phone", "phone", _off_colours(case.found) or ["this was asked for"])


def _off_colours(found: Diagnosis) -> list[str]:
    """Casts and flat tones in words."""
    return [one.words for one in (found.red_green, found.yellow_blue, found.flatness) if one.found]


def _retouch(case: _Case, name: str, model: str, reasons: list[str]) -> Step | None:
    """A network that changes light and tone, unless its strength is 0."""
    if (strength := case.strength(name)) == 0:
        return None
    network, lift = case.find(model), _lift(case)
    if "lift" not in network.card.levels:
        return Step(name, network, (), " and ".join(reasons), strength)
    if lift:
        reasons = [*reasons, f"shadows wanted {lift:.1f} stops lighter"]
    return Step(name, network, (to_level("lift", lift),), " and ".join(reasons), strength)


def _lift(case: _Case) -> float:
    """Stops that the network is told to lift the shadows by; 0 leaves it to itself.

    Left to itself it is timid: most of what is dark in a photo is meant to be.
    """
    wanted = min(LIT_SHADE - case.found.shade.value, MOST_LIFT)
    return wanted if case.found.shade.value < 0 and wanted > case.lift else 0.0


def _resharpen(case: _Case) -> Step | None:
    """Where the size stays; where it grows, :func:`_sr` does both at once."""
    strength = case.strength("resharpen")
    factor = _coarseness(case)
    if factor == 1 or case.wishes.sr_scale > 1 or strength == 0:
        return None
    model, reason = case.find(f"sr-x{factor}"), case.found.scale.words
    return Step("resharpen", model, (), reason, strength, shrink=factor)


def _sr(case: _Case) -> Step | None:
    scale = case.wishes.sr_scale
    if scale == 1:
        return None
    reason = f"enlarging {scale} times was asked for"
    if case.wishes.task == "face":
        return Step("sr", case.find("face-x4"), (), reason, case.wishes.strength)
    # No network enlarges more than 4 times.
    sharpens = "resharpen" in case.wishes.steps
    shrink = min(_coarseness(case), 4 // scale) if sharpens else 1
    if shrink > 1:
        reason += f", and it holds {case.found.scale.words}"
    model = case.find(f"sr-x{scale * shrink}")
    return Step("sr", model, (), reason, case.wishes.strength, shrink=shrink)


def _coarseness(case: _Case) -> int:
    """1, 2 or 4: by how much a photo can surely be reduced without losing detail.

    Where sharpening is to be added it is 2 at least.
    """
    least = case.found.scale.value - case.found.scale.uncertainty
    if least >= FOUR_TIMES:
        return 4
    return 2 if least >= TWICE or "resharpen" in case.wishes.add else 1


def _why_not_restored(case: _Case) -> str:
    noise, coding = THRESHOLDS["noise"].limit, quality_of_level(THRESHOLDS["jpeg"].limit)
    return (
        f"{case.restored.noise.words} and {case.restored.jpeg.words}; noise counts from sigma "
        f"{noise:g} on, artefacts below quality {coding:.0f}"
    )


def _why_not_lit(case: _Case) -> str:
    return (
        f"{case.found.exposure.words}, {case.found.headroom.words} and {case.found.shade.words}; a "
        f"photo is lit unasked from {-DARKEST_MEANT:g} stops below mid grey on with "
        f"{LEAST_HEADROOM:g} stops below white, or where its shadows are surely not meant and can "
        f"be lifted by {LEAST_LIFT:g} stops"
    )


def _why_not_faded(case: _Case) -> str:
    return (
        f"{case.found.fade.words}; they are given back unasked from "
        f"{THRESHOLDS['fade'].limit:g} of 100 on, in photos of 640 x 480 pixels or more"
    )


def _why_no_phone(case: _Case) -> str:
    told = " and ".join(_off_colours(case.found)) or "no colour cast and no flat contrast"
    return f"{told}; colours are only changed where that is asked for"


def _why_not_sharpened(case: _Case) -> str:
    if case.wishes.sr_scale > 1:
        return "enlarging sharpens as well"
    return f"{case.found.scale.words}; sharpened is what could surely be {TWICE:g} times smaller"


RULES: Mapping[str, tuple[Callable[[_Case], Step | None], Callable[[_Case], str] | None]] = {
    "restore": (_restore, _why_not_restored),
    "lowlight": (_lowlight, _why_not_lit),
    "fade": (_fade, _why_not_faded),
    "phone": (_phone, _why_no_phone),
    "resharpen": (_resharpen, _why_not_sharpened),
    "sr": (_sr, None),
}
"""By step: whether it is taken, and why not, where that is to be told."""

OPTIONAL = ("lowlight", "fade")
"""Steps that nobody has to ask for, whose networks an installation may lack."""


def _fast_first(find: Find, find_fast: Variant) -> Find:
    """*find*, but for networks that have a fast variant, which is found in their place."""

    def found(name: str) -> Model:
        model = find(name)
        return find_fast(model) or model

    return found


def _with_effort(step: Step, wished: str) -> Step:
    card = step.model.card
    averages = wished == "best" and card.task in AVERAGED
    return replace(step, effort=wished if averages else card.effort)


def _with_detail(steps: list[Step], variants: Variants, detail: float) -> list[Step]:
    found, restored = [], False
    for step in steps:
        vivid = (variants.restored_vivid if restored else variants.vivid)(step.model)
        found.append(replace(step, vivid=vivid, detail=detail if vivid else 0.0))
        restored = restored or step.name == "restore"
    return found


def _one_model(model: Model, case: _Case) -> list[Step]:
    card, wishes = model.card, case.wishes
    if wishes.scale not in (None, card.scale):
        raise UsageError(
            f"the model {card.name!r} enlarges by {card.scale}, but {wishes.scale} was asked for",
            "leave --scale away",
        )
    if not card.enhances:
        raise UsageError(f"the model {card.name!r} makes no pictures", "choose one that enhances")
    name = card.task
    if wishes.task != "auto" and name not in wishes.steps:
        raise UsageError(
            f"the model {card.name!r} is for {card.task!r} and enlarges by {card.scale}, which is "
            f"not the task {wishes.task!r}",
            "leave --task away",
        )
    known = _levels(case) | {"lift": to_level("lift", _lift(case))}
    values = tuple(known[level] for level in card.levels)
    amounts = [known[level] for level in card.damages]
    idle = wishes.strength == 0 or (amounts and not any(amounts))
    if idle and card.scale == 1:
        return []
    strength = 1.0 if amounts else case.strength(name)
    return [Step(name, model, values, "this model was asked for", strength)]
