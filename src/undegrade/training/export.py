"""From a trained network to an ONNX file and a card that the use half can run."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from undegrade.catalog import Card, Catalog, sha256, write_card
from undegrade.diagnosis.units import CROP, LOG_VARIANCES, QUANTITIES
from undegrade.errors import RecipeError
from undegrade.runtime import find_model, open_session
from undegrade.training.checkpoint import (
    HALF,
    history,
    load_average,
    load_regressor,
    origin,
    save_halves,
)
from undegrade.training.networks import architecture, built, example_inputs
from undegrade.training.networks.blocks import plain
from undegrade.training.networks.dllgan import Enlarged
from undegrade.training.networks.light import THUMBNAIL
from undegrade.training.recipe import Recipe
from undegrade.training.tasks import allows, task
from undegrade.training.tasks.level import LevelTask
from undegrade.training.tasks.restore import LEVELS

Inputs = Sequence[str]
PICTURE: Inputs = ("input",)

OPSET = 18
TOLERANCE = 1e-4
"""Largest difference between ONNX Runtime and torch with the same weights."""
LEVEL_TOLERANCE = 1e-3
"""Largest difference of a level or log-variance between the two."""

THIN = 16
"""Least width of the strips by which a radius is measured."""
SAFE_RADIUS = 48
"""Margin of tiles for a network that sees the whole picture, where no margin is exact."""
HALF_TOLERANCE = 0.5 / 255
"""Largest difference that storing the weights in fp16 may make: half an 8-bit level."""


def trained(recipe: Recipe, checkpoint: Path) -> nn.Module:
    """The averaged network of a checkpoint, folded to plain convolutions."""
    network = built("network", recipe.network, recipe.arguments)
    load_average(network, checkpoint, whole=True)
    return plain(network).requires_grad_(False)


def whole(multiple: int, *sides: int) -> tuple[int, ...]:
    """*sides* rounded up to a multiple."""
    return tuple(-(-side // multiple) * multiple for side in sides)


def export(network: nn.Module, path: Path, inputs: Inputs = PICTURE, half: bool = True) -> float:
    """Write *network* as ONNX with free height and width; returns the largest error found.

    *inputs* are those of its :class:`~undegrade.training.networks.Architecture`. With *half* the
    large weights are stored as fp16 and widened when the file is opened. The file is run against
    torch on three odd shapes; a difference over ``TOLERANCE`` (before the weights are rounded) or
    ``HALF_TOLERANCE`` (after) raises ``ArithmeticError``.
    """
    network = copy.deepcopy(network).cpu().eval()
    m = cast(int, network.multiple)
    height, width = (torch.export.Dim(name, min=1, max=1 << 20) * m for name in ("h", "w"))
    shapes: list[dict[int, Any]] = [{2: height, 3: width}, *({} for _ in inputs[1:])]
    example = example_inputs(network, inputs, *whole(m, 48, 64))
    model = _graph(network, example, inputs, "output", shapes)
    if "level" in inputs:
        _free_level_size(model)
    onnx.save(model, path)
    error = parity(network, path)
    if error > TOLERANCE:
        raise ArithmeticError(f"the exported network differs from torch by {error:.2g}")
    if half:
        onnx.save(with_half_weights(model), path)
        error = parity(network, path)
        if error > HALF_TOLERANCE:
            raise ArithmeticError(f"weights in fp16 change the output by {error * 255:.2f} levels")
    return error


def _graph(
    network: nn.Module,
    example: tuple[Tensor, ...],
    inputs: Inputs,
    output: str,
    shapes: Sequence[dict[int, Any]],
) -> onnx.ModelProto:
    """The ONNX graph of *network*, whose sides in *shapes* are free."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own dependencies
        program = torch.onnx.export(
            network,
            example,
            input_names=list(inputs),
            output_names=[output],
            dynamic_shapes=tuple(shapes),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto  # made anew whenever it is asked for
    clear_notes(model)
    return model


def clear_notes(model: onnx.ModelProto) -> None:
    """Drop the exporter's debugging notes: stack traces and paths of the machine it ran on."""
    del model.metadata_props[:]
    model.doc_string = model.graph.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.functions[:]


def _free_level_size(model: onnx.ModelProto) -> None:
    """Let the level be one value or a map: every operator it meets broadcasts."""
    for dimension, name in zip(
        model.graph.input[1].type.tensor_type.shape.dim[2:], ("level_h", "level_w"), strict=True
    ):
        dimension.dim_param = name
    del model.graph.value_info[:]


def with_half_weights(model: onnx.ModelProto, smallest: int = 64) -> onnx.ModelProto:
    """The same graph with weights of *smallest* values or more stored as fp16 behind a cast."""
    model = copy.deepcopy(model)
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < smallest:
            continue
        name = weight.name
        values = numpy_helper.to_array(weight).astype(np.float16)
        weight.CopyFrom(numpy_helper.from_array(values, f"{name}{HALF}"))
        casts.append(helper.make_node("Cast", [name + HALF], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def parity(network: nn.Module, path: Path) -> float:
    """Largest absolute difference between the file in ONNX Runtime and *network* in torch."""
    session = open_session(path.read_bytes(), path.name)
    names = tuple(i.name for i in session.get_inputs())
    worst = 0.0
    m = cast(int, network.multiple)
    for seed, sides in enumerate(((32, 32), (31, 53), (75, 40))):
        height, width = whole(m, *sides)
        inputs = example_inputs(network, names, height, width, seed)
        with torch.no_grad():
            expected = network(*inputs).numpy()
        feed = dict(zip(names, (x.numpy() for x in inputs), strict=True))
        worst = max(worst, float(np.abs(session.run(None, feed)[0] - expected).max()))
    return worst


def measured_radius(network: nn.Module, side: int = 160, inputs: Inputs = PICTURE) -> int:
    """How far the output at the centre depends on the input, in input pixels, by its gradient.

    The largest over one period of the network's grid, along a wide strip and along a tall one.
    Weights are replaced by positive ones in a copy, so that no path cancels or dies in a ReLU.
    *side* is the length of the strips, which must hold twice the radius.
    """
    network = copy.deepcopy(network).double().eval()
    multiple = cast(int, network.multiple)
    (thin,) = whole(multiple, THIN)
    (side,) = whole(multiple, max(side, 2 * thin))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            fan = max(1, parameter[0].numel()) if parameter.ndim else 1
            parameter.copy_(torch.rand(parameter.shape, generator=generator).double() / fan)
    period = max(2, multiple)
    shapes = (thin, side), (side, thin)
    return max(_reach(network, inputs, *shape, period) for shape in shapes)


def _reach(network: nn.Module, names: Inputs, height: int, width: int, period: int) -> int:
    """How far a *period* of outputs at the centre of a strip depends on the input along it."""
    inputs = tuple(x.double() for x in example_inputs(network, names, height, width))
    picture = inputs[0].requires_grad_(True)
    output = network(picture, *inputs[1:])
    scale = output.shape[-1] // width
    # The strip lies along the columns of what follows.
    lengthwise = output if width > height else output.transpose(2, 3)
    row, middle = (side // 2 * scale for side in sorted((height, width)))
    reach = 0
    for column in range(middle, middle + period * scale):
        value = lengthwise[0, :, row, column].sum()
        (gradient,) = torch.autograd.grad(value, picture, retain_graph=True)
        seen = gradient[0].abs().sum((0, 1 if width > height else 2)).nonzero()
        reach = max(reach, int((seen - column // scale).abs().max()))
    return reach


def gflop_per_megapixel(network: nn.Module, inputs: Inputs = PICTURE) -> float:
    """Multiply-adds times two of all convolutions per megapixel of output, in billions."""
    (side,) = whole(cast(int, network.multiple), 64)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = network(*example_inputs(network, inputs, side, side))
    pixels: int = output.shape[-1] * output.shape[-2]
    total: int = counter.flop_counts["Global"][torch.ops.aten.convolution]
    return total / pixels / 1e3


@torch.no_grad()
def mix(network: nn.Module, recipe: Recipe, other: Path, share: float) -> None:
    """Move *network* towards the exported one at *other* by *share*, 0..1, in place.

    Between a faithful network and one that was trained on from it adversarially lie networks that
    give up less of the one for most of the other (Wang et al., "Deep Network Interpolation", CVPR
    2019). Raises :class:`ModelError` where *other* is another network.
    """
    goal = plain(built("network", recipe.network, recipe.arguments))
    load_average(goal, other, whole=True)
    values = goal.state_dict()
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.lerp_(values[name], share)


def grade_scale(recipe: Recipe) -> int:
    """By how much the pictures of a graded recipe were enlarged for the network; 1 for none.

    Raises :class:`RecipeError` where that is not one number: a file enlarges by one.
    """
    if recipe.task != "grade" or recipe.degradation.get("kind") != "sr":
        return 1
    at = cast(LevelTask, task(recipe.task, recipe.scale, recipe.degradation)).at
    if len(at) > 1:
        shown = ", ".join(f"{scale:g}" for scale in at)
        raise RecipeError(
            "degradation.at",
            list(at),
            f"is a network for {shown}; export it as one of them, such as :x4",
        )
    return int(at[0])


def write_model(
    recipe: Recipe, checkpoint: Path, folder: Path, towards: str = "", share: float = 0.0
) -> Card:
    """Export a checkpoint's network with its card; speed, memory and scores are measured later.

    *towards* names a model with which it is mixed by *share*; see :func:`mix`.
    """
    network = trained(recipe, checkpoint)
    inputs = architecture("network", recipe.network).inputs
    made_by = history(checkpoint)
    if towards:
        other = find_model(towards, Catalog())
        mix(network, recipe, other.path, share)
        made_by.append(f"mixed with {share:g} of {other.card.name}")
    if (enlargement := grade_scale(recipe)) > 1:
        network = Enlarged(network, enlargement)
    path = _place(folder, f"{recipe.name}.onnx")
    export(network, path, inputs)
    return _write_card(path, recipe, network, checkpoint, made_by, _facts(recipe, network))


def write_weights(recipe: Recipe, checkpoint: Path, folder: Path) -> Card:
    """Write the averaged weights of a checkpoint in fp16 with a card, for ``train --init``."""
    network = trained(recipe, checkpoint)
    path = _place(folder, f"{recipe.name}.safetensors")
    save_halves(checkpoint, path)
    facts = _facts(recipe, network)
    return _write_card(path, recipe, network, checkpoint, history(checkpoint), facts)


def _place(folder: Path, name: str) -> Path:
    """Where a file called *name* goes in *folder*, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def _facts(recipe: Recipe, network: nn.Module) -> dict[str, Any]:
    """What the card of a network from picture to picture says for certain."""
    inputs = architecture("network", recipe.network).inputs
    scale, multiple = cast(int, network.scale), cast(int, network.multiple)
    radius, reach = cast(int | None, network.radius), SAFE_RADIUS
    if radius is not None:
        reach = measured_radius(network, 2 * (radius + multiple), inputs)
    return {
        "task": recipe.card.get("task", "sr" if scale > 1 else allows(recipe.task).card),
        "scale": scale,
        "radius": reach,
        "exact": radius is not None,
        "multiple": multiple,
        "thumbnail": THUMBNAIL if "thumbnail" in inputs else 0,
        "levels": getattr(network, "level_names", LEVELS) if "level" in inputs else (),
        "gflop_per_megapixel": round(gflop_per_megapixel(network, inputs), 1),
    }


def _write_card(
    path: Path,
    recipe: Recipe,
    network: nn.Module,
    checkpoint: Path,
    made_by: Sequence[str],
    facts: dict[str, Any],
) -> Card:
    """Write the card of the file *path*, made from *checkpoint*, beside it.

    What is known for certain goes before what the recipe says.
    """
    told: dict[str, Any] = {
        "name": recipe.name,
        "file": path.name,
        "sha256": sha256(path),
        "parameters": sum(p.numel() for p in network.parameters()),
        "recipe": "; then ".join(made_by),
    }
    card = Card(**origin(checkpoint) | recipe.card | facts | told)
    path.with_suffix(".toml").write_text(write_card(card), encoding="utf-8")
    return card


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
    network = built("regressor", settings.network, settings.arguments, "regressors")
    load_regressor(network, checkpoint)
    path = _place(folder, f"{recipe.name}.onnx")
    export_regressor(network, path)
    facts = {"task": "diagnose", "levels": QUANTITIES, "crop": CROP}
    return _write_card(path, recipe, network, checkpoint, history(checkpoint), facts)


def export_regressor(network: nn.Module, path: Path) -> float:
    """Write *network* as ONNX for any number of crops; returns the largest error found.

    Weights stay in fp32: in fp16 they move levels by more than a unit of sigma. A difference over
    ``LEVEL_TOLERANCE`` raises ``ArithmeticError``.
    """
    network = network.cpu().eval().requires_grad_(False)
    number = torch.export.Dim("n", min=1, max=1 << 10)
    example = (torch.rand(2, 3, CROP, CROP),)
    onnx.save(_graph(network, example, ("crops",), "levels", [{0: number}]), path)
    if (error := level_parity(network, path)) > LEVEL_TOLERANCE:
        raise ArithmeticError(f"the exported network differs from torch by {error:.2g}")
    return error


def level_parity(network: nn.Module, path: Path) -> float:
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
