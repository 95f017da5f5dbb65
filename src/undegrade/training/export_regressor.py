"""From a recipe that trains a regressor alone to the network and card of the use half."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from undegrade.catalog import Card, sha256, write_card
from undegrade.diagnosis.units import CROP, LOG_VARIANCES, QUANTITIES
from undegrade.errors import RecipeError
from undegrade.runtime import open_session
from undegrade.training.checkpoint import history, load_regressor
from undegrade.training.export import OPSET, clear_notes
from undegrade.training.networks import REGRESSORS, build
from undegrade.training.recipe import Recipe

TOLERANCE = 1e-3
"""Largest difference of a level or log-variance between ONNX Runtime and torch."""


def write_regressor(recipe: Recipe, checkpoint: Path, folder: Path) -> Card:
    """Export the regressor of a checkpoint with its card; scores are measured later.

    Raises
    ------
    RecipeError: it reads other quantities than those that the use half knows.
    ModelError: *checkpoint* holds no such regressor.
    """
    settings = recipe.regressor
    if settings is None or recipe.task != "diagnose" or settings.loss != "gaussian":
        raise RecipeError("task", recipe.task, f"trains no network that reads {QUANTITIES}")
    network = build(settings.network, REGRESSORS, **settings.arguments)
    load_regressor(network, checkpoint)
    path = folder / f"{recipe.name}.onnx"
    export(network, path)
    card = Card(
        name=recipe.name,
        task="diagnose",
        file=path.name,
        sha256=sha256(path),
        levels=QUANTITIES,
        crop=CROP,
        parameters=sum(p.numel() for p in network.parameters()),
        recipe="; then ".join(history(checkpoint)),
        **recipe.card,  # type: ignore[arg-type]
    )
    path.with_suffix(".toml").write_text(write_card(card), encoding="utf-8")
    return card


def export(network: nn.Module, path: Path) -> float:
    """Write *network* as ONNX for any number of crops; returns the largest error found.

    Weights stay in fp32: in fp16 they move levels by more than a unit of sigma. A difference over
    ``TOLERANCE`` raises ``ArithmeticError``.
    """
    network = network.cpu().eval().requires_grad_(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own dependencies
        program = torch.onnx.export(
            network,
            (torch.rand(2, 3, CROP, CROP),),
            input_names=["crops"],
            output_names=["levels"],
            dynamic_shapes=({0: torch.export.Dim("n", min=1, max=1 << 10)},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_notes(model)
    onnx.save(model, path)
    if (error := parity(network, path)) > TOLERANCE:
        raise ArithmeticError(f"the exported network differs from torch by {error:.2g}")
    return error


def parity(network: nn.Module, path: Path) -> float:
    """Largest difference between the file in ONNX Runtime and *network* in torch.

    On 8-bit crops of noise, of noise around grey, and of nothing; log-variances are clamped as
    they are wherever they are read, for of nothing they are as large as may be.
    """
    session = open_session(path.read_bytes(), path.name)
    noise = torch.rand(1, 3, CROP, CROP, generator=torch.Generator().manual_seed(0))
    crops = torch.cat([noise, 0.45 + 0.1 * noise, torch.full_like(noise, 0.5)])
    crops = torch.round(crops * 255) / 255
    with torch.no_grad():
        expected = network(crops).numpy()
    found = session.run(None, {"crops": crops.numpy()})[0]
    half = found.shape[1] // 2
    for levels in (found, expected):
        levels[:, half:] = np.clip(levels[:, half:], *LOG_VARIANCES)
    return float(np.abs(found - expected).max())
