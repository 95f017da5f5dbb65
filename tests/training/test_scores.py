"""Scores of fixed crops against their definitions."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from torch import nn  # noqa: E402

from undegrade.training.loop import level_errors, outputs, scores  # noqa: E402
from undegrade.training.losses.pictures import ssim  # noqa: E402
from undegrade.training.objective import lpips  # noqa: E402
from undegrade.training.tasks import Batch  # noqa: E402


class Half(nn.Module):
    """Halves a picture, adds its level, and normalises nothing while it is being judged."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x, level):
        return self.norm(x / 2 + level) * math.sqrt(1 + self.norm.eps)


def test_outputs_are_as_a_file_would_hold_them():
    x = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    level = torch.tensor([0.0, 0.1, 0.7, -0.4]).view(4, 1, 1, 1)
    network = Half().train()
    made = outputs(network, Batch((x, level), x))
    expected = torch.round((x / 2 + level).clamp(0, 1) * 255) / 255
    torch.testing.assert_close(made, expected, atol=1.01 / 255, rtol=0)
    torch.testing.assert_close(made * 255, (made * 255).round(), atol=1e-4, rtol=0)
    assert not made.requires_grad
    assert torch.equal(network.norm.running_mean, torch.zeros(3))


def test_scores_are_means_over_the_pictures():
    target = torch.full((2, 3, 32, 32), 0.5)
    made = target + torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)
    found = scores(made, target, None)
    assert found.keys() == {"psnr", "ssim"}
    assert found["psnr"] == pytest.approx((20 + 40) / 2, abs=1e-3)
    assert found["ssim"] == pytest.approx(ssim(made, target).mean().item())
    assert scores(target, target, None)["psnr"] == pytest.approx(100)


def test_lpips_where_there_is_a_network_for_it():
    pictures = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    network = lpips("random")
    found = scores(*pictures, network)
    assert found["lpips"] == pytest.approx(network(*pictures).item())
    assert scores(pictures[0], pictures[0], network)["lpips"] == pytest.approx(0, abs=1e-9)


def test_the_error_of_levels():
    class Mean(nn.Module):
        def forward(self, x):
            return x.mean((1, 2, 3))[:, None]

    pictures = torch.tensor([0.25, 0.5]).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    batch = Batch((pictures,), pictures, torch.tensor([[0.5], [0.25]]))
    assert level_errors(Mean(), batch)["level-error"] == pytest.approx(0.25)


def test_levels_that_nobody_knows_are_passed_over():
    class Told(nn.Module):
        def forward(self, x):
            return torch.tensor([[0.5, 0.2, -3.0, 1.0], [0.4, 0.6, 2.0, 1.0]])

    pictures = torch.zeros(2, 3, 4, 4)
    truth = torch.tensor([[0.25, torch.nan], [0.25, 0.5]])
    found = level_errors(Told(), Batch((pictures,), pictures, truth), ("noise", "blur"))
    assert found["level-error/noise"] == pytest.approx(0.2)
    assert found["level-error/blur"] == pytest.approx(0.1)
    assert found["level-error"] == pytest.approx(0.15)
    truth = torch.tensor([[0.25, torch.nan], [0.25, torch.nan]])
    found = level_errors(Told(), Batch((pictures,), pictures, truth), ("noise", "blur"))
    assert found["level-error"] == pytest.approx(0.2)
    assert math.isnan(found["level-error/blur"])
