"""From what a photo has lost and what its owner wishes to the steps that are run."""

from undegrade.plan.make import (
    AVERAGED,
    FOUR_TIMES,
    GRAIN,
    LOWLIGHT,
    TWICE,
    Plan,
    Variants,
    make_plan,
    model_names,
    stated,
)
from undegrade.plan.step import Step
from undegrade.plan.wishes import (
    ADDED,
    DETAIL,
    EFFORTS,
    KEEPS,
    MAX_STRENGTH,
    SCALES,
    STEPS,
    TASK_STEPS,
    Wishes,
)

__all__ = [
    "ADDED",
    "AVERAGED",
    "DETAIL",
    "EFFORTS",
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
    "Variants",
    "Wishes",
    "make_plan",
    "model_names",
    "stated",
]
