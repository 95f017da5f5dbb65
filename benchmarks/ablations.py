"""Train every shipped recipe with one part taken away, and write what that costs into its page.

    python benchmarks/ablations.py --data TRAIN --runs FOLDER [--only MODEL ...] [--write]

TRAIN holds the training packs (``photos-*.tar``, ``lol-*.tar``, ``sice.tar``, ``faces.tar``). All
runs of a model begin alike, take the same few steps on the same batches, and are judged by the
recipe's own validation on held-out training photos: no test image is touched. They are small, so
they tell about the beginning of training, not about its end. A run that is in
``benchmarks/results/ablations.json`` with the same settings is not made again; --write renews the
tables in docs/models/ from that file. ``UNDEGRADE_BACKBONES`` names the folder of the published
weights of SqueezeNet.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pages import keep, renewed, stored

from undegrade.catalog import Catalog
from undegrade.training import loop, recipe_file

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "ablations.json"
DOCS = ROOT / "docs" / "models"
COMMAND = "python benchmarks/ablations.py --data TRAIN --runs FOLDER --write"

FREE = ("photos-0.tar", "photos-1.tar", "photos-clic-cid.tar")
PAIRS = ("lol-0.tar", "lol-1.tar", "sice.tar")
FACES = ("faces.tar",)

Settings = dict[str, Any]
ADAM: Settings = {"stages.main.optimizer": "adam", "stages.main.rate": 0.0015}
MUON: Settings = {
    "stages.main.optimizer": "muon",
    "stages.main.rate": 0.0008,
    "arguments.expand": 0,
}


@dataclass(frozen=True)
class Study:
    """Runs of one recipe: what all have in common, and what each has of its own."""

    recipe: str
    common: Settings
    trials: dict[str, Settings]
    packs: tuple[str, ...] = FREE
    init: str | None = None
    """The shipped model that all begin as, but for those that name another one under ``init``."""
    shown: tuple[str, ...] = ("psnr",)
    """Columns: scores of the validation."""


def without_adversary(stage: str) -> Settings:
    """The same losses, nobody to please."""
    return {
        "discriminators": None,
        f"stages.{stage}.kind": "generator",
        f"stages.{stage}.losses.adversarial": None,
    }


SR = {"stages.main.steps": 600, "batch": 8, "patch": 48, "patch_late": 0}
SR_TRIALS: dict[str, Settings] = {
    "as shipped: Adam, kernels over-parameterised twice": {},
    "kernels not over-parameterised": {"arguments.expand": 0},
    "Muon for Adam, kernels not over-parameterised": MUON,
    "half as deep": {"arguments.pairs": 3},
}
RESTORED = ("noise15/psnr", "noise25/psnr", "noise50/psnr", *(f"jpeg{q}/psnr" for q in (10, 20)))
VIVID: Settings = {"stages.main.steps": 500}

STUDIES: dict[str, Study] = {
    "restore": Study(
        "restore",
        {"stages.main.steps": 500, "patch": 80, "patch_late": 0},
        {
            "as shipped: Muon": {},
            "Adam for Muon": ADAM,
            "Adam, kernels over-parameterised twice": ADAM | {"arguments.expand": 2},
            "no branch at quarter resolution": {"arguments.deep": 0},
            "half as deep": {"arguments.pairs": 3},
        },
        shown=RESTORED,
    ),
    "restore-fast": Study(
        "restore:fast",
        {"stages.main.steps": 500, "patch": 80, "patch_late": 0},
        {
            "as shipped: taught by restore and by the truth": {},
            "by the truth alone": {
                "teacher": None,
                "stages.main.losses.charbonnier.weight": 1.0,
                "stages.main.losses.mse.weight": 1.0,
                "stages.main.losses.taught": None,
                "stages.main.losses.taught-late": None,
            },
        },
        shown=RESTORED,
    ),
    "restore-vivid": Study(
        "restore:vivid",
        {"stages.regressor.steps": 300, "stages.regressor.share": 100}
        | {"stages.adversarial.steps": 400},
        {
            "as shipped": {},
            "no regressor": {
                "regressor": None,
                "stages.regressor": None,
                "stages.adversarial.losses.level": None,
            },
            "no content": {"stages.adversarial.losses.content": None},
            "no adversary": without_adversary("adversarial"),
        },
        init="restore",
        shown=("noise25/psnr", "noise25/lpips", "jpeg20/psnr", "jpeg20/lpips"),
    ),
    "sr-x2": Study("sr-x2", SR, SR_TRIALS),
    "sr-x4": Study(
        "sr-x4",
        SR | {"patch": 32},
        SR_TRIALS | {"beginning as sr-x2": {"init": "sr-x2"}},
    ),
    "sr-x4-vivid": Study(
        "sr-x4:vivid",
        VIVID,
        {
            "as shipped": {},
            "no content": {"stages.main.losses.content": None},
            "no adversary": without_adversary("main"),
        },
        init="sr-x4",
        shown=("psnr", "lpips"),
    ),
    "sr-x4-vivid-restored": Study(
        "sr-x4:restored",
        {"stages.main.steps": 500},
        {
            "as shipped": {},
            "no LPIPS": {"stages.main.losses.lpips": None},
            "no adversary": without_adversary("main"),
            "real samples alone": {"degradation.real": 1.0},
        },
        init="sr-x4-vivid",
        shown=("x4/psnr", "x4/lpips", "real/psnr", "real/lpips"),
    ),
    "lowlight-free": Study(
        "lowlight",
        {"stages.main.steps": 300, "batch": 4},
        {
            "as shipped": {},
            "DeG not judged by itself": {"stages.main.losses.base": None},
            "no SSIM": {"stages.main.losses.ssim": None},
            "a thumbnail of the patch, not of what is around it": {"degradation.context": 160},
            "Muon for Adam, kernels not over-parameterised": MUON,
        },
        shown=("psnr", "ssim"),
    ),
    "lowlight": Study(
        "lowlight:pairs",
        {"stages.main.steps": 250, "batch": 4},
        {
            "as shipped: from darkened photos to pairs": {},
            "pairs alone": {"init": None},
            "darkened photos alone": {"stages.main.steps": 1, "stages.main.rate": 1e-9},
        },
        packs=PAIRS,
        init="lowlight-free",
        shown=("psnr", "ssim"),
    ),
    "fade": Study(
        "fade",
        {"stages.main.steps": 300, "batch": 4},
        {
            "as shipped": {},
            "no loss at equal brightness": {"stages.main.losses.matched": None},
            "half as wide": {"arguments.channels": 8},
            "a thumbnail of 192 pixels around the patch": {"degradation.context": 192},
        },
        shown=("psnr", "ssim"),
    ),
    "phone": Study(
        "phone-guided",
        {"stages.fidelity.steps": 200, "stages.texture.steps": 100, "batch": 4},
        {
            "as shipped": {},
            "no colour": {
                "stages.fidelity.losses.colour": None,
                "stages.texture.losses.colour": None,
            },
            "no SSIM": {"stages.fidelity.losses.ssim": None, "stages.texture.losses.ssim": None},
            "Muon for Adam in fidelity, kernels not over-parameterised": {
                "arguments.expand": 0,
                "stages.fidelity.optimizer": "muon",
                "stages.fidelity.rate": 0.0008,
            },
            "fidelity alone": {
                "discriminators": None,
                "stages.texture": None,
                "stages.fidelity.steps": 300,
            },
        },
        shown=("psnr", "ssim"),
    ),
    "face-x4": Study(
        "face-x4",
        {"stages.pixel.steps": 300, "batch": 8},
        {
            "as shipped": {},
            "zeros beyond the border": {"degradation.rim": 0},
            "batch norm and PReLU, as published": {"arguments.preset": "paper"},
            "half as deep": {"arguments.blocks": 4},
        },
        packs=FACES,
        shown=("psnr", "ssim", "lpips"),
    ),
    "face-x4-vivid": Study(
        "face-x4:vivid",
        {"stages.adversarial.steps": 150, "batch": 16},
        {
            "as shipped": {},
            "no content": {"stages.adversarial.losses.content": None},
            "no adversary": without_adversary("adversarial"),
        },
        packs=FACES,
        init="face-x4",
        shown=("psnr", "ssim", "lpips"),
    ),
    "dejpeg-mobile": Study(
        "dejpeg-mobile",
        {"stages.generator.steps": 250, "stages.critic.steps": 40, "stages.critic.stored": 64}
        | {"stages.adversarial.steps": 50, "batch": 8, "patch": 96},
        {
            "as shipped": {},
            "no NoGAN: the generator alone": {
                "discriminators": None,
                "stages.critic": None,
                "stages.adversarial": None,
                "stages.generator.steps": 300,
            },
            "no LPIPS": {
                "stages.generator.losses.lpips": None,
                "stages.adversarial.losses.lpips": None,
            },
        },
        shown=("psnr", "ssim", "lpips"),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--only", nargs="*", choices=STUDIES, default=list(STUDIES))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for model in options.only:
        for label, own in STUDIES[model].trials.items():
            known = stored(RESULT).get(model, {}).get(label)
            row = trial(STUDIES[model], own, options.data, options.runs / model, known)
            # Read again: a trial takes so long that others may have written meanwhile.
            keep(RESULT, {model: stored(RESULT).get(model, {}) | {label: row}})
            print(f"{model:16}{label:52}{row['scores']}", flush=True)
        if options.write:
            write(model)


def trial(
    study: Study, own: Settings, data: Path, folder: Path, before: dict[str, Any] | None
) -> dict[str, Any]:
    """One run's settings, steps, minutes and scores; those of *before* where nothing differs."""
    settings = study.common | {key: value for key, value in own.items() if key != "init"}
    init = own.get("init", study.init)
    row: dict[str, Any] = {"recipe": study.recipe, "init": init, "settings": settings}
    if before is not None and {key: before[key] for key in row} == row:
        return before
    recipe = recipe_file.read(study.recipe, {**settings, "checkpoint_every": 10**6})
    shutil.rmtree(folder, ignore_errors=True)
    loop.fit(
        recipe,
        [data / pack for pack in study.packs],
        folder,
        init=Catalog().find(init).path if init else None,
    )
    last = json.loads((folder / "log.jsonl").read_text().splitlines()[-1])
    scores = {name: round(last[name], 4) for name in study.shown}
    minutes = round(last["seconds"] / 60, 1)
    return row | {"steps": last["step"], "minutes": minutes, "scores": scores}


def write(model: str) -> None:
    """Renew the table in the page of *model*, which has its measured part already."""
    page = DOCS / f"{model}.md"
    text = page.read_text()
    if "<!-- ablation -->" not in text:
        text = text.rstrip("\n") + "\n\n## Ablation\n\n<!-- ablation -->\n\n<!-- /ablation -->\n"
    page.write_text(renewed(text, "ablation", table(model)))


def table(model: str) -> str:
    """Markdown: what was done, and a row for each run."""
    study, rows = STUDIES[model], stored(RESULT)[model]
    begun = f"From `{study.init}`" if study.init else "From scratch"
    lines = [
        f"{begun}, on held-out training photos, by `{COMMAND}`:\n",
        "| run | steps | minutes on one core | " + " | ".join(study.shown) + " |",
        "|---|---:|---:|" + "---:|" * len(study.shown),
    ]
    for label in study.trials:
        row = rows[label]
        cells = [f"{row['scores'][name]:.{2 if 'psnr' in name else 4}f}" for name in study.shown]
        lines.append(f"| {label} | {row['steps']} | {row['minutes']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
