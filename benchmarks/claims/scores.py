"""What a run makes of the pictures of its study, by every metric, picture by picture.

Beside those of :mod:`undegrade.metrics`, ``psnr-gt-mean`` is PSNR once the output has the mean of
the truth (as LLFlow and Retinexformer report it for LOL), and ``level`` what a regressor reads
off the output that no arm has seen: 0 is clean.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from benchmarks.claims.cases import as_file
from benchmarks.claims.registration import Case, Floats, Study
from benchmarks.claims.runs import Finished
from safetensors.torch import load_file
from torch import nn

from undegrade.imaging.resize import imresize
from undegrade.metrics import metric
from undegrade.training.checkpoint import load_regressor
from undegrade.training.export import trained
from undegrade.training.networks import REGRESSORS, build

LEVEL, GT_MEAN = "level", "psnr-gt-mean"
LPIPS = "lpips-squeeze-fp16"
MOST = 100.0
"""In the place of the infinite PSNR of equal pictures, which has no mean."""
LOWER = {LEVEL}
"""Metrics of this file of which less is better."""

Scores = dict[str, dict[str, list[float]]]
"""By setting, then by metric: a value for each picture."""
Enhance = Callable[[Floats], Floats]
Reader = Callable[[Floats], float]


@dataclass(frozen=True)
class Bench:
    """The pictures of a study and all that judges them, opened once."""

    study: Study
    cases: list[Case]
    level: Reader | None

    def of(self, run: Finished) -> Scores:
        """Of *run*; kept in its folder, and measured again only if it was of other pictures."""
        enhance = generator(run)
        return self._kept(run.folder / "scores.json", lambda case: enhance(case.picture))

    def baselines(self, folder: Path) -> dict[str, Scores]:
        """Of what the networks are given, and of the truth."""
        made = {"input": enlarged, "truth": lambda case: case.truth}
        return {name: self._kept(folder / f"{name}.json", of) for name, of in made.items()}

    def _kept(self, path: Path, made: Callable[[Case], Floats]) -> Scores:
        if path.exists():
            found: Scores = json.loads(path.read_text())
            wanted = {case.setting for case in self.cases}
            if found.keys() == wanted and all(
                list(row) == self._names and len(row[self._names[0]]) == self._count(setting)
                for setting, row in found.items()
            ):
                return found
        found = {}
        judges = {name: metric(name) for name in self._names if name not in (LEVEL, GT_MEAN)}
        for case in self.cases:
            row = found.setdefault(case.setting, {name: [] for name in self._names})
            picture = as_file(made(case))
            for name, values in row.items():
                if name == GT_MEAN:
                    value = gt_mean(picture, case.truth)
                elif name == LEVEL:
                    assert self.level is not None
                    value = self.level(picture)
                else:
                    second = () if judges[name].needs == "nothing" else (case.truth,)
                    value = judges[name](picture, *second)
                values.append(min(value, MOST))
        path.parent.mkdir(parents=True, exist_ok=True)
        rounded = {
            setting: {name: [round(v, 5) for v in values] for name, values in row.items()}
            for setting, row in found.items()
        }
        path.write_text(json.dumps(rounded))
        return rounded

    @property
    def _names(self) -> list[str]:
        return [*self.study.metrics, *([LEVEL] if self.level else [])]

    def _count(self, setting: str) -> int:
        return sum(case.setting == setting for case in self.cases)


def better(name: str) -> int:
    """1 for a metric of which more is better, -1 for one of which less is."""
    if name in LOWER or (name != GT_MEAN and metric(name).better == "lower"):
        return -1
    return 1


def generator(run: Finished) -> Enhance:
    """The averaged network of *run*, of whole pictures; sides are reflected to its multiple."""
    network = trained(run.recipe, run.path)
    multiple, scale = network.multiple, network.scale

    def enhance(picture: Floats) -> Floats:
        height, width = picture.shape[:2]
        edges = [(0, -side % multiple) for side in (height, width)]
        padded = np.pad(picture, (*edges, (0, 0)), mode="reflect")
        made = _through(network, padded)[0].permute(1, 2, 0).numpy()
        return as_file(made[: height * scale, : width * scale])

    return enhance


def level_reader(run: Finished) -> Reader:
    """The regressor of *run*, as a function of a picture, in the paper's level index."""
    settings = run.recipe.regressor
    assert settings is not None
    network = build(settings.network, REGRESSORS, **settings.arguments).eval()
    load_regressor(network, run.path)
    return lambda picture: _through(network, picture).item()


def parameters(run: Finished) -> int:
    """Of its generator, as it was trained."""
    names = load_file(run.path)
    sizes = [t.numel() for k, t in names.items() if k.startswith("average.")]
    return sum(sizes)


@torch.no_grad()
def _through(network: nn.Module, picture: Floats) -> torch.Tensor:
    x = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
    made: torch.Tensor = network(x)
    return made


def enlarged(case: Case) -> Floats:
    """The input at the size of the truth: super-resolution is compared with bicubic."""
    scale = case.truth.shape[0] // case.picture.shape[0]
    return as_file(imresize(case.picture, scale=scale)) if scale > 1 else case.picture


def gt_mean(picture: Floats, truth: Floats) -> float:
    """PSNR in dB of *picture* times what gives it the mean of *truth*."""
    factor = float(truth.mean()) / max(float(picture.mean()), 1e-6)
    return metric("psnr")(np.clip(picture * factor, 0, 1).astype(np.float32), truth)
