"""imresize equals its definition, and the published bicubic rows."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.degradation.pictures import natural, psnr, rgb_to_y, to_file
from tests.shared_data import photos
from undegrade.errors import UsageError
from undegrade.imaging.resize import FILTERS, imresize, resized


def keys(x):
    """Keys's cubic, a = -1/2, written as in the paper (equation 15)."""
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    if x <= 2:
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return 0.0


def direct_1d(signal, scale, length):
    """One axis straight from the definition: MATLAB's one-based coordinates, a double loop."""
    stretch = min(scale, 1.0)
    n, result = len(signal), []
    for i in range(1, length + 1):
        u = i / scale + 0.5 * (1 - 1 / scale)
        reach = math.ceil(2 / stretch) + 1
        total = weight_sum = 0.0
        for j in range(math.floor(u) - reach, math.floor(u) + reach + 2):
            weight = stretch * keys(stretch * (u - j))
            k = (j - 1) % (2 * n)
            total += weight * signal[k if k < n else 2 * n - 1 - k]
            weight_sum += weight
        result.append(total / weight_sum)
    return np.array(result)


def direct(image, scales, sizes):
    """Both axes of (H, W), the smaller scale first."""
    for axis in sorted((0, 1), key=lambda axis: scales[axis]):
        image = np.apply_along_axis(direct_1d, axis, image, scales[axis], sizes[axis])
    return image


@given(
    height=st.integers(1, 12), width=st.integers(1, 12),
    scale=st.sampled_from([0.125, 0.25, 1 / 3, 0.5, 0.7, 1.0, 1.6, 2.0, 3.0, 4.0]),
    seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_equal_to_the_definition(height, width, scale, seed):
    image = np.random.default_rng(seed).random((height, width))
    sizes = [max(1, math.ceil(scale * side - 1e-9)) for side in image.shape]
    expected = direct(image, (scale, scale), sizes)
    np.testing.assert_allclose(imresize(image, scale=scale), expected, atol=1e-12)


@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 14), st.integers(1, 14)),
)
@settings(max_examples=40, deadline=None)
def test_equal_to_the_definition_by_size(shape, size):
    image = np.random.default_rng(1).random(shape)
    expected = direct(image, (size[0] / shape[0], size[1] / shape[1]), size)
    np.testing.assert_allclose(imresize(image, size=size), expected, atol=1e-12)


RAMP = np.array([0.0, 1.0, 4.0, 9.0, 16.0, 25.0])
GOLDEN = {
    1 / 3: [1.234568, 17.098765],
    0.5: [0.300781, 6.390625, 20.808594],
    1.5: [-0.069444, 0.3125, 1.361111, 3.361111, 6.25, 10.027778, 14.694444, 20.9375, 25.625],
    2.0: [
        -0.09375,
        0.132812,
        0.585938,
        1.5625,
        3.0625,
        5.0625,
        7.5625,
        10.5625,
        14.0625,
        18.320312,
        23.335938,
        25.84375,
    ],
}


@pytest.mark.parametrize("scale", GOLDEN)
def test_golden_values(scale):
    """Squares 0..25 in a column and a row; computed by `direct_1d` above, 2026-11."""
    for image in (RAMP[:, None], RAMP[None, :]):
        result = imresize(np.repeat(image, 6, axis=image.shape.index(1)), scale=scale)
        result = result[:, 0] if image.shape[1] == 1 else result[0]
        np.testing.assert_allclose(result, GOLDEN[scale], atol=5e-7)


def set5_bicubic(scale, prepare):
    """Mean Y PSNR of Set5 as *prepare* gives it: down, rounded, up, rounded, *scale* pixels cut."""
    rows = []
    for _, pixels in photos("set5.tar"):
        height, width = (side - side % scale for side in pixels.shape[:2])
        original = prepare(pixels[:height, :width] / 255.0)
        small = to_file(imresize(original, scale=1 / scale))
        large = to_file(imresize(small, scale=scale))
        inside = (slice(scale, -scale),) * 2
        rows.append(psnr(luma(large[inside]), luma(original[inside])))
    assert len(rows) == 5
    return np.mean(rows)


def luma(image):
    """Studio-range Y in [0, 1] of RGB; grey is Y already."""
    return image if image.ndim == 2 else rgb_to_y(image) / 255


@pytest.mark.parametrize(("scale", "published"), [(2, 33.66), (3, 30.39), (4, 28.42)])
def test_set5_bicubic_gate(scale, published):
    """The bicubic row of the tables, which resize Y alone (specs/protocols.md, 1)."""
    measured = set5_bicubic(scale, lambda picture: to_file(luma(picture)))
    assert measured == pytest.approx(published, abs=0.02)


@pytest.mark.parametrize(("scale", "earlier"), [(2, 33.678), (3, 30.404), (4, 28.431)])
def test_set5_bicubic_in_colour(scale, earlier):
    """RGB resized, Y compared: as with MATLAB's own small files (specs/protocols.md, 1)."""
    assert set5_bicubic(scale, lambda picture: picture) == pytest.approx(earlier, abs=0.005)


@pytest.mark.parametrize("size", [(48, 64), (32, 43), (24, 32), (150, 131), (192, 256)])
def test_close_to_pillow_inside(size):
    """Pillow cuts its kernel at the edge instead of mirroring; inside they are the same."""
    image = natural(96, 128, 1)
    ours = imresize(image, size=size)[:, :, 0]
    theirs = np.asarray(
        Image.fromarray(image[:, :, 0]).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    )
    inside = (slice(8, -8),) * 2
    assert np.abs(ours - theirs)[inside].max() < 2e-6


@given(
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 4)),
    scale=st.floats(0.1, 5.0),
    value=st.floats(0, 1, width=32),
)
@settings(max_examples=40, deadline=None)
def test_constants_are_kept_and_the_size_is_the_ceiling(shape, scale, value):
    result = imresize(np.full(shape, value), scale=scale)
    assert result.shape[2] == shape[2]
    for side, out in zip(shape[:2], result.shape[:2], strict=True):
        assert out == max(1, math.ceil(scale * side - 1e-9))
    np.testing.assert_allclose(result, value, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scale_one_is_the_identity_and_a_copy(dtype):
    image = natural(9, 14).astype(dtype)
    for result in (imresize(image, scale=1), imresize(image, size=(9, 14))):
        np.testing.assert_array_equal(result, image)
        assert result.dtype == dtype
        assert not np.may_share_memory(result, image)


def test_axes_have_their_own_scales():
    image = natural(10, 20)
    assert imresize(image, scale=(0.5, 2)).shape == (5, 40, 3)
    np.testing.assert_allclose(
        imresize(image, scale=(0.5, 2)),
        imresize(image.transpose(1, 0, 2), scale=(2, 0.5)).transpose(1, 0, 2),
        atol=1e-6,
    )


def test_a_third_of_a_multiple_of_three_is_exact():
    for side in range(3, 999, 3):
        assert imresize(np.zeros((side, 1)), scale=(1 / 3, 1)).shape[0] == side // 3


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"scale": 2, "size": (4, 4)},
        {"scale": 0},
        {"scale": -1.0},
        {"scale": float("nan")},
        {"scale": float("inf")},
        {"size": (0, 4)},
        {"size": (4, 4, 3)},
    ],
)
def test_impossible_targets_are_refused(arguments):
    with pytest.raises(UsageError):
        imresize(np.zeros((4, 4)), **arguments)


@pytest.mark.parametrize("image", [np.zeros(4), np.zeros((0, 4)), np.zeros((4, 4), np.uint8)])
def test_what_is_no_image_is_refused(image):
    with pytest.raises(UsageError):
        imresize(image, scale=2)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("size", [(20, 33), (77, 90), (31, 1)])
def test_programs_resize_as_pillow_does_in_8_bit(name, size):
    """Ours keeps fractions of a level and what overshoots; a file rounds and clips each axis."""
    image = natural(48, 60)
    eight = Image.fromarray(np.rint(image * 255).astype(np.uint8))
    expected = eight.resize(size[::-1], Image.Resampling[name.upper()])
    made = resized(image, *size, name)
    assert (made.shape, made.dtype) == ((*size, 3), np.float32)
    np.testing.assert_allclose(np.clip(made, 0, 1), np.asarray(expected) / 255, atol=1.5 / 255)
    grey = resized(image[:, :, :1], *size, name)
    np.testing.assert_array_equal(grey, made[:, :, :1])


def test_a_filter_that_there_is_not():
    with pytest.raises(UsageError, match=r"no filter 'cubic'.*box, bilinear"):
        resized(natural(8, 8), 4, 4, "cubic")
