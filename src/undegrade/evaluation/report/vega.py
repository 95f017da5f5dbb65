"""Vega and Vega-Lite, by the package that carries them: plots as SVG, and their script.

``vl-convert-python`` holds the scripts of Vega (BSD 3-clause) and an engine to run them, so that a
plot is drawn without a browser, and a page that draws plots itself needs no network.
"""

from __future__ import annotations

import functools
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from undegrade.errors import UsageError
from undegrade.metrics.weights import cache_folder, keep

SNIPPET = "window.vegaEmbed = vegaEmbed;"
"""What the script does: it hands out the function that draws."""
_BASE = "https://vega.github.io/vega-datasets/"
"""What the engine puts before links to fragments."""


def svg(spec: dict[str, Any]) -> str:
    """A plot as an element of HTML, with classes, links and labels but no namespaces."""
    drawn: str = _engine().vegalite_to_svg({**spec, "autosize": {"type": "pad"}})
    drawn = re.sub(r' xmlns(:xlink)?="[^"]*"', "", drawn)
    return drawn.replace(f'xlink:href="{_BASE}#', 'href="#').strip()


@functools.cache
def script() -> str:
    """The library as a script; bundled once for each version of it, and kept."""
    kept = _folder() / f"vega-{version('vl-convert-python')}.js"
    if kept.is_file():
        return kept.read_text(encoding="utf-8")
    # Inside <script> nothing may look like its end, or like a comment; only strings do.
    bundled: str = _engine().javascript_bundle(SNIPPET)
    bundled = bundled.replace("</script", r"<\/script").replace("<!--", r"<\!--")
    # Its hundreds of short names are nobody else's business.
    bundled = f"(() => {{{bundled}}})();\n"
    keep(bundled.encode(), kept)
    return bundled


def _folder() -> Path:
    return cache_folder().with_name("scripts")


def _engine() -> Any:
    try:
        import vl_convert
    except ModuleNotFoundError:
        raise UsageError(
            "a report needs the package 'vl-convert-python'", "pip install 'undegrade[eval]'"
        ) from None
    return vl_convert
