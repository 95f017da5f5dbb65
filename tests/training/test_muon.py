"""Muon steps as its reference where a kernel is wide, and as Adam elsewhere."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.errors import RecipeError  # noqa: E402
from undegrade.training.muon import Muon, orthogonal  # noqa: E402
from undegrade.training.recipe_file import read  # noqa: E402


def walk(optimizer, parameter, slopes):
    for slope in slopes:
        parameter.grad = slope.clone()
        optimizer.step()
    return parameter.detach().clone()


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def twins(shape, count=4):
    start = draw(*shape)
    slopes = [draw(*shape, seed=1 + i) for i in range(count)]
    return torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone()), slopes


@pytest.mark.parametrize("shape", [(48, 64), (64, 48), (40, 40)])
def test_a_matrix_steps_as_in_torch(shape):
    mine, reference, slopes = twins(shape)
    theirs = torch.optim.Muon(
        [reference], lr=0.01, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
    )
    expected = walk(theirs, reference, slopes)
    found = walk(Muon([mine], 0.01), mine, slopes)
    # The reference iterates in bfloat16: 8 bits of every product of five rounds.
    moved = (expected - draw(*shape)).abs().max()
    assert (found - expected).abs().max() < 0.05 * moved


def test_a_kernel_steps_as_the_matrix_of_its_filters():
    kernel, flat, slopes = twins((48, 32 * 9))
    kernel = torch.nn.Parameter(kernel.detach().view(48, 32, 3, 3))
    found = walk(Muon([kernel], 0.01), kernel, [slope.view(48, 32, 3, 3) for slope in slopes])
    expected = walk(Muon([flat], 0.01), flat, slopes)
    torch.testing.assert_close(found.view(48, -1), expected)


def test_a_step_does_not_depend_on_the_layout_in_memory():
    plain, last, slopes = twins((32, 32, 3, 3))
    last = torch.nn.Parameter(last.detach().to(memory_format=torch.channels_last))
    torch.testing.assert_close(
        walk(Muon([last], 0.01), last, slopes), walk(Muon([plain], 0.01), plain, slopes)
    )


@pytest.mark.parametrize("shape", [(64,), (12, 64, 3, 3), (64, 2, 1, 1)])
def test_biases_and_narrow_kernels_learn_by_adam(shape):
    mine, reference, slopes = twins(shape)
    expected = walk(torch.optim.Adam([reference], 0.01, (0.9, 0.99)), reference, slopes)
    torch.testing.assert_close(walk(Muon([mine], 0.01), mine, slopes), expected)


@pytest.mark.parametrize("shape", [(32, 288), (288, 32), (64, 64)])
def test_orthogonal_brings_every_direction_to_one_length(shape):
    u, _, v = torch.linalg.svd(draw(*shape), full_matrices=False)
    uneven = u * torch.logspace(0, -1.5, min(shape)) @ v
    values = torch.linalg.svdvals(orthogonal(uneven))
    assert values.min() > 0.6
    assert values.max() < 1.25


def test_weight_decay_is_refused():
    with pytest.raises(RecipeError, match="weight_decay"):
        read("restore:debug", {"stages.main.optimizer": "muon", "stages.main.weight_decay": 0.1})
