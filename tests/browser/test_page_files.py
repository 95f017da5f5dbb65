"""The page's files: small, and fit for a strict policy. Needs no browser."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "src" / "undegrade" / "service" / "page"
FILES = sorted(path for path in PAGE.rglob("*") if path.is_file())
TEXTS = [path for path in FILES if path.suffix in (".html", ".css", ".js", ".svg")]


def test_all_of_it_is_below_70_kb_as_it_is_sent():
    assert sum(len(gzip.compress(path.read_bytes())) for path in FILES) < 70_000


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_nothing_is_inline_or_from_elsewhere(path):
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
    assert "://" not in text
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert not re.search(forbidden, text)
    if path.suffix == ".html":
        assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)", text)


def test_modules_and_sheets_are_all_used():
    index = (PAGE / "index.html").read_text(encoding="utf-8")
    scripts = {path.name: path.read_text(encoding="utf-8") for path in PAGE.glob("js/*.js")}
    imported = {name for text in scripts.values() for name in re.findall(r"'\./(\w+\.js)'", text)}
    assert imported | {"main.js"} == set(scripts)
    for sheet in PAGE.glob("css/*.css"):
        assert f"static/css/{sheet.name}" in index
