"""The network that is guided by a thumbnail of the whole picture."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from tests.training.networks.variants import assert_every_parameter_learns  # noqa: E402
from undegrade.training.export import export, measured_radius, parity  # noqa: E402
from undegrade.training.networks import build  # noqa: E402
from undegrade.training.networks.blocks import plain  # noqa: E402

INPUTS = ("input", "thumbnail")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build("guided", coarse=8, fine=8, pairs=1, hints=4, expand=2)


def awake(network):
    """Move everything that begins as zero."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape))
    return network


def inputs(height=24, width=32):
    generator = torch.Generator().manual_seed(0)
    return (
        torch.rand(2, 3, height, width, generator=generator),
        torch.rand(2, 3, 48, 48, generator=generator),
    )


def test_it_begins_as_the_identity(network):
    x, thumbnail = inputs()
    torch.testing.assert_close(network(x, thumbnail), x, atol=1e-6, rtol=0)


def test_every_parameter_learns(network):
    assert_every_parameter_learns(awake(network), network(*inputs()).square().mean())


def test_steps_add_up(network):
    x, thumbnail = inputs()
    with torch.no_grad():
        steps = awake(network).steps(x, thumbnail)
        wanted = network.guide(thumbnail)[:, :3]
        lit = 1 - (1 - x) ** torch.exp2(wanted)
    torch.testing.assert_close(steps.base, lit - steps.degradation, atol=1e-4, rtol=0)
    torch.testing.assert_close(steps.enhanced, network(x, thumbnail))


def test_the_thumbnail_decides(network):
    x, thumbnail = inputs()
    with torch.no_grad():
        assert not torch.allclose(awake(network)(x, thumbnail), network(x, 0.3 * thumbnail))


def test_radius_is_that_of_the_layers(network):
    assert network.radius == 28
    # Whatever the phase of the grid, no more than this is seen.
    assert 0.7 * network.radius <= measured_radius(plain(network), inputs=INPUTS) <= network.radius


def test_the_file_takes_a_picture_and_a_thumbnail(network, tmp_path):
    ort = pytest.importorskip("onnxruntime")
    network = plain(awake(network))
    path = tmp_path / "guided.onnx"
    export(network, path, INPUTS, half=False)
    assert parity(network, path) < 1e-4
    session = ort.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == ["input", "thumbnail"]
    x, thumbnail = (value[:1].numpy() for value in inputs(40, 12))
    made = session.run(None, {"input": x, "thumbnail": thumbnail})[0]
    assert made.shape == x.shape
    assert np.isfinite(made).all()
