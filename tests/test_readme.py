"""The README's tables are those of the cards and the stored results."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_tables_are_up_to_date():
    readme = runpy.run_path(str(ROOT / "benchmarks" / "readme.py"))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme["rendered"](text) == text
