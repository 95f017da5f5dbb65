"""What is measured: the input itself, networks by name or file, and the product as it comes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from undegrade.catalog import Catalog, Model, is_file_name, sha256
from undegrade.enhancer import Enhancer
from undegrade.errors import UsageError
from undegrade.evaluation.cases import Case, Contender, Output, as_bytes, enlarged
from undegrade.evaluation.networks import open_bare, open_carded
from undegrade.imaging.arrays import Floats
from undegrade.levels import Levels
from undegrade.plan import AVERAGED, DETAIL, EFFORTS, SCALES, Wishes
from undegrade.runtime import Networks

BASELINES = ("none", "bicubic")
AUTO = "auto"
"""What :func:`undegrade.enhance` makes of a photo that it is told nothing of but the size."""
PACKAGE = Path(__file__).parents[1]


def baseline(name: str) -> Contender:
    """The input as it is, or at the size of the truth; *name* says which."""
    return Contender(name, name, lambda case, levels: Output(enlarged(case)), None)


def _product(enhancer: Enhancer, effort: str, detail: float, package: str) -> Contender:
    """The product as a user gets it who asks for a size: diagnosis, plan and all steps.

    It is given the case's file, with the tables and profiles that a user's has, or where there is
    none the pixels, as a file of 8 bit would hold them. Its result is measured before it is coded
    again. *package* is the hash of all that it is made of.
    """

    def run(case: Case, levels: Levels) -> Output:
        source = as_bytes(case.input) if case.file is None else case.file
        size = case.scale if case.scale > 1 else None
        result = enhancer(source, Wishes(scale=size, effort=effort, detail=detail))
        pixels = result.picture.pixels
        picture = np.divide(pixels, np.iinfo(pixels.dtype).max, dtype=np.float32)
        whole: Floats = np.broadcast_to(picture, (*picture.shape[:2], case.input.shape[2]))
        return Output(whole, tuple(step.name for step in result.steps))

    name, digest = (_with_detail(_with_effort(text, effort), detail) for text in (AUTO, package))
    return Contender(name, digest, run, scales=SCALES)


def of_package(folder: Path, catalog: Catalog) -> str:
    """A hash over all that decides what the product makes of a photo: code, cards and networks."""
    files = {path for path in folder.rglob("*") if path.suffix in (".onnx", ".py", ".toml")}
    files |= {model.path for model in catalog.models.values() if model.path.is_file()}
    digests = (sha256(path) for path in sorted(files))
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def open_contenders(
    wished: Sequence[str],
    threads: int | None = None,
    efforts: Sequence[str] = ("normal",),
    details: Sequence[float] = (DETAIL,),
) -> list[Contender]:
    """Open what *wished* names: models of the catalogue, ONNX files, ``auto`` and the baselines.

    Files of one name are told apart by their folders.

    Parameters
    ----------
    threads: inside a network; by default every core.
    efforts: each gives those that have it another contender, named after it; those that have none
        are left as they are.
    details: from faithful, 0, to vivid, 1: each gives ``auto`` another contender. Networks alone
        are measured as they are, for their vivid weights have names of their own.

    Raises :class:`ModelError` for an unknown model and a file that cannot be used,
    :class:`UsageError` for a model that is named twice, an unknown effort and a detail that is not
    possible.
    """
    if unknown := [effort for effort in efforts if effort not in EFFORTS]:
        raise UsageError(
            f"there is no effort {unknown[0]!r}", f"choose some of: {', '.join(EFFORTS)}"
        )
    for detail in details:
        Wishes(detail=detail)
    twice = [text for text, count in Counter(wished).items() if count > 1]
    if twice:
        raise UsageError(f"the model {twice[0]!r} is named twice", "name it once")
    stems = Counter(map(_stem, wished))
    catalog = Catalog()
    opened: list[Contender] = []
    for text in wished:
        name = _stem(text) if stems[_stem(text)] == 1 else _long_name(text)
        if text == AUTO:
            opened += _products(catalog, threads, efforts, details)
        else:
            opened += _open(text, name, catalog, threads, efforts)
    return opened


def _products(
    catalog: Catalog, threads: int | None, efforts: Sequence[str], details: Sequence[float]
) -> list[Contender]:
    """The product with each of *efforts*, and with each of *details*."""
    enhancer, package = Enhancer(Networks(threads=threads)), of_package(PACKAGE, catalog)
    return [
        _product(enhancer, effort, detail, package)
        for effort in dict.fromkeys(efforts)
        for detail in dict.fromkeys(details)
    ]


def _open(
    text: str, name: str, catalog: Catalog, threads: int | None, efforts: Sequence[str]
) -> list[Contender]:
    path = Path(text)
    if text in BASELINES:
        return [baseline(text)]
    if is_file_name(text) and not path.with_suffix(".toml").is_file():
        return [open_bare(path, name, threads)]
    model = catalog.find(text)
    found = {effort: _of_effort(model, effort, catalog) for effort in efforts}
    had = {effort: one for effort, one in found.items() if one} or {"normal": model}
    return [
        open_carded(one, _with_effort(name, effort), threads, averages=effort == "best")
        for effort, one in had.items()
    ]


def _of_effort(model: Model, effort: str, catalog: Catalog) -> Model | None:
    """The network that is run with *effort* where *model* is asked for; ``None`` where none is."""
    if effort == "fast":
        return catalog.fast_of(model)
    return model if effort == "normal" or model.card.task in AVERAGED else None


def _with_effort(name: str, effort: str) -> str:
    return name if effort == "normal" else f"{name} {effort}"


def _with_detail(name: str, detail: float) -> str:
    return name if detail == DETAIL else f"{name} detail {detail:g}"


def _stem(text: str) -> str:
    return Path(text).stem if is_file_name(text) else text


def _long_name(text: str) -> str:
    return Path(text).with_suffix("").as_posix() if is_file_name(text) else text
