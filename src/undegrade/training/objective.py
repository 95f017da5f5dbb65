"""The generator's loss as a recipe writes it: labelled terms with weights.

.. code-block:: yaml

    losses:
      charbonnier: 1.0                      # a weight, of output against target
      ssim: {weight: 0.2}
      fidelity: {loss: mse, weight: 1.0, from: 0.9}       # the last tenth of the stage
      base: {loss: l1, weight: 0.5, of: [base, target]}   # other views of the step
      vgg: {loss: content, preset: srgan-vgg54}
      gan: {loss: adversarial, discriminator: d, weight: 1.0e-3}

A term is a loss by name (its label, if ``loss`` is missing), its ``weight`` (1), the views it
compares (``of``), and the part of the stage in which it counts (``from``, ``until``, 0..1). All
other keys are arguments of the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from undegrade.errors import RecipeError
from undegrade.training import losses
from undegrade.training.adversary import Adversary
from undegrade.training.backbones import BACKBONES
from undegrade.training.losses.content import PRESETS
from undegrade.training.systems import Views, autocast

OWN_KEYS = {"loss", "weight", "of", "from", "until"}


@dataclass(frozen=True)
class Term:
    """One part of the loss."""

    label: str
    weight: float
    call: Callable[[Views], Tensor]
    start: float
    stop: float
    module: nn.Module | None = None
    """The network it looks through, if any."""


class Objective:
    """The weighted sum of the terms that count at a moment of the stage."""

    def __init__(self, terms: list[Term], device: torch.device, precision: str) -> None:
        self.terms = terms
        self.precision = precision
        self.device = device
        for term in terms:
            if term.module is not None:
                term.module.to(device)

    def __call__(self, views: Views, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss at *progress* 0..1, and its terms, unweighted, by label."""
        total, parts = views["output"].new_zeros(()), {}
        for term in self.terms:
            if not term.start <= progress < term.stop or not term.weight:
                continue
            # A network that only looks may look in half precision; differences of pixels may not.
            with autocast(self.device, self.precision, term.module is not None):
                value = term.call(views).float()
            parts[term.label] = value.detach()
            total = total + term.weight * value
        return total, parts


def build(
    table: Mapping[str, Any],
    views: tuple[str, ...],
    adversaries: Mapping[str, Adversary],
    regressor: nn.Module | None,
    device: torch.device,
    precision: str,
) -> Objective:
    """The objective that *table* describes; raises :class:`RecipeError` naming the key.

    *views* are those that the system makes; *regressor* is copied as it is now.
    """
    terms = [
        _term(label, value, views, adversaries, regressor)
        for label, value in table.items()
        if value is not None
    ]
    # What counts changes only where a term ends, so that these moments stand for all.
    for moment in [0.0, *(term.stop for term in terms if term.stop < 1)] if terms else ():
        if not any(term.weight and term.start <= moment < term.stop for term in terms):
            raise RecipeError("losses", sorted(table), f"hold none that counts at {moment:g}")
    return Objective(terms, device, precision)


def _term(
    label: str,
    value: Any,
    views: tuple[str, ...],
    adversaries: Mapping[str, Adversary],
    regressor: nn.Module | None,
) -> Term:
    where = f"losses.{label}"
    table = dict(value) if isinstance(value, Mapping) else {"weight": value}
    name = table.get("loss", label)
    if name not in (known := (*PLAIN, *LOOKING, "adversarial")):
        raise RecipeError(where, name, f"is not a loss; there are: {', '.join(sorted(known))}")
    arguments = {k: v for k, v in table.items() if k not in OWN_KEYS}
    try:
        weight, start = float(table.get("weight", 1.0)), float(table.get("from", 0.0))
        stop = float(table.get("until", 2.0))
    except (TypeError, ValueError):
        raise RecipeError(where, value, "must hold numbers") from None
    if name == "adversarial":
        discriminator = arguments.pop("discriminator", next(iter(adversaries), None))
        if discriminator not in adversaries:
            found = ", ".join(adversaries) or "none"
            raise RecipeError(f"{where}.discriminator", discriminator, f"is none of: {found}")
        if unknown := [*arguments, *({"of"} & table.keys())]:
            raise RecipeError(f"{where}.{unknown[0]}", table[unknown[0]], "means nothing to it")
        return Term(label, weight, adversaries[discriminator].deceived, start, stop)
    of = table.get("of", ["output", "target"][: TAKES.get(name, 2)])
    if not isinstance(of, list | tuple) or any(view not in views for view in of):
        raise RecipeError(f"{where}.of", of, f"must list views; there are: {', '.join(views)}")
    if len(of) != TAKES.get(name, 2):
        raise RecipeError(f"{where}.of", of, f"must list {TAKES.get(name, 2)} for {name!r}")
    try:
        module, call = _loss(name, arguments, regressor)
    except (TypeError, ValueError) as error:
        raise RecipeError(where, value, f"does not fit: {error}") from None
    return Term(label, weight, partial(_compare, call, tuple(of)), start, stop, module)


def _compare(call: Callable[..., Tensor], of: tuple[str, ...], views: Views) -> Tensor:
    return call(*(views[name] for name in of))


def _loss(
    name: str, arguments: dict[str, Any], regressor: nn.Module | None
) -> tuple[nn.Module | None, Callable[..., Tensor]]:
    """The loss called *name*, and the network inside it."""
    if name in PLAIN:
        call = partial(PLAIN[name], **arguments)
        if arguments:  # wrong ones must show now, not at the first step
            call(*[torch.zeros(1, 3, 64, 64)] * TAKES.get(name, 2))
        return None, call
    module = LOOKING[name](regressor=regressor, **arguments)
    return module, module


def _content(
    regressor: nn.Module | None,
    preset: str = "",
    network: str = "",
    layers: Mapping[str, float] | None = None,
    weights: str = "published",
    **arguments: Any,
) -> nn.Module:
    """Content loss by *preset*, or of *network* and *layers*.

    *weights* "random" looks through an untrained network: the machinery without the meaning.
    """
    if weights == "published" and preset:
        return losses.ContentLoss.preset(preset)
    if preset:
        if preset not in PRESETS:
            raise ValueError(f"no content loss is called {preset!r}")
        found = PRESETS[preset]
        network, layers = found.network, found.layers
        arguments |= {"distance": found.distance, "scale": found.scale}
    return losses.ContentLoss(trunk(network, weights), dict(layers or {}), **arguments)


def trunk(name: str, weights: str) -> Any:
    """The backbone called *name*, published or, where that is asked for by name, random."""
    from undegrade.training.backbones import backbone
    from undegrade.training.backbones.published import WEIGHTS

    if name not in BACKBONES:
        raise ValueError(f"no backbone is called {name!r}; there are: {', '.join(BACKBONES)}")
    if weights == "random":
        with torch.random.fork_rng():
            torch.manual_seed(0)  # the same ones when a run is resumed
            return BACKBONES[name](WEIGHTS[name].preprocessing)
    if weights != "published":
        raise ValueError(f"weights are 'published' or 'random', not {weights!r}")
    return backbone(name)


def lpips(name: str) -> losses.LPIPS:
    """LPIPS on the network called *name*; "random" is an untrained one with equal heads."""
    if name != "random":
        return losses.LPIPS.load(name)  # type: ignore[arg-type]
    network = trunk("squeezenet1_1", "random")
    layers = ("relu1", "fire3_relu", "fire5_relu")
    return losses.LPIPS(network, layers, [torch.full((c,), 1 / c) for c in (64, 128, 256)])


def _lpips(regressor: nn.Module | None, network: str = "vgg16") -> nn.Module:
    return lpips(network)


def _level(regressor: nn.Module | None, **arguments: Any) -> nn.Module:
    if regressor is None:
        raise ValueError("it needs a regressor and a stage that trains it")
    return losses.DegradationLevelLoss(regressor, **arguments)


PLAIN: dict[str, Callable[..., Tensor]] = {
    "l1": losses.l1,
    "mse": losses.mse,
    "charbonnier": losses.charbonnier,
    "ssim": losses.ssim_loss,
    "tv": losses.total_variation,
    "colour": losses.colour_loss,
    "kl": losses.degradation_kl,
}
"""Losses that are functions of pictures."""

LOOKING: dict[str, Callable[..., nn.Module]] = {
    "content": _content,
    "lpips": _lpips,
    "level": _level,
}
"""Losses that look through a network."""

TAKES = {"tv": 1}
"""Pictures that a loss compares, where these are not two."""
