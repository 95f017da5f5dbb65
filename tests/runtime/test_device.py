"""Devices: the CPU unless another is asked for, and the CPU again where a graph fails there."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

from tests.networks import tiny_model
from undegrade import enhance
from undegrade.errors import ModelError
from undegrade.runtime import devices, open_session, openvino, providers

PHOTO = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


@pytest.fixture
def device(monkeypatch):
    """A machine with a made-up WebGPU that fails as it is told; what has been opened, in order."""
    real, available, opened = ort.InferenceSession, ort.get_available_providers(), []

    class Session:
        fails = ""

        def __init__(self, data, options, providers, **settings):
            opened.append(providers[0])
            self.here = providers[0] != "CPUExecutionProvider"
            if self.here and Session.fails == "open":
                raise RuntimeError("no kernel for Conv\nand a trace")
            settings = {"providers": ["CPUExecutionProvider"]} | settings
            self.session = real(data, options, **settings)

        def run(self, outputs, feed):
            if self.here and Session.fails == "run":
                raise RuntimeError("device lost")
            return self.session.run(outputs, feed)

        def __getattr__(self, name):
            return getattr(self.session, name)

    Session.opened = opened
    monkeypatch.setattr(openvino, "is_installed", lambda: False)
    monkeypatch.setattr(ort, "InferenceSession", Session)
    monkeypatch.setattr(
        ort, "get_available_providers", lambda: ["WebGpuExecutionProvider", *available]
    )
    return Session


def test_what_is_here_is_chosen_only_on_request(device):
    assert devices() == ["cpu", "webgpu"]
    assert providers("auto") == providers("cpu") == ["CPUExecutionProvider"]
    for name in ("gpu", "webgpu"):
        assert providers(name) == ["WebGpuExecutionProvider", "CPUExecutionProvider"]
    with pytest.raises(ModelError, match="no device 'cuda' here, but cpu, webgpu; install"):
        providers("cuda")


@pytest.mark.parametrize(
    ("fails", "reason"), [("open", "no kernel for Conv"), ("run", "device lost"), ("", "")]
)
def test_what_fails_there_runs_on_the_cpu_with_a_note(device, tmp_path, fails, reason):
    model = str(tiny_model(tmp_path, "net").path)
    usual = enhance(PHOTO, model=model)
    assert set(device.opened) == {"CPUExecutionProvider"}
    device.fails = fails
    result = enhance(PHOTO, model=model, device="webgpu")
    assert "WebGpuExecutionProvider" in device.opened
    np.testing.assert_array_equal(result.array, usual.array)
    note = f"net.onnx fails on 'webgpu' and was run on the CPU: {reason}"
    assert result.as_dict()["notes"] == ([note] if fails else [])


def test_a_file_that_no_device_can_open_is_an_error(device):
    with pytest.raises(ModelError, match=r"bad.onnx is not a usable ONNX file"):
        open_session(b"none", "bad.onnx", device="webgpu")


def test_an_error_of_the_cpu_is_told(device, tmp_path):
    device.fails = "run"
    session = open_session(tiny_model(tmp_path).path.read_bytes(), "net", device="webgpu")
    for _ in range(2):
        with pytest.raises(Exception, match="input"):
            session.run(None, {"input": np.zeros((1, 5, 8, 8), np.float32)})
