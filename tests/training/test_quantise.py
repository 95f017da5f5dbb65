"""Networks in 8 bit: what is found in a graph, what it becomes, and that it stays the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

import onnxruntime as ort  # noqa: E402

from tests.networks import tiny_model  # noqa: E402
from undegrade.catalog import Catalog, sha256, write_card  # noqa: E402
from undegrade.errors import ModelError, UsageError  # noqa: E402
from undegrade.runtime import open_network, verify_model  # noqa: E402
from undegrade.training import quantise  # noqa: E402
from undegrade.training.data.photos import PhotoSet  # noqa: E402
from undegrade.training.quantised_graph import (  # noqa: E402
    Ranges,
    find_pairs,
    quantised,
    with_extremes,
)

CHANNELS = 16


def paired_network(path, pairs=2, channels=CHANNELS, seed=0, rectified=True):
    """Enlarges twice by residual pairs, one of whose channels is always zero."""
    rng = np.random.default_rng(seed)
    nodes, weights = [], []

    def conv(source, output, c_in, c_out, scale=0.15):
        kernel = scale * rng.normal(size=(c_out, c_in, 3, 3)) / np.sqrt(c_in)
        for suffix, values in (("w", kernel), ("b", 0.02 * rng.normal(size=c_out))):
            if suffix == "w" and output.startswith("h"):
                values[0] = 0
            if suffix == "b" and output.startswith("h"):
                values[0] = -1
            weights.append(numpy_helper.from_array(values.astype("f"), f"{output}.{suffix}"))
        inputs = [source, f"{output}.w", f"{output}.b"]
        nodes.append(helper.make_node("Conv", inputs, [output], pads=[1, 1, 1, 1]))

    conv("input", "head", 3, channels, 1.0)
    nodes.append(helper.make_node("Relu" if rectified else "Identity", ["head"], ["x0"]))
    for i in range(pairs):
        conv(f"x{i}", f"h{i}", channels, channels)
        nodes.append(helper.make_node("Relu", [f"h{i}"], [f"r{i}"]))
        conv(f"r{i}", f"a{i}", channels, channels)
        nodes.append(helper.make_node("Add", [f"x{i}", f"a{i}"], [f"s{i}"]))
        nodes.append(helper.make_node("Relu", [f"s{i}"], [f"x{i + 1}"]))
    conv(f"x{pairs}", "tail", channels, 12)
    nodes.append(helper.make_node("DepthToSpace", ["tail"], ["output"], blocksize=2, mode="CRD"))
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "h", "w"])
    result = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3, "H", "W"])
    graph = helper.make_graph(nodes, "paired", [picture], [result], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return model


@pytest.fixture
def model(tmp_path):
    """A network of pairs with a card, which enlarges twice."""
    made = tiny_model(tmp_path, "net", scale=2)
    paired_network(made.path)
    card = replace(made.card, sha256=sha256(made.path), radius=6)
    made.path.with_suffix(".toml").write_text(write_card(card), encoding="utf-8")
    return Catalog().find(str(made.path))


@pytest.fixture
def photos(monkeypatch):
    """Training photos that are drawn instead of read."""
    generator = torch.Generator().manual_seed(0)
    drawn = list(quantise.ColouredSquares().crops(6, 200, generator))
    monkeypatch.setattr(quantise, "load", lambda *_, **__: (PhotoSet(drawn[:4]), drawn[4:]))
    for name, value in {"CROPS": 4, "SQUARES": 2, "PATCH": 32, "SIDE": 64}.items():
        monkeypatch.setattr(quantise, name, value)


def run(model, picture):
    (output,) = ort.InferenceSession(model.SerializeToString()).run(None, {"input": picture})
    return output


def ranges_of(model, picture):
    pairs = find_pairs(model)
    names = list(dict.fromkeys(n for pair in pairs for n in (pair.input, pair.hidden, pair.added)))
    session = ort.InferenceSession(with_extremes(model, names).SerializeToString())
    extremes, ranges = session.run(None, {"input": picture}), Ranges()
    for name, high, low in zip(names, extremes[::2], extremes[1::2], strict=True):
        ranges.widen(name, high, low)
    return ranges


def test_pairs_are_found_in_order_and_only_where_they_are_whole(tmp_path):
    path = tmp_path / "net.onnx"
    assert [pair.input for pair in find_pairs(paired_network(path))] == ["x0", "x1"]
    # Nothing says that the input of the first is not negative.
    assert [p.input for p in find_pairs(paired_network(path, rectified=False))] == ["x1"]
    assert not find_pairs(paired_network(path, channels=4))
    other = paired_network(path)
    other.graph.output.append(helper.make_empty_tensor_value_info("r0"))
    assert [pair.input for pair in find_pairs(other)] == ["x1"]


def test_a_graph_in_8_bit_computes_nearly_the_same(tmp_path):
    plain = paired_network(tmp_path / "net.onnx")
    picture = np.random.default_rng(1).random((1, 3, 40, 48), dtype=np.float32)
    whole = quantised(plain, find_pairs(plain), ranges_of(plain, picture), "ab")
    error = run(whole, picture) - run(plain, picture)
    without = paired_network(tmp_path / "none.onnx", pairs=0)
    effect = run(plain, picture) - run(without, picture)
    assert 0 < np.sqrt((error**2).mean()) < 0.02 * np.sqrt((effect**2).mean())
    stored = {tensor.name: tensor.data_type for tensor in whole.graph.initializer}
    kinds = [stored.get(f"{name}.weight") for name in ("h0", "a0", "h1", "a1")]
    assert kinds == [TensorProto.INT8] * 4
    assert stored["head.w"] == stored["tail.w"] == TensorProto.FLOAT
    assert "h0.w" not in stored
    assert run(plain, picture).shape == (1, 3, 80, 96)


def test_narrowed_ranges_are_a_part_of_each_side():
    ranges = Ranges({"a": np.ones(2, np.float32)}, {"a": -np.ones(2, np.float32)}).narrowed(0.5)
    assert ranges.high["a"].tolist() == [0.5, 0.5]
    assert ranges.low["a"].tolist() == [-0.5, -0.5]


def test_a_model_gets_a_second_file_and_a_card_that_says_what_it_loses(model, photos, tmp_path):
    card, losses = quantise.write_int8(model, ["unused"], tmp_path / "out")
    made = Catalog().find(str(tmp_path / "out" / "net.onnx"))
    assert made.card == card
    assert card.int8 == "net-int8.onnx"
    assert card.int8_loss_db == round(max(0.0, *losses.values()), 3)
    assert set(losses) == {"x2", "squares"}
    verify_model(made)
    again, _ = quantise.write_int8(model, ["unused"], tmp_path / "again")
    assert again.int8_sha256 == card.int8_sha256
    window = np.random.default_rng(0).random((1, 3, 24, 24), dtype=np.float32)
    floats, whole = (
        open_network(made, threads=1, device="cpu", precision=name) for name in ("fp32", "int8")
    )
    assert 0 < np.abs(floats.run(window) - whole.run(window)).mean() < 0.01


def test_pairs_that_lose_too_much_stay_in_float(model, photos, tmp_path, monkeypatch):
    _, all_lose = quantise.write_int8(model, ["unused"], tmp_path / "all")
    monkeypatch.setattr(quantise, "MOST_LOSS", min(all_lose.values()) - 1.0)
    quantise.write_int8(model, ["unused"], tmp_path / "one")
    counts = []
    for name in ("all", "one"):
        weights = onnx.load(tmp_path / name / "net-int8.onnx").graph.initializer
        counts.append(sum(weight.data_type == TensorProto.INT8 for weight in weights))
    assert counts[0] == 2 * counts[1]


def test_the_models_own_folder_only_gets_the_new_file(model, photos):
    folder = model.path.parent
    before = {path.name for path in folder.iterdir()}
    quantise.write_int8(model, ["unused"], folder)
    assert {path.name for path in folder.iterdir()} == before | {"net-int8.onnx"}


def test_new_weights_under_an_old_file_are_found_out(model, photos):
    quantise.write_int8(model, ["unused"], model.path.parent)
    paired_network(model.path, seed=1)
    card = replace(Catalog().find(str(model.path)).card, sha256=sha256(model.path))
    with pytest.raises(ModelError, match="made from other weights"):
        open_network(replace(model, card=card), device="cpu", precision="int8")


def test_what_cannot_be_put_in_8_bit_is_refused(model, photos, tmp_path):
    other = tiny_model(tmp_path / "plain", scale=2)
    with pytest.raises(ModelError, match="'tiny' has no residual pairs"):
        quantise.write_int8(other, ["unused"], tmp_path)
    blind = tiny_model(tmp_path / "blind")
    with pytest.raises(UsageError, match=r"'tiny' does 'restore', told no levels"):
        quantise.write_int8(blind, ["unused"], tmp_path)


@pytest.mark.parametrize("told", [True, False])
def test_networks_for_low_light_see_their_thumbnails(told, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(quantise, "CONTEXT", 64)
    made = Catalog(tmp_path / "none").find("lowlight-free" if told else "lowlight")
    card, losses = quantise.write_int8(made, ["unused"], tmp_path)
    assert set(losses) == {"light", "squares"} | ({"told"} if told else set())
    assert max(map(abs, losses.values())) < 1.0
    assert card.int8_loss_db >= 0
    verify_model(Catalog().find(str(tmp_path / card.file)))


def test_crops_for_a_thumbnail_lie_at_many_places_of_their_photos(photos):
    drawn, _ = quantise.load()
    task = quantise.GuidedTask(quantise.LowlightTask(), 64)
    assert quantise._parts(task, 20) == [8, 8, 4]
    batches = quantise._drawn(task, drawn, quantise._parts(task, 20), 32, 0)
    assert [len(batch.target) for batch in batches] == [8, 8, 4]
    assert len({tuple(batch.inputs[2][0].tolist()) for batch in batches}) == 3


def test_the_task_of_a_restorer_draws_every_level_and_none(photos):
    drawn, _ = quantise.load()
    (batch,) = quantise._drawn(
        quantise.RestoreTask(), drawn, quantise._parts(quantise.RestoreTask(), 16), 32, 0
    )
    levels = batch.inputs[1].flatten(1)
    assert (levels.sum(1) == 0).sum() >= 2
    assert ((levels > 0).sum(0) > 2).all()
    assert {"light noise", "light jpeg", "squares"} <= set(
        quantise._validation(quantise.RestoreTask(), [torch.zeros(3, 64, 64, dtype=torch.uint8)])
    )
