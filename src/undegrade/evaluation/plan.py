"""What is to be measured: everything asked for, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from undegrade.errors import InputError, UsageError
from undegrade.evaluation.cases import Case, Contender, as_bytes, as_floats
from undegrade.evaluation.contenders import BASELINES, baseline, open_contenders
from undegrade.evaluation.protocols import (
    UNASKED,
    Parameter,
    Protocol,
    Setting,
    choose_settings,
    protocol,
)
from undegrade.evaluation.sets import TestSet, open_set
from undegrade.imaging.arrays import Bytes
from undegrade.metrics import Metric, metric
from undegrade.plan import DETAIL

TRIAL_SIDE = 256
"""Side of the pictures on which metrics are tried, in pixels; the largest need of any is 192."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Models under the settings of one protocol on one test set."""

    protocol: Protocol
    settings: tuple[Setting, ...]
    data: TestSet
    baseline: Contender
    """The untouched input, measured before all else."""
    contenders: tuple[Contender, ...]
    """What is measured beside it."""
    metrics: Mapping[str, Metric]
    """By name; weights stay with them."""
    blind: bool = False
    """Whether networks are told estimated levels instead of the true ones."""
    limit: int | None = None
    """Only so many images are measured, and no gate is checked."""
    notes: tuple[str, ...] = ()
    """What was decided for whoever asked."""

    def fits(self, contender: Contender, setting: Setting) -> bool:
        """Whether *contender* can be measured under *setting*."""
        if setting.told and not contender.takes_levels:
            return False
        if contender.scales and setting.scale not in contender.scales:
            return False
        return not self.protocol.knows_truth or contender.scale in (None, 1, setting.scale)

    def judge(self, judge: Metric, setting: Setting, picture: Bytes, case: Case) -> float:
        """One metric of a finished picture, where the protocol measures it.

        Raises :class:`UsageError` for pictures that it cannot measure.
        """
        channel = self.protocol.channel_of(judge)
        if judge.needs == "nothing":
            return judge(picture, channel=channel, crop=self.protocol.crop(setting))
        if judge.needs == "input":
            return judge(picture, as_bytes(case.input), channel=channel)
        return judge(picture, case.truth, channel=channel, crop=self.protocol.crop(setting))


def make_plan(
    models: Sequence[str],
    protocol_name: str,
    data: Path,
    *,
    parameters: Mapping[Parameter, Iterable[float]] | None = None,
    efforts: Sequence[str] = ("normal",),
    details: Sequence[float] = (DETAIL,),
    metrics: Sequence[str] = (),
    blind: bool = False,
    limit: int | None = None,
    threads: int | None = None,
) -> Evaluation:
    """Open what is named and check that it fits together.

    Parameters
    ----------
    models: of the catalogue, ONNX files, ``auto`` (the product, told nothing but the size),
        ``none`` and ``bicubic``; the untouched input comes first whether it is named or not.
    protocol_name: a key of :data:`undegrade.evaluation.protocols.PROTOCOLS`; ``phone`` becomes
        ``phone-synthetic`` where *data* holds no pairs.
    data: a folder or an uncompressed tar pack.
    parameters: values of the protocol's parameter; by default the usual ones, of scales those that
        the models have.
    efforts: with which models are measured, where they have them; see :func:`open_contenders`.
    details: with which ``auto`` is measured, 0 to 1.
    metrics: keys of :data:`undegrade.metrics.METRICS`; by default the protocol's own.

    Raises
    ------
    UsageError: an unknown name, a parameter or metric that does not go with the protocol, a model
        that does not fit it.
    InputError: no such test set, or one that the protocol cannot use.
    ModelError: a model that cannot be opened, or weights of a metric that cannot be had.
    """
    chosen, pictures = protocol(protocol_name), open_set(data)
    notes: tuple[str, ...] = ()
    if chosen.pairs and not pictures.paired:
        if chosen.name != "phone":
            raise InputError(
                f"the protocol {chosen.name!r} needs pairs, and {str(data)!r} holds none",
                "put them into sibling folders such as low and high, files of one name",
            )
        chosen = protocol("phone-synthetic")
        notes = (f"{str(data)!r} holds no pairs: the protocol is {chosen.name}",)
    if not chosen.pairs:
        items = tuple(replace(item, partner=None) for item in pictures.items)
        pictures = replace(pictures, items=items)
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit} leaves no images", "give 1 or more")

    wished = {key: list(values) for key, values in (parameters or {}).items()}
    settings = choose_settings(chosen, wished)
    names = [name for name in models if name != chosen.baseline]
    if wrong := [name for name in names if name in BASELINES]:
        raise UsageError(
            f"{wrong[0]!r} is not the input of the protocol {chosen.name!r}",
            f"name {chosen.baseline!r}, which is measured anyway",
        )
    contenders = open_contenders(names, threads, efforts, details)
    settings = (
        _told_settings(contenders, settings, blind=blind)
        if chosen.tells
        else settings
        if any(wished.values())
        else _settings_of(contenders, chosen, settings)
    )
    plan = Evaluation(
        chosen,
        settings,
        pictures,
        baseline(chosen.baseline),
        tuple(contenders),
        {name: metric(name) for name in dict.fromkeys(metrics or chosen.metrics)},
        blind,
        limit,
        notes,
    )
    _check_contenders(plan)
    _try_metrics(plan)
    return plan


def _settings_of(
    contenders: Sequence[Contender], chosen: Protocol, usual: tuple[Setting, ...]
) -> tuple[Setting, ...]:
    """Of several scales, those that the contenders have; all where they say nothing of it."""
    scales = {contender.scale for contender in contenders} - {None, 1}
    if chosen.parameter != "scale" or not scales:
        return usual
    return tuple(setting for setting in usual if setting.scale in scales) or usual


def _told_settings(
    contenders: Sequence[Contender], settings: tuple[Setting, ...], *, blind: bool
) -> tuple[Setting, ...]:
    """Of *settings*, those that somebody can be told, and the unasked one for who is not told.

    Raises :class:`UsageError` for levels that nobody can be told.
    """
    listens = not blind and any(contender.takes_levels for contender in contenders)
    told = tuple(setting for setting in settings if setting.told)
    if UNASKED not in settings and not listens:
        why = "--blind tells estimates" if blind else "none of the models takes a level"
        raise UsageError(f"{why}, but --noise gives one", "leave one of them away")
    if not listens:
        return (UNASKED,)
    if UNASKED in settings or not all(contender.takes_levels for contender in contenders):
        return (UNASKED, *told)
    return told


def _check_contenders(plan: Evaluation) -> None:
    for contender in plan.contenders:
        misfits = [s.label for s in plan.settings if not plan.fits(contender, s)]
        if len(misfits) == len(plan.settings):
            scales = " or ".join(str(s) for s in contender.scales if s > 1) or contender.scale
            raise UsageError(
                f"the model {contender.name!r} enlarges by {scales}; it cannot be measured under "
                f"{plan.protocol.name} {', '.join(misfits)}",
                "choose a protocol or a scale that fits it",
            )
        if contender.channels == 1 and not plan.protocol.grey:
            raise UsageError(
                f"the model {contender.name!r} takes grey pictures, and the protocol "
                f"{plan.protocol.name!r} is in colour",
                "choose a protocol in grey",
            )


def _try_metrics(plan: Evaluation) -> None:
    """Let each metric measure once, so that what it lacks is said before hours are spent."""
    rng = np.random.default_rng(0)
    setting = plan.settings[0]
    channels = 1 if plan.protocol.grey else 3
    truth = rng.integers(0, 256, (TRIAL_SIDE, TRIAL_SIDE, channels), np.uint8)
    small = as_floats(truth[:: setting.scale, :: setting.scale])
    case = Case(small, truth if plan.protocol.knows_truth else None, None)
    for name, judge in plan.metrics.items():
        try:
            plan.judge(judge, setting, 255 - truth, case)
        except UsageError as error:
            raise UsageError(
                f"{name} cannot be measured under {plan.protocol.name}: {error.what}",
                " or ".join(filter(None, (error.remedy, "leave it out of --metrics"))),
            ) from None
