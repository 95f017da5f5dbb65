"""Levels with their uncertainty: the likelihood of a Gaussian whose width is learned, too."""

from __future__ import annotations

import torch
from torch import Tensor

from undegrade.diagnosis.units import LOG_VARIANCES


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
