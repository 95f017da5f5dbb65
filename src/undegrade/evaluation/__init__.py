"""How good models are, in numbers that say how they were measured.

A protocol makes cases out of a test set, the untouched input is measured first and must score what
is published, then every model is, image by image; rows of numbers come out, and whether two models
differ by more than luck. The report is made by :mod:`undegrade.evaluation.report`.

>>> from pathlib import Path
>>> plan = make_plan(["sr-x4"], "sr-bicubic", Path("set5.tar"))  # doctest: +SKIP
>>> outcome = evaluate(plan)  # doctest: +SKIP
>>> compare(outcome.rows)[0].noise  # doctest: +SKIP
False
"""

from undegrade.evaluation.cache import Cache
from undegrade.evaluation.gates import GateError
from undegrade.evaluation.plan import Evaluation, make_plan
from undegrade.evaluation.protocols import PROTOCOLS, Protocol, Setting, protocol
from undegrade.evaluation.rows import (
    Pictures,
    Row,
    Samples,
    from_json,
    read_rows,
    to_json,
    to_tsv,
    write_rows,
)
from undegrade.evaluation.runner import Failure, Outcome, evaluate
from undegrade.evaluation.significance import Difference, compare, interval

__all__ = [
    "PROTOCOLS",
    "Cache",
    "Difference",
    "Evaluation",
    "Failure",
    "GateError",
    "Outcome",
    "Pictures",
    "Protocol",
    "Row",
    "Samples",
    "Setting",
    "compare",
    "evaluate",
    "from_json",
    "interval",
    "make_plan",
    "protocol",
    "read_rows",
    "to_json",
    "to_tsv",
    "write_rows",
]
