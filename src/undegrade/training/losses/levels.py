"""Losses of degradation levels: what a regressor still finds (DLL-GAN), and what it learns by."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.diagnosis.units import LOG_VARIANCES
from undegrade.training.losses.perceptual import Frozen
from undegrade.training.losses.pictures import require_pictures

Mode = Literal["mean", "clamp", "bounded", "feature"]


class DegradationLevelLoss(nn.Module):
    """What a frozen regressor R still finds wrong with the output G(x) of a generator.

    ========  ====================================================================  ===========
    mode      loss                                                                  bounds
    ========  ====================================================================  ===========
    mean      ``mean R(G(x))``, equation 6 of the paper                             none
    clamp     ``mean max(R(G(x)) - R(y), 0)``, level by level, y the truth          >= 0
    bounded   ``mean m s(4 (R(G(x)) - m / 2) / m)``, s the sigmoid, m *max_level*   0 .. m
    feature   mean over *layers* of ``mean |R_l(G(x)) - R_l(y)|``                   >= 0
    ========  ====================================================================  ===========

    ``mean`` is the paper's and can be driven below zero for ever, by hatching that R has never
    seen. ``clamp`` stops where R finds no more wrong with the output than with the truth, which it
    does not read as 0: sharp detail looks like damage to it, and smooth outputs look cleaner than
    the truth to an R that has never seen any (then it gives no gradient; see the stages that let R
    learn from outputs). ``bounded`` follows R through the middle of its levels (slope 1 at m / 2)
    and flattens outside of them, but never wholly. A regressor whose head is bounded already needs
    ``mean`` only.

    R is copied, in evaluation mode for good, and its parameters take no gradient: neither they
    nor the statistics of its norms can change. After R has been trained further, make a new loss.

    Parameters
    ----------
    regressor: maps pictures (N, 3, H, W) in [0, 1] to levels (N,) or (N, kinds); 0 is clean.
    max_level: the level of the worst degradation, for ``bounded``.
    layers: names of submodules of the regressor whose outputs ``feature`` compares.
    """

    def __init__(
        self,
        regressor: nn.Module,
        mode: Mode = "clamp",
        *,
        max_level: float = 1.0,
        layers: Sequence[str] = (),
    ) -> None:
        super().__init__()
        if mode not in get_args(Mode):
            raise ValueError(f"no mode is called {mode!r}; there are: {get_args(Mode)}")
        if max_level <= 0:
            raise ValueError(f"the worst level must be positive, not {max_level}")
        if (mode == "feature") != bool(layers):
            raise ValueError("the mode 'feature', and no other, needs layers of the regressor")
        self.regressor = Frozen(regressor)
        self.mode = mode
        self.max_level = max_level
        self._seen: dict[str, Tensor] = {}
        for name in layers:
            layer = self.regressor.network.get_submodule(name)
            layer.register_forward_hook(partial(_keep, self._seen, name))

    def forward(self, output: Tensor, target: Tensor | None = None) -> Tensor:
        """The loss of *output*; *target* is the truth, for ``clamp`` and ``feature``."""
        require_pictures(output, channels=3)
        if self.mode == "feature":
            return self._feature(output, self._truth(output, target))
        levels = self._levels(output)
        if self.mode == "clamp":
            with torch.no_grad():
                floor = self._levels(self._truth(output, target))
            levels = F.relu(levels - floor)
        elif self.mode == "bounded":
            m = self.max_level
            levels = m * torch.sigmoid(4 * (levels - m / 2) / m)
        return levels.mean()

    def _truth(self, output: Tensor, target: Tensor | None) -> Tensor:
        if target is None:
            raise ValueError(f"the mode {self.mode!r} compares with the truth, which is missing")
        require_pictures(output, target)
        return target

    def _levels(self, picture: Tensor) -> Tensor:
        levels: Tensor = self.regressor(picture)
        if levels.dim() > 2 or len(levels) != len(picture):
            raise ValueError(f"the regressor gave {tuple(levels.shape)}, not levels by picture")
        return levels

    def _feature(self, output: Tensor, target: Tensor) -> Tensor:
        ours = self._features(output)
        with torch.no_grad():
            theirs = self._features(target)
        return torch.stack([F.l1_loss(ours[name], theirs[name]) for name in ours]).mean()

    def _features(self, x: Tensor) -> dict[str, Tensor]:
        self.regressor(x)
        found = dict(self._seen)
        self._seen.clear()
        return found


def _keep(seen: dict[str, Tensor], name: str, module: nn.Module, args: Any, output: Tensor) -> None:
    seen[name] = output


def gaussian_loss(estimate: Tensor, truth: Tensor) -> Tensor:
    """``mean ((m - t)^2 exp(-v) + v) / 2``, the negative log-likelihood but for a constant.

    A level that cannot be read off a picture is thus told with a wide *v* instead of an average
    that looks like a reading. Source: Nix and Weigend, "Estimating the mean and variance of the
    target probability distribution", ICNN 1994, equation 3; *v* is clamped, so that no sample
    can outweigh all others.

    Parameters
    ----------
    estimate: (N, 2 K), the means *m* and then the log-variances *v*.
    truth: (N, K), the levels *t*; what is not known is NaN and is passed over.
    """
    mean, log_variance = estimate.chunk(2, 1)
    log_variance = log_variance.clamp(*LOG_VARIANCES)
    known = ~truth.isnan()
    error = (mean - truth.nan_to_num()).square() * torch.exp(-log_variance)
    return ((error + log_variance) * known).sum() / (2 * known.sum().clamp(min=1))
