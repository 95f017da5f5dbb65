"""Training runs of the five published systems, and the pictures on which they are measured.

Protocols: RGB, no crop, outputs clipped and rounded to 8 bit, mean over images.

* dllgan: the first 24 images of CBSD68 with N(0, sigma), not clipped, seed 0 for each image.
* drgn: all 15 validation pairs of LOL, whole images, no correction of the mean.
* artifact-gan: LIVE1 in colour through Pillow's JPEG, 4:2:0.
* phone: the first 24 images of CBSD68 through the phone operator, seed 0, 1, ... by image.
* faces: the first 200 pictures of LFW, central 150 pixels, reduced to 64; input 16 by imresize.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open

from undegrade.degradation import DEGRADATIONS
from undegrade.imaging.resize import imresize
from undegrade.metrics import metric
from undegrade.training.export import trained
from undegrade.training.networks import REGRESSORS, build
from undegrade.training.recipe import Recipe
from undegrade.training.recipe_file import parse

Floats = NDArray[np.float32]

LPIPS = "lpips-squeeze-fp16"
LIMIT = 24

RUNS_OF: dict[str, dict[str, str]] = {
    "dllgan": {"L1": "dll-l1", "L1 + GAN": "dll-gan", "L1 + GAN + regressor": "dll-full"},
    "drgn": {
        "one step": "drgn-one",
        "two steps": "drgn-two",
        "two steps + synthetic pairs": "drgn-pairs",
        "+ adversaries and KL": "drgn-full",
    },
    "artifact-gan": {"MSE": "art-mse", "SSIM": "art-ssim", "LPIPS + L1, then NoGAN": "art-gan"},
    "phone": {"SRCNN": "phone-srcnn", "VDSR": "phone-vdsr", "ours": "phone-ours"},
    "faces": {"SRResNet": "face-l1", "DCGAN": "face-dcgan", "SRGAN": "face-srgan"},
}
METRICS_OF = {
    "dllgan": ("psnr", "ssim", LPIPS),
    "drgn": ("psnr", "ssim", LPIPS),
    "artifact-gan": ("psnr", "ssim", LPIPS, "brisque-opencv", "niqe"),
    "phone": ("psnr", "ssim", "ms-ssim", LPIPS, "ciede2000"),
    "faces": ("psnr", "ssim", LPIPS),
}


@dataclass(frozen=True)
class Case:
    """A picture to be enhanced, as a network gets it, and the truth."""

    setting: str
    picture: Floats
    truth: Floats


@dataclass(frozen=True)
class Row:
    """One mean over the images of one setting."""

    system: str
    model: str
    setting: str
    metric: str
    mean: float
    n: int


@dataclass(frozen=True)
class Run:
    """A finished run: its recipe, what it took, and its generator."""

    label: str
    recipe: Recipe
    steps: int
    minutes: float
    network: torch.nn.Module
    path: Path


def load(label: str, folder: Path) -> Run:
    path = folder / "last.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    recipe, numbers = parse(json.loads(metadata["recipe"])), json.loads(metadata["progress"])
    if numbers["stage"] < len(recipe.stages):
        sys.exit(f"{path} is not finished")
    network = trained(recipe, path)
    return Run(label, recipe, numbers["step"], numbers["seconds"] / 60, network, path)


def enhanced(run: Run, picture: Floats) -> Floats:
    """What the run's network makes of a whole picture; sides are reflected to its multiple."""
    multiple, scale = run.network.multiple, run.network.scale
    height, width = picture.shape[:2]
    edges = [(0, -side % multiple) for side in (height, width)]
    padded = np.pad(picture, (*edges, (0, 0)), mode="reflect")
    x = torch.from_numpy(padded).permute(2, 0, 1)[None]
    with torch.no_grad():
        y = run.network(x)[0].permute(1, 2, 0).numpy()
    return as_file(y[: height * scale, : width * scale])


def as_file(picture: Floats) -> Floats:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.float32) / 255


def measure(system: str, runs: list[Run], made: Iterator[Case]) -> Iterator[Row]:
    """Means of all metrics for the input and for every run, setting by setting."""
    judges = {name: metric(name) for name in METRICS_OF[system]}
    values: dict[tuple[str, str, str], list[float]] = {}

    def note(model: str, case: Case, picture: Floats) -> None:
        for name, judge in judges.items():
            second = () if judge.needs == "nothing" else (case.truth,)
            value = judge(as_file(picture), *second)
            values.setdefault((model, case.setting, name), []).append(value)

    regressor = next((level_reader(run) for run in runs if run.recipe.regressor), None)
    for case in made:
        pictures = {"input": shown(case)} | {run.label: enhanced(run, case.picture) for run in runs}
        for label, picture in pictures.items():
            note(label, case, picture)
            if regressor is not None:
                key = (label, case.setting, "level left")
                values.setdefault(key, []).append(regressor(picture))
    for (model, setting, name), found in values.items():
        yield Row(system, model, setting, name, float(np.mean(found)), len(found))


def shown(case: Case) -> Floats:
    """The picture at the size of the truth: super-resolution is compared with bicubic."""
    scale = case.truth.shape[0] // case.picture.shape[0]
    return as_file(imresize(case.picture, scale=scale)) if scale > 1 else case.picture


def level_reader(run: Run) -> Callable[[Floats], float]:
    """The regressor of a DLL-GAN run as a function of a picture, in the paper's level index."""
    settings = run.recipe.regressor
    assert settings is not None
    network = build(settings.network, REGRESSORS, **settings.arguments).eval()
    with safe_open(run.path, framework="pt") as file:
        weights = {k: file.get_tensor(k) for k in file.keys() if k.startswith("regressor.")}  # noqa: SIM118
    network.load_state_dict({k.removeprefix("regressor."): v for k, v in weights.items()})

    def read(picture: Floats) -> float:
        with torch.no_grad():
            return float(network(torch.from_numpy(picture).permute(2, 0, 1)[None]))

    return read


def cases(system: str, data: Path, faces: Path) -> Iterator[Case]:
    """The test pictures of a system, with their damage."""
    if system == "dllgan":
        for truth in images(data / "cbsd68.tar", LIMIT):
            for sigma in (15, 25, 50, 70):
                noise = np.random.RandomState(0).normal(0, sigma / 255, truth.shape)
                yield Case(f"sigma {sigma}", truth + noise.astype(np.float32), truth)
    elif system == "drgn":
        low, high = (images(data / "lol_val.tar", None, part) for part in ("low", "high"))
        for dark, truth in zip(low, high, strict=True):
            yield Case("LOL", dark, truth)
    elif system == "artifact-gan":
        for truth in images(data / "live1.tar", None):
            for quality in (10, 20):
                yield Case(f"quality {quality}", through_jpeg(truth, quality), truth)
    elif system == "phone":
        operator = DEGRADATIONS["phone"]
        for index, truth in enumerate(images(data / "cbsd68.tar", LIMIT)):
            damage = operator.sample(np.random.default_rng(index))
            yield Case("phone", as_file(operator.apply(truth, damage)), truth)
    else:
        for picture in images(faces, 200, "lfw/"):
            truth = as_file(imresize(centre(picture, 150), scale=64 / 150))
            yield Case("x4", as_file(imresize(truth, scale=0.25)), truth)


def images(pack: Path, limit: int | None, part: str = "") -> list[Floats]:
    """Pictures of a tar pack whose name holds *part*, (H, W, 3) float32 in [0, 1], by name."""
    with tarfile.open(pack) as tar:
        names = sorted(m.name for m in tar if m.isfile() and part in m.name)[:limit]
        files: list[Any] = [tar.extractfile(name) for name in names]
        return [
            np.asarray(Image.open(io.BytesIO(f.read())).convert("RGB"), np.float32) / 255
            for f in files
        ]


def images_of_folder(folder: Path) -> list[Floats]:
    """Its pictures, (H, W, 3) float32 in [0, 1], by name."""
    return [
        np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
        for path in sorted(folder.iterdir())
    ]


def centre(picture: Floats, side: int) -> Floats:
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def through_jpeg(picture: Floats, quality: int) -> Floats:
    file = io.BytesIO()
    Image.fromarray(np.rint(picture * 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"), np.float32) / 255
