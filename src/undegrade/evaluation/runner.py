"""Measure models: the untouched input first, and nothing behind a gate that is off."""

from __future__ import annotations

import functools
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from undegrade.errors import ComputeError, UndegradeError
from undegrade.evaluation import gates
from undegrade.evaluation.cache import Cache, Key
from undegrade.evaluation.cases import Case, Contender, Output, as_bytes
from undegrade.evaluation.plan import Evaluation
from undegrade.evaluation.protocols import Setting
from undegrade.evaluation.provenance import commit, machine
from undegrade.evaluation.rows import Row
from undegrade.evaluation.sets import Item, Photo, fingerprint
from undegrade.imaging.arrays import Bytes
from undegrade.levels import Levels, noise_sigma
from undegrade.metrics import Metric, metric
from undegrade.metrics.psnr import decibels, mean_squared
from undegrade.plan import STEPS
from undegrade.version import __version__

FAILURES = (UndegradeError, OSError, ValueError, MemoryError)
"""What one image may raise without stopping the run."""

GATE_METRIC = "psnr"
"""Measured of the input even where it is not asked for."""

WORSE = 0.1
"""By how many dB a picture must lose to count as worse than the input."""

LEFT_ALONE = "left alone"

Keep: TypeAlias = Callable[[str, str, dict[str, Bytes]], None]
"""Called with an image's name, the setting's label, and pictures: ``input``, ``truth``, models."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of finished pictures and of all."""


@dataclass(frozen=True)
class Failure:
    """An image that could not be measured, or not by one metric."""

    image: str
    setting: str
    model: str
    """Empty where the image could not even be read or damaged."""
    reason: str

    def __str__(self) -> str:
        return f"{', '.join(filter(None, (self.image, self.setting, self.model)))}: {self.reason}"


@dataclass(frozen=True)
class Outcome:
    """What a run has found."""

    rows: list[Row]
    """By setting, then the input and the models in their order, then by metric."""
    failures: list[Failure]
    notes: list[str]
    """Which gates were not checked, and why."""


@dataclass
class Scores:
    """The values of one model under one setting, as they come in."""

    values: dict[str, dict[str, float]]
    """By metric, then by image; one that fails a metric is missing there."""
    steps: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Taken, by image; empty for a model that has no choice."""
    seconds: float = 0.0
    """That the network took."""
    megapixels: float = 0.0
    """Of what it returned in that time."""

    def counts(self) -> dict[str, int] | None:
        """In how many images each step was taken, and how many were left alone."""
        if not self.steps:
            return None
        taken = Counter(step for steps in self.steps.values() for step in steps)
        alone = sum(not steps for steps in self.steps.values())
        return {step: taken[step] for step in STEPS if taken[step]} | {LEFT_ALONE: alone}

    def worse(self, before: Scores) -> int | None:
        """Images whose PSNR is more than 0.1 dB below that of *before*; ``None`` without PSNR."""
        new, old = self.values.get("psnr"), before.values.get("psnr")
        if new is None or old is None:
            return None
        return sum(value < old[image] - WORSE for image, value in new.items() if image in old)

    def mean(self, metric: str) -> float:
        """Over the images; NaN where there is none."""
        values = list(self.values[metric].values())
        return float(np.mean(values)) if values else math.nan

    @property
    def speed(self) -> float | None:
        """Seconds per megapixel of output; ``None`` where no network was run."""
        return self.seconds / self.megapixels if self.megapixels else None


def evaluate(
    plan: Evaluation,
    *,
    cache: Cache | None = None,
    keep: Keep | None = None,
    failed: Callable[[Failure], None] | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Measure everything in *plan*.

    Parameters
    ----------
    cache: values of earlier runs, which are not measured again.
    keep: given the pictures of a few images of each setting: where the first model gains least
        over the input by the first metric, where most, and the median. They are enhanced again.
    failed: told of each failure at once.
    progress: told how far the run is.

    Raises :class:`GateError` where the input's score on a known set is off, before any model has
    been run, and :class:`OutputError` where the cache cannot be written.
    """
    run = _Run(plan, cache or Cache(), failed, progress)
    for setting in plan.settings:
        run.measure([plan.baseline], setting)
    run.check_gates()
    for setting in plan.settings:
        run.measure(run.entrants(setting), setting)
    if keep:
        for setting in plan.settings:
            run.show(setting, keep)
    return Outcome(run.rows(), run.failures, run.notes)


def telling(gains: Mapping[str, float]) -> list[str]:
    """Names of up to three images by their *gains*: the worst, the best, and the median."""
    order = sorted(gains, key=lambda name: gains[name])
    if not order:
        return []
    return list(dict.fromkeys((order[0], order[-1], order[len(order) // 2])))


@dataclass
class _Run:
    """The state of one run."""

    plan: Evaluation
    cache: Cache
    failed: Callable[[Failure], None] | None
    progress: Progress | None
    failures: list[Failure] = field(default_factory=list)
    gates: dict[tuple[str, str], float] = field(default_factory=dict)
    """Those that were checked, by setting and metric."""
    digests: dict[str, str] = field(default_factory=dict)
    """Of the images that could be read."""
    unusable: set[tuple[str, str]] = field(default_factory=set)
    """Images and settings of which there is no case."""
    measured: dict[tuple[str, str], Scores] = field(default_factory=dict)
    """By model and setting."""
    done: int = 0

    def __post_init__(self) -> None:
        self.notes = list(self.plan.notes)
        self.words = self.plan.protocol.describe(blind=self.plan.blind)
        self.items = self.plan.data.items[: self.plan.limit]
        self.metrics: dict[str, Metric] = {GATE_METRIC: metric(GATE_METRIC), **self.plan.metrics}
        entrants = sum(1 + len(self.entrants(setting)) for setting in self.plan.settings)
        self.total = entrants * len(self.items)

    def entrants(self, setting: Setting) -> list[Contender]:
        """The models that can be measured under *setting*."""
        return [c for c in self.plan.contenders if self.plan.fits(c, setting)]

    def measure(self, contenders: Sequence[Contender], setting: Setting) -> None:
        """Measure every image."""
        if not contenders:
            return
        for contender in contenders:
            names = tuple(self.plan.metrics)
            gated = contender is self.plan.baseline and self.plan.protocol.knows_truth
            if gated and GATE_METRIC not in names:
                names = (*names, GATE_METRIC)
            self.measured[contender.name, setting.label] = Scores({name: {} for name in names})
        for item in self.items:
            if (item.name, setting.label) not in self.unusable:
                photo = self.read(item)
                if photo is not None:
                    self.measure_photo(contenders, setting, photo)
            self.done += len(contenders)
            if self.progress:
                self.progress(self.done, self.total)

    def read(self, item: Item) -> Photo | None:
        """The image, unless it is one that cannot be read, which is reported once."""
        try:
            photo = item.read()
        except FAILURES as error:
            self.unusable |= {(item.name, other.label) for other in self.plan.settings}
            self.fail(item.name, "", "", error)
            return None
        self.digests[item.name] = photo.digest
        return photo

    def measure_photo(
        self, contenders: Sequence[Contender], setting: Setting, photo: Photo
    ) -> None:
        """Measure one image, as far as the cache does not know it."""
        missing = [(c, names) for c in contenders if (names := self.recall(c, setting, photo))]
        if not missing:
            return
        try:
            case = self.plan.protocol.case(photo, setting)
            levels = self.levels(case)
        except FAILURES as error:
            self.unusable.add((photo.name, setting.label))
            self.fail(photo.name, setting.label, "", error)
            return
        for contender, names in missing:
            scores = self.measured[contender.name, setting.label]
            try:
                output = self.enhanced(contender, case, levels, scores)
                picture = self.plan.protocol.finish(output.picture, case, setting)
            except FAILURES as error:
                self.fail(photo.name, setting.label, contender.name, error)
                continue
            if output.steps is not None:
                scores.steps[photo.name] = output.steps
                for step in STEPS:
                    key = self.key(contender, setting, photo, f"step {step}")
                    self.cache.put(key, float(step in output.steps))
            for name in names:
                try:
                    value = self.judged(contender, setting, name, picture, case)
                except FAILURES as error:
                    self.fail(photo.name, setting.label, contender.name, error)
                    continue
                scores.values[name][photo.name] = value
                self.cache.put(self.key(contender, setting, photo, name), value)

    def recall(self, contender: Contender, setting: Setting, photo: Photo) -> list[str]:
        """Take over what the cache knows; the metrics of which it does not."""
        scores, missing = self.measured[contender.name, setting.label], []
        for name, values in scores.values.items():
            value = self.cache.get(self.key(contender, setting, photo, name))
            if value is None:
                missing.append(name)
            else:
                values[photo.name] = value
        steps = {s: self.cache.get(self.key(contender, setting, photo, f"step {s}")) for s in STEPS}
        if None not in steps.values():
            scores.steps[photo.name] = tuple(step for step, taken in steps.items() if taken)
        return missing

    def key(self, contender: Contender, setting: Setting, photo: Photo, name: str) -> Key:
        """Everything that a value depends on."""
        words = f"{self.plan.protocol.name} {setting.label}: {self.words}; undegrade {__version__}"
        return contender.digest, words, photo.digest, name

    def levels(self, case: Case) -> Levels:
        """What networks are told of the damage."""
        if case.levels is not None and not self.plan.blind:
            return case.levels
        return Levels(noise_sigma(as_bytes(case.input)), case.quality)

    def enhanced(self, contender: Contender, case: Case, levels: Levels, scores: Scores) -> Output:
        """What *contender* makes of *case*; the time goes into *scores*."""
        started = time.perf_counter()
        output = contender.run(case, levels)
        shape = output.picture.shape
        if contender is not self.plan.baseline:
            scores.seconds += time.perf_counter() - started
            scores.megapixels += shape[0] * shape[1] / 1e6
        if case.truth is not None and shape != case.truth.shape:
            raise ComputeError(
                f"{contender.name} returned {shape} where the truth is {case.truth.shape}",
                "check the model's scale",
            )
        return output

    def judged(
        self, contender: Contender, setting: Setting, name: str, picture: Bytes, case: Case
    ) -> float:
        """One value of one picture."""
        untouched = contender is self.plan.baseline and self.plan.protocol.unclipped
        if untouched and name == "psnr" and case.truth is not None:
            return decibels(mean_squared(case.input.astype(float), case.truth / 255))
        return self.plan.judge(self.metrics[name], setting, picture, case)

    def fail(self, image: str, setting: str, model: str, error: BaseException) -> None:
        """Note a failure, and tell of it."""
        failure = Failure(image, setting, model, str(error) or type(error).__name__)
        self.failures.append(failure)
        if self.failed:
            self.failed(failure)

    def check_gates(self) -> None:
        """Compare the inputs' scores with what is published; raises :class:`GateError`."""
        title = self.title
        if self.plan.limit is not None:
            self.notes.append("the gate is not checked where --limit is given")
            return
        for setting in self.plan.settings:
            scores = self.measured[self.plan.baseline.name, setting.label]
            known = gates.published(self.plan.protocol.name, self.known, setting.label)
            expected = {name: known[name] for name in scores.values if name in known}
            where = f"{title}, {setting.label}"
            if not expected:
                self.notes.append(f"no gate is known for {where}")
            for name, value in expected.items():
                lost = len(self.items) - len(scores.values[name])
                if lost:
                    share = f"{lost} of {len(self.items)} images failed"
                    self.notes.append(f"the gate of {where}, {name}, is not checked: {share}")
                    continue
                gates.check(scores.mean(name), value, name, where)
                self.gates[setting.label, name] = value

    @functools.cached_property
    def known(self) -> str | None:
        """The known set that this is; only where all of it has been read can its pixels tell."""
        items = self.plan.data.items
        whole = len(self.digests) == len(items)
        print_ = fingerprint(self.digests.values()) if whole else None
        return gates.identify(self.plan.data.name, len(items), print_)

    @property
    def title(self) -> str:
        """Protocol and set."""
        name = self.known or f"{self.plan.data.name} (unknown set)"
        measured, total = len(self.items), len(self.plan.data.items)
        part = "" if measured == total else f" ({measured} of {total} images)"
        return f"{self.plan.protocol.name} on {name}{part}"

    def show(self, setting: Setting, keep: Keep) -> None:
        """Hand out the pictures of a few images."""
        entrants = self.entrants(setting)
        name = next(iter(self.plan.metrics))
        before = self.measured[self.plan.baseline.name, setting.label].values[name]
        gains = before
        if entrants:
            after = self.measured[entrants[0].name, setting.label].values[name]
            gains = {image: after[image] - before[image] for image in after if image in before}
        sign = 1 if self.metrics[name].better == "higher" else -1
        items = {item.name: item for item in self.items}
        for image in telling({image: sign * gain for image, gain in gains.items()}):
            case = self.plan.protocol.case(items[image].read(), setting)
            pictures = {"input": as_bytes(case.input)}
            if case.truth is not None:
                pictures["truth"] = case.truth
            enlarged = [self.plan.baseline] if case.scale > 1 else []
            for contender in [*enlarged, *entrants]:
                scores = self.measured[contender.name, setting.label]
                if any(image in values for values in scores.values.values()):
                    made = contender.run(case, self.levels(case)).picture
                    pictures[contender.name] = self.plan.protocol.finish(made, case, setting)
            keep(image, setting.label, pictures)

    def rows(self) -> list[Row]:
        """Everything measured: a row for each model, setting and metric."""
        code, place, baseline = commit(), machine(), self.plan.baseline
        found = []
        for setting in self.plan.settings:
            untouched = self.measured[baseline.name, setting.label]
            for contender in [baseline, *self.entrants(setting)]:
                scores = self.measured[contender.name, setting.label]
                for name, values in scores.values.items():
                    compared = name == "psnr" and contender is not baseline
                    row = Row(
                        model=contender.name,
                        protocol=f"{self.title}: {self.words}",
                        setting=setting.label,
                        metric=name,
                        mean=scores.mean(name),
                        values=tuple(values.values()),
                        images=tuple(values),
                        n=len(values),
                        gate=self.gates.get((setting.label, name)),
                        commit=code,
                        version=__version__,
                        machine=place,
                        seconds_per_megapixel=scores.speed,
                        worse=scores.worse(untouched) if compared else None,
                        steps=scores.counts(),
                    )
                    found.append(row)
        return found
