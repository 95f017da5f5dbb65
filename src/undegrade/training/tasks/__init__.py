"""What a network is asked to do: how batches are made from photos."""

from __future__ import annotations

from typing import Any

from undegrade.errors import RecipeError
from undegrade.training import plugins
from undegrade.training.data.photos import Photos
from undegrade.training.tasks.base import Allows, Batch, GradedTask, Task
from undegrade.training.tasks.diagnose import DiagnoseTask
from undegrade.training.tasks.level import LevelTask
from undegrade.training.tasks.pairs import (
    DegradeTask,
    FadeTask,
    GuidedTask,
    LowlightTask,
    PairsTask,
    PhoneTask,
    ToldLowlightTask,
)
from undegrade.training.tasks.restore import RestoredTask, RestoreTask
from undegrade.training.tasks.sr import RealSrTask, SrTask

TASKS: dict[str, Any] = {
    "restore": RestoreTask,
    "sr": SrTask,
    "sr-real": RealSrTask,
    "grade": LevelTask,
    "pairs": PairsTask,
    "phone": PhoneTask,
    "lowlight": LowlightTask,
    "lowlight-told": ToldLowlightTask,
    "fade": FadeTask,
    "degrade": DegradeTask,
    "diagnose": DiagnoseTask,
}


def kind(name: str) -> Any:
    """The class of the task called *name*, here or ``package.module:Class``."""
    return plugins.find("task", "tasks", TASKS, name)


def allows(name: str) -> Allows:
    """What a recipe may ask of the task called *name*."""
    return getattr(kind(name), "allows", Allows())


def task(name: str, scale: int, arguments: dict[str, Any]) -> Task:
    """The task called *name*; arguments it does not take are a :class:`RecipeError`."""
    given = dict(arguments)
    context = given.pop("context", None)
    if allows(name).scale:
        given["scale"] = scale
    try:
        made: Task = kind(name)(**given)
    except TypeError as error:
        raise RecipeError("degradation", arguments, f"does not fit: {error}") from None
    for method in ("batch", "validation"):
        if not callable(getattr(made, method, None)):
            raise RecipeError("task", name, f"has no method {method!r}; see tasks.base.Task")
    return made if context is None else GuidedTask(made, context)


__all__ = [
    "TASKS",
    "Allows",
    "Batch",
    "GradedTask",
    "Photos",
    "RestoredTask",
    "Task",
    "allows",
    "task",
]
