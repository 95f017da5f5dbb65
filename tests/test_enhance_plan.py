"""``enhance()`` does what the diagnosis asks for, as far as the dials say, and looks again."""

from __future__ import annotations

import shutil
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.diagnosis.made_up import BLUE, DARK, made_up, noise, scale
from tests.diagnosis.readers import Told
from tests.networks import tiny_model, tiny_network
from tests.photos import noisy, photo_file, psnr, scene
from undegrade import Enhancer, enhance
from undegrade import diagnose as diagnose_photo
from undegrade.catalog import Catalog, user_folder
from undegrade.diagnosis import BLIND, diagnose
from undegrade.diagnosis.light import measure
from undegrade.errors import ModelError, UsageError
from undegrade.imaging.resize import enlarge
from undegrade.picture import decode, from_array
from undegrade.plan import LOWLIGHT, Plan, Wishes
from undegrade.runtime import Networks

EXAMPLES = Path(__file__).parents[1] / "examples" / "photos"
CLEAN = scene(96, 96)
NOISY = noisy(CLEAN, 25)


def seeing(**damage):
    """An enhancer's eyes that see the same in every picture, and keep what they have seen."""
    seen = []

    def look(picture):
        seen.append(picture)
        return made_up(**damage)

    look.seen = seen
    return look


def ours(name, **changes):
    """A tiny network of the user's in the place of a bundled one."""
    folder = user_folder()
    folder.mkdir(parents=True, exist_ok=True)
    model = tiny_model(folder, name, **changes)
    card = model.path.with_suffix(".toml")
    task = name.removesuffix("-free")
    card.write_text(card.read_text().replace('task = "restore"', f'task = "{task}"'))
    return model


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("coffee-clean.jpg", []),
        ("rocket-thumbnail.png", []),
        ("coffee-from-the-web.jpg", ["restore"]),
        ("cat-at-dusk.jpg", ["restore"]),
    ],
)
def test_the_example_photos(name, models):
    """By the network that ships."""
    before = decode(EXAMPLES / name)
    result = enhance(EXAMPLES / name)
    assert [step.model.card.name for step in result.steps] == models
    assert result.found.crops > 0
    if models:
        # What restoring leaves reads as noise of a tenth: from 2 on it counts, so here it may.
        assert result.left.noise.value < max(0.2 * result.found.noise.value, 2.0)
        assert result.left.jpeg.value > before.encoding.jpeg_quality
        assert result.left != result.found
    else:
        assert result.left == result.found
        assert result.found.is_clean
        np.testing.assert_array_equal(result.array, before.pixels)
        assert result.encode() is not None


def test_what_is_left_is_seen_in_the_pixels():
    """The tables of the file that was read say nothing of the picture that was made."""
    look = seeing()
    data = photo_file(NOISY, "JPEG", quality=20)
    Enhancer(diagnoser=look)(data, Wishes(noise=20))
    first, second = look.seen
    assert first.encoding.jpeg_quality is not None
    assert second.encoding.jpeg_quality is None
    Enhancer(diagnoser=look)(data)
    assert len(look.seen) == 3, "what was left alone is not looked at again"


def test_without_the_network_classical_eyes_look(tmp_path):
    card = Catalog().find("restore").path.with_suffix(".toml")
    for path in (card, card.with_suffix(".onnx")):
        shutil.copy(path, tmp_path)
    enhancer = Enhancer(Networks(Catalog(bundled=tmp_path)))
    result = enhancer(NOISY)
    assert [step.name for step in result.steps] == ["restore"]
    assert result.steps[0].reason.startswith("noise of sigma 2")
    assert "±" not in result.steps[0].reason
    assert BLIND in result.picture.notes
    assert BLIND in enhancer.plan(from_array(NOISY)).notes
    assert result.left.noise.value < 10


def test_dark_and_tinted_photos_go_to_their_networks():
    ours(LOWLIGHT, seed=1)
    ours("phone", seed=2)
    enhancer = Enhancer(diagnoser=seeing(exposure=DARK, yellow_blue=BLUE))
    result = enhancer(CLEAN)
    assert [step.name for step in result.steps] == ["lowlight"]
    assert result.steps[0].reason == DARK.words
    assert enhancer(CLEAN, Wishes(skip=("lowlight",))).unchanged
    asked = enhance(CLEAN, task="phone")
    assert [step.model.card.name for step in asked.steps] == ["phone"]


def test_nothing_is_lit_until_its_middle_is_too_bright():
    """The dial keeps its meaning: half of it is half of what can be borne."""
    dark = scene(700, 700) // 3
    ours(LOWLIGHT, identity=True)
    assert Enhancer(diagnoser=seeing(exposure=DARK)).plan(from_array(dark)).steps[0].strength == 1
    ours(LOWLIGHT, identity=True, gain=4.0)
    enhancer = Enhancer(diagnoser=seeing(exposure=DARK))
    full, half = (enhancer.plan(from_array(dark), Wishes(strength=s)) for s in (1.0, 0.5))
    assert 0.05 < full.steps[0].strength < 1.0
    assert full.steps[0].reason.endswith("lest the middle be too bright")
    assert half.steps[0].strength == pytest.approx(full.steps[0].strength / 2)
    lit = enhancer.run(from_array(dark), full).picture
    assert -0.5 < measure(lit).value["exposure"] <= 0.4


def test_a_network_that_is_missing_is_a_note(tmp_path):
    enhancer = Enhancer(Networks(Catalog(bundled=tmp_path)), seeing(exposure=DARK))
    result = enhancer(CLEAN)
    assert result.unchanged
    (note,) = result.picture.notes
    assert note.startswith(f"the step 'lowlight' is left out: no model is called {LOWLIGHT!r}")
    with pytest.raises(ModelError, match=LOWLIGHT):
        enhancer(CLEAN, Wishes("lowlight"))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", sorted(Catalog().enhancing))
def test_strength_has_one_meaning(name, dtype):
    """0 is the input, bit for bit, or the input plainly enlarged; more moves further."""
    picture = noisy(scene(24, 30, 3, dtype), 20)
    card = Catalog().find(name).card
    plain = picture if card.scale == 1 else enlarge(picture, card.scale)
    outputs = [
        enhance(picture, model=name, strength=s, noise=20, jpeg=40).array.astype(float)
        for s in (0, 0.3, 0.7, 1, 1.5)
    ]
    np.testing.assert_array_equal(outputs[0], plain)
    away = [np.abs(output - plain).mean() for output in outputs]
    assert all(later > earlier for earlier, later in pairwise(away)), away


def test_what_is_known_is_not_looked_for_again():
    look = seeing()
    enhancer, picture = Enhancer(diagnoser=look), from_array(NOISY)
    plan = enhancer.plan(picture, Wishes(scale=2), made_up(yellow_blue=BLUE))
    assert look.seen == []
    assert plan.found.yellow_blue.found
    result = enhancer.run(picture, plan)
    assert (result.found, len(look.seen)) == (plan.found, 1)


def test_noise_in_the_dark_is_told_as_it_will_be_once_lit():
    ours(LOWLIGHT, seed=1)
    dark = made_up(exposure=DARK, noise=noise(20))
    enhancer, picture = Enhancer(diagnoser=seeing(noise=noise(6))), from_array(NOISY)
    plan = enhancer.plan(picture, found=dark)
    assert [step.name for step in plan.steps] == ["lowlight", "restore"]
    assert noise(6).words in plan.steps[1].reason
    assert plan.found is dark
    stated = enhancer.plan(picture, Wishes(noise=20), dark)
    assert [step.name for step in stated.steps] == ["restore", "lowlight"]
    smooth = Enhancer(diagnoser=seeing()).plan(picture, found=dark)
    assert [step.name for step in smooth.steps] == ["lowlight"]


def test_a_plan_is_run_as_it_stands():
    """What one call asks for leaves nothing behind for the next."""
    enhancer, picture = Enhancer(diagnoser=seeing(scale=scale(2.5))), from_array(CLEAN)
    first = enhancer.plan(picture, Wishes(strength=0.5))
    before = enhancer.run(picture, first).array
    enhancer.run(picture, enhancer.plan(picture, Wishes(scale=2, detail=1.0)))
    np.testing.assert_array_equal(enhancer.run(picture, first).array, before)
    assert (before != CLEAN).any()


def test_diagnose_says_what_enhance_finds():
    assert diagnose_photo(NOISY) == enhance(NOISY).found


def test_strength_mixes_networks_without_levels(tmp_path):
    path = str(tiny_network(tmp_path / "change.onnx"))
    whole = enhance(CLEAN, model=path).array.astype(float)
    half = enhance(CLEAN, model=path, strength=0.5).array
    assert np.abs(half - (CLEAN + whole) / 2).max() <= 0.5


def test_keeping_grain_keeps_noise():
    noises = [
        enhance(NOISY, noise=25, keep=keep).array.astype(float) - CLEAN for keep in ((), ("grain",))
    ]
    gone, kept = (float(np.std(noise)) for noise in noises)
    before = float(np.std(NOISY.astype(float) - CLEAN))
    assert gone < 0.4 * before
    assert 0.4 * before < kept < 0.9 * before
    # JPEG artefacts are no grain.
    data = photo_file(CLEAN, "JPEG", quality=10)
    np.testing.assert_array_equal(enhance(data).array, enhance(data, keep=("grain",)).array)


@pytest.mark.parametrize("size", [(128, 160), (97, 131)])
@pytest.mark.parametrize(("times", "wished"), [(2, None), (4, None), (2, 2)])
def test_detail_comes_back_where_a_photo_was_enlarged(size, times, wished):
    small = scene(-(-size[0] // times), -(-size[1] // times))
    truth = enhance(small, scale=times, task="sr").array[: size[0], : size[1]]
    photo = enlarge(small, times)[: size[0], : size[1]]
    enhancer = Enhancer(diagnoser=seeing(scale=scale(times + 0.5)))
    result = enhancer(photo, Wishes(scale=wished))
    (step,) = result.steps
    assert (step.name, step.shrink) == ("sr" if wished else "resharpen", times)
    assert result.array.shape[:2] == tuple(side * (wished or 1) for side in size)
    if wished is None:
        inner = (slice(8, -8), slice(8, -8))
        assert psnr(result.array[inner], truth[inner]) > psnr(photo[inner], truth[inner]) + 1


def test_a_forecast_counts_what_a_step_reduces():
    large = from_array(scene(400, 600))
    enhancer = Enhancer(Networks(tile=256), seeing(scale=scale(2.5)))
    forecast = enhancer.forecast(large, enhancer.plan(large))
    assert (forecast.width, forecast.height) == (600, 400)
    assert forecast.tiles == 2
    assert forecast.memory > enhancer.forecast(large, Plan(made_up(), ())).memory


@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_precisions(precision):
    assert enhance(NOISY, noise=25, precision=precision).steps
    with pytest.raises(UsageError, match="'fp8'"):
        enhance(NOISY, precision="fp8")


def test_the_diagnosis_is_told_in_full():
    look = partial(diagnose, reader=Told(noise=20.0))
    report = Enhancer(diagnoser=look)(NOISY).as_dict()
    assert report["found"]["noise"]["words"].startswith("noise of sigma 2")
    assert report["found"].keys() == report["left"].keys()
    assert report["steps"][0]["reason"] == report["found"]["noise"]["words"]
