"""What a network is asked to do: how batches are made from photos."""

from __future__ import annotations

from typing import Any

from undegrade.errors import RecipeError
from undegrade.training.recipe import Recipe
from undegrade.training.tasks.base import Batch, GradedTask, Photos, Task
from undegrade.training.tasks.diagnose import DiagnoseTask
from undegrade.training.tasks.grade import GradeTask
from undegrade.training.tasks.guided import GuidedTask
from undegrade.training.tasks.pairs import LowlightTask, PairsTask, PhoneTask
from undegrade.training.tasks.restore import RestoreTask
from undegrade.training.tasks.sr import SrTask

TASKS: dict[str, Any] = {
    "restore": RestoreTask,
    "sr": SrTask,
    "grade": GradeTask,
    "pairs": PairsTask,
    "phone": PhoneTask,
    "lowlight": LowlightTask,
    "diagnose": DiagnoseTask,
}


def task(recipe: Recipe) -> Task:
    """The task of *recipe*; arguments it does not take are a :class:`RecipeError`."""
    scale = {"scale": recipe.scale} if recipe.task == "sr" else {}
    arguments = dict(recipe.degradation)
    context = arguments.pop("context", None)
    try:
        made: Task = TASKS[recipe.task](**scale, **arguments)
    except TypeError as error:
        raise RecipeError("degradation", recipe.degradation, f"does not fit: {error}") from None
    return made if context is None else GuidedTask(made, context)


__all__ = ["TASKS", "Batch", "GradedTask", "Photos", "Task", "task"]
