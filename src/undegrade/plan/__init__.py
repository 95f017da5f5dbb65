"""From what a photo has lost and what its owner wishes to the steps that are run."""

from undegrade.plan.make import (
    FOUR_TIMES,
    GRAIN,
    LOWLIGHT,
    TWICE,
    Plan,
    make_plan,
    model_names,
    stated,
)
from undegrade.plan.step import Step
from undegrade.plan.wishes import (
    ADDED,
    DETAIL,
    KEEPS,
    MAX_STRENGTH,
    SCALES,
    STEPS,
    TASK_STEPS,
    Wishes,
)

__all__ = [
    "ADDED",
    "DETAIL",
    "FOUR_TIMES",
    "GRAIN",
    "KEEPS",
    "LOWLIGHT",
    "MAX_STRENGTH",
    "SCALES",
    "STEPS",
    "TASK_STEPS",
    "TWICE",
    "Plan",
    "Step",
    "Wishes",
    "make_plan",
    "model_names",
    "stated",
]
