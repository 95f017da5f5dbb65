"""Against published values, on the public sets that lie beside the repository."""

from __future__ import annotations

import pytest

from tests.shared_data import shared
from undegrade.evaluation import evaluate, make_plan


def measured(protocol, data, models=(), metrics=("psnr",), **values):
    """Means by setting, model and metric; the gates are checked on the way."""
    plan = make_plan(
        [str(model) for model in models],
        protocol,
        shared("data", "test", f"{data}.tar"),
        parameters=values,
        metrics=metrics,
        threads=1,
    )
    outcome = evaluate(plan)
    assert not outcome.failures
    return {(row.setting, row.model, row.metric): row.mean for row in outcome.rows}


def peer(name):
    return shared("weights", "peers", f"{name}.onnx")


def test_bicubic_set5():
    """Source: tables of the literature, which enlarge luma alone: 0.01 to 0.02 dB below."""
    found = measured("sr-bicubic", "set5", metrics=("psnr", "ssim"))
    published = {"x2": (33.66, 0.930), "x3": (30.39, 0.869), "x4": (28.42, 0.811)}
    for setting, (psnr, ssim) in published.items():
        assert found[setting, "bicubic", "psnr"] == pytest.approx(psnr, abs=0.022)
        assert found[setting, "bicubic", "ssim"] == pytest.approx(ssim, abs=0.001)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["jpeg-color", "jpeg-gray"])
def test_jpeg_live1(protocol):
    """The gates themselves: PSNR, SSIM and PSNR-B of FBCNN's tables."""
    found = measured(protocol, "live1", metrics=("psnr", "ssim", "psnr-b"))
    assert len(found) == 4 * 3


def test_jpeg_live1_at_one_quality():
    found = measured("jpeg-color", "live1", jpeg=[10])
    assert found["quality 10", "none", "psnr"] == pytest.approx(25.69, abs=0.02)
    found = measured("jpeg-gray", "live1", jpeg=[10])
    assert found["quality 10", "none", "psnr"] == pytest.approx(27.77, abs=0.02)


@pytest.mark.parametrize(
    ("sigma", "psnr"),
    [
        pytest.param(15, 24.61, marks=pytest.mark.slow),
        (25, 20.17),
        pytest.param(50, 14.15, marks=pytest.mark.slow),
    ],
)
def test_noise_cbsd68(sigma, psnr):
    found = measured("denoise-color", "cbsd68", noise=[sigma])
    assert found[f"sigma {sigma}", "none", "psnr"] == pytest.approx(psnr, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "scale", "psnr"),
    [
        ("sr-imdn-x2", 2, 38.00),
        ("sr-imdn-x4", 4, 32.21),
        ("sr-rfdn-x4", 4, 32.16),
        ("sr-vdsr-onY", 4, 31.45),
    ],
)
def test_super_resolution_of_peers(name, scale, psnr):
    """Source: the papers of IMDN, VDSR's README; of RFDN an earlier measurement."""
    found = measured("sr-bicubic", "set5", [peer(name)], scale=[scale])
    assert found[f"x{scale}", name, "psnr"] == pytest.approx(psnr, abs=0.02)


@pytest.mark.slow
def test_denoising_of_a_peer():
    """Source: FFDNet's table for CBSD68."""
    found = measured("denoise-color", "cbsd68", [peer("denoise-ffdnet-color")], noise=[25])
    assert found["sigma 25", "denoise-ffdnet-color", "psnr"] == pytest.approx(31.21, abs=0.02)


@pytest.mark.slow
def test_jpeg_of_a_peer():
    """Source: DnCNN-3 in FBCNN's table."""
    found = measured("jpeg-gray", "live1", [peer("gray-dncnn3")], jpeg=[10])
    assert found["quality 10", "gray-dncnn3", "psnr"] == pytest.approx(29.19, abs=0.02)


def test_real_noise_of_polyu():
    """The gate itself, our own measurement; that of 20 other crops of the set is 35.67."""
    found = measured("real-noise", "polyu_val", metrics=("psnr", "ssim"))
    assert found["unasked", "none", "psnr"] == pytest.approx(35.7, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["live1", "cbsd68"])
def test_what_people_enlarge(name):
    """The gates themselves, our own measurement."""
    assert len(measured("sr-real", name, metrics=("psnr", "ssim"))) == 2 * 2


@pytest.mark.slow
def test_a_camera_on_cbsd68():
    """The gates themselves, our own measurement."""
    assert len(measured("camera", "cbsd68", metrics=("psnr", "ssim"))) == 3 * 2
