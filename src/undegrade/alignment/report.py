"""One HTML file, pictures inside, that shows what was aligned, kept and refused."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import numpy as np

from undegrade.alignment.homography import Photo, opencv
from undegrade.alignment.windows import Alignment, Window
from undegrade.batch.pairs import Failure
from undegrade.imaging.luma import luma_of
from undegrade.picture import encode, from_array

MOST = 24
"""So many pairs are shown with pictures (up to 1 MB each); the manifest has all."""
SHOWN = 8
"""So many kept windows are shown for each pair, and so many refused ones."""
_WIDTH = 720
"""Of the large pictures, in pixels."""
_TILES = 10
"""Of the checkerboard, across."""
_KEPT, _REFUSED = (46, 200, 80), (230, 60, 60)

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 94rem; padding: 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { padding: .1rem .8rem; text-align: left }
figure { display: inline-block; margin: 0 .6rem .8rem 0; vertical-align: top }
figcaption { color: #555; max-width: 45rem } img { display: block; max-width: 100% }
"""


def chapter(name: str, found: Alignment) -> str:
    """One pair of photos, as HTML."""
    cv2 = opencv()
    area = found.area
    phone = np.ascontiguousarray(area.of(found.phone))
    after = found.dslr.cut(area)
    # Before: both photos whole, simply brought to one size.
    height, width = found.phone.shape[:2]
    before = cv2.resize(found.dslr.photo, (width, height), interpolation=cv2.INTER_AREA)
    parts = [f"<h2>{escape(name)}</h2>", _table(_facts(found))]
    for label, ours, theirs in (
        ("Before", found.phone, np.asarray(before, dtype=np.uint8)),
        ("After, what both show", phone, after),
    ):
        parts.append(_figure(checkerboard(ours, theirs), f"{label}: phone and DSLR in turns"))
        parts.append(
            _figure(fringes(ours, theirs), f"{label}: phone red, DSLR cyan; grey where alike")
        )
    parts.append(_figure(outlines(found), "Windows: kept green, refused red"))
    kept = sorted(found.kept, key=lambda window: window.correlation)
    refused = [window for window in found.windows if window.verdict != "kept"]
    refused.sort(key=lambda window: -window.correlation)
    for title, windows in (("Least alike of the kept", kept), ("Most alike refused", refused)):
        if windows:
            parts.append(f"<h3>{title} windows: phone left, DSLR right</h3>")
            parts += [_window(found, window) for window in windows[:SHOWN]]
    return "\n".join(parts)


def page(
    chapters: Sequence[str], totals: Sequence[tuple[str, str]], failed: Sequence[Failure]
) -> str:
    """The whole file."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><meta charset="utf-8"><title>Aligned photos</title>',
        f"<style>{_STYLE}</style>",
        "<h1>Aligned photos</h1>",
        _table(totals),
    ]
    if failed:
        parts += ["<h2>Failed</h2>", _table([(one.name, one.reason) for one in failed])]
    parts += chapters
    if len(chapters) == MOST:
        parts.append(f"<p>At most {MOST} pairs are shown; the manifest has every window.</p>")
    parts.append("</html>\n")
    # Names of files may hold what UTF-8 cannot.
    return "\n".join(parts).encode("utf-8", "replace").decode()


def checkerboard(a: Photo, b: Photo) -> Photo:
    """Squares of *a* and *b* in turns: lines go on across them where the two are aligned."""
    height, width = a.shape[:2]
    tile = max(1, width // _TILES)
    y, x = np.arange(height)[:, None] // tile, np.arange(width)[None] // tile
    return np.where(((x + y) % 2 == 0)[:, :, None], a, b)


def fringes(a: Photo, b: Photo) -> Photo:
    """Luma of *a* in red, of *b* in green and blue, both brought to one mean and contrast."""
    planes = []
    for photo in (a, b):
        plane = luma_of(photo)
        plane = (plane - plane.mean()) / max(float(plane.std()), 1.0) * 50 + 120
        planes.append(np.clip(plane, 0, 255).astype(np.uint8))
    return np.stack([planes[0], planes[1], planes[1]], axis=2)


def outlines(found: Alignment) -> Photo:
    """The phone's part of the area, dimmed, with a frame for each window."""
    area = found.area
    picture = (area.of(found.phone) * 0.6).astype(np.uint8)
    line = max(1, area.width // 300)
    for window in found.windows:
        box = window.box
        part = picture[box.y - area.y :, box.x - area.x :][: box.height, : box.width]
        frame = np.ones(part.shape[:2], np.bool_)
        frame[2 * line : -2 * line, 2 * line : -2 * line] = False
        frame[:line] = frame[-line:] = frame[:, :line] = frame[:, -line:] = False
        part[frame] = _KEPT if window.verdict == "kept" else _REFUSED
    return picture


def _facts(found: Alignment) -> Sequence[tuple[str, str]]:
    homography, area = found.homography, found.area
    return [
        ("matches, inliers", f"{homography.matches}, {homography.inliers}"),
        ("median distance of an inlier", f"{homography.residual:.2f} phone pixels"),
        ("DSLR pixels per phone pixel", f"{found.magnification:.3f}"),
        ("in both photos", f"{area.width} x {area.height} at ({area.x}, {area.y})"),
        ("windows kept", f"{len(found.kept)} of {len(found.windows)}"),
    ]


def _window(found: Alignment, window: Window) -> str:
    phone, dslr = found.cut(window)
    gap = np.full((phone.shape[0], 4, 3), 255, np.uint8)
    caption = (
        f"{window.verdict}, correlation {window.correlation:.3f}, "
        f"shift ({window.dx:+.2f}, {window.dy:+.2f})"
    )
    return _figure(np.concatenate([phone, gap, dslr], axis=1), caption)


def _figure(picture: Photo, caption: str) -> str:
    cv2 = opencv()
    height, width = picture.shape[:2]
    if width > _WIDTH:
        size = (_WIDTH, max(1, round(height * _WIDTH / width)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    data = base64.b64encode(encode(from_array(picture), format="JPEG", quality=80)).decode()
    text = escape(caption)
    return (
        f'<figure><img alt="{text}" src="data:image/jpeg;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _table(rows: Sequence[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in rows)
    return f"<table>{cells}</table>"
