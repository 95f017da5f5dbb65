"""Seconds per step of every recipe, against the same networks in a bare PyTorch loop.

    python benchmarks/training.py [--only NAME] [--steps N] [--json FILE]
    python benchmarks/training.py --memory [--only NAME] [--json FILE]      a batch in 16 parts
    python benchmarks/training.py --dry-run [--only NAME] [--json FILE]     promises of time

The bare loop runs the networks, losses and optimisers of the recipe's last stage on one random
batch that never changes: no data, no degradation, no clipping, no average, no log. Whole-pipeline
steps come from :func:`undegrade.training.loop.fit` on made-up photos. Medians of the same
number of steps, taken in turns so that a machine that slows down slows both; one thread. The
small settings are those of the ``study`` variants, where a recipe has one.

With --memory, the peak of a process whose batch comes in 16 parts is compared with that of one
that has one such part alone; with --dry-run, what a dry run says a step of each stage takes with
the mean of the steps of a run, in CPU seconds, which other processes lengthen less.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from cases import run_python
from pages import keep
from PIL import Image

from undegrade.training import loop, machine, setup
from undegrade.training.checkpoint import State
from undegrade.training.data.photos import PhotoSet
from undegrade.training.dry_run import dry_run
from undegrade.training.loop import Run, Turns
from undegrade.training.machine import Processes
from undegrade.training.monitor import Monitor
from undegrade.training.recipe import Recipe, Stage
from undegrade.training.recipe_file import names, read, variants
from undegrade.training.tasks import Batch, task

ROUNDS = 3
PHOTOS = 6
RANDOM = {"weights": "random"}
"""No published weights are needed to measure time."""
PARTS = 16
MEASURED = ("dllgan-denoise", "phone", "srgan-face")
"""Recipes whose memory and dry runs are measured: a regressor, a large critic, and faces."""


class Enough(Exception):  # noqa: N818 - nothing is wrong
    """Every round has been measured."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    measured = (arguments.only,) if arguments.only else MEASURED
    if arguments.memory:
        found = memory(measured)
    elif arguments.dry_run:
        found = promises(measured)
    else:
        found = pipelines([arguments.only] if arguments.only else names(), arguments.steps)
    if arguments.json:
        keep(arguments.json, found)


def pipelines(names: Iterable[str], steps: int) -> dict[str, object]:
    """Seconds a step of each recipe, bare and whole."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            recipe, _ = machine.settled(small(name, steps), Processes())
            photos = made_up(Path(folder) / name, recipe)
            bare, whole = measure(recipe, photos, Path(folder) / f"{name}-run", steps)
            results[name] = {"bare": round(bare, 4), "whole": round(whole, 4)}
            print(f"{name:16} bare {bare:7.3f} s  whole {whole:7.3f} s  {whole / bare - 1:+.1%}")
    about = {"machine": platform.processor() or platform.machine(), "threads": 1}
    return about | {"seconds_per_step": results}


STEPS = f"""
import sys, tempfile
sys.path.insert(0, {str(Path(__file__).parent)!r})
from dataclasses import replace
from pathlib import Path
import torch
from training import made_up, small
from undegrade.training import loop
torch.set_num_threads(1)
name, parts = sys.argv[1], int(sys.argv[2])
recipe = small(name, 1)
last = list(recipe.stages)[-1]
stages = {{last: replace(recipe.stages[last], steps=2)}}
recipe = replace(recipe, batch=8 * parts, accumulate=parts, stages=stages, precision="fp32")
with tempfile.TemporaryDirectory() as folder:
    loop.fit(recipe, [made_up(Path(folder) / name, recipe)], Path(folder) / "run")
"""


def memory(names: Iterable[str]) -> dict[str, object]:
    """Peaks in bytes of two steps of each recipe, by the number of parts of eight samples."""
    found = {}
    for name in names:
        one, many = (run_python("-c", STEPS, name, str(n)).peak_bytes for n in (1, PARTS))
        told = f"{one / 1e6:6.0f} MB  in {PARTS} parts {many / 1e6:6.0f} MB  {many / one:.2f}"
        print(f"{name:16} {told}")
        found[name] = {"one": one, "parts": many}
    return {"peak_bytes": found}


def promises(names: Iterable[str]) -> dict[str, object]:
    """CPU seconds a step of each stage, as a dry run says and as a run takes."""
    found: dict[str, object] = {}
    for name in names:
        changes: dict[str, object] = {"validation": {"lpips": "none", "photos": 1}}
        for key, stage in read(f"{name}:study").stages.items():
            changes[f"stages.{key}.steps"] = 12
            for label, term in stage.losses.items():
                if isinstance(term, dict) and term.get("loss", label) == "content":
                    changes[f"stages.{key}.losses.{label}"] = {"preset": "squeeze", **RANDOM}
        recipe = read(f"{name}:study", changes)
        rows = {}
        with (
            tempfile.TemporaryDirectory() as folder,
            patch("time.perf_counter", time.process_time),
        ):
            photos = made_up(Path(folder) / name, recipe)
            told = {one.stage: one.step_seconds for one in dry_run(recipe, [photos])[0]}
            took = timed(recipe, photos, Path(folder) / "run")
        for key, one in told.items():
            ratio = f"{one / took[key] - 1:+.0%}"
            print(f"{name:16} {key:12} told {one:.3f}, took {took[key]:.3f} s  {ratio}")
            rows[key] = {"told": round(one, 4), "took": round(took[key], 4)}
        found[name] = rows
    return {"dry_run_seconds": found}


def timed(recipe: Recipe, photos: Path, folder: Path) -> dict[str, float]:
    """Mean seconds of the steps of each stage of a run, but for the first and the last.

    Those set up and validate.
    """
    times: dict[int, list[float]] = {}
    names = list(recipe.stages)

    def tick(state: State, *_: object) -> None:
        times.setdefault(state.stage, []).append(time.perf_counter())

    loop.fit(recipe, [photos], folder, tick=tick)
    return {
        names[k]: (found[-2] - found[0]) / (len(found) - 2) for k, found in sorted(times.items())
    }


def small(name: str, steps: int) -> Recipe:
    """The recipe's last stage with sizes for a CPU, without published weights."""
    chosen = f"{name}:study" if "study" in variants(name) else name
    recipe = read(chosen)
    last = list(recipe.stages)[-1]
    changes: dict[str, object] = {f"stages.{stage}": None for stage in list(recipe.stages)[:-1]}
    changes |= {f"stages.{last}.steps": 2 * steps * ROUNDS, "validation.every": 10**6}
    changes |= {f"stages.{last}.turns": None, f"stages.{last}.threshold": None}
    changes |= {"validation.photos": 1, "validation.lpips": "none", "checkpoint_every": 10**6}
    changes |= {"pretrained": "", "batch": min(recipe.batch, 16), "patch_late": None}
    if recipe.regressor is not None:
        changes["regressor.pretrained"] = ""
    for label, term in recipe.stages[last].losses.items():
        loss = term.get("loss", label) if isinstance(term, dict) else label
        if loss == "content":
            changes[f"stages.{last}.losses.{label}"] = {"preset": "squeeze", **RANDOM}
        if loss == "lpips":
            changes[f"stages.{last}.losses.{label}.network"] = "random"
    return read(chosen, changes)


def made_up(folder: Path, recipe: Recipe) -> Path:
    """A few photos with shapes and noise, in pairs where the recipe wants them."""
    rng = np.random.default_rng(0)
    for part in ("low", "high") if recipe.data.pairs else ("celeba",):
        (folder / part).mkdir(parents=True)
        for index in range(PHOTOS):
            coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
            shapes = np.asarray(coarse.resize((512, 512), Image.Resampling.BICUBIC), np.float32)
            noisy = np.clip(shapes + rng.normal(0, 8, shapes.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / part / f"{index}.png")
    return folder


def measure(recipe: Recipe, photos: Path, folder: Path, steps: int) -> tuple[float, float]:
    """Median seconds of a bare step and of a whole one."""
    last = list(recipe.stages)[-1]
    whole: list[float] = []
    bare: list[float] = []
    step = bare_steps(recipe, recipe.stages[last], folder)
    before = time.perf_counter()

    def tick(*_: object) -> None:
        nonlocal before
        whole.append(time.perf_counter() - before)
        if len(whole) % steps == 0:
            for _ in range(steps):
                started = time.perf_counter()
                step()
                bare.append(time.perf_counter() - started)
        if len(whole) >= steps * ROUNDS:
            raise Enough
        before = time.perf_counter()

    with contextlib.suppress(Enough):
        loop.fit(recipe, [photos], folder, tick=tick)
    return statistics.median(bare[3:]), statistics.median(whole[3:])


def bare_steps(recipe: Recipe, stage: Stage, folder: Path) -> Callable[[], None]:
    """A function that takes one step of networks of its own on one random batch."""
    state = setup.initial_state(recipe, None, "cpu")
    photos = PhotoSet([torch.zeros(3, 64, 64, dtype=torch.uint8)])  # never looked at
    nobody = Monitor(folder, main=False)
    run = Run(
        recipe,
        state,
        folder,
        task(recipe.task, recipe.scale, recipe.degradation),
        photos,
        [],
        Processes(),
        nobody,
        None,
        None,
    )
    turns = Turns(run, stage)
    state.optimizers = setup.optimizers(recipe, stage, state)
    generator = torch.Generator().manual_seed(0)
    size, side = recipe.batch, recipe.patch
    picture = torch.rand(size, 3, side, side, generator=generator)
    target = torch.rand(size, 3, side * recipe.scale, side * recipe.scale, generator=generator)
    levels = (torch.rand(size, 2, 1, 1, generator=generator),) if recipe.task == "restore" else ()
    batch = Batch((picture, *levels), target, reference=target)

    def step() -> None:
        views = turns.system(batch)
        for name, adversary in turns.adversaries.items():
            descend(state.optimizers[name], adversary.loss(views, generator))
        if "generator" in state.optimizers:
            descend(state.optimizers["generator"], turns.objective(views, 0.5)[0])

    return step


def descend(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


if __name__ == "__main__":
    main()
