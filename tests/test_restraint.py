"""Where detail is asked for, faces and text keep the faithful weights, and no seam shows."""

from __future__ import annotations

import sys
import tarfile
from types import ModuleType

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.photos import noisy, scene
from tests.shared_data import shared
from tests.vivid import vivid_pair
from undegrade import Enhancer, enhance
from undegrade.parts import LOCKED, Box
from undegrade.picture import decode, from_array
from undegrade.plan import Wishes
from undegrade.runtime import Networks
from undegrade.runtime.subjects import Subjects
from undegrade.work import Order

NOISY = noisy(scene(160, 192), 25)
X, Y, WIDTH, HEIGHT = 16, 24, 32, 24
REACH = 12
"""Pixels beyond, over which the faithful weights fade out."""


@pytest.fixture(scope="module")
def vivid(tmp_path_factory):
    """The file of a tiny network that enlarges twice and has a vivid variant."""
    return str(vivid_pair(tmp_path_factory.mktemp("vivid"), scale=2)[0].path)


def face(pixels):
    """Sees one there, in whatever size *pixels* come."""
    corners = [[X, Y], [X + WIDTH, Y], [X + WIDTH, Y + HEIGHT], [X, Y + HEIGHT]]
    return np.array([corners]) * pixels.shape[0] / 160


def broken(pixels):
    raise RuntimeError("the detector's file is damaged\n  in line 3")


def enhancer(finders, **settings):
    return Enhancer(Networks(**settings), subjects=Subjects(finders))


def within(array, beyond=0):
    """*array*, twice as large as the photo, in the face and so much of the photo around it."""
    top, left = max(0, Y - beyond), max(0, X - beyond)
    return array[2 * top : 2 * (Y + HEIGHT + beyond), 2 * left : 2 * (X + WIDTH + beyond)]


def test_a_face_stays_faithful_and_all_else_is_vivid(vivid):
    beside = vivid.replace(".onnx", "-vivid.onnx")
    faithful, rich = (enhance(NOISY, model=name).array.astype(int) for name in (vivid, beside))
    result = enhancer({"face": face})(NOISY, Wishes(model=vivid, detail=1.0))
    made = result.array.astype(int)
    np.testing.assert_array_equal(within(made), within(faithful))
    assert (within(faithful) != within(rich)).any()
    for array in (made, rich):
        within(array, REACH + LOCKED)[:] = 0
    np.testing.assert_array_equal(made, rich)
    region = {"kind": "face", "x": X, "y": Y, "width": WIDTH, "height": HEIGHT}
    report = result.as_dict()
    assert report["steps"][0]["faithful"] == [region]
    assert "kept faithful: 1 face, unless detail is asked for everywhere" in report["notes"]


def test_detail_everywhere_is_what_it_was(vivid):
    wishes = Wishes(model=vivid, detail=1.0, detail_everywhere=True)
    result = enhancer({"face": face})(NOISY, wishes)
    beside = vivid.replace(".onnx", "-vivid.onnx")
    np.testing.assert_array_equal(result.array, enhance(NOISY, model=beside).array)
    assert result.as_dict()["notes"] == []


@pytest.mark.parametrize("effort", ["normal", "best"])
def test_tiles_and_parts_agree_with_the_whole(vivid, effort):
    wishes, picture = Wishes(model=vivid, detail=1.0, effort=effort), from_array(NOISY)
    whole, tiled = (enhancer({"face": face}, tile=tile) for tile in (128, 16))
    plan = whole.plan(picture, wishes)
    expected = whole.run(picture, plan).array.astype(int)
    assert np.abs(tiled.run(picture, plan).array - expected).max() <= 1
    for box in (Box(8, 20, 20, 19), Box(0, 50, 70, 30), Box(30, 30, 5, 5)):
        part = whole.part(picture, plan, box).pixels
        there = expected[2 * box.y :, 2 * box.x :][: part.shape[0], : part.shape[1]]
        assert np.abs(part - there).max() <= 1


@pytest.mark.parametrize(
    ("finders", "why"), [({}, "finds them: pip"), ({"face": broken}, "file is damaged): pip")]
)
def test_a_finder_that_is_missing_or_broken_is_a_note(vivid, finders, why):
    wishes = Wishes(model=vivid, detail=1.0)
    result = enhancer(finders)(NOISY, wishes)
    everywhere = enhance(NOISY, model=vivid, detail=1.0, detail_everywhere=True)
    np.testing.assert_array_equal(result.array, everywhere.array)
    faces, text = result.as_dict()["notes"]
    assert faces.startswith("faces get detail like all else")
    assert why in faces
    assert 'pip install "undegrade[faces]"' in faces
    assert 'pip install "undegrade[detect]"' in text


def test_other_versions_of_the_packages_are_no_reason_to_stop(vivid, monkeypatch):
    """OpenCV 5 has no cascades; what stands in for the reader of text has no reader."""
    for name in ("cv2", "rapidocr_onnxruntime"):
        empty = ModuleType(name)
        empty.__spec__ = sys.__spec__
        monkeypatch.setitem(sys.modules, name, empty)
    notes = Enhancer()(NOISY, Wishes(model=vivid, detail=1.0)).as_dict()["notes"]
    assert len(notes) == 2
    assert all("has no attribute" in note for note in notes)


def test_nothing_is_looked_for_where_nothing_is_made_up(vivid):
    """On faces alone there is nothing but the face."""
    picture = from_array(NOISY)
    for wishes in (Wishes(model=vivid), Wishes(task="face", detail=1.0)):
        plan = enhancer({"face": broken}).plan(picture, wishes)
        assert plan.sought == ()
        assert not any("face" in note for note in plan.notes)


def test_memory_and_time_of_the_finder_and_the_second_network_are_told(vivid):
    def told(**finders):
        one, picture = enhancer(finders), from_array(NOISY)
        return one.forecast(picture, one.plan(picture, Wishes(model=vivid, detail=1.0)))

    blind, nothing, found = told(), told(face=lambda _: np.empty((0, 4, 2))), told(face=face)
    assert nothing.memory > blind.memory + 50_000_000
    assert found.memory > nothing.memory
    assert found.seconds > nothing.seconds


def test_what_can_be_found_decides_what_is_done_again(vivid, monkeypatch):
    def digest(**wishes):
        return Order(Wishes(model=vivid, **wishes)).digest(Networks())

    plain, kept, everywhere = (
        digest(),
        digest(detail=1.0),
        digest(detail=1.0, detail_everywhere=True),
    )
    assert len({plain, kept, everywhere}) == 3
    for name in ("cv2", "rapidocr_onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    blind = digest(), digest(detail=1.0), digest(detail=1.0, detail_everywhere=True)
    assert (blind[0], blind[2]) == (plain, everywhere)
    assert blind[1] not in (kept, everywhere)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000, 3), (9, 5, 4), (700, 20, 2), (40, 2000, 3)])
def test_odd_photos_show_nothing(shape):
    pytest.importorskip("cv2")
    for dtype in (np.uint8, np.uint16):
        seen = Subjects()(from_array(np.full(shape, 90, dtype)))
        assert seen.regions == ()
        assert not any("(" in note for note in seen.notes), seen.notes


def test_the_cascades_see_faces():
    """In the middle of portraits of the tests' own beside the repository."""
    if not hasattr(pytest.importorskip("cv2"), "CascadeClassifier"):
        pytest.skip("OpenCV 5 has no cascades")
    look, count = Subjects(), 20

    def sees(photo):
        middle = np.array([photo.width, photo.height]) / 2
        boxes = [(np.array([x.x, x.y]), (x.width, x.height)) for x in look(photo).regions]
        return any((at < middle).all() and (middle < at + size).all() for at, size in boxes)

    with tarfile.open(shared("data", "train", "faces.tar")) as tar:
        files = [tar.extractfile(one) for one in tar if one.isfile()][:count]
        assert sum(sees(decode(file.read())) for file in files) >= 0.9 * count


def test_the_detector_sees_text():
    pytest.importorskip("rapidocr_onnxruntime", reason="the extra 'detect' is not installed")
    photo = Image.new("RGB", (640, 240), "white")
    ImageDraw.Draw(photo).text((40, 60), "UNDEGRADE 2026", fill="black", font_size=60)
    (line,) = Subjects()(from_array(np.asarray(photo))).regions
    assert line.kind == "text"
    assert abs(line.x - 40) < 20
    assert abs(line.y - 60) < 20
    assert 300 < line.width < 600
