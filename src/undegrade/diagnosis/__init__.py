"""What a photo has lost: noise, JPEG, detail, light and colour, each with its uncertainty.

>>> from undegrade.catalog import Catalog
>>> from undegrade.diagnosis import open_diagnoser
>>> from undegrade.picture import decode
>>> found = open_diagnoser(Catalog())(decode("photo.jpg"))  # doctest: +SKIP
>>> found.noise.value, found.noise.uncertainty, found.words  # doctest: +SKIP
(12.3, 0.8, ('noise of sigma 12.3 ± 0.8',))
"""

from undegrade.diagnosis.decide import THRESHOLDS, Threshold
from undegrade.diagnosis.diagnose import BLIND, Diagnoser, diagnose, estimate, open_diagnoser
from undegrade.diagnosis.network import NAME, CropReader, open_reader
from undegrade.diagnosis.result import Diagnosis, Finding

__all__ = [
    "BLIND",
    "NAME",
    "THRESHOLDS",
    "CropReader",
    "Diagnoser",
    "Diagnosis",
    "Finding",
    "Threshold",
    "diagnose",
    "estimate",
    "open_diagnoser",
    "open_reader",
]
