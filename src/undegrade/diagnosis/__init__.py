"""What a photo has lost: noise, JPEG, detail, light and colour, each with its uncertainty.

>>> from undegrade.diagnosis import diagnose, open_reader
>>> from undegrade.picture import decode
>>> found = diagnose(decode("photo.jpg"), open_reader())  # doctest: +SKIP
>>> found.noise.value, found.noise.uncertainty, found.words  # doctest: +SKIP
(12.3, 0.8, ('noise of sigma 12.3 ± 0.8',))
"""

from undegrade.diagnosis.card import DiagnosisCard, Measure, read_card, write_card
from undegrade.diagnosis.classical import estimate
from undegrade.diagnosis.diagnose import diagnose
from undegrade.diagnosis.look import BLIND, Look, open_look
from undegrade.diagnosis.network import CropReader, open_reader
from undegrade.diagnosis.result import Diagnosis, Finding
from undegrade.diagnosis.thresholds import THRESHOLDS, Threshold

__all__ = [
    "BLIND",
    "THRESHOLDS",
    "CropReader",
    "Diagnosis",
    "DiagnosisCard",
    "Finding",
    "Look",
    "Measure",
    "Threshold",
    "diagnose",
    "estimate",
    "open_look",
    "open_reader",
    "read_card",
    "write_card",
]
