"""A folder of photos in, a folder of degraded ones out, and a manifest that can be replayed."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from undegrade.batch.jobs import photos_in, real
from undegrade.catalog import sha256
from undegrade.degradation.base import Image
from undegrade.degradation.chain import Chain, levels, replay
from undegrade.errors import Cancelled, InputError, UndegradeError, UsageError
from undegrade.picture import check_target, decode, encode, from_array, write_atomic

MANIFEST = "manifest.jsonl"

Progress: TypeAlias = Callable[[int, int, str], None]
"""Called after each file with how many are done, how many there are, and its relative name."""


@dataclass(frozen=True)
class Failure:
    """One file that did not do what it should."""

    name: str
    """Path relative to its folder, with forward slashes."""
    reason: str


@dataclass(frozen=True)
class PairsSummary:
    """What :func:`make_pairs` did."""

    manifest: Path
    written: int
    """Degraded pictures that were written."""
    failed: tuple[Failure, ...]


def make_pairs(
    inputs: Sequence[Path],
    output: Path,
    operators: Sequence[str | Mapping[str, Any]],
    seed: int,
    *,
    progress: Progress | None = None,
) -> PairsSummary:
    """Degrade every picture of *inputs* into *output*, beside a manifest.

    Each picture gets its own generator, ``default_rng([seed, crc32(relative path)])``: adding or
    removing a file changes no other. One that fails is named in the summary and the rest go on.

    Parameters
    ----------
    inputs: folders (searched through, in the order of the names, hidden files left out) and
        single pictures, whose relative path is their name.
    output: the folder for 8-bit sRGB PNG files, without transparency and metadata, in the tree of
        the inputs, and for ``manifest.jsonl``. ``b.png`` keeps its name and ``b.jpg`` becomes
        ``b.jpg.png``. What is there already is replaced.
    operators: the steps of a :class:`~undegrade.degradation.chain.Chain`.
    seed: 0 or more.

    Each line of the manifest is a JSON object: ``source`` and ``output`` (relative paths),
    ``root`` (the folder of the source, seen from the manifest), ``sha256`` (of the source file),
    ``source_size`` and ``output_size`` ([height, width] in pixels), ``parameters`` (a record for
    :func:`~undegrade.degradation.chain.replay`) and ``levels`` (one for each of its steps).

    Raises
    ------
    UsageError: a bad chain or seed, or an output folder that is one of the inputs.
    InputError: an input that is not there, or a folder that cannot be looked into.
    OutputError: the manifest cannot be written.
    """
    chain = Chain(operators)
    if seed < 0:
        raise UsageError(f"seed = {seed} must not be negative")
    sources = _sources([Path(path) for path in inputs], Path(output))
    manifest = Path(output) / MANIFEST
    taken: set[str] = set()
    lines: list[str] = []
    failed: list[Failure] = []
    try:
        for done, (root, name) in enumerate(sources, start=1):
            made = name if name.endswith(".png") else name + ".png"
            try:
                if made in taken:
                    raise UsageError(f"another source already gave {made}")
                taken.add(made)
                lines.append(json.dumps(_make(root, name, Path(output), made, chain, seed)))
            except Cancelled:
                raise
            except (UndegradeError, OSError, ValueError, MemoryError) as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                failed.append(Failure(name, reason))
            if progress is not None:
                progress(done, len(sources), name)
    finally:
        write_atomic(manifest, "".join(line + "\n" for line in lines).encode("ascii"))
    return PairsSummary(manifest, len(lines), tuple(failed))


def _sources(inputs: Sequence[Path], output: Path) -> list[tuple[Path, str]]:
    """Every picture of *inputs*, as folder and relative path, but none that lies in *output*."""
    target = real(output)
    found: list[tuple[Path, str]] = []
    for path in inputs:
        if path.is_file():
            if real(path).parent == target:
                raise UsageError(f"{path} lies in the output folder", "choose another folder")
            found.append((path.parent, path.name))
        elif path.is_dir():
            if real(path) == target:
                raise UsageError(f"{path} is both input and output", "choose another folder")
            # Also where the input lies in the output, or links into it: a degraded picture is no
            # source, and must not be written over by another one.
            photos = [
                p for p in photos_in(path, True, output) if not real(p).is_relative_to(target)
            ]
            names = sorted(photo.relative_to(path).as_posix() for photo in photos)
            found += [(path, name) for name in names]
        else:
            raise InputError(f"{path} is neither a file nor a folder")
    return found


def _make(
    root: Path, name: str, output: Path, made: str, chain: Chain, seed: int
) -> dict[str, Any]:
    """Write the picture *name* of *root* degraded, as *made*; its line of the manifest."""
    source = root / name
    rng = np.random.default_rng([seed, zlib.crc32(name.encode("utf-8", "surrogateescape"))])
    record = chain.sample(rng)
    digest = sha256(source)
    image = _read(source)
    values = np.clip(replay(image, record), 0.0, 1.0) * 255.0
    degraded: NDArray[np.uint8] = np.rint(values).astype(np.uint8)
    target = output / made
    check_target(target, protect=[source])
    write_atomic(target, encode(from_array(degraded), format="PNG"))
    return {
        "source": name,
        "root": _seen_from(root, output),
        "sha256": digest,
        "output": made,
        "source_size": list(image.shape[:2]),
        "output_size": list(degraded.shape[:2]),
        "parameters": record,
        "levels": [round(level, 6) for level in levels(record)],
    }


def _read(path: Path) -> Image:
    """A photo as (H, W, 1 or 3) float32 sRGB in [0, 1]; transparency is left out."""
    picture = decode(path)
    values = picture.pixels.astype(np.float32) / np.float32(np.iinfo(picture.pixels.dtype).max)
    return np.asarray(np.clip(picture.colour.to_srgb(values), 0.0, 1.0), dtype=np.float32)


def _seen_from(root: Path, output: Path) -> str:
    """*root* relative to *output*, or absolute where they lie on different drives."""
    try:
        return Path(os.path.relpath(root.resolve(), output.resolve())).as_posix()
    except ValueError:
        return root.resolve().as_posix()
