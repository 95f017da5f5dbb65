"""OpenVINO as a second runtime: what ONNX Runtime computes, to rounding."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from tests.networks import tiny_model
from undegrade import enhance
from undegrade.catalog import Catalog
from undegrade.errors import ModelError
from undegrade.runtime import devices, open_network, open_session, openvino, process
from undegrade.runtime.thumbnail import WholePhoto

installed = pytest.mark.skipif(
    not openvino.is_installed(), reason='needs pip install "undegrade[openvino]"'
)
MODELS = Catalog().models
ENHANCING = [name for name, model in MODELS.items() if model.card.enhances]
PHOTO = np.random.default_rng(0).integers(0, 256, (41, 53, 3), np.uint8)
CLOSE = 2e-5
"""Of the scale of 0 to 1: sums in another order."""


def run(model, device, precision):
    """The output on a picture of noise, at levels of a half."""
    network = open_network(model, threads=1, device=device, precision=precision)
    card, rng = network.card, np.random.default_rng(0)
    side = 32 * card.multiple
    window = rng.random((1, 3, side, side), np.float32)
    small = rng.random((1, 3, card.thumbnail, card.thumbnail), np.float32)
    output = network.run(window, [0.5] * len(card.levels), WholePhoto(small, side, side))
    assert network.notes == ()
    return output


@installed
@pytest.mark.parametrize("name", ENHANCING)
def test_every_shipped_network_gives_what_onnx_runtime_gives(name):
    theirs, ours = (run(MODELS[name], device, "fp32") for device in ("openvino", "cpu"))
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=CLOSE)


@installed
@pytest.mark.parametrize("name", [name for name in ENHANCING if MODELS[name].card.int8])
def test_networks_in_8_bit_run_there_too(name):
    theirs, ours = (run(MODELS[name], device, "int8") for device in ("openvino", "cpu"))
    exact = run(MODELS[name], "cpu", "fp32")
    # Processors round 8 bit each in a way of its own: both are held to what they stand for.
    lost, usual = (np.abs(output - exact) for output in (theirs, ours))
    assert lost.mean() < 1.25 * usual.mean()
    assert lost.max() < 1.5 * usual.max()


@installed
def test_it_is_a_device_like_another(tmp_path):
    assert "openvino" in devices()
    model = str(tiny_model(tmp_path, "net").path)
    there, here = (enhance(PHOTO, model=model, device=device) for device in ("openvino", "cpu"))
    assert there.as_dict()["notes"] == []
    assert np.abs(there.array.astype(int) - here.array).max() <= 1


@installed
def test_tiles_leave_no_seams():
    network = open_network(MODELS["restore"], threads=1, device="openvino", precision="fp32")
    levels = [0.5] * len(network.card.levels)
    fine = np.random.default_rng(0).integers(0, 65536, (90, 110, 3), np.uint16)
    whole, tiled = (process(network, fine, levels, tile=t).astype(int) for t in (None, 48))
    assert np.abs(whole - tiled).max() <= 7


@installed
def test_threads_share_a_session(tmp_path):
    session = open_session(tiny_model(tmp_path).path.read_bytes(), "net", device="openvino")
    windows = np.random.default_rng(0).random((8, 1, 3, 40, 40), np.float32)

    def computed(window):
        return session.run(None, {"input": window})[0]

    expected = [computed(window) for window in windows]
    with ThreadPoolExecutor(4) as pool:
        for got, alone in zip(pool.map(computed, windows), expected, strict=True):
            np.testing.assert_array_equal(got, alone)


@installed
def test_a_graph_that_it_cannot_compile_runs_on_the_cpu_with_a_note(tmp_path, monkeypatch):
    def fails(data, threads):
        raise RuntimeError("no such operation\nand a trace")

    monkeypatch.setattr(openvino, "OpenVinoSession", fails)
    network = open_network(tiny_model(tmp_path, "net"), device="openvino")
    assert network.run(np.zeros((1, 3, 16, 16), np.float32)).shape == (1, 3, 16, 16)
    reason = "no such operation"
    assert network.notes == (f"net.onnx fails on 'openvino' and was run on the CPU: {reason}",)


@installed
def test_8_bit_weights_of_another_network_are_refused_there(tmp_path):
    model = MODELS["restore"]
    stale = replace(model, card=replace(model.card, sha256="0" * 64))
    with pytest.raises(ModelError, match="made from other weights"):
        open_network(stale, device="openvino", precision="int8")


def test_where_it_is_missing_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(openvino, "is_installed", lambda: False)
    with pytest.raises(ModelError, match=r'no device .openvino. here.*"undegrade\[openvino\]"'):
        open_session(tiny_model(tmp_path).path.read_bytes(), "net", device="openvino")
