"""What crops and pixels say becomes one diagnosis, in numbers and words."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.diagnosis.readers import Told, tiny_reader
from tests.photos import noisy, photo_file, scene
from undegrade.diagnosis import diagnose, open_reader
from undegrade.diagnosis.units import QUANTITIES
from undegrade.errors import ModelError
from undegrade.imaging.noise_levels import KNOTS
from undegrade.picture import decode, from_array


def wide(height=160, width=200):
    pixels = scene(height, width).astype(float)
    return np.rint((pixels - pixels.min()) / np.ptp(pixels) * 255).astype(np.uint8)


def test_a_clean_photo():
    found = diagnose(from_array(wide()), Told())
    assert found.is_clean
    assert found.words == ()
    assert found.noise.value == found.blur.value == 0
    assert found.jpeg.value == 100
    assert found.scale.value == 1
    assert found.crops == 4


@pytest.mark.parametrize(
    ("told", "name", "says"),
    [
        ({"noise": 20.0}, "noise", "noise of sigma 20.0"),
        ({"jpeg": 30.0}, "jpeg", "JPEG artefacts of quality 30"),
        ({"blur": 2.0}, "blur", "blurred by 2.0"),
    ],
)
def test_one_damage(told, name, says):
    found = diagnose(from_array(wide()), Told(**told))
    assert [key for key, finding in found.findings().items() if finding.found] == [name]
    assert found.findings()[name].value == pytest.approx(told[name])
    assert found.findings()[name].uncertainty > 0
    assert says in found.words[0]
    assert not found.is_clean


def test_what_is_not_sure_is_not_found():
    found = diagnose(from_array(wide()), Told(noise=20, jpeg=30, blur=2, deviation=1.0))
    assert found.is_clean
    assert found.noise.uncertainty > 10


@pytest.mark.parametrize(("blur", "found"), [(0.0, False), (0.3, False), (0.6, True)])
def test_blur_is_told_from_sharpness_with_the_doubt_that_real_photos_leave(blur, found):
    seen = diagnose(from_array(wide()), Told(blur=blur, deviation=0.2))
    assert seen.blur.found == found


def test_a_photo_with_nothing_on_it_is_not_flat_but_empty():
    grey = np.full((64, 64, 3), 128, np.uint8)
    assert diagnose(from_array(grey), Told()).is_clean
    faint = (112 + wide() / 16).astype(np.uint8)
    assert diagnose(from_array(faint), Told()).flatness.found


def test_photos_too_small_for_the_network_are_left_to_classical_eyes():
    told = Told(noise=20, blur=3)
    small = diagnose(from_array(scene(31, 200)), told)
    assert told.crops == []
    assert not small.noise.found
    assert not small.blur.found
    assert diagnose(from_array(noisy(scene(32, 200), 20)), told).noise.found
    # Its mirror images may look noisy where it is not.
    assert not diagnose(from_array(scene(32, 200)), told).noise.found


def test_noise_that_can_be_measured_corrects_what_is_read():
    pixels = noisy(scene(384, 512), 20)
    found = diagnose(from_array(pixels), Told(noise=25, deviation=0.06))
    assert found.noise.value == pytest.approx(20.5, abs=1)
    assert found.noise.uncertainty < 3
    # But what is read stays where the noise was coded, and where the two are not of one thing.
    assert diagnose(from_array(pixels), Told(noise=25, jpeg=40)).noise.value == pytest.approx(25)
    assert diagnose(from_array(pixels), Told(noise=45)).noise.value == pytest.approx(45)


def test_a_dark_photo():
    dark = (wide() * 0.3).astype(np.uint8)
    found = diagnose(from_array(dark), Told())
    assert found.exposure.found
    assert "below mid grey" in found.words[0]


@pytest.mark.parametrize("quality", [30, 60, 85])
def test_the_files_tables_are_taken_where_the_pixels_agree(quality):
    picture = decode(photo_file(wide(), "JPEG", quality=quality))
    found = diagnose(picture, Told(jpeg=quality - 2))
    assert found.jpeg.value == found.file_quality == pytest.approx(quality, abs=1)
    assert found.jpeg.found
    assert found.jpeg.uncertainty == 0


def test_a_file_that_was_saved_again_is_seen_through():
    picture = decode(photo_file(wide(), "JPEG", quality=95))
    found = diagnose(picture, Told(jpeg=30))
    assert found.jpeg.value == pytest.approx(30)
    assert "the file says 95" in found.jpeg.words
    assert diagnose(picture, Told(jpeg=30, deviation=0.5)).jpeg.value == pytest.approx(95, abs=1)


def test_noise_that_depends_on_brightness():
    pixels = np.zeros((512, 512, 3), np.uint8)
    pixels[:] = np.linspace(20, 235, 512, dtype=np.uint8)[:, None]

    def reader(crops):
        mean = np.zeros((len(crops), len(QUANTITIES)))
        mean[:, :3] = 0.2, 0.35, 0.6
        return mean, np.full_like(mean, 0.02)

    found = diagnose(from_array(pixels), reader)
    assert found.noise_slope.value == pytest.approx(50 * (0.6 - 0.2) / (KNOTS[-1] - KNOTS[0]))
    assert "bright parts" in found.noise_slope.words
    assert found.noise.value == pytest.approx(found.noise_luma.value)
    assert found.noise_levels == pytest.approx((0.2, 0.35, 0.6, 0, 0, 0))


def test_plain_data_goes_through_json():
    row = json.loads(
        json.dumps(diagnose(from_array(scene(1, 1)), Told()).as_dict(), allow_nan=False)
    )
    assert row["noise"]["value"] == 0
    assert {"clean", "jpeg", "blur", "exposure", "file_quality"} <= row.keys()


def test_the_reader_runs_in_batches(tmp_path):
    reader = open_reader(tiny_reader(tmp_path), threads=1)
    crops = np.random.default_rng(0).random((19, 3, 128, 128), np.float32)
    mean, deviation = reader(crops)
    assert mean.shape == deviation.shape == (19, len(QUANTITIES))
    assert (deviation > 0).all()
    one, _ = reader(crops[17:18])
    np.testing.assert_allclose(one[0], mean[17], atol=1e-6)
    assert diagnose(from_array(wide()), reader).crops == 4


def test_networks_that_cannot_be_used(tmp_path):
    model = tiny_reader(tmp_path)
    whole = model.path.read_bytes()
    model.path.write_bytes(whole + b"more")
    with pytest.raises(ModelError, match="damaged"):
        open_reader(model)
    model.path.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        open_reader(model)
    with pytest.raises(ModelError, match="crops are 3 x 128 x 128"):
        open_reader(tiny_reader(tmp_path, side=64))
    crops = np.zeros((1, 3, 128, 128), np.float32)
    for wrong in ({"outputs": 4}, {"poison": True}):
        with pytest.raises(ModelError, match="returned"):
            open_reader(tiny_reader(tmp_path, **wrong))(crops)


@pytest.mark.parametrize(
    "wrong",
    [{"levels": ("noise", "fog")}, {"crop": 64}, {"task": "restore", "levels": ()}],
)
def test_cards_that_cannot_be_used(tmp_path, wrong):
    model = tiny_reader(tmp_path)
    with pytest.raises(ModelError, match=r"card of 'diagnosis'.*export one that reads luma_dark"):
        open_reader(replace(model, card=replace(model.card, **wrong)))
