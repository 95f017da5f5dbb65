"""What README and docs/ promise of themselves."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from urllib.parse import unquote

import pytest

from undegrade.picture.formats import FORMATS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted(DOCS.rglob("*.md"))


def test_the_tables_of_results_are_up_to_date(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    page = runpy.run_path(str(ROOT / "benchmarks" / "results_page.py"))
    text = (DOCS / "results.md").read_text(encoding="utf-8")
    assert page["rendered"](text) == text


def test_the_readme_is_short():
    assert (ROOT / "README.md").stat().st_size <= 8192


def test_every_format_has_its_row():
    page = (DOCS / "formats.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:4] for line in page.splitlines() if line.startswith("| ")]
    told = {name.strip(): written.strip() for name, _, written in rows}
    for one in FORMATS.values():
        assert (told[one.shown] == "yes") == (one.write is not None), one.shown


def anchors(page: Path) -> set[str]:
    """Where links into *page* may point: its headings, as GitHub and MkDocs name them."""
    headings = re.findall(r"^#+ +(.*?)#* *$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_no_page_is_left_out_of_the_site():
    """All but those that others lead to."""
    listed = set(re.findall(r"[\w\-/]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert pages - {path for path in pages if path.startswith(("models/", "systems/"))} <= listed


def test_the_places_that_a_newcomer_is_sent_to_are_there():
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("## Where to go")[2].partition("## Rules")[0]
    rows = [line for line in table.splitlines() if line.startswith("| a") or "recipe" in line]
    assert len(rows) >= 7
    for row in rows:
        for path in re.findall(r"`([\w/]+\.(?:py|yaml))`", row):
            place = ROOT / "src" / "undegrade" / path
            assert place.exists() or (place.stem == "NAME" and place.parent.is_dir()), path
        for name, path in re.findall(r"`([A-Z_]{4,})` (?:and `[A-Z_]+` )?in `([\w/]+\.py)`", row):
            assert name in (ROOT / "src" / "undegrade" / path).read_text(encoding="utf-8"), row


def test_every_finding_is_held_by_a_test_that_exists():
    page = (DOCS / "hardness.md").read_text(encoding="utf-8")
    rows = [line for line in page.partition("## Findings")[2].splitlines() if line.startswith("| ")]
    for row in rows[1:]:
        held = re.search(r"`([\w/]+\.py)::(test_\w+)` \|$", row)
        assert held, row
        assert f"def {held[2]}(" in (ROOT / "tests" / held[1]).read_text(encoding="utf-8"), row
