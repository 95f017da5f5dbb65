"""What MkDocs needs to know of this project.

Files that lie beside docs/ become pages, and links to them follow. Docstrings say ``name: what it
is`` on one line, and name others by roles, which mkdocstrings is told here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from griffe import Extension, Object
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
BESIDE = {
    "index.md": "README.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "examples/photos/README.md": "examples/photos/README.md",
}
"""Pages, and the files that they are made of."""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie elsewhere."""
    for page, path in BESIDE.items():
        files.append(File.generated(config, page, content=(ROOT / path).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Links as they are on the site: without docs/, and none to source files."""
    if page.file.src_uri in BESIDE:
        markdown = re.sub(r"\]\(docs/", "](", markdown)
    markdown = re.sub(r"\[([^\]]+)\]\((?:\.\./)+src/[^)]*\)", r"`\1`", markdown)
    up = "../" * page.file.src_uri.count("/")
    return re.sub(r"\]\((?:\.\./)+examples/", f"]({up}examples/", markdown)


_SECTION = re.compile(r"^(Parameters|Raises)\n-+\n(.*?)(?=^\w[^\n]*\n-+\n|\Z)", re.M | re.S)
_ITEM = re.compile(r"(?:^|(?<=\. ))(\*{0,2}[A-Za-z_][\w, *]*): ", re.M)
_ROLE = re.compile(r":\w+:`~?([^`]+)`")


class OneLiners(Extension):
    """Splits ``name: text`` into the two lines that numpy's style of docstrings has."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite one docstring."""
        if obj.docstring:
            text = _SECTION.sub(
                lambda m: f"{m[1]}\n{'-' * len(m[1])}\n" + _ITEM.sub("\\1\n    ", m[2]),
                obj.docstring.value,
            )
            obj.docstring.value = _ROLE.sub(r"`\1`", text)
