"""What the manifest of pairs is for: from the sources and its lines alone, the same outputs."""

import json

import numpy as np

from undegrade.batch import pairs
from undegrade.degradation.chain import replay
from undegrade.picture import decode
from undegrade.work import sha256


def replayed(manifest):
    """How many lines *manifest* has, each of which gives its output again."""
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    for line in lines:
        source = manifest.parent / line["root"] / line["source"]
        assert sha256(source.read_bytes()) == line["sha256"]
        expected = np.rint(np.clip(replay(pairs._read(source), line["parameters"]), 0, 1) * 255)
        np.testing.assert_array_equal(decode(manifest.parent / line["output"]).pixels, expected)
    return len(lines)
