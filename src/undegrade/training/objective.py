"""The generator's loss as a recipe writes it: labelled terms with weights.

.. code-block:: yaml

    losses:
      charbonnier: 1.0                      # a weight, of output against target
      ssim: {weight: 0.2}
      fidelity: {loss: mse, weight: 1.0, from: 0.9}       # the last tenth of the stage
      base: {loss: l1, weight: 0.5, of: [base, target]}   # other views of the step
      vgg: {loss: content, preset: srgan-vgg54}
      gan: {loss: adversarial, discriminator: d, weight: 1.0e-3}
      level: {mode: clamp, weight: 0.1, beside: l1}       # a tenth of the gradient of l1

A term is a loss by name (its label, if ``loss`` is missing), its ``weight`` (1), the views it
compares (``of``), and the part of the stage in which it counts (``from``, ``until``, 0..1). With
``beside``, the label of another term, the weight is no factor: in every step the term is weighed
so that its gradient at the output is ``weight`` times as large as that term's. All other keys are
arguments of the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from undegrade.errors import RecipeError
from undegrade.training import plugins
from undegrade.training.backbones import BACKBONES, backbone
from undegrade.training.forward import Views, autocast
from undegrade.training.losses import pictures
from undegrade.training.losses.adversarial import discriminator_loss, generator_loss, swapped_loss
from undegrade.training.losses.levels import DegradationLevelLoss
from undegrade.training.losses.perceptual import LPIPS, PRESETS, ContentLoss
from undegrade.training.recipe import Discriminator

OWN_KEYS = {"loss", "weight", "of", "from", "until", "beside"}


@dataclass(frozen=True)
class Term:
    """One part of the loss."""

    label: str
    weight: float
    call: Callable[[Views], Tensor]
    of: tuple[str, ...]
    """The views that it compares; of an adversary the one that is to deceive."""
    start: float
    stop: float
    module: nn.Module | None = None
    """The network it looks through, if any."""
    beside: str = ""
    """Label of the term whose gradient at the output its own is measured by, if any."""


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
        counted = [t for t in self.terms if t.start <= progress < t.stop and t.weight]
        values: dict[str, Tensor] = {}
        for term in counted:
            # A network that only looks may look in half precision; differences of pixels may not.
            with autocast(self.device, self.precision, term.module is not None):
                values[term.label] = term.call(views).float()
        total = views["output"].new_zeros(())
        for term in counted:
            weight: float | Tensor = term.weight
            if other := next((t for t in counted if t.label == term.beside), None):
                weight = _balance(other, term, values, views["output"])
            total = total + weight * values[term.label]
        return total, {label: value.detach() for label, value in values.items()}


def _balance(other: Term, term: Term, values: dict[str, Tensor], output: Tensor) -> Tensor:
    """The factor that gives *term* ``term.weight`` times the gradient of *other* at *output*."""
    sizes = [
        torch.autograd.grad(values[t.label], output, retain_graph=True)[0].norm()
        for t in (other, term)
    ]
    # A term that is content has no direction, and so needs no factor.
    factor = term.weight * other.weight * sizes[0] / sizes[1]
    return torch.where(sizes[1] > 0, factor, torch.zeros_like(factor)).detach()


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
    for term in terms:
        _check_measure(term, {other.label: other for other in terms if other is not term})
    # What counts changes only where a term ends, so that these moments stand for all.
    for moment in [0.0, *(term.stop for term in terms if term.stop < 1)] if terms else ():
        if not any(term.weight and term.start <= moment < term.stop for term in terms):
            raise RecipeError("losses", sorted(table), f"hold none that counts at {moment:g}")
    return Objective(terms, device, precision)


def _check_measure(term: Term, others: dict[str, Term]) -> None:
    """Refuse a term that cannot be weighed beside the one it names."""
    if not term.beside:
        return
    where = f"losses.{term.label}.beside"
    if (other := others.get(term.beside)) is None:
        known = ", ".join(sorted(others)) or "none"
        raise RecipeError(where, term.beside, f"is no other term; there are: {known}")
    if other.beside:
        raise RecipeError(where, term.beside, "is itself weighed beside another term")
    if not other.weight or other.start > term.start or other.stop < term.stop:
        raise RecipeError(where, term.beside, "does not count all the while that it does")
    if any("output" not in one.of for one in (term, other)):
        raise RecipeError(where, term.beside, "needs both to look at the output")


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
    loss = plugins.find(where, "losses", {**PLAIN, **LOOKING, "adversarial": None}, name)
    arguments = {k: v for k, v in table.items() if k not in OWN_KEYS}
    try:
        weight, start = float(table.get("weight", 1.0)), float(table.get("from", 0.0))
        stop = float(table.get("until", 2.0))
    except (TypeError, ValueError):
        raise RecipeError(where, value, "must hold numbers") from None
    beside = str(table.get("beside", ""))
    if name == "adversarial":
        discriminator = arguments.pop("discriminator", next(iter(adversaries), None))
        if discriminator not in adversaries:
            found = ", ".join(adversaries) or "none"
            raise RecipeError(f"{where}.discriminator", discriminator, f"is none of: {found}")
        if unknown := [*arguments, *({"of"} & table.keys())]:
            raise RecipeError(f"{where}.{unknown[0]}", table[unknown[0]], "means nothing to it")
        adversary = adversaries[discriminator]
        fake = (adversary.settings.fake,)
        return Term(label, weight, adversary.deceived, fake, start, stop, beside=beside)
    count = TAKES.get(name, 2)
    of = table.get("of", ["output", "target"][:count])
    if name not in PLAIN and name not in LOOKING and isinstance(of, list | tuple):
        count = len(of)
    if not isinstance(of, list | tuple) or any(view not in views for view in of):
        raise RecipeError(f"{where}.of", of, f"must list views; there are: {', '.join(views)}")
    if len(of) != count:
        raise RecipeError(f"{where}.of", of, f"must list {count} for {name!r}")
    try:
        module, call = _loss(name, loss, arguments, regressor, count)
    except (TypeError, ValueError) as error:
        raise RecipeError(where, value, f"does not fit: {error}") from None

    def compare(views: Views) -> Tensor:
        return call(*(views[view] for view in of))

    return Term(label, weight, compare, tuple(of), start, stop, module, beside)


def _loss(
    name: str, loss: Any, arguments: dict[str, Any], regressor: nn.Module | None, count: int
) -> tuple[nn.Module | None, Callable[..., Tensor]]:
    """The loss called *name* of *count* pictures, and the network inside it."""
    if name in LOOKING:
        given = {"regressor": regressor} if name == "level" else {}
        module = loss(**given, **arguments)
        return module, module
    module = None
    if isinstance(loss, type):
        with torch.random.fork_rng():
            torch.manual_seed(0)  # the same weights when a run is resumed
            module = loss(**arguments).requires_grad_(False)
    call = partial(loss, **arguments) if module is None else module
    # Arguments that are missing or wrong must show now, not at the first step.
    made = call(*[torch.zeros(1, 3, 64, 64)] * count)
    if name not in PLAIN and not (isinstance(made, Tensor) and made.ndim == 0):
        raise TypeError(f"it gives {getattr(made, 'shape', made)!r} where a scalar is wanted")
    return module, call


def content(
    preset: str = "",
    network: str = "",
    layers: Mapping[str, float] | None = None,
    weights: str = "published",
    **arguments: Any,
) -> ContentLoss:
    """Content loss by *preset*, or of *network* and *layers*.

    *weights* "random" looks through an untrained network: the machinery without the meaning.
    """
    if preset:
        if preset not in PRESETS:
            raise ValueError(
                f"no content loss is called {preset!r}; there are: {', '.join(PRESETS)}"
            )
        if network or layers:
            raise ValueError(
                f"a content loss is of the preset {preset!r} or of a network and its layers; where "
                "a recipe that is changed has a preset, preset: '' takes it away"
            )
        found = PRESETS[preset]
        network, layers = found.network, found.layers
        arguments |= {"distance": found.distance, "scale": found.scale}
    return ContentLoss(trunk(network, weights), dict(layers or {}), **arguments)


def trunk(name: str, weights: str) -> Any:
    """The backbone called *name*, published or, where that is asked for by name, random."""
    if name not in BACKBONES:
        raise ValueError(f"no backbone is called {name!r}; there are: {', '.join(BACKBONES)}")
    if weights == "random":
        with torch.random.fork_rng():
            torch.manual_seed(0)  # the same ones when a run is resumed
            return BACKBONES[name]()
    if weights != "published":
        raise ValueError(f"weights are 'published' or 'random', not {weights!r}")
    return backbone(name)


def lpips(network: str = "vgg16") -> LPIPS:
    """LPIPS on the network of that name; "random" is an untrained one with equal heads."""
    if network != "random":
        return LPIPS.load(network)  # type: ignore[arg-type]
    layers = ("relu1", "fire3_relu", "fire5_relu")
    heads = [torch.full((c,), 1 / c) for c in (64, 128, 256)]
    return LPIPS(trunk("squeezenet1_1", "random"), layers, heads)


def _level(regressor: nn.Module | None, **arguments: Any) -> nn.Module:
    if regressor is None:
        raise ValueError("it needs a regressor and a stage that trains it")
    return DegradationLevelLoss(regressor, **arguments)


PLAIN: dict[str, Callable[..., Tensor]] = {
    "l1": pictures.l1,
    "mse": pictures.mse,
    "charbonnier": pictures.charbonnier,
    "matched": pictures.matched,
    "psnr": pictures.psnr_loss,
    "ssim": pictures.ssim_loss,
    "tv": pictures.total_variation,
    "colour": pictures.colour_loss,
    "consistency": pictures.consistency,
    "mesh": pictures.mesh,
    "kl": pictures.degradation_kl,
}
"""Losses that are functions of pictures."""

LOOKING: dict[str, Callable[..., nn.Module]] = {
    "content": content,
    "lpips": lpips,
    "level": _level,
}
"""Losses that look through a network."""

TAKES = {"tv": 1}
"""Pictures that a loss compares, where these are not two."""


class Adversary:
    """Tells the view ``real`` from the view ``fake`` and says how far it is deceived."""

    def __init__(
        self, network: nn.Module, settings: Discriminator, precision: str, batch: int = 1
    ) -> None:
        self.network = network
        self.settings = settings
        self.precision = precision
        self.size = batch if settings.reduction == "sum" else 1
        """What makes a sum over all of a *batch*, in parts or not, of the mean over a part."""

    def loss(self, views: Views, generator: torch.Generator) -> Tensor:
        """What the discriminator minimises; no gradient goes to the generator."""
        s = self.settings
        real, fake = views[s.real].detach(), views[s.fake].detach()
        if s.swapped:
            chance = (torch.rand(len(real), generator=generator) < 0.5).to(real.device)
            mixed = torch.where(chance.view(-1, 1, 1, 1), real, fake)
            return s.weight * swapped_loss(self.logits(mixed), chance)
        return s.weight * discriminator_loss(self.logits(real), self.logits(fake), s.form)

    def deceived(self, views: Views) -> Tensor:
        """What the generator minimises; the discriminator takes no gradient from it."""
        s = self.settings
        self.network.requires_grad_(False)
        fake = self.logits(views[s.fake])
        real = self.logits(views[s.real].detach()) if s.form == "relativistic" else None
        self.network.requires_grad_(True)
        return self.size * generator_loss(fake, s.form, real)

    def logits(self, pictures: Tensor) -> Tensor:
        """The discriminator's verdict, fp32, positive for real."""
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with autocast(pictures.device, self.precision):
            verdict: Tensor = self.network(pictures)
        return verdict.float()
