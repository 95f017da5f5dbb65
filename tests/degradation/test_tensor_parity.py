"""Training sees what users have: the operators on tensors match those on arrays."""

import numpy as np
import pytest

from tests.degradation.pictures import natural, psnr
from undegrade.degradation import DEGRADATIONS, imresize
from undegrade.degradation.jpeg import through_jpeg

torch = pytest.importorskip("torch")
degradations = pytest.importorskip("undegrade.training.degradations")

QUALITIES = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small batches: more threads only wait for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tensor(image):
    """(H, W, C) to (1, C, H, W)."""
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None]


def array(batch):
    """(1, C, H, W) to (H, W, C)."""
    return batch[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("seed", [7, 8])
def test_jpeg_is_as_far_from_the_original_as_pillows(subsampling, seed):
    image = natural(160, 224, seed=seed)
    for quality in QUALITIES:
        theirs = psnr(through_jpeg(image, quality, subsampling), image)
        ours = degradations.jpeg(tensor(image), torch.tensor([float(quality)]), subsampling)
        assert psnr(array(ours), image) == pytest.approx(theirs, abs=0.1), quality


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_jpeg_gives_almost_the_same_pixels(subsampling):
    image = natural(160, 224)
    for quality in (10, 50, 90):
        ours = degradations.jpeg(tensor(image), torch.tensor([float(quality)]), subsampling)
        theirs = through_jpeg(image, quality, subsampling)
        assert 255 * np.abs(array(ours) - theirs).mean() < 0.5, quality


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_reduction_is_the_same_inside(scale):
    image = natural(96, 144)
    ours = array(degradations.bicubic_down(tensor(image), scale))
    inside = (slice(4, -4),) * 2
    assert np.abs(ours - imresize(image, scale=1 / scale))[inside].max() < 1e-5


def test_noise_is_as_strong():
    image = np.full((256, 256, 3), 0.5, np.float32)
    noisy = degradations.gaussian_noise(
        tensor(image), torch.tensor([25.0]), torch.Generator().manual_seed(0)
    )
    theirs = DEGRADATIONS["gaussian-noise"].apply(image, {"sigma": 25, "seed": 0})
    assert psnr(array(noisy), image) == pytest.approx(psnr(theirs, image), abs=0.05)
