"""One photo as bytes: what comes out, and what a failure means for it."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image

from tests.diagnosis.made_up import made_up, noise
from tests.photos import noisy, photo_file, scene
from tests.vivid import fast_pair
from undegrade import Enhancer
from undegrade.catalog import add
from undegrade.errors import Cancelled, InputError, LimitError, ModelError, OutputError, UsageError
from undegrade.picture import decode, encode_pages, from_array
from undegrade.plan import Wishes
from undegrade.runtime import Networks
from undegrade.work import Order, failure_of, work

CLEAN = scene(96, 96)
NOISY = photo_file(noisy(CLEAN, 25))


def clean(picture):
    """Eyes that find nothing."""
    return made_up()


def test_a_photo_that_is_left_alone_comes_out_byte_for_byte():
    data = photo_file(CLEAN, "JPEG", quality=97) + b"trailing bytes"
    for order in (Order(), Order(format="JPEG")):
        done = work(Enhancer(diagnoser=clean), data, "a.jpg", order)
        assert (done.data, done.format, done.status) == (data, "JPEG", "unchanged")
        assert done.report["notes"] == []


@pytest.mark.parametrize("order", [Order(format="PNG"), Order(quality=50), Order(strip=True)])
def test_left_alone_it_is_written_as_ordered_all_the_same(order):
    data = photo_file(CLEAN, "JPEG", quality=97)
    done = work(Enhancer(diagnoser=clean), data, "a.jpg", order)
    assert done.data != data
    assert done.format == Image.open(io.BytesIO(done.data)).format == (order.format or "JPEG")
    assert done.status == "unchanged"


def test_what_is_enhanced_says_so():
    enhancer = Enhancer()
    done = work(enhancer, NOISY, "a.png", Order(format="JPEG"))
    assert (done.format, done.status) == ("JPEG", "enhanced")
    assert [step["name"] for step in done.report["steps"]] == ["restore"]
    assert done.report["seconds"] > 0
    deep = photo_file(scene(40, 40), "PNG", comment="said")
    assert work(enhancer, deep, "a.png", Order(format="BMP")).format == "BMP"


def test_what_is_enhanced_is_marked_unless_that_is_unwanted():
    """With IPTC's word for it; what is left alone is not."""
    enhanced = b"algorithmicallyEnhanced"
    assert enhanced in work(Enhancer(), NOISY, "a.png", Order()).data
    assert enhanced not in work(Enhancer(), NOISY, "a.png", Order(mark=False)).data
    assert enhanced not in work(Enhancer(), NOISY, "a.png", Order(strip=True)).data
    left_alone = work(Enhancer(diagnoser=clean), NOISY, "a.png", Order(format="JPEG"))
    assert enhanced not in left_alone.data


def many_pages() -> bytes:
    pages = [from_array(CLEAN), from_array(noisy(scene(80, 64), 25)), from_array(CLEAN[:64])]
    return encode_pages(pages)


def test_all_pages_of_a_tiff_come_out_in_one():
    data, parts = many_pages(), []
    done = work(Enhancer(), data, "a.tif", Order(Wishes("restore")), progress=parts.append)
    assert (done.format, done.status) == ("TIFF", "enhanced")
    assert len(done.report["pages"]) == 3
    assert [bool(page["steps"]) for page in done.report["pages"]][1]
    assert parts == sorted(parts)
    assert parts[-1] == 1
    for number, size in enumerate([(96, 96), (80, 64), (64, 96)], 1):
        page = decode(done.data, frame=number)
        assert (page.height, page.width) == size
    assert b"algorithmicallyEnhanced" in done.data
    assert work(Enhancer(diagnoser=clean), data, "a.tif", Order()).data == data


def test_one_page_or_frame_can_be_chosen():
    data = many_pages()
    done = work(Enhancer(diagnoser=clean), data, "a.tif", Order(frame=2))
    assert (decode(done.data).height, done.status) == (80, "unchanged")
    with pytest.raises(InputError, match="3 pages; choose one with --frame"):
        work(Enhancer(), data, "a.tif", Order(format="JPEG"))
    frames = [Image.fromarray(CLEAN), Image.fromarray(CLEAN[::-1].copy())]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    with pytest.raises(InputError, match="animated, 2 frames; choose one with --frame"):
        work(Enhancer(), file.getvalue(), "a.webp", Order())
    done = work(Enhancer(diagnoser=clean), file.getvalue(), "a.webp", Order(frame=2))
    assert (decode(done.data).pixels == CLEAN[::-1]).all()


def test_what_is_known_already_is_not_found_again():
    seen = []

    def look(picture):
        seen.append(picture)
        return made_up()

    picture = decode(NOISY)
    enhancer = Enhancer(diagnoser=look)
    done = work(enhancer, b"never read", "a", Order(), picture=picture, found=made_up())
    assert (done.status, seen) == ("unchanged", [])
    work(enhancer, NOISY, "a", Order(), picture=picture, found=made_up(noise=noise(25)))
    assert len(seen) == 1, "what is left is looked at"


def test_cancelling_is_heard_before_anything_is_written():
    with pytest.raises(Cancelled):
        work(Enhancer(diagnoser=clean), NOISY, "a", Order(), cancelled=lambda: True)


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_impossible_orders_are_refused(limit):
    with pytest.raises(UsageError, match="megapixels"):
        Order(max_megapixels=limit)


def test_the_digest_is_of_what_decides_an_output(tmp_path):
    networks = Networks()
    first = Order().digest(networks)
    assert first == Order(format="PNG", max_megapixels=3).digest(Networks(tile=64, threads=1))
    others = [
        Order(Wishes(strength=0.5)).digest(networks),
        Order(Wishes(effort="best")).digest(networks),
        Order(quality=50).digest(networks),
        Order(strip=True).digest(networks),
        Order(mark=False).digest(networks),
        Order(frame=1).digest(networks),
        Order().digest(Networks(precision="fp32")),
    ]
    assert len({first, *others}) == 8
    for model in fast_pair(tmp_path, "restore"):
        fast = Order(Wishes(effort="fast")).digest(Networks())
        add(model)
        assert Order(Wishes(effort="fast")).digest(Networks()) != fast
    assert Order().digest(Networks()) != first, "the user's own network is in its place"


@pytest.mark.parametrize(
    ("error", "kind", "passing", "code"),
    [
        (InputError("broken"), "InputError", False, 3),
        (LimitError("large"), "LimitError", False, 6),
        (OutputError("full"), "OutputError", True, 4),
        (ModelError("gone"), "ModelError", True, 5),
        (MemoryError(), "memory", True, 6),
        (ZeroDivisionError("oops"), "internal", False, 1),
        (Cancelled(), "Cancelled", True, 130),
    ],
)
def test_what_an_error_means_for_a_photo(error, kind, passing, code):
    failure = failure_of(error, "a.png")
    assert (failure.kind, failure.passing, failure.error.exit_code) == (kind, passing, code)
    if kind in ("memory", "internal"):
        assert "'a.png'" in str(failure.error)


def test_messages_name_the_photo():
    with pytest.raises(InputError, match=r"'s3://photos/a\.png'"):
        work(Enhancer(), b"nothing", "s3://photos/a.png", Order())
    with pytest.raises(LimitError, match=r"'a\.png' has 0\.0 megapixels"):
        work(Enhancer(), NOISY, "a.png", replace(Order(), max_megapixels=0.001))
