"""What goes wrong with a photo, as operators with parameters and a level.

An operator draws its parameters from a generator (:meth:`Degradation.sample`), applies them
(:meth:`Degradation.apply`) and says how much damage they mean (:meth:`Degradation.level`).
Parameters are plain JSON, random seeds included: a stored sample replays exactly.

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> chain = Chain(["resample", {"operator": "jpeg", "quality": 30}])
>>> record = chain.sample(rng)
>>> replay(np.zeros((16, 16, 3), np.float32), record).dtype
dtype('float32')

Folders of pairs are made by :mod:`undegrade.batch.pairs`, which needs a decoder.
"""

from undegrade.degradation.base import Degradation, Image, Parameters
from undegrade.degradation.chain import Chain, Record, levels, replay
from undegrade.degradation.table import DEGRADATIONS

__all__ = [
    "DEGRADATIONS",
    "Chain",
    "Degradation",
    "Image",
    "Parameters",
    "Record",
    "levels",
    "replay",
]
