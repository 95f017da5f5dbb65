"""A recipe: everything that decides a training run, in one file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal

from undegrade.errors import RecipeError
from undegrade.training import tasks
from undegrade.training.data.sources import Reading
from undegrade.training.losses.adversarial import Form

Precision = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class Validation:
    """When and by what a run is judged, on photos that it never learns from."""

    every: int = 1000
    """Steps between validations; the end of a stage is always one."""
    photos: int = 16
    """Training photos held out for it."""
    crop: int = 192
    """Side of the crops from their middle, in pixels of the truth; a multiple of 32."""
    lpips: Literal["none", "vgg16", "alexnet", "squeezenet1_1", "random"] = "none"
    """Network of LPIPS; "random" has no published weights and is for tests of the machinery."""
    pictures: int = 4
    """Crops in the grid of inputs, outputs and truths that is written beside the scores."""

    def __post_init__(self) -> None:
        _at_least(1, self, "every", "photos", "crop")
        _at_least(0, self, "pictures")
        if self.crop % 32:
            raise RecipeError("crop", self.crop, "must be a multiple of 32")


@dataclass(frozen=True)
class Regressor:
    """The network that reads degradation levels off a picture."""

    network: str
    arguments: dict[str, Any] = field(default_factory=dict)
    pretrained: str = ""
    """Name of published weights to start from; see :mod:`undegrade.training.backbones`."""
    loss: Literal["mse", "gaussian"] = "mse"
    """What it learns by: "gaussian" also learns how sure it is, and needs a network that returns
    log-variances behind its levels; see :mod:`undegrade.training.losses.levels`."""


@dataclass(frozen=True)
class Trained:
    """A trained network that helps and does not learn."""

    network: str
    model: str
    """Whose weights: the name of a model, or the file of an exported network or of a checkpoint."""
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Discriminator:
    """An adversary: what it is, what it compares, and how it learns."""

    network: str
    arguments: dict[str, Any] = field(default_factory=dict)
    form: Form = "vanilla"
    """See :mod:`undegrade.training.losses.adversarial`."""
    real: str = "target"
    """The view that it must call real; see :mod:`undegrade.training.forward`."""
    fake: str = "output"
    """The view that it must call fake."""
    weight: float = 1.0
    """Factor of its own loss; 0.5 makes a mean of its two halves."""
    reduction: Literal["mean", "sum"] = "mean"
    """What the generator minimises: the mean over a batch, or its sum, as DPED does."""
    swapped: bool = False
    """Show it real or fake by chance in one batch, as DPED does, instead of both."""
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _at_least(0, self, "weight", "weight_decay")
        _check_betas(self.betas)


@dataclass(frozen=True)
class Stage:
    """A part of the run: who learns, from which losses, how long and how fast.

    ===========  ==========================================================================
    kind         who learns
    ===========  ==========================================================================
    generator    the generator, without adversaries
    regressor    the regressor of degradation levels, on graded pictures
    critic       the adversaries, on outputs of a generator that stands still
    adversarial  both, in turns
    ===========  ==========================================================================
    """

    kind: Literal["generator", "regressor", "critic", "adversarial"] = "generator"
    steps: int = 50_000
    """Optimiser steps; under a time budget the stage's share of it is ``share``."""
    share: float = 0.0
    """Relative length under a time budget; 0 takes ``steps`` for it."""
    rate: float = 1e-3
    """Peak learning rate of the generator, or of the regressor."""
    critic_rate: float = 0.0
    """Peak learning rate of the adversaries; 0 means ``rate``."""
    schedule: Literal["cosine", "constant", "milestones", "one-cycle"] = "cosine"
    """Course of the rates after the warm-up; see :mod:`undegrade.training.loop`."""
    milestones: tuple[float, ...] = ()
    """Parts of the stage, 0..1, after which the rates fall to a tenth."""
    warmup: int = 0
    """Steps over which the rates rise linearly to their peak."""
    optimizer: Literal["adam", "adamw", "sgd", "muon"] = "adam"
    """adamw decays weights apart from their gradient (Loshchilov & Hutter, ICLR 2019), those of
    adversaries, too, who otherwise take adam; muon is :class:`undegrade.training.muon.Muon`; it
    knows no weight decay."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Of Adam for the generator or regressor; sgd takes the first as its momentum."""
    weight_decay: float = 0.0
    losses: dict[str, Any] = field(default_factory=dict)
    """Terms of the loss by label; see :mod:`undegrade.training.objective`."""
    patch: int = 0
    """Side of the network's input patches; 0 takes the recipe's."""
    batch: int = 0
    """Samples a step; 0 takes the recipe's."""
    frozen: tuple[str, ...] = ()
    """Parts of the generator, by the names of its modules, that do not learn; their statistics
    stand still, too."""
    turns: tuple[int, int] = (0, 0)
    """Steps of the critic, then of the generator, in turn; 0, 0 lets both learn in each step."""
    threshold: float = 0.0
    """With ``turns``: the critic's turn goes on until its loss is below this; 0 counts steps."""
    longest: int = 0
    """With ``threshold``: steps after which the critic's turn ends whatever its loss; 0 for never.
    A critic that does not learn would else never let the generator have a turn."""
    stored: int = 0
    """Outputs of the generator that are made once and drawn from again and again. For a critic; 0
    makes new ones. For a regressor, who then learns from them beside graded pictures: see
    :meth:`undegrade.training.tasks.level.LevelTask.left`; 0 is none."""
    phases: int = 0
    """Losses and critics see pictures without their first rows and columns, 0 to one less than as
    many as this, in turn, and as many fewer at their ends; 0 shows them whole. Networks with
    strides hardly see what repeats with their period, and the grid of an enlarged picture would
    else always lie alike under them: a generator then learns to hide a pattern there."""
    before: str = ""
    """Name of the stage that this one comes before; empty leaves it where it is written. So a
    variant can put a stage between two others."""
    allowance: float = 0.0
    """Stop at the best LPIPS among validations that lose at most this much PSNR in dB against
    the stage's start; 0 runs to the end."""
    patience: int = 10
    """With ``allowance``: validations without a better LPIPS after which the stage ends."""

    def __post_init__(self) -> None:
        _at_least(1, self, "steps", "patience")
        _at_least(0, self, "share", "critic_rate", "warmup", "weight_decay", "threshold", "stored")
        _at_least(0, self, "allowance", "patch", "batch", "longest", "phases")
        _check_betas(self.betas)
        if self.optimizer == "muon" and self.weight_decay:
            raise RecipeError("weight_decay", self.weight_decay, "means nothing to muon")
        if self.rate <= 0:
            raise RecipeError("rate", self.rate, "must be positive")
        if self.milestones and self.schedule != "milestones":
            raise RecipeError("milestones", self.milestones, f"means nothing to {self.schedule!r}")
        if any(a >= b for a, b in pairwise((0.0, *self.milestones, 1.0))):
            raise RecipeError("milestones", self.milestones, "must rise between 0 and 1")
        generates = self.kind in ("generator", "adversarial")
        if generates and not self.losses:
            raise RecipeError("losses", self.losses, "must hold at least one term")
        if not generates and self.losses:
            raise RecipeError("losses", self.losses, f"mean nothing to a {self.kind}")
        if not generates and self.frozen:
            raise RecipeError("frozen", list(self.frozen), f"means nothing to a {self.kind}")
        if not generates and self.allowance:
            raise RecipeError("allowance", self.allowance, f"means nothing to a {self.kind}")
        if any(self.turns) and (self.kind != "adversarial" or min(self.turns) < 1):
            raise RecipeError("turns", self.turns, "must both be positive, and adversarial")
        if self.threshold and not any(self.turns):
            raise RecipeError("threshold", self.threshold, "needs turns")
        if self.longest and not self.threshold:
            raise RecipeError("longest", self.longest, "needs a threshold")
        if self.stored and self.kind not in ("critic", "regressor"):
            raise RecipeError("stored", self.stored, f"means nothing to a stage {self.kind!r}")


@dataclass(frozen=True)
class Recipe:
    """All settings of a run. Unknown keys, wrong types and impossible values are refused."""

    name: str
    """Name of the run and of the model it makes."""
    task: str
    """What the network learns; see :mod:`undegrade.training.tasks`."""
    network: str
    """Which generator; see :mod:`undegrade.training.networks`."""
    stages: dict[str, Stage]
    """The parts of the run, in order."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Arguments of the generator."""
    pretrained: str = ""
    """Published weights that its encoder starts from."""
    system: Literal["plain", "two-step", "two-step-literal"] = "plain"
    """Which views of a batch the losses see; see :mod:`undegrade.training.forward`."""
    degradation: dict[str, Any] = field(default_factory=dict)
    """Arguments of the task."""
    scale: int = 1
    """Enlargement, 1 for same-size tasks."""
    data: Reading = field(default_factory=Reading)
    """How training photos are read."""
    regressor: Regressor | None = None
    teacher: Trained | None = None
    """Is shown what the generator is; losses see its output, ``teacher``. That lies nearer to the
    mean of all truths that a picture may have come from than the one truth at hand does, so a
    smaller network learns from it with less noise (Hinton, Vinyals & Dean, 2015)."""
    restorer: Trained | None = None
    """Is told the levels, where the generator takes none, and restores what the generator sees."""
    discriminators: dict[str, Discriminator] = field(default_factory=dict)
    batch: int = 16
    """Samples a step, over all processes and accumulated parts."""
    accumulate: int = 1
    """Parts in which a process works through its share of the batch."""
    patch: int = 96
    """Side of the network's input patches in pixels."""
    patch_late: int = 0
    """Side of the patches in the last fifth of each stage; 0 keeps ``patch``."""
    clip: float = 1.0
    """Largest norm of the gradient of each network; 0 for none."""
    ema: float = 0.999
    """Decay of the exponential moving average of the weights, which is what ships."""
    precision: Precision = "auto"
    """Arithmetic of the convolutions; weights and sums stay in fp32. "auto" is what the machine is
    faster in; see :mod:`undegrade.training.machine`."""
    compile: bool = False
    """Let torch compile the networks."""
    validation: Validation = field(default_factory=Validation)
    checkpoint_every: int = 500
    """Steps between checkpoints."""
    keep: int = 1
    """Checkpoints kept, the last included."""
    seed: int = 0
    """Seed of the weights and of everything drawn."""
    card: dict[str, str] = field(default_factory=dict)
    """What the model's card says that cannot be measured: summary, licence, training_data."""

    def __post_init__(self) -> None:
        _at_least(1, self, "batch", "accumulate", "patch", "scale", "checkpoint_every", "keep")
        _at_least(0, self, "patch_late", "clip", "seed")
        if self.batch % self.accumulate:
            raise RecipeError("accumulate", self.accumulate, f"does not divide {self.batch}")
        if not 0 <= self.ema <= 1:
            raise RecipeError("ema", self.ema, "must lie between 0 and 1")
        allows = tasks.allows(self.task)
        if allows.scale != (self.scale > 1):
            raise RecipeError("scale", self.scale, f"does not fit the task {self.task!r}")
        if allows.pairs != self.data.pairs:
            raise RecipeError("data.pairs", self.data.pairs, f"does not fit the task {self.task!r}")
        if not self.stages:
            raise RecipeError("stages", self.stages, "must hold at least one")
        if self.system != "plain" and not allows.systems:
            raise RecipeError("system", self.system, f"has no use for the task {self.task!r}")
        if self.system != "plain" and self.teacher:
            raise RecipeError("teacher", self.teacher.model, f"is not shown to {self.system!r}")
        if self.restorer and not allows.levels:
            why = f"is told no levels by the task {self.task!r}"
            raise RecipeError("restorer", self.restorer.model, why)
        if self.restorer and any(stage.kind == "regressor" for stage in self.stages.values()):
            why = "restores what a regressor is to read the damage off"
            raise RecipeError("restorer", self.restorer.model, why)
        for name in {"generator", "regressor"} & self.discriminators.keys():
            raise RecipeError(f"discriminators.{name}", name, "is the name of another network")
        for name, stage in self.stages.items():
            try:
                self._check_stage(stage, allows)
            except RecipeError as error:
                raise RecipeError.within(f"stages.{name}", error) from None
        object.__setattr__(self, "stages", _in_order(self.stages))

    def _check_stage(self, stage: Stage, allows: tasks.Allows) -> None:
        if stage.batch % self.accumulate:
            why = f"is no multiple of accumulate, {self.accumulate}"
            raise RecipeError("batch", stage.batch, why)
        if stage.kind in ("critic", "adversarial") and not self.discriminators:
            raise RecipeError("kind", stage.kind, "needs discriminators")
        if stage.kind not in allows.kinds:
            known = ", ".join(allows.kinds)
            why = f"is not for the task {self.task!r}, which allows: {known}"
            raise RecipeError("kind", stage.kind, why)
        if stage.phases and stage.kind == "regressor":
            raise RecipeError("phases", stage.phases, "means nothing to a regressor")
        side = self.scale * min(self.patch_at(progress, stage) for progress in (0.0, 1.0))
        if stage.phases >= side:
            why = f"leaves nothing of pictures of {side} pixels"
            raise RecipeError("phases", stage.phases, why)
        if stage.kind == "regressor" and self.regressor is None:
            raise RecipeError("kind", stage.kind, "needs a regressor")
        if stage.kind == "regressor" and stage.stored and not allows.stored:
            raise RecipeError("stored", stage.stored, f"means nothing to the task {self.task!r}")
        if self.regressor is not None and self.regressor.loss == "gaussian":
            for label, term in stage.losses.items():
                if (term.get("loss", label) if isinstance(term, dict) else label) == "level":
                    why = "reads log-variances as levels; its regressor needs the loss 'mse'"
                    raise RecipeError(f"losses.{label}", term, why)
        if stage.allowance and self.validation.lpips == "none":
            raise RecipeError("allowance", stage.allowance, "needs validation.lpips")

    def patch_at(self, progress: float, stage: Stage | None = None) -> int:
        """Patch side at *progress* 0..1 of *stage*, or of one that has none of its own."""
        if stage is not None and stage.patch:
            return stage.patch
        return self.patch_late if self.patch_late and progress >= 0.8 else self.patch

    def patches(self, *kinds: str) -> set[int]:
        """Patch sides that come up in stages of these *kinds*, or in all."""
        stages = [s for s in self.stages.values() if not kinds or s.kind in kinds]
        return {self.patch_at(progress, stage) for stage in stages for progress in (0.0, 1.0)}

    def batch_of(self, stage: Stage) -> int:
        """Samples a step of *stage*."""
        return stage.batch or self.batch

    @property
    def only_regressor(self) -> bool:
        """Whether nothing but the regressor learns, which then is what ships."""
        return all(stage.kind == "regressor" for stage in self.stages.values())

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain data, complete."""
        return asdict(self)


def _in_order(stages: dict[str, Stage]) -> dict[str, Stage]:
    """*stages*, each one in front of the one that it comes ``before``."""
    names = [name for name, stage in stages.items() if not stage.before]
    while waiting := [name for name in stages if name not in names]:
        name = next((n for n in waiting if stages[n].before in names), None)
        if name is None:
            why = f"is none of: {', '.join(names) or 'no stage'}"
            raise RecipeError(f"stages.{waiting[0]}.before", stages[waiting[0]].before, why)
        names.insert(names.index(stages[name].before), name)
    return {name: stages[name] for name in names}


def _at_least(least: int, settings: object, *keys: str) -> None:
    for key in keys:
        if (value := getattr(settings, key)) < least:
            raise RecipeError(key, value, f"must be at least {least}")


def _check_betas(betas: tuple[float, float]) -> None:
    if not all(0 <= beta < 1 for beta in betas):
        raise RecipeError("betas", betas, "must lie between 0 and 1, without 1")
