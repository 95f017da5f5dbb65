"""What holds for every metric."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.degradation.pictures import natural
from tests.test_imports import loaded_after
from undegrade.errors import UndegradeError, UsageError
from undegrade.metrics import METRICS, metric
from undegrade.metrics.base import as_floats

SIDE = 192
WITHOUT_STAND_IN = {"lpips-alex", "lpips-vgg"}
NAMES = sorted(METRICS.keys() - WITHOUT_STAND_IN)
PAIRS = [name for name in NAMES if metric(name).needs != "nothing"]
SAME_SHAPE = [name for name in PAIRS if name not in ("consistency", "text-f1")]
SYMMETRIC = ["psnr", "ssim", "ms-ssim", "ms-ssim-dped", "ciede2000", "lpips-squeeze"]


def truth(side=SIDE):
    return np.rint(natural(side, side) * 255).astype(np.uint8)


def damaged(picture, sigma, seed=0):
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def reference(name, picture):
    """What the metric wants beside *picture* for a perfect or plain value."""
    if metric(name).needs == "nothing":
        return ()
    return (picture[::2, ::2],) if name == "consistency" else (picture,)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_facts(name):
    entry = metric(name)
    assert entry.name == name
    assert entry.better in ("higher", "lower")
    assert entry.needs in ("truth", "input", "nothing")
    assert entry.range[0] < entry.range[1]
    assert entry.channels
    assert type(entry).__doc__


def test_unknown_names():
    with pytest.raises(
        UsageError, match="no metric is called 'psnrb'; choose one of: psnr, psnr-b"
    ):
        metric("psnrb")


@pytest.mark.parametrize("name", NAMES)
def test_a_float_in_its_range_and_inputs_left_alone(name, make):
    entry, picture = make(name), damaged(truth(), 10)
    others = reference(name, truth())
    before = picture.copy()
    value = entry(picture, *others)
    assert type(value) is float
    assert entry.range[0] <= value <= entry.range[1]
    assert entry(picture, *others) == value
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("name", NAMES)
def test_bytes_and_floats_mean_the_same(name, make):
    entry, picture = make(name), damaged(truth(), 10)
    others = reference(name, truth())
    value = entry(picture, *others)
    assert entry(picture / 255, *(o / 255 for o in others)) == pytest.approx(value, rel=1e-9)
    assert entry(picture[::-1][::-1], *others) == value


@pytest.mark.parametrize("name", NAMES)
def test_grey_pictures(name, make):
    entry, picture = make(name), damaged(truth(), 10)[:, :, 0]
    others = reference(name, truth()[:, :, 0])
    value = entry(picture, *others)
    assert entry(picture[:, :, None], *(o[:, :, None] for o in others)) == value
    for channel in entry.channels:
        assert entry(picture, *others, channel=channel) == value


@pytest.mark.parametrize("name", sorted({*SAME_SHAPE} - {"psnr-b"}))  # its truth may show blocks
def test_a_picture_and_itself(name, make):
    entry, picture = make(name), truth()
    best = entry(picture, picture)
    if name == "noise-amplification":
        assert best == 1
    elif entry.better == "lower":
        assert best == 0
    else:
        assert best == pytest.approx(entry.range[1], abs=1e-12)


@pytest.mark.parametrize("name", SAME_SHAPE)
@pytest.mark.parametrize("channel", ["rgb", "y", "grey"])
def test_more_noise_is_worse(name, channel, make):
    entry, picture = make(name), truth()
    if channel not in entry.channels:
        return
    values = [entry(damaged(picture, s), picture, channel=channel) for s in (2, 6, 18, 50)]
    assert values == sorted(values, reverse=entry.better == "higher")
    assert len(set(values)) == len(values)


@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetry(name, make):
    entry, picture = make(name), truth()
    other = damaged(picture, 12)
    assert entry(picture, other) == pytest.approx(entry(other, picture), rel=1e-6)


@pytest.mark.parametrize("name", ["psnr", "ssim", "ms-ssim", "ms-ssim-dped", "ciede2000"])
def test_flips_and_turns_change_nothing(name, make):
    entry, picture = make(name), truth()
    other = damaged(picture, 12)
    value = entry(other, picture)
    for change in (np.flipud, np.fliplr, np.rot90):
        assert entry(change(other), change(picture)) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("name", SAME_SHAPE)
def test_crop_is_slicing(name, make):
    entry, picture = make(name), truth(200)
    other, inside = damaged(picture, 9), slice(4, -4)
    whole = entry(other, picture, crop=4)
    assert whole == entry(other[inside, inside], picture[inside, inside])


@pytest.mark.parametrize("name", NAMES)
def test_errors(name, make):
    entry, picture = make(name), truth()
    others = reference(name, picture)
    with pytest.raises(UsageError, match="must be uint8 or floating point"):
        entry(picture.astype(np.uint16), *others)
    with pytest.raises(UsageError, match=r"must lie in \[0, 1\], not in \[.*\]; clip it"):
        entry(picture.astype(np.float32), *others)
    with pytest.raises(UsageError, match=r"must lie in \[0, 1\]"):
        entry(np.full((SIDE, SIDE), np.nan), *others)
    with pytest.raises(UsageError, match=r"must be \(H, W, 3\) or \(H, W\), not \(192, 192, 2\)"):
        entry(picture[:, :, :2], *others)
    with pytest.raises(UsageError, match="is not defined on the channel 'cb'"):
        entry(picture, *others, channel="cb")
    with pytest.raises(UsageError, match="crop = -1"):
        entry(picture, *others, crop=-1)
    with pytest.raises(UsageError, match="leaves nothing"):
        entry(picture, *others, crop=96)


@pytest.mark.parametrize("name", [n for n in sorted(METRICS) if metric(n).least > 1])
def test_too_small(name):
    entry = metric(name)
    small = np.zeros((entry.least - 1, 300, 3), np.uint8)
    with pytest.raises(UsageError, match=f"at least {entry.least} pixels, not 300x{len(small)}"):
        entry(small, *reference(name, small))
    ample = np.zeros((entry.least + 1, 300, 3), np.uint8)
    with pytest.raises(UsageError, match=r"\(after cropping 1\)"):
        entry(ample, *reference(name, ample), crop=1)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_need_two_that_fit(name, make):
    entry, picture = make(name), truth()
    with pytest.raises(UsageError, match=f"{name} needs a second picture: the {entry.needs}"):
        entry(picture)
    with pytest.raises(UsageError, match=r"of one shape|not a whole number"):
        entry(picture, picture[:-50])


def test_one_picture_takes_no_second(make):
    with pytest.raises(UsageError, match="takes no second"):
        make("niqe")(truth(), truth())


@pytest.mark.parametrize("name", ["lpips-alex", "lpips-squeeze-fp16", "niqe", "brisque"])
def test_no_weights_is_an_error(name):
    with pytest.raises(UndegradeError, match=r"cannot be downloaded|in no known place"):
        metric(name)(truth(), *reference(name, truth()))


def test_channels():
    """MATLAB's rgb2ycbcr of black, white and the primaries: 16, 235, 81.48, 144.55, 40.97."""
    from undegrade.metrics.base import in_channel

    colours = np.array([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)[None]
    y = in_channel(colours, "y")[0, :, 0] * 255
    np.testing.assert_allclose(y, [16, 235, 81.481, 144.553, 40.966], atol=1e-3)
    grey = in_channel(colours, "grey")[0, :, 0]
    np.testing.assert_allclose(grey, [0, 1, 0.299, 0.587, 0.114], atol=1e-12)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(16, 60), st.integers(16, 60), st.sampled_from([1, 3]), st.integers(0, 2**32 - 1))
def test_any_size(height, width, channels, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.random((2, height, width, channels))
    for name in ("psnr", "psnr-b", "ssim", "ms-ssim-dped", "ciede2000", "noise-amplification"):
        entry = metric(name)
        value = entry(x, y)
        assert entry.range[0] <= value <= entry.range[1]
        assert np.isfinite(value)


def test_floats_of_any_precision():
    picture = truth()[:8, :8] / 255
    for dtype in (np.float16, np.float32, np.float64):
        assert as_floats(picture.astype(dtype)).dtype == np.float64


def test_what_is_not_needed_is_not_imported():
    loaded = loaded_after(
        "import numpy as np\n"
        "from undegrade.metrics import METRICS, metric\n"
        "x = np.zeros((16, 16, 3), np.uint8)\n"
        "[metric(name) for name in METRICS]\n"
        "[metric(name)(x, x) for name in ('psnr', 'ssim', 'ciede2000')]"
    )
    heavy = {"torch", "onnx", "onnxruntime", "scipy", "skimage", "cv2", "PIL"}
    assert not heavy & {name.partition(".")[0] for name in loaded}
    ours = {name.split(".")[1] for name in loaded if name.startswith("undegrade.")}
    assert ours == {"metrics", "imaging", "errors", "places", "version"}
