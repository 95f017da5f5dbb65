"""Kill a batch again and again at random moments, go on with ``--resume``, and look what is there.

    python benchmarks/kills.py [--rounds 20] [--photos 40] [--seed 0]

Each round begins a batch of its own, kills it (SIGKILL) twice, and lets the third command end. The
outputs then have to be those of a batch that nobody has killed, byte for byte; nothing else may lie
beside them, every photo stands in the manifest, and a fourth command finds nothing to
do. Ends with 1 where that is not so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from cases import noisy_photo

MANIFEST = "undegrade-manifest.jsonl"
MOST_SECONDS = 6.0
"""Until a kill; starting takes a part of a second, and all photos more than this."""


def command(source: Path, target: Path) -> list[str]:
    words = ("-m", "undegrade", "enhance", str(source), "-o", str(target), "--resume", "--json")
    return [sys.executable, *words]


def killed(source: Path, target: Path, seconds: float) -> int:
    """Photos that were written, by the moment at which the batch was killed."""
    with subprocess.Popen(command(source, target), stdout=subprocess.DEVNULL) as batch:
        time.sleep(seconds)
        batch.kill()
    return len(list(target.glob("*.jpg")))


def files(folder: Path) -> dict[str, bytes]:
    """Everything that a batch has left but its manifest."""
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.name != MANIFEST}


def fault(source: Path, target: Path, expected: dict[str, bytes]) -> str:
    """What is wrong after the batch has been completed; empty where nothing is."""
    subprocess.run(command(source, target), check=True, stdout=subprocess.DEVNULL)
    found = files(target)
    if wrong := [name for name in {*found, *expected} if found.get(name) != expected.get(name)]:
        return f"{sorted(wrong)} are missing, too many or other than they should be"
    lines = [json.loads(line) for line in (target / MANIFEST).read_text().splitlines()]
    if (count := len({line["input"] for line in lines if "input" in line})) != len(expected):
        return f"{count} of {len(expected)} photos stand in the manifest"
    before = {one: one.stat().st_mtime_ns for one in target.glob("*.jpg")}
    subprocess.run(command(source, target), check=True, stdout=subprocess.DEVNULL)
    after = {one: one.stat().st_mtime_ns for one in target.glob("*.jpg")}
    return "" if after == before else "a batch that was complete was done again"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, faults = np.random.default_rng(options.seed), 0
    with tempfile.TemporaryDirectory() as folder:
        source, whole = Path(folder) / "photos", Path(folder) / "whole"
        source.mkdir()
        for number in range(options.photos):
            noisy_photo(source / f"{number:03}.jpg", 400 + 3 * number, 300)
        subprocess.run(command(source, whole), check=True, stdout=subprocess.DEVNULL)
        expected = files(whole)
        for number in range(options.rounds):
            target = Path(folder) / f"round-{number}"
            moments = rng.uniform(0.1, MOST_SECONDS, 2)
            written = [killed(source, target, seconds) for seconds in moments]
            wrong = fault(source, target, expected)
            faults += bool(wrong)
            print(f"round {number + 1}: {written} photos at the kills; {wrong or 'whole'}")
    print(f"{options.rounds} rounds of {options.photos} photos, {faults} with a fault")
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
