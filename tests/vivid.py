"""Networks with variants: tiny made-up ones, and shipped ones with other weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.networks import tiny_model
from undegrade.catalog import Catalog, Model, sha256, write_card


def vivid_pair(folder: Path, name: str = "net", **arguments: object) -> tuple[Model, Model]:
    """A tiny network, and beside it the same with other weights as its vivid variant."""
    faithful = tiny_model(folder, name, seed=0, **arguments)
    vivid = tiny_model(folder, f"{name}-vivid", seed=1, **arguments)
    return faithful, _with_card(vivid, variant="vivid")


def fast_pair(folder: Path, name: str = "net", **arguments: object) -> tuple[Model, Model]:
    """A tiny network, and beside it a smaller one, told one level less, as its fast variant."""
    model = tiny_model(folder, name, seed=0, convs=3, levels=2, **arguments)
    fast = tiny_model(folder, f"{name}-fast", seed=1, convs=1, levels=1, **arguments)
    return model, _with_card(fast, effort="fast")


def perturbed_pair(folder: Path, name: str, by: float = 0.02) -> tuple[Model, Model]:
    """A copy of a shipped model, and as its vivid variant one whose weights are off by a part."""
    shipped = Catalog().find(name)
    shutil.copyfile(shipped.path, folder / shipped.path.name)
    shutil.copyfile(shipped.path.with_suffix(".toml"), folder / f"{name}.toml")
    rng = np.random.default_rng(0)
    model = onnx.load(shipped.path)
    for weight in model.graph.initializer:
        if weight.name.endswith(".half"):
            values = numpy_helper.to_array(weight).astype(np.float32)
            values *= 1 + by * rng.standard_normal(values.shape, np.float32)
            weight.raw_data = values.astype("<f2").tobytes()
    path = folder / f"{name}-vivid.onnx"
    onnx.save(model, path)
    card = replace(shipped.card, name=path.stem, file=path.name)
    vivid = _with_card(Model(card, path), variant="vivid")
    return Model(shipped.card, folder / shipped.path.name), vivid


def halved(model: Model) -> Model:
    """The same with its convolutions' weights stored in fp16 behind a cast, as export does."""
    graph = onnx.load(model.path)
    casts = []
    for weight in graph.graph.initializer:
        if weight.data_type == TensorProto.FLOAT:
            values, name = numpy_helper.to_array(weight), weight.name
            weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    onnx.save(graph, model.path)
    return _with_card(model)


def _with_card(model: Model, **changes: object) -> Model:
    """*model* with its card rewritten: these changes, and the hash of the file as it is now."""
    card = replace(model.card, sha256=sha256(model.path), **changes)  # type: ignore[arg-type]
    model.path.with_suffix(".toml").write_text(write_card(card), encoding="utf-8")
    return Model(card, model.path)
