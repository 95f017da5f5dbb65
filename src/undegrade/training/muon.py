"""Muon: the orthogonalised momentum of every wide kernel as its step, Adam for all else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration (Jordan et al., "Muon", 2024): steep at zero, so that five
rounds bring every singular value above a hundredth of the largest near to 1."""

ADAM_RMS = 0.2
"""Root mean square of an entry of Adam's usual step at rate 1; Muon's is scaled to it, so that one
rate serves both (Liu et al., "Muon is scalable for LLM training", 2025, equation 4)."""


class Muon(torch.optim.Optimizer):
    """Nesterov momentum whose matrix is made orthogonal, so that no direction is left behind.

    A kernel (c_out, c_in, k, k) counts as the matrix (c_out, c_in * k * k). Where either side is
    below *least*, as at a network's ends and in its biases, the parameter learns by Adam.
    ``torch.optim.Muon`` takes matrices alone.

    Parameters
    ----------
    rate: learning rate; that of Adam fits.
    betas: of Adam. ``momentum``: of Muon.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        rate: float,
        betas: tuple[float, float] = (0.9, 0.99),
        momentum: float = 0.95,
        least: int = 32,
    ) -> None:
        defaults = {"lr": rate, "betas": betas, "momentum": momentum, "least": least}
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """One step down the gradients that lie with the parameters."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                wide = parameter.ndim > 1 and min(_matrix(parameter).shape) >= group["least"]
                rule = _muon if wide else _adam
                rule(parameter, parameter.grad, self.state[parameter], group)


def orthogonal(matrix: Tensor, rounds: int = 5) -> Tensor:
    """The nearest matrix whose singular values are all about 1 (0.7..1.2), by Newton-Schulz."""
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.T if tall else x
    return result


def _matrix(x: Tensor) -> Tensor:
    return x.reshape(x.shape[0], -1)


def _muon(x: Tensor, slope: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
    if not state:
        state["momentum"] = torch.zeros_like(x)
    momentum = state["momentum"].mul_(group["momentum"]).add_(slope)
    ahead = _matrix(slope.add(momentum, alpha=group["momentum"]))
    step = orthogonal(ahead) * (ADAM_RMS * max(ahead.shape) ** 0.5)
    x.sub_(step.reshape(x.shape), alpha=group["lr"])


def _adam(x: Tensor, slope: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
    if not state:
        state["step"] = torch.zeros(())
        state["exp_avg"] = torch.zeros_like(x)
        state["exp_avg_sq"] = torch.zeros_like(x)
    first, second = group["betas"]
    adam(
        [x],
        [slope],
        [state["exp_avg"]],
        [state["exp_avg_sq"]],
        [],
        [state["step"]],
        amsgrad=False,
        beta1=first,
        beta2=second,
        lr=group["lr"],
        weight_decay=0.0,
        eps=1e-8,
        maximize=False,
    )
