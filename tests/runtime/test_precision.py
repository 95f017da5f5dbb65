"""In which numbers a network runs, and that 8 bit keeps every promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.networks import tiny_model
from undegrade.catalog import Catalog, Model, user_folder
from undegrade.errors import ModelError, UsageError
from undegrade.imaging.jpeg_tables import quality_of_level
from undegrade.levels import Levels
from undegrade.runtime import (
    WholePhoto,
    choose_precision,
    device,
    open_network,
    process,
    verify_model,
)
from undegrade.runtime.device import MOST_LOSS, cpu_flags, has_dot_products

SHIPPED = [
    name for name, model in Catalog(user_folder() / "none").enhancing.items() if model.card.int8
]


@pytest.fixture
def model(tmp_path):
    """A network with a file in 8 bit that loses little; the file itself is never opened."""
    made = tiny_model(tmp_path)
    (tmp_path / "tiny-int8.onnx").write_bytes(b"")
    return Model(replace(made.card, int8="tiny-int8.onnx", int8_loss_db=0.02), made.path)


@pytest.fixture
def fast_cpu(monkeypatch):
    monkeypatch.setattr(device, "has_dot_products", lambda: True)


def test_auto_takes_8_bit_where_it_gains_and_loses_little(model, fast_cpu, monkeypatch):
    assert choose_precision(model, device="cpu") == "int8"
    assert choose_precision(model, "fp32", device="cpu") == "fp32"
    worse = replace(model, card=replace(model.card, int8_loss_db=0.1))
    assert choose_precision(worse, device="cpu") == "fp32"
    assert choose_precision(worse, "int8", device="cpu") == "int8"
    assert choose_precision(model, device="cpu", mixed=True) == "fp32"
    monkeypatch.setattr(device, "has_dot_products", lambda: False)
    assert choose_precision(model, device="cpu") == "fp32"
    assert choose_precision(model, "int8", device="cpu") == "int8"


def test_auto_is_float_on_a_gpu(model, fast_cpu, monkeypatch):
    monkeypatch.setattr(device, "providers", lambda device: ["CUDAExecutionProvider"])
    assert choose_precision(model) == "fp32"
    with pytest.raises(UsageError, match=r"are for the CPU and OpenVINO; use --device cpu"):
        choose_precision(model, "int8")


def test_8_bit_that_cannot_be_is_refused_with_a_way_out(model, fast_cpu):
    with pytest.raises(UsageError, match=r"vivid weights .* float32; use --detail 0"):
        choose_precision(model, "int8", mixed=True)
    with pytest.raises(UsageError, match=r"no precision 'int4'; choose one of: auto, fp32, int8"):
        choose_precision(model, "int4")
    model.path.with_name("tiny-int8.onnx").unlink()
    assert choose_precision(model) == "fp32"
    with pytest.raises(UsageError, match=r"there is no 'tiny-int8.onnx'"):
        choose_precision(model, "int8")
    plain = replace(model, card=replace(model.card, int8=""))
    assert choose_precision(plain) == "fp32"
    with pytest.raises(UsageError, match=r"no such weights; .*undegrade quantise"):
        open_network(plain, precision="int8")


@pytest.mark.parametrize(
    ("flags", "fast"), [("fpu avx2 avx512f", False), ("fpu avx_vnni", True), ("amx_int8", True)]
)
def test_dot_products_are_read_off_the_flags(tmp_path, monkeypatch, flags, fast):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor : 0\nflags\t\t: {flags}\n")
    assert has_dot_products(info) is fast
    assert not has_dot_products(tmp_path / "none")
    assert cpu_flags(info) == set(flags.split())
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert not has_dot_products(info)


def test_flags_of_arm_have_another_name(tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nFeatures\t: fp asimd bf16\nCPU part\t: 0xd49\n")
    assert cpu_flags(info) == {"fp", "asimd", "bf16"}
    assert cpu_flags(tmp_path / "none") == set()


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_8_bit_weights_are_sound_small_and_close(name):
    model = Catalog().find(name)
    verify_model(model)
    assert 0 <= model.card.int8_loss_db < MOST_LOSS
    assert model.path.with_name(model.card.int8).stat().st_size < model.path.stat().st_size
    rng = np.random.default_rng(0)
    smooth = np.kron(rng.random((1, 3, 8, 8)), np.ones((8, 8))).astype(np.float32)
    told = Levels(noise=15, jpeg=quality_of_level(0.3)).named() | {"lift": 0.5}
    levels = [told[level] for level in model.card.levels]
    side = model.card.thumbnail
    photo = WholePhoto(np.full((1, 3, side, side), 0.2, np.float32), 64, 64) if side else None
    floats, whole = (
        open_network(model, threads=1, device="cpu", precision=kind) for kind in ("fp32", "int8")
    )
    assert (floats.precision, whole.precision) == ("fp32", "int8")
    made = [network.run(smooth, levels, photo) for network in (floats, whole)]
    assert np.abs(made[1] - made[0]).mean() < 1 / 255


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_8_bit_weights_have_no_seams(name):
    network = open_network(Catalog().find(name), threads=1, device="cpu", precision="int8")
    fine = np.random.default_rng(0).integers(0, 65536, (147, 161, 3), dtype=np.uint16)
    levels = [0.5] * len(network.card.levels)
    whole, tiled = (process(network, fine, levels, tile=t).astype(int) for t in (None, 64))
    # Whole numbers add up in any order; the float ends round as they do in float32.
    assert np.abs(tiled - whole).max() <= 7


@pytest.mark.parametrize("name", [name for name in SHIPPED if name == "restore"])
def test_level_0_is_the_identity_in_8_bit(name):
    network = open_network(Catalog().find(name), threads=1, device="cpu", precision="int8")
    pixels = np.random.default_rng(0).integers(0, 65536, (62, 70, 3), dtype=np.uint16)
    assert (process(network, pixels, [0.0] * len(network.card.levels)) == pixels).all()


@pytest.mark.parametrize("name", SHIPPED[:1])
def test_8_bit_weights_of_another_network_are_refused(name):
    model = Catalog().find(name)
    stale = replace(model, card=replace(model.card, sha256="0" * 64))
    with pytest.raises(ModelError, match=r"made from other weights .*undegrade quantise"):
        open_network(stale, device="cpu", precision="int8")
    damaged = replace(model, card=replace(model.card, int8_sha256="0" * 64))
    with pytest.raises(ModelError, match=r"int8 weights .* are damaged"):
        open_network(damaged, device="cpu", precision="int8")
