"""The pictures that claims are measured on, with their damage, as functions of DATA and a limit.

Protocols: RGB, no crop, outputs clipped and rounded to 8 bit.

* noise: the first images of CBSD68 with N(0, sigma), not clipped, seed 0 for each image.
* JPEG: the first images of LIVE1 in colour through Pillow's JPEG, 4:2:0.
* enlargement: the first images of CBSD68, sides cut to multiples of 16, reduced and enlarged by the
  bicubic of imresize, as files in between: what a network of one size is given.
* LOL: the first validation pairs of LOL, whole.
* phone: the first images of CBSD68 through the phone operator, seed 0, 1, ... by image.
* faces: the first pictures of LFW, central 150 pixels, reduced to 64; input 16 by imresize.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from benchmarks.claims.registration import Case, Floats
from PIL import Image

from undegrade.degradation import DEGRADATIONS
from undegrade.degradation.jpeg import through_jpeg
from undegrade.imaging.resize import imresize

EXAMPLES = Path(__file__).parents[2] / "examples" / "photos" / "truth"

Cases = Callable[[Path, int], Iterator[Case]]
Damage = Callable[[Floats, int], Floats]
"""Of a picture and its number."""


def noisy(sigma: float) -> Damage:
    def damage(truth: Floats, index: int) -> Floats:
        noise = np.random.RandomState(0).normal(0, sigma / 255, truth.shape)
        return truth + noise.astype(np.float32)

    return damage


def coded(quality: int) -> Damage:
    return lambda truth, index: through_jpeg(truth, quality)


def reduced(scale: int) -> Damage:
    def damage(truth: Floats, index: int) -> Floats:
        small = as_file(imresize(truth, scale=1 / scale))
        return as_file(imresize(small, scale=scale))

    return damage


def by_phone(truth: Floats, index: int) -> Floats:
    operator = DEGRADATIONS["phone"]
    return as_file(operator.apply(truth, operator.sample(np.random.default_rng(index))))


def darkened(truth: Floats, index: int) -> Floats:
    settings = {"stops": 3.0, "gamma": 1.2, "gain": 5e-4, "read": 5e-4, "seed": index}
    return as_file(DEGRADATIONS["lowlight"].apply(truth, settings))


def damaged(pack: str, settings: dict[str, Damage], multiple: int = 1) -> Cases:
    """Cases of the test set *pack*, each of its pictures in every setting."""

    def cases(data: Path, limit: int) -> Iterator[Case]:
        for index, truth in enumerate(images(data / "test" / pack, limit)):
            height, width = (side // multiple * multiple for side in truth.shape[:2])
            whole = truth[:height, :width]
            for setting, damage in settings.items():
                yield Case(setting, damage(whole, index), whole)

    return cases


def lol(data: Path, limit: int) -> Iterator[Case]:
    low, high = (images(data / "test" / "lol_val.tar", limit, part) for part in ("low", "high"))
    for dark, truth in zip(low, high, strict=True):
        yield Case("LOL", dark, truth)


def faces(data: Path, limit: int) -> Iterator[Case]:
    for picture in images(data / "train" / "faces.tar", limit, "lfw/"):
        truth = as_file(imresize(centre(picture, 150), scale=64 / 150))
        yield Case("x4", as_file(imresize(truth, scale=0.25)), truth)


def examples(setting: str, damage: Damage, multiple: int = 32) -> Callable[[], list[Case]]:
    """Those that may be shown: pictures in the public domain."""

    def cases() -> list[Case]:
        found = []
        for index, path in enumerate(sorted(EXAMPLES.iterdir())):
            truth = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
            height, width = (side // multiple * multiple for side in truth.shape[:2])
            truth = truth[:height, :width]
            found.append(Case(setting, damage(truth, index), truth))
        return found

    return cases


def portrait() -> list[Case]:
    """NASA's, from scikit-image."""
    picture = skimage.data.astronaut().astype(np.float32)[0:200, 125:325] / 255
    truth = as_file(imresize(picture, scale=64 / 200))
    return [Case("x4", as_file(imresize(truth, scale=0.25)), truth)]


def as_file(picture: Floats) -> Floats:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.float32) / 255


def centre(picture: Floats, side: int) -> Floats:
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def images(pack: Path, limit: int, part: str = "") -> Iterator[Floats]:
    """Pictures of a tar pack whose name holds *part*, (H, W, 3) float32 in [0, 1], by name."""
    with tarfile.open(pack) as tar:
        names: Sequence[str] = sorted(m.name for m in tar if m.isfile() and part in m.name)
        for name in names[:limit]:
            file: Any = tar.extractfile(name)
            pixels = Image.open(io.BytesIO(file.read())).convert("RGB")
            yield np.asarray(pixels, np.float32) / 255
