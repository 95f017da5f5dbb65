"""Progress of a run on a terminal: the stage, samples per second, time left, latest scores."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from undegrade.training.checkpoint import State
from undegrade.training.monitor import Row
from undegrade.training.recipe import Recipe


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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
