"""Published values of untouched inputs: what a harness must give before its numbers mean much.

Source: FBCNN's tables for JPEG; for noise ``20 log10(255 / sigma)``, which the one draw of seed 0
in grey raises by 0.02 dB; for super-resolution bicubic enlargement in RGB, as SwinIR's code does it
(tables that enlarge luma alone are 0.01 to 0.02 dB lower); for low light the input of eval15. Of
``lol_val``, 15 pairs out of LOL's training part, of ``polyu_val``, 62 of PolyU's crops, and of the
made-up camera nothing is published: there the gate is our own first measurement, and only shows
that set and code are still the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from undegrade.errors import InputError

TOLERANCE = {"psnr": 0.02, "psnr-b": 0.02, "ssim": 0.001}
"""How far a value may be off: dB, and similarity, which is published to three digits."""


@dataclass(frozen=True)
class KnownSet:
    """A public test set, known by its pixels or, failing that, by its name."""

    name: str
    count: int
    """Number of pictures or pairs."""
    fingerprint: str
    """By :func:`undegrade.evaluation.sets.fingerprint`; empty where only the name is known."""
    other: str = ""
    """What folders and packs are called, too, in small letters and digits; empty for nothing."""


KNOWN_SETS = (
    KnownSet("set5", 5, "56d899b36425f6e2932d723ffc58806b5f82e6731427bb2990b7d877f2ea3f95"),
    KnownSet("live1", 29, "7f32cd2d53b152666f60639b2d1efdd10ba921b8bf9573de179d8a1c90be1be1"),
    KnownSet(
        "cbsd68", 68, "1bac1f7ed07ced4bde57c39f047bcb6579c5a278ccced9c3042d8ae961eedc73", "bsd68"
    ),
    KnownSet("lol_val", 15, "89bb85cef9eaaf7ebe1e8e193ea4ed8d911993df36131223fc9f8a51f3e716c6"),
    KnownSet("eval15", 15, ""),
    KnownSet("polyu_val", 62, "a5d47d63ac824f6dc61c0ad21f335a30581b018e17d6b2ad1e239a7fac6d9288"),
)

Values = Mapping[str, float]
"""By metric."""


def _values(psnr: float, ssim: float | None = None, psnr_b: float | None = None) -> Values:
    given = {"psnr": psnr, "ssim": ssim, "psnr-b": psnr_b}
    return {metric: value for metric, value in given.items() if value is not None}


GATES: Mapping[tuple[str, str], Mapping[str, Values]] = MappingProxyType(
    {
        ("sr-bicubic", "set5"): {
            "x2": _values(33.68, 0.9304),
            "x3": _values(30.40, 0.8690),
            "x4": _values(28.43, 0.8113),
            "x8": _values(24.40, 0.6582),
        },
        ("denoise-color", "cbsd68"): {
            "sigma 15": _values(24.61),
            "sigma 25": _values(20.17),
            "sigma 50": _values(14.15),
            "sigma 70": _values(11.23),
        },
        ("denoise-gray", "cbsd68"): {
            "sigma 15": _values(24.63),
            "sigma 25": _values(20.19),
            "sigma 50": _values(14.17),
            "sigma 70": _values(11.25),
        },
        ("jpeg-color", "live1"): {
            "quality 10": _values(25.69, 0.743, 24.20),
            "quality 20": _values(28.06, 0.826, 26.49),
            "quality 30": _values(29.37, 0.861, 27.84),
            "quality 40": _values(30.28, 0.882, 28.84),
        },
        ("jpeg-gray", "live1"): {
            "quality 10": _values(27.77, 0.773, 25.33),
            "quality 20": _values(30.07, 0.851, 27.57),
            "quality 30": _values(31.41, 0.885, 28.92),
            "quality 40": _values(32.35, 0.904, 29.96),
        },
        # What networks are told changes nothing in the input.
        ("real-noise", "polyu_val"): dict.fromkeys(
            ("unasked", "told 5", "told 10", "told 15"), _values(35.69, 0.9142)
        ),
        ("camera", "cbsd68"): {
            "iso 800": _values(32.86, 0.8822),
            "iso 3200": _values(28.42, 0.7295),
            "iso 12800": _values(23.05, 0.4732),
        },
        ("sr-real", "live1"): {"x2": _values(27.37, 0.7549), "x4": _values(24.55, 0.6141)},
        ("sr-real", "cbsd68"): {"x2": _values(27.68, 0.7499), "x4": _values(24.88, 0.6101)},
        ("lol", "eval15"): {"plain": _values(7.77)},
        ("lol", "lol_val"): {"plain": _values(7.85, 0.1855)},
    }
)
"""By protocol and set, then by setting."""


class GateError(InputError):
    """The untouched input does not score what is published: set, encoder or resampler differ."""


def identify(name: str, count: int, fingerprint: str | None) -> str | None:
    """The known set of that *fingerprint*, or else of that *name*; ``None`` if there is none.

    *fingerprint* is ``None`` where not all pictures have been read. *count* pictures or pairs.
    """
    for known in KNOWN_SETS:
        if known.count == count and known.fingerprint == fingerprint:
            return known.name
    plain = _plain(name)
    named = (k.name for k in KNOWN_SETS if plain and plain in (_plain(k.name), k.other))
    return next(named, None)


def _plain(name: str) -> str:
    """In small letters and digits."""
    return "".join(c for c in name.lower() if c.isalnum())


def published(protocol: str, known: str | None, setting: str) -> Values:
    """The published values of the untouched input, as far as there are any."""
    return GATES.get((protocol, known or ""), {}).get(setting, {})


def check(measured: float, expected: float, metric: str, where: str) -> None:
    """Raise :class:`GateError` naming *where* if *measured* is off."""
    if not abs(measured - expected) <= TOLERANCE[metric]:
        raise GateError(
            f"the gate is off: {where}: {metric} of the untouched input is {measured:.4f} instead "
            f"of {expected:g} (at most {TOLERANCE[metric]:g} off)",
            "check that the test set is whole and unchanged; --limit measures without gates",
        )
