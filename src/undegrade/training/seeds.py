"""Seeds made of numbers and names."""

from __future__ import annotations

from hashlib import sha256

import numpy as np


def mixed(seed: int, name: str, *numbers: int) -> int:
    """A seed, 0..2^63-1, that follows from all of them and that neighbours do not share."""
    words = np.frombuffer(sha256(name.encode()).digest()[:8], "<u4")
    (value,) = np.random.SeedSequence((seed, *words.tolist(), *numbers)).generate_state(
        1, np.uint64
    )
    return int(value) >> 1
