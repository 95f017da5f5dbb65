"""What a run shows: numbers, pictures and progress, in files and on a terminal."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from torch import Tensor
from torch.nn import functional as F

from undegrade.errors import UsageError
from undegrade.training.checkpoint import State
from undegrade.training.recipe import Recipe

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
"""A picture (H, W, 3)."""
Row = dict[str, Any]
Log = Callable[[Row], None]

GAP = 4
"""White pixels between the pictures of a grid."""


class TensorBoard:
    """Events in *folder*; the file is made when there is something to write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _file(self) -> SummaryWriter:
        from tensorboardX import SummaryWriter

        return SummaryWriter(str(self._folder))

    def numbers(self, numbers: dict[str, float], step: int) -> None:
        for key, value in numbers.items():
            self._file.add_scalar(key, value, step)

    def picture(self, name: str, pixels: Pixels, step: int) -> None:
        self._file.add_image(name, pixels, step, dataformats="HWC")

    def close(self) -> None:
        if "_file" in vars(self):
            self._file.close()


class WandB:
    """A run of Weights & Biases in *project*, which a resumed run goes on with.

    Its id is kept as ``wandb-id`` in *folder*; what goes out, and where to, are wandb's own
    settings. Raises :class:`UsageError` where it is not installed.
    """

    def __init__(self, project: str, folder: Path, recipe: dict[str, Any]) -> None:
        try:
            import wandb
        except ModuleNotFoundError:
            raise UsageError(
                f"--wandb {project} needs wandb, which is not installed",
                'pip install "undegrade[wandb]"',
            ) from None
        folder.mkdir(parents=True, exist_ok=True)
        noted = folder / "wandb-id"
        if not noted.exists():
            noted.write_text(secrets.token_hex(8))
        self._wandb = wandb
        self._run = wandb.init(
            project=project,
            id=noted.read_text(),
            name=folder.name,
            dir=str(folder),
            config=recipe,
            resume="allow",
        )

    def numbers(self, numbers: dict[str, float], step: int) -> None:
        self._run.log(numbers, step=step)

    def picture(self, name: str, pixels: Pixels, step: int) -> None:
        self._run.log({name: self._wandb.Image(pixels)}, step=step)

    def close(self) -> None:
        self._run.finish()


Board = TensorBoard | WandB
"""Where numbers and pictures are looked at beside the files."""


class Monitor:
    """Writes ``log.jsonl``, ``pictures/`` and TensorBoard's events into the folder of a run.

    Only the *main* process writes. Rows also go to *log*, numbers and pictures to *boards*.
    """

    def __init__(
        self, folder: Path, log: Log | None = None, main: bool = True, boards: Sequence[Board] = ()
    ) -> None:
        self._folder = folder
        self._log = log
        self._main = main
        self._boards: tuple[Board, ...] = (TensorBoard(folder / "events"), *boards)

    def row(self, row: Row) -> None:
        """Note numbers of a step, under the key ``step``."""
        if not self._main:
            return
        with (self._folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        numbers = {f"{row['stage']}/{k}": v for k, v in row.items() if isinstance(v, float)}
        for board in self._boards:
            board.numbers(numbers, row["step"])
        if self._log:
            self._log(row)

    def pictures(self, step: int, name: str, columns: list[Tensor]) -> None:
        """Write a grid with a row for each sample and a column for each of *columns*."""
        if not self._main or not len(columns[0]):
            return
        pixels = grid(columns)
        folder = self._folder / "pictures"
        folder.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{name}-{step:07d}.png")
        for board in self._boards:
            board.picture(name, pixels, step)

    def close(self) -> None:
        """Finish the files."""
        for board in self._boards:
            board.close()


def grid(columns: list[Tensor]) -> Pixels:
    """Pictures (N, 3, h, w) in [0, 1] as one (H, W, 3) uint8: a sample a row, side by side.

    Smaller pictures, such as the inputs of super-resolution, are shown enlarged by repetition.
    """
    height = max(x.shape[-2] for x in columns)
    level = []
    for x in columns:
        if x.shape[-2] < height:
            x = F.interpolate(x, scale_factor=height // x.shape[-2], mode="nearest")
        level.append(F.pad(x.detach().cpu().float(), (0, GAP, 0, GAP), value=1.0))
    rows = torch.cat([torch.cat(list(row), 2) for row in zip(*level, strict=True)], 1)
    pixels: Pixels = (rows.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return pixels[:-GAP, :-GAP]


class Display:
    """A context whose :meth:`tick` and :meth:`row` are for :func:`undegrade.training.loop.train`.

    Rows are printed as lines, so that a log file has them; the bar shows on terminals only.
    """

    def __init__(self, recipe: Recipe, console: Console | None = None) -> None:
        self._names = list(recipe.stages)
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._bars: dict[int, TaskID] = {}

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tick(self, state: State, progress: float, samples: float) -> None:
        """Move the bar of the present stage to *progress* 0..1, at *samples* per second."""
        if state.stage not in self._bars:
            name = self._names[state.stage]
            self._bars[state.stage] = self._progress.add_task(name, total=1.0, rate="")
        self._progress.update(
            self._bars[state.stage], completed=progress, rate=f"{samples:.1f} samples/s"
        )

    def row(self, row: Row) -> None:
        """Print the numbers of a step."""
        words = (f"{k} {v:.5g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items())
        self._console.print("  ".join(words), highlight=False, soft_wrap=True)
