"""Where the blocks of an earlier JPEG begin: photos that were cropped have left its grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from undegrade.diagnosis.crops import Corner
from undegrade.diagnosis.units import GRID
from undegrade.imaging.arrays import Floats
from undegrade.imaging.luma import LUMA

LARGEST = 12.0
"""Steps between pixels count up to this, in 0..255 units: edges of objects are no block edges."""

SURE = 5.0
"""Standard errors by which another phase must be ahead of 0, at which most files still are."""


def phase(crops: Floats, corners: Sequence[Corner]) -> Corner:
    """Row and column, 0..7, at which the blocks of the photo begin.

    A step over a block's edge is larger than its neighbours. With ``d(x) = |Y(x) - Y(x - 1)|``,
    the mean of ``d(x) - (d(x - 1) + d(x + 1)) / 2`` is taken for each of the eight phases of the
    rows, and of the columns, over all *crops* (N, 3, S, S) that begin at *corners*. What shows no
    edges has the phase (0, 0).
    """
    luma = np.tensordot(np.array(LUMA, np.float32) * 255, crops, (0, 1))
    rows = _phase(luma.transpose(0, 2, 1), [corner[0] for corner in corners])
    return rows, _phase(luma, [corner[1] for corner in corners])


def _phase(planes: Floats, starts: Sequence[int]) -> int:
    """The phase of the last axis of (N, S, S) planes that begin at *starts*."""
    steps = np.minimum(np.abs(np.diff(planes, axis=2)), LARGEST)
    excess = steps[:, :, 1:-1] - (steps[:, :, :-2] + steps[:, :, 2:]) / 2
    # A column of a crop is one observation: its pixels lie on the same edges of the picture.
    columns: NDArray[np.float32] = excess.mean(1)
    at = (np.arange(columns.shape[1]) + 2 + np.asarray(starts)[:, None]) % GRID
    found = [columns[at == p] for p in range(GRID)]
    means = np.array([values.mean() for values in found])
    errors = np.array([values.var() / values.size for values in found])
    best = int(means.argmax())
    lead = (means[best] - means[0]) / np.sqrt(errors[best] + errors[0] + 1e-12)
    return best if best and lead > SURE else 0
