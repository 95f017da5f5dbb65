"""The network for light: decided for every place by a thumbnail of the whole picture."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from tests.training.networks.variants import assert_every_parameter_learns  # noqa: E402
from undegrade.training.export import export, measured_radius, parity  # noqa: E402
from undegrade.training.networks import build  # noqa: E402
from undegrade.training.networks.blocks import plain  # noqa: E402

INPUTS = ("input", "thumbnail", "place")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build("light", coarse=8, fine=8, pairs=1, hints=4, expand=2)


def awake(network):
    """Move everything that begins as zero."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape))
    return network


def place(top, left, height, width, count=1):
    """A window that begins at *top* and *left* of a picture of *height* and *width*."""
    row = [top / height, left / width, 1 / height, 1 / width]
    return torch.tensor([row]).expand(count, -1)


def inputs(height=24, width=32):
    generator = torch.Generator().manual_seed(0)
    return (
        torch.rand(2, 3, height, width, generator=generator),
        torch.rand(2, 3, 96, 96, generator=generator),
        place(0, 0, height, width, 2),
    )


def test_it_begins_as_the_identity(network):
    x, *around = inputs()
    torch.testing.assert_close(network(x, *around), x, atol=1e-6, rtol=0)


def test_every_parameter_learns(network):
    assert_every_parameter_learns(awake(network), network(*inputs()).square().mean())


def test_steps_add_up(network):
    x, *around = inputs()
    with torch.no_grad():
        steps = awake(network).steps(x, *around)
        lit, _ = network.tone(x, *around)
    torch.testing.assert_close(steps.base, lit - steps.degradation, atol=1e-4, rtol=0)
    torch.testing.assert_close(steps.enhanced, network(x, *around))


def test_exposures_follow_the_curve(network):
    x, *around = inputs()
    with torch.no_grad():
        network.tone.wanted.bias[:3] = torch.tensor([1.0, 2.0, -1.0])
        lit, _ = network.tone(x, *around)
    exponent = 2.0 ** torch.tensor([1.0, 2.0, -1.0]).view(1, 3, 1, 1)
    torch.testing.assert_close(lit, 1 - (1 - x) ** exponent, atol=1e-4, rtol=0)


def test_dark_and_bright_are_lit_apart(network):
    """Each brightness has its own transform, so that a sky stays when what is below it is lit."""
    x, *around = inputs()
    x[..., :12, :], x[..., 12:, :] = 0.05, 0.95
    grid = network.tone.grid.bias.detach().view(12, 6)
    with torch.no_grad():
        grid[3::4, 0] = 0.2  # what is added to each channel in the darkest of six brightnesses
        lit, _ = network.tone(x, *around)
    assert lit[..., :8, :].min() > 0.15
    torch.testing.assert_close(lit[..., 16:, :], x[..., 16:, :], atol=1e-6, rtol=0)


def test_what_it_is_told_decides_and_one_that_was_not_told_goes_on(network):
    """Its weights fit one that is told, and until that learns, nothing changes."""
    told = build("light-told", coarse=8, fine=8, pairs=1, hints=4, expand=2)
    told.load_state_dict(told.state_dict() | awake(network).state_dict())
    x, *around = inputs()
    levels = [torch.full((2, 1, 1, 1), level) for level in (0.0, 0.1, 0.4)]
    with torch.no_grad():
        same = network(x, *around)
        for level in levels:
            torch.testing.assert_close(told(x, *around, level), same)
        own, some, more = (awake(told)(x, *around, level) for level in levels)
    assert not torch.allclose(own, some)
    assert not torch.allclose(some, more)


def test_the_thumbnail_decides(network):
    x, thumbnail, where = inputs()
    with torch.no_grad():
        same = awake(network)(x, thumbnail, where)
        assert not torch.allclose(same, network(x, 0.3 * thumbnail, where))


def test_the_place_decides_and_a_part_equals_that_part_of_the_whole(network):
    x, thumbnail, _ = inputs(96, 128)
    with torch.no_grad():
        whole = awake(network)(x, thumbnail, place(0, 0, 96, 128, 2))
        part = network(x[..., 8:88, 16:112], thumbnail, place(8, 16, 96, 128, 2))
        elsewhere = network(x[..., 8:88, 16:112], thumbnail, place(0, 0, 96, 128, 2))
    inner = (..., slice(32, 48), slice(32, 64))
    there = whole[..., 40:56, 48:80]
    torch.testing.assert_close(part[inner], there, atol=1e-4, rtol=0)
    assert (elsewhere[inner] - there).abs().max() > 1e-3


def test_radius_is_that_of_the_layers(network):
    assert network.radius == 31
    # Whatever the phase of the grid, no more than this is seen.
    assert 0.7 * network.radius <= measured_radius(plain(network), inputs=INPUTS) <= network.radius


def test_the_file_takes_a_picture_a_thumbnail_and_a_place(network, tmp_path):
    ort = pytest.importorskip("onnxruntime")
    network = plain(awake(network))
    path = tmp_path / "light.onnx"
    export(network, path, INPUTS, half=False)
    assert parity(network, path) < 1e-4
    session = ort.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == ["input", "thumbnail", "place"]
    x, thumbnail, where = (value[:1].numpy() for value in inputs(40, 12))
    made = session.run(None, {"input": x, "thumbnail": thumbnail, "place": where})[0]
    assert made.shape == x.shape
    assert np.isfinite(made).all()


@pytest.mark.parametrize("levels", [(), ("lift",)])
def test_tiles_equal_the_whole_and_a_part_equals_that_part(levels, tmp_path):
    from undegrade.catalog import Card, Model, sha256
    from undegrade.runtime import WholePhoto, make_thumbnail, open_network, process

    torch.manual_seed(0)
    kind, inputs = ("light-told", (*INPUTS, "level")) if levels else ("light", INPUTS)
    network = plain(awake(build(kind, coarse=8, fine=8, pairs=1, hints=4, expand=2)))
    path = tmp_path / "light.onnx"
    export(network, path, inputs, half=False)
    card = Card(
        "light",
        "lowlight",
        path.name,
        sha256(path),
        radius=network.radius,
        multiple=4,
        thumbnail=96,
        levels=levels,
    )
    told = (0.2,) * len(levels)
    opened = open_network(Model(card, path), device="cpu")
    pixels = np.random.default_rng(0).integers(0, 256, (150, 130, 3), np.uint8)
    pixels[:, :60] //= 4
    whole = process(opened, pixels, told)
    tiled = process(opened, pixels, told, tile=48)
    assert np.abs(whole.astype(int) - tiled).max() <= 1
    seen = WholePhoto(make_thumbnail(pixels, 96, None), 150, 130, top=20, left=24)
    part = process(opened, pixels[20:120, 24:124], told, whole=seen)
    inner = (slice(36, 64), slice(36, 64))
    there = whole[20:120, 24:124][inner]
    assert np.abs(part[inner].astype(int) - there).max() <= 1
    moved = process(
        opened, pixels[20:120, 24:124], told, whole=WholePhoto(seen.thumbnail, 150, 130)
    )
    assert np.abs(moved[inner].astype(int) - there).max() > 1
