"""Windows are aligned to a pixel or refused."""

from __future__ import annotations

import numpy as np
import pytest

from tests.alignment.measures import WRONG, is_correct, map_errors, share_moved, window_error
from tests.alignment.synthetic import blurred, texture
from undegrade.alignment import Rectangle, WindowSettings, align, correlation, find_shift
from undegrade.alignment.warping import Resampled
from undegrade.alignment.windows import find_windows
from undegrade.errors import AlignmentError, UsageError

BENT = {"movers": 2, "bend": 0.007}
PAIRS = [
    *((seed, {}) for seed in range(4)),
    *((seed, {"movers": 3}) for seed in (20, 21)),
    *((seed, BENT) for seed in (30, 31)),
]


@pytest.fixture(scope="module")
def aligned(pair, found):
    """Every pair of the list, with what was found."""
    return [(pair(seed, **kind), found(seed, **kind)) for seed, kind in PAIRS]


def test_more_than_95_percent_of_the_kept_are_correct(aligned):
    verdicts = [is_correct(p, found, w) for p, found in aligned for w in found.kept]
    assert len(verdicts) > 120
    assert np.mean(verdicts) > 0.95


def test_most_of_what_can_be_kept_is_kept(aligned):
    still = [
        window.verdict == "kept"
        for pair, found in aligned
        for window in found.windows
        if share_moved(pair, window) == 0
    ]
    assert np.mean(still) > 0.9


def test_what_moved_is_refused(aligned):
    moved = [w for p, found in aligned for w in found.windows if share_moved(p, w) > 0.5]
    assert len(moved) > 10
    assert not [window for window in moved if window.verdict == "kept"]


def test_windows_repair_what_the_homography_cannot(pair, found):
    """A lens that bends lines by up to two pixels at the corners."""
    made, done = pair(30, **BENT), found(30, **BENT)
    assert map_errors(made, done.homography.matrix).max() > WRONG
    errors = [window_error(made, done, window) for window in done.kept]
    assert max(errors) < WRONG


def test_windows_of_another_scene_are_refused(pair, found):
    """The true map, but what is seen through it is something else."""
    made, other = pair(0), pair(1)
    strange = Resampled(other.dslr, np.linalg.inv(other.dslr_to_scene) @ made.to_scene)
    windows = find_windows(made.phone, strange, found(0).area, WindowSettings())
    assert len(windows) > 20
    assert not [window for window in windows if window.verdict == "kept"]


def test_grid_lies_in_the_area_side_by_side(aligned):
    for _, found in aligned:
        seen = np.zeros(found.phone.shape[:2], int)
        for window in found.windows:
            window.box.of(seen)[...] += 1
            assert (window.box.width, window.box.height) == (100, 100)
        assert seen.max() == 1
        outside = seen.copy()
        margin = WindowSettings().margin
        area = found.area
        inner = Rectangle(
            area.x + margin,
            area.y + margin,
            area.width - 2 * margin,
            area.height - 2 * margin,
        )
        inner.of(outside)[...] = 0
        assert outside.sum() == 0
        assert len(found.windows) == (inner.width // 100) * (inner.height // 100)


def test_phone_pixels_are_untouched_and_correlation_is_of_the_cut(aligned):
    from undegrade.imaging.luma import luma_of

    pair, found = aligned[0]
    for window in found.windows[:6]:
        phone, dslr = found.cut(window)
        box = window.box
        assert np.array_equal(phone, pair.phone[box.y : box.y + 100, box.x : box.x + 100])
        assert dslr.shape == phone.shape == (100, 100, 3)
        assert correlation(luma_of(phone), luma_of(dslr)) == pytest.approx(window.correlation)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.0, -2.0), (0.4, 0.3), (-4.3, 4.6)])
def test_shift_is_found_to_a_tenth(shift):
    """Shifted exactly, by the Fourier transform."""
    plane = blurred(texture(112, 112, np.random.default_rng(3))[:, :, None], 1.5)[:, :, 0]
    phase = np.fft.fftfreq(112)[:, None] * shift[1] + np.fft.fftfreq(112)[None] * shift[0]
    moved = np.fft.ifft2(np.fft.fft2(plane) * np.exp(2j * np.pi * phase)).real
    around = (plane * 40 + 120).astype(np.float32)
    part = (moved[6:-6, 6:-6] * 25 + 90).astype(np.float32)  # darker, with less contrast
    dx, dy, inside = find_shift(part, around)
    assert inside
    assert (dx, dy) == pytest.approx(shift, abs=0.1)


def test_a_shift_beyond_the_search_is_refused():
    rng = np.random.default_rng(4)
    plane = blurred(texture(180, 260, rng)[:, :, None], 1.5)
    photo = np.clip(np.repeat(plane, 3, axis=2) * 40 + 120, 0, 255).astype(np.uint8)
    moved = np.array([[1.0, 0, -6], [0, 1, 0], [0, 0, 1]])
    dslr = Resampled(photo, moved)
    verdicts = {
        w.verdict for w in find_windows(photo, dslr, Rectangle(10, 0, 250, 180), WindowSettings())
    }
    assert verdicts == {"shifted"}
    more = find_windows(photo, dslr, Rectangle(10, 0, 250, 180), WindowSettings(search=8))
    assert {w.verdict for w in more} == {"kept"}
    assert [w.dx for w in more] == pytest.approx([6.0] * len(more), abs=0.05)


def test_a_lone_edge_does_not_slide_along_itself():
    """One straight edge and noise: nothing tells how far along it the window lies."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:112, 0:112]
    edge = blurred(np.where(x + 0.3 * y > 70, 180.0, 60.0)[:, :, None], 1.0)[:, :, 0]
    shifts = []
    for _ in range(10):
        around = (edge + rng.normal(0, 4, edge.shape)).astype(np.float32)
        part = (edge + rng.normal(0, 4, edge.shape))[6:-6, 6:-6].astype(np.float32)
        shifts.append(np.hypot(*find_shift(part, around)[:2]))
    assert max(shifts) < 0.5


def test_flat_and_noise_are_refused():
    rng = np.random.default_rng(6)
    flat = np.full((150, 150, 3), 90, np.uint8)
    noise = np.clip(rng.normal(120, 6, (150, 150, 3)), 0, 255).astype(np.uint8)
    more = np.clip(rng.normal(120, 6, (150, 150, 3)), 0, 255).astype(np.uint8)
    area = Rectangle(0, 0, 150, 150)
    for phone, dslr, verdict in (
        (flat, noise, "flat"),
        (noise, flat, "flat"),
        (noise, more, "unlike"),
    ):
        (window,) = find_windows(phone, Resampled(dslr, np.eye(3)), area, WindowSettings())
        assert window.verdict == verdict


def test_correlation():
    rng = np.random.default_rng(7)
    a = rng.normal(0, 1, (20, 20)).astype(np.float32)
    assert correlation(a, 3 * a + 7) == pytest.approx(1)
    assert correlation(a, -a) == pytest.approx(-1)
    assert correlation(a, np.ones_like(a)) == 0
    b = rng.normal(0, 1, (20, 20)).astype(np.float32)
    assert correlation(a, b) == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1], abs=1e-6)


def test_no_search(pair):
    found = align(pair(0).phone, pair(0).dslr, WindowSettings(search=0))
    assert {(w.dx, w.dy) for w in found.windows} == {(0.0, 0.0)}
    assert len(found.kept) > 20


@pytest.mark.parametrize(
    "values",
    [{"size": 8}, {"search": -1}, {"search": 51}, {"threshold": 1.1}, {"threshold": float("nan")}],
)
def test_settings_are_checked(values):
    with pytest.raises(UsageError, match=next(iter(values))):
        WindowSettings(**values)


def test_too_small_an_overlap_is_refused(pair):
    made = pair(0)
    with pytest.raises(AlignmentError, match="in common, 612 x 612 are needed"):
        align(made.phone, made.dslr, WindowSettings(size=600))
