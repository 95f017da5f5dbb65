"""``enhance()``: what goes in, what comes out, and what stays as it was."""

from __future__ import annotations

import doctest
import io
import json
import re

import numpy as np
import pytest
from PIL import Image, ImageOps

import undegrade
from tests.networks import tiny_model, tiny_network
from tests.photos import DISPLAY_P3, noisy, photo_file, psnr, scene
from tests.picture.samples import exif_of, pil
from tests.vivid import fast_pair, perturbed_pair, vivid_pair
from undegrade import Enhancer, enhance
from undegrade.errors import Cancelled, ComputeError, InputError, LimitError, ModelError, UsageError
from undegrade.picture import decode, encode, from_array
from undegrade.plan import Plan, Wishes
from undegrade.runtime import Networks

CLEAN = scene()
NOISY = noisy(scene(96, 96), 25)


@pytest.fixture(scope="session")
def same(tmp_path_factory):
    """A network that returns its input."""
    folder = tmp_path_factory.mktemp("same")
    return str(tiny_model(folder, "same", identity=True).path)


@pytest.fixture(scope="session")
def change(tmp_path_factory):
    """A network that does not."""
    return str(tiny_network(tmp_path_factory.mktemp("change") / "change.onnx"))


def opened(data):
    return Image.open(io.BytesIO(data))


def sources(tmp_path):
    data = photo_file(NOISY)
    path = tmp_path / "noisy.png"
    path.write_bytes(data)
    return {
        "path": path,
        "name": str(path),
        "bytes": data,
        "file object": io.BytesIO(data),
        "Pillow image": pil(NOISY),
        "array": NOISY,
        "picture": decode(data),
    }


def test_every_kind_of_source_gives_the_same(tmp_path):
    enhancer = Enhancer()
    results = {kind: enhancer(source) for kind, source in sources(tmp_path).items()}
    for kind, result in results.items():
        assert not result.unchanged, kind
        np.testing.assert_array_equal(result.array, results["array"].array, kind)
    assert results["array"].array.dtype == np.uint8
    assert results["array"].image.size == (96, 96)
    assert results["array"].image.mode == "RGB"


def test_other_sources_are_refused():
    with pytest.raises(UsageError, match="int"):
        enhance(42)
    with pytest.raises(InputError, match="not a picture"):
        enhance(b"no picture at all")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_depth_and_channels_stay(dtype, channels):
    clean = scene(channels=channels, dtype=dtype)
    result = enhance(noisy(clean, 25), scale=2)
    assert [step.model.card.name for step in result.steps] == ["restore", "sr-x2"]
    assert result.array.dtype == dtype
    assert result.array.shape == (128, 160, channels)
    near = np.abs(result.array[::2, ::2].astype(float) - clean).mean()
    assert near < 20 / 255 * np.iinfo(dtype).max


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_in_an_array(dtype, channels):
    array = scene(channels=1, dtype=dtype)
    alpha = np.full_like(array, np.iinfo(dtype).max)
    array = np.concatenate([array] * (channels - 1) + [alpha], axis=2)
    result = enhance(array, noise=20)
    assert result.array.shape == (64, 80, channels - 1)
    np.testing.assert_array_equal(result.picture.alpha, alpha[:, :, 0])


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (3, 2)])
def test_tiny_pictures(size):
    result = enhance(scene(*size), scale=2, noise=10)
    assert result.array.shape[:2] == (size[0] * 2, size[1] * 2)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_clean_photo_is_left_alone(dtype, channels):
    clean = scene(channels=channels, dtype=dtype)
    result = enhance(clean)
    assert result.unchanged
    assert result.steps == ()
    np.testing.assert_array_equal(result.array, clean)
    again = decode(result.encode(format="PNG"))
    np.testing.assert_array_equal(again.pixels, clean)


@pytest.mark.parametrize("task", ["auto", "denoise", "dejpeg"])
def test_strength_0_changes_nothing(task, change):
    for model in (None, change):
        result = enhance(NOISY, strength=0, task=task, noise=30, jpeg=10, model=model)
        assert result.unchanged
        np.testing.assert_array_equal(result.array, NOISY)


def test_strength_is_a_dial():
    clean = scene(96, 96)
    moved = [
        np.abs(enhance(NOISY, strength=s).array.astype(int) - NOISY).mean() for s in (0, 0.3, 1)
    ]
    assert moved[0] == 0 < moved[1] < moved[2]
    assert psnr(enhance(NOISY, strength=1).array, clean) > psnr(NOISY, clean)


def test_denoising_helps():
    clean = scene(128, 160)
    result = enhance(noisy(clean, 25))
    assert psnr(result.array, clean) > psnr(noisy(clean, 25), clean) + 2


def test_jpeg_repair_helps():
    clean = scene(128, 160)
    data = photo_file(clean, "JPEG", quality=10)
    before = decode(data)
    result = enhance(data)
    assert [step.reason for step in result.steps] == ["JPEG artefacts of quality 10"]
    assert psnr(result.array, clean) > psnr(before.pixels, clean) + 0.3
    # It is not written with the tables that had damaged it.
    assert decode(result.encode()).encoding.jpeg_quality == pytest.approx(92, abs=1)
    assert decode(result.encode(quality=50)).encoding.jpeg_quality == pytest.approx(50, abs=1)


def test_a_fine_jpeg_keeps_its_tables(change):
    data = photo_file(CLEAN, "JPEG", quality=97)
    again = decode(enhance(data, model=change).encode())
    assert again.encoding.jpeg_tables == decode(data).encoding.jpeg_tables


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(orientation, same):
    image = pil(CLEAN)
    exif = exif_of(orientation=orientation)
    data = photo_file(CLEAN, exif=exif)
    image.info["exif"] = exif.tobytes()
    image.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    result = enhance(data, model=same)
    assert result.steps
    np.testing.assert_array_equal(result.array, upright)
    for kind in ("PNG", "JPEG", "WEBP", "TIFF"):
        again = opened(result.encode(format=kind))
        assert again.getexif().get(0x0112, 1) == 1
        assert again.getexif()[0x010F] == "Kamera"
        assert again.size == upright.shape[1::-1]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_wide_colour_space_is_kept(dtype, same):
    data = photo_file(CLEAN, icc_profile=DISPLAY_P3)
    if dtype == np.uint16:
        deep = scene(dtype=dtype)
        picture = decode(data).with_pixels(deep)
        data = encode(picture, format="PNG")
    before = decode(data)
    assert not before.colour.is_srgb
    result = enhance(data, model=same)
    assert result.array.dtype == dtype
    steps = 1 if dtype == np.uint8 else 64
    assert np.abs(result.array.astype(int) - before.pixels).max() <= steps
    assert opened(result.encode()).info["icc_profile"] == DISPLAY_P3
    doubled = enhance(data, scale=2)
    assert opened(doubled.encode()).info["icc_profile"] == DISPLAY_P3
    mean = before.pixels.mean((0, 1))
    assert np.abs(doubled.array.mean((0, 1)) - mean).max() < 0.02 * np.iinfo(dtype).max


def test_transparent_parts_leave_no_fringe():
    y, x = np.mgrid[0:64, 0:64]
    inside = np.hypot(y - 32, x - 32) < 20
    array = np.zeros((64, 64, 4), np.uint8)
    array[inside] = 200, 120, 160, 255
    result = enhance(array, scale=2)
    alpha = result.picture.alpha
    assert alpha is not None
    assert alpha.shape == (128, 128)
    assert alpha[64, 64] == 255
    assert alpha[0, 0] == 0
    seen = result.array[alpha > 0].astype(int)
    assert np.abs(seen - (200, 120, 160)).max() < 12


def test_what_is_beside_the_pixels_stays():
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a/></x:xmpmeta>'
    data = photo_file(
        NOISY, "JPEG", quality=95, dpi=(300, 300), exif=exif_of(), xmp=xmp, icc_profile=DISPLAY_P3
    )
    result = enhance(data)
    assert not result.unchanged
    again = opened(result.encode())
    assert again.format == "JPEG"
    assert again.info["dpi"] == (300, 300)
    assert again.info["icc_profile"] == DISPLAY_P3
    assert xmp in again.info["xmp"]
    assert again.getexif()[0x010F] == "Kamera"
    assert again.getexif().get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
    stripped = opened(result.encode(strip=True))
    assert stripped.info["icc_profile"] == DISPLAY_P3
    assert not stripped.getexif()
    assert "xmp" not in stripped.info


@pytest.mark.parametrize("wishes", [{"noise": 20}, {"scale": 2}, {"scale": 4}])
def test_tiles_equal_the_whole(wishes):
    picture = noisy(scene(100, 130), 5)
    whole = enhance(picture, **wishes)
    tiled = enhance(picture, tile=48, **wishes)
    # Rounding to whole numbers may fall either way where sums are taken in another order.
    assert np.abs(whole.array.astype(int) - tiled.array).max() <= 1
    with pytest.raises(UsageError, match="tile of 4 "):
        enhance(picture, tile=4, **wishes)


def test_progress_runs_from_0_to_1_over_all_steps():
    seen = []
    result = enhance(noisy(scene(100, 130), 20), scale=2, tile=48, progress=seen.append)
    assert len(result.steps) == 2
    assert len(seen) > 10
    assert seen == sorted(seen)
    assert 0 < seen[0] <= 0.5
    assert seen[-1] == 1
    assert enhance(CLEAN, progress=pytest.fail).unchanged


def test_cancelling():
    with pytest.raises(Cancelled, match="stopped on request"):
        enhance(NOISY, cancelled=lambda: True)
    seen = []
    with pytest.raises(Cancelled):
        enhance(NOISY, tile=48, progress=seen.append, cancelled=lambda: len(seen) == 2)
    assert len(seen) == 2


def test_the_limit_on_megapixels():
    data = photo_file(CLEAN)
    with pytest.raises(LimitError, match=r"limit is 0\.001"):
        enhance(data, max_megapixels=0.001)
    assert enhance(data, max_megapixels=0.00512).unchanged
    for limit in (0, -1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match=f"limit of {limit:g} megapixels"):
            enhance(data, max_megapixels=limit)


def test_an_unknown_device():
    with pytest.raises(UsageError, match="'tpu'"):
        enhance(CLEAN, device="tpu")


def test_a_users_own_network(tmp_path):
    doubling = tiny_network(tmp_path / "mine.onnx", scale=2, identity=True)
    result = enhance(CLEAN, model=str(doubling))
    np.testing.assert_array_equal(result.array, CLEAN.repeat(2, 0).repeat(2, 1))
    assert result.steps[0].model.card.name == "mine"
    with pytest.raises(UsageError, match="enlarges by 2, but 4"):
        enhance(CLEAN, model=str(doubling), scale=4)
    with pytest.raises(ModelError, match=r"nowhere\.onnx"):
        enhance(CLEAN, model=str(tmp_path / "nowhere.onnx"))
    with pytest.raises(ModelError, match="'nobody'"):
        enhance(CLEAN, model="nobody")


def test_values_that_are_no_picture_are_refused(tmp_path):
    poison = tiny_model(tmp_path, identity=True, poison=True).path
    with pytest.raises(ComputeError, match="non-finite"):
        enhance(np.full((16, 16, 3), 255, np.uint8), model=str(poison))


def test_the_source_is_not_changed():
    before = NOISY.copy()
    image = pil(NOISY)
    enhance(NOISY, scale=2)
    enhance(image)
    np.testing.assert_array_equal(NOISY, before)
    np.testing.assert_array_equal(np.asarray(image), before)


def test_saving(tmp_path):
    result = enhance(NOISY)
    path = result.save(tmp_path / "new" / "out.webp", quality=80)
    assert opened(path.read_bytes()).format == "WEBP"
    with pytest.raises(UsageError, match=r"\.xyz"):
        result.save(tmp_path / "out.xyz")


def test_report():
    report = enhance(NOISY).as_dict()
    assert report["width"] == report["height"] == 96
    assert report["unchanged"] is False
    assert report["steps"][0]["model"] == "restore"
    assert report["steps"][0]["name"] == "restore"
    assert report["found"]["noise"]["value"] == pytest.approx(25, abs=4)
    assert report["left"]["noise"]["value"] < 10
    assert not report["left"]["noise"]["found"]
    json.dumps(report, allow_nan=False)


def test_forecast_runs_nothing_and_says_the_size():
    enhancer, picture = Enhancer(), from_array(NOISY)
    plan = enhancer.plan(picture, Wishes(scale=4))
    forecast = enhancer.forecast(picture, plan)
    assert (forecast.width, forecast.height) == (384, 384)
    assert [step.model.card.name for step in plan.steps] == ["restore", "sr-x4"]
    assert forecast.tiles == 2
    assert forecast.memory > NOISY.nbytes
    large = from_array(np.zeros((600, 600, 3), np.uint8))
    small, usual = (Enhancer(Networks(tile=tile)).forecast(large, plan) for tile in (48, None))
    assert small.memory < usual.memory
    assert small.tiles > usual.tiles


def test_a_forecast_counts_file_and_formats_even_where_nothing_is_done():
    enhancer, picture = Enhancer(), from_array(NOISY)
    nothing = Plan(enhancer.diagnose(picture), ())
    copied = enhancer.forecast(picture, nothing).memory
    assert copied > 100_000_000
    assert enhancer.forecast(picture, nothing, file=10**9).memory == copied + 10**9
    large = from_array(np.zeros((3000, 2000, 3), np.uint8))
    tiff, avif = (enhancer.forecast(large, nothing, format=one).memory for one in ("TIFF", "AVIF"))
    assert copied < tiff < avif
    with pytest.raises(UsageError, match="HEIF"):
        enhancer.forecast(picture, nothing, format="HEIF")


@pytest.fixture(scope="module")
def vivid(tmp_path_factory):
    """The file of a tiny network that has a vivid variant, and that of the variant."""
    pair = vivid_pair(tmp_path_factory.mktemp("vivid"), scale=2)
    return tuple(str(model.path) for model in pair)


def test_detail_0_and_1_are_the_two_networks(vivid):
    faithful, rich = (enhance(NOISY, model=name).array for name in vivid)
    assert (faithful != rich).any()
    np.testing.assert_array_equal(enhance(NOISY, model=vivid[0], detail=0).array, faithful)
    np.testing.assert_array_equal(enhance(NOISY, model=vivid[0], detail=1).array, rich)


def test_detail_is_a_dial(tmp_path, vivid):
    """The more detail, the further from the faithful picture."""
    shipped = str(perturbed_pair(tmp_path, "restore")[0].path)
    deep = noisy(scene(96, 96, dtype=np.uint16), 15)
    for model in (vivid[0], shipped):
        outputs = [
            enhance(deep, model=model, noise=15, detail=detail).array.astype(float)
            for detail in (0, 0.25, 0.5, 0.75, 1)
        ]
        away = [np.sqrt(np.mean((output - outputs[0]) ** 2)) for output in outputs]
        assert away[0] == 0
        # A little less than before only where rounding to the picture's levels makes it so.
        assert (np.diff(away) > -1).all()
        assert away[-1] > away[1] > 0


def forecast_of(wishes):
    enhancer, picture = Enhancer(), from_array(NOISY)
    return enhancer.forecast(picture, enhancer.plan(picture, wishes))


def test_what_was_restored_is_enlarged_by_vivid_weights_of_its_own():
    """Both are open side by side: neither stands in for the other."""
    enhancer, size = Enhancer(Networks()), {"scale": 4, "detail": 0.5, "detail_everywhere": True}
    part = NOISY[:40, :40]
    for noise, steps in ((None, ["sr"]), (20.0, ["restore", "sr"]), (None, ["sr"])):
        wishes = Wishes(noise=noise, skip=() if noise else ("restore",), **size)
        result = enhancer(part, wishes)
        assert [step.name for step in result.steps] == steps
        vivid = result.steps[-1].vivid
        assert vivid is not None
        name = "sr-x4-vivid-restored" if noise else "sr-x4-vivid"
        assert vivid.card.name == name
        fresh = Enhancer(Networks())(part, wishes)
        np.testing.assert_array_equal(result.array, fresh.array)


def test_detail_stands_in_reports(vivid):
    wishes = Wishes(model=vivid[0], detail=0.4, detail_everywhere=True)
    result = Enhancer()(NOISY, wishes)
    assert result.as_dict()["steps"][0]["detail"] == 0.4
    assert result.as_dict()["notes"] == []
    forecast = forecast_of(wishes).as_dict()
    assert forecast["steps"][0]["detail"] == 0.4
    assert forecast["notes"] == []


def test_detail_without_a_vivid_variant_is_a_note(change):
    wishes = Wishes(model=change, detail=0.5)
    note = "no vivid variant of 'change': detail has no effect"
    result = Enhancer()(NOISY, wishes)
    np.testing.assert_array_equal(result.array, enhance(NOISY, model=change).array)
    assert result.as_dict()["notes"] == forecast_of(wishes).as_dict()["notes"] == [note]
    assert result.as_dict()["steps"][0]["detail"] == 0
    # A photo that is left alone lacks nothing.
    assert enhance(CLEAN, detail=0.5).as_dict()["notes"] == []


def test_best_is_the_mean_over_turns_of_the_photo(change):
    photo = NOISY[:64, :96] // 8 + 100
    best = enhance(photo, model=change, effort="best")
    turned = [np.rot90(photo, quarter)[:, ::mirror] for quarter in range(4) for mirror in (1, -1)]
    runs = [enhance(one, model=change).array.astype(float) for one in turned]
    back = [np.rot90(one[:, :: (1, -1)[n % 2]], -(n // 2)) for n, one in enumerate(runs)]
    assert np.abs(best.array - np.mean(back, axis=0)).max() <= 1
    assert (best.array != runs[0]).any()
    assert [step.effort for step in best.steps] == ["best"]
    assert best.as_dict()["notes"] == []


def test_fast_is_another_network(tmp_path):
    slow, small = (str(model.path) for model in fast_pair(tmp_path))
    fast = enhance(NOISY, model=slow, noise=25, effort="fast")
    np.testing.assert_array_equal(fast.array, enhance(NOISY, model=small, noise=25).array)
    assert fast.as_dict()["steps"][0]["effort"] == "fast"
    assert fast.as_dict()["notes"] == []
    vivid = enhance(NOISY, model=slow, noise=25, effort="fast", detail=0.5)
    assert vivid.as_dict()["notes"] == ["no vivid variant of 'net-fast': detail has no effect"]


def test_an_effort_that_a_network_lacks_is_a_note(change):
    note = "no effort 'fast' of 'change': it is run as 'normal'"
    result = enhance(NOISY, model=change, effort="fast")
    np.testing.assert_array_equal(result.array, enhance(NOISY, model=change).array)
    assert result.as_dict()["notes"] == [note]
    assert forecast_of(Wishes(model=change, effort="fast")).as_dict()["notes"] == [note]


def test_a_mean_is_forecast():
    enhancer, picture = Enhancer(), from_array(NOISY)
    plans = (enhancer.plan(picture, Wishes(scale=2, effort=one)) for one in ("normal", "best"))
    large = from_array(np.zeros((600, 600, 3), np.uint8))
    once, eight = (enhancer.forecast(large, plan) for plan in plans)
    assert eight.seconds == pytest.approx(8 * once.seconds)
    assert eight.memory > once.memory
    assert eight.tiles == once.tiles


def test_a_pair_of_two_networks_is_refused(tmp_path):
    vivid_pair(tmp_path, "pair")
    tiny_network(tmp_path / "pair.onnx", convs=3)
    (tmp_path / "pair.toml").unlink()
    with pytest.raises(ModelError, match="'pair' and 'pair-vivid' are not one network"):
        enhance(NOISY, model=str(tmp_path / "pair.onnx"), detail=0.5)


def tinting(tmp_path, scale=1):
    """The file of a network that tints a little at a detail of 0.1, and its card."""
    path = tiny_model(tmp_path, "tint", identity=True, scale=scale).path
    tiny_network(tmp_path / "other.onnx", seed=3, scale=scale)
    card = path.with_suffix(".toml")
    card.write_text(card.read_text().replace('vivid = ""', 'vivid = "other.onnx"'))
    return path, card


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [1, 2])
def test_local_mean_colour_is_kept_unless_the_card_says_otherwise(tmp_path, dtype, channels, scale):
    path, card = tinting(tmp_path, scale)
    picture = scene(128, 160, channels, dtype)
    peak = np.iinfo(dtype).max
    detail = 0.1 if channels == 3 else 0.3  # grey is tinted less

    def drift():
        output = enhance(picture, model=str(path), detail=detail).array / peak
        cells = output.reshape(4, 32 * scale, 5, 32 * scale, channels).mean((1, 3))
        return np.abs(cells - picture.reshape(4, 32, 5, 32, channels).mean((1, 3)) / peak).mean()

    locked = drift()
    card.write_text(card.read_text().replace("recolours = false", "recolours = true"))
    free = drift()
    assert free > 0.01
    assert locked < 0.15 * free


def test_the_lock_is_off_for_light_and_tone(tmp_path):
    path, card = tinting(tmp_path)
    locked = enhance(CLEAN, model=str(path), detail=0.1).array
    text = card.read_text()
    card.write_text(text.replace("recolours = false", "recolours = true"))
    free = enhance(CLEAN, model=str(path), detail=0.1).array
    assert (locked != free).any()
    for task in ("lowlight", "phone"):
        card.write_text(text.replace('"restore"', f'"{task}"'))
        output = enhance(CLEAN, model=str(path), detail=0.1).array
        np.testing.assert_array_equal(output, free)


def test_the_lock_does_not_touch_alpha(tmp_path):
    path, _ = tinting(tmp_path)
    alpha = np.random.default_rng(0).integers(0, 256, (64, 80, 1), dtype=np.uint8)
    result = enhance(np.concatenate([CLEAN, alpha], axis=2), model=str(path), detail=0.1)
    np.testing.assert_array_equal(result.picture.alpha, alpha[:, :, 0])


def test_the_examples_in_the_documentation():
    for module in (undegrade, undegrade.enhancer):
        assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"strength": "1"}, "strength = '1' is no number"),
        ({"noise": "15"}, "noise = '15' is no number"),
        ({"detail": None}, "detail = None is no number"),
        ({"scale": "2"}, "scale = '2' is no number"),
        ({"scale": 2.5}, "cannot enlarge by 2.5"),
        ({"model": 5}, "model = 5 is neither"),
        ({"task": ["sr"]}, "no task"),
        ({"keep": 5}, "keep = 5 is no list of names"),
        ({"skip": None}, "skip = None is no list of names"),
        ({"threads": 10**6}, "threads = 1000000 is impossible"),
        ({"threads": "2"}, "threads = '2' is impossible"),
        ({"tile": 0}, "tile = 0 is impossible"),
        ({"progress": 5}, "progress = 5 cannot be called"),
        ({"cancelled": True}, "cancelled = True cannot be called"),
    ],
)
def test_what_is_of_the_wrong_kind_is_told(wish, says):
    with pytest.raises(UsageError, match=re.escape(says)):
        enhance(np.zeros((16, 16, 3), np.uint8), **wish)


def test_one_name_needs_no_list():
    enhance(np.zeros((16, 16, 3), np.uint8), keep="grain", add="lowlight", skip="phone")


def test_a_scale_may_be_a_float():
    assert Wishes(scale=2.0) == Wishes(scale=2)
