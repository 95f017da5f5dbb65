"""Weights between two files of one network: exact at both ends, linear between, and refusals."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from tests.networks import tiny_model
from tests.photos import scene
from tests.vivid import halved, perturbed_pair, vivid_pair
from undegrade.catalog import Card, Model
from undegrade.errors import ModelError
from undegrade.levels import Levels
from undegrade.runtime import open_network, process, verify_model
from undegrade.runtime.onnx_file import find_weights, frame, mixed_weights


def arrays(data):
    """The initialisers as the reference implementation reads them."""
    graph = onnx.load_from_string(data).graph
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


@pytest.fixture(scope="module", params=["fp32", "fp16"])
def pair(request, tmp_path_factory):
    models = vivid_pair(tmp_path_factory.mktemp(request.param), unshuffle=2, levels=2, scale=2)
    return tuple(map(halved, models)) if request.param == "fp16" else models


@pytest.fixture(scope="module")
def restore(tmp_path_factory):
    return perturbed_pair(tmp_path_factory.mktemp("restore"), "restore")


def test_the_reader_finds_what_onnx_finds(pair, restore):
    for model in (*pair, *restore):
        data = model.path.read_bytes()
        floats = {name: values for name, values in arrays(data).items() if values.dtype.kind == "f"}
        found = find_weights(data)
        assert [weight.name for weight in found] == list(floats)
        for weight in found:
            values = np.frombuffer(data[weight.start : weight.stop], weight.dtype)
            np.testing.assert_array_equal(values.reshape(weight.shape), floats[weight.name])
        around = frame(data, found)
        assert len(around) <= len(data) - sum(w.stop - w.start for w in found)


def test_ends_are_the_files(pair, restore):
    for faithful, vivid in (pair, restore):
        assert mixed_weights(faithful, vivid, 0) == faithful.path.read_bytes()
        assert mixed_weights(faithful, vivid, 1) == vivid.path.read_bytes()


@pytest.mark.parametrize("detail", [0.25, 0.5, 0.9])
def test_between_is_linear_in_every_weight(pair, restore, detail):
    for faithful, vivid in (pair, restore):
        data = mixed_weights(faithful, vivid, detail)
        onnx.checker.check_model(onnx.load_from_string(data))
        one, two, mixed = map(arrays, (faithful.path.read_bytes(), vivid.path.read_bytes(), data))
        for name, values in mixed.items():
            assert values.dtype == one[name].dtype
            start, end = (a[name].astype(np.float64) for a in (one, two))
            expected = start + detail * (end - start)
            precision = 2.0**-10 if values.dtype == np.float16 else 2.0**-21
            np.testing.assert_allclose(values, expected, precision, 1e-7)


def test_a_file_is_halfway_between_itself_and_itself(pair, restore):
    for faithful, _ in (pair, restore):
        data = faithful.path.read_bytes()
        assert mixed_weights(faithful, faithful, 0.3) == data


def test_the_output_moves_away_steadily_from_the_faithful(tmp_path):
    faithful, vivid = vivid_pair(tmp_path, convs=1)
    photo = scene().transpose(2, 0, 1)[None].astype(np.float32) / 255
    details = np.linspace(0, 1, 11)
    networks = [open_network(faithful, threads=1, vivid=vivid, detail=at) for at in details]
    outputs = [network.run(photo) for network in networks]
    away = np.array([np.abs(made - outputs[0]).mean() for made in outputs])
    assert (np.diff(away) > 0).all()
    # A single convolution is linear in its weights, so the distance is proportional to the detail.
    np.testing.assert_allclose(away / away[-1], details, atol=1e-4)
    np.testing.assert_array_equal(outputs[-1], open_network(vivid, threads=1).run(photo))


def test_a_shipped_network_moves_away_steadily(restore):
    faithful, vivid = restore
    photo = scene(dtype=np.uint16)

    def output(**mix):
        network = open_network(faithful, threads=1, **mix)
        told = Levels(noise=15, jpeg=98).named()
        levels = [told[name] for name in faithful.card.levels]
        return process(network, photo, levels, tile=64).astype(int)

    outputs = [output(vivid=vivid, detail=detail) for detail in (0, 0.25, 0.5, 0.75, 1)]
    away = np.array([np.sqrt(np.mean((made - outputs[0]) ** 2.0)) for made in outputs])
    assert (np.diff(away) > 0.1 * away[-1]).all()
    np.testing.assert_array_equal(outputs[0], output())


def test_verifying_a_model_verifies_its_pair(tmp_path):
    faithful, vivid = vivid_pair(tmp_path)
    verify_model(faithful)
    tiny_model(tmp_path, vivid.card.name, convs=3)
    card = vivid.path.with_suffix(".toml")
    card.write_text(card.read_text().replace('"faithful"', '"vivid"'))
    with pytest.raises(ModelError, match="'net' and 'net-vivid' are not one network"):
        verify_model(faithful)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"scale": 2, "convs": 3}, "3 and 4 weights"),
        ({"scale": 4}, r"spread .*\[12, 3, 1, 1\] stands where .* \[48, 3, 1, 1\]"),
        ({"scale": 2, "levels": 2}, "graphs differ"),
    ],
)
def test_other_networks_are_refused(tmp_path, arguments, why):
    one, other = tiny_model(tmp_path, "one", scale=2), tiny_model(tmp_path, "other", **arguments)
    for detail in (0.5, 1):
        with pytest.raises(ModelError, match=f"'one' and 'other' are not one network: .*{why}"):
            mixed_weights(one, other, detail)


def test_weights_of_another_type_are_refused(tmp_path):
    one, other = tiny_model(tmp_path, "one"), halved(tiny_model(tmp_path, "other"))
    with pytest.raises(ModelError, match=r"w0 float32 .* stands where .* w0\.half float16"):
        mixed_weights(one, other, 0.5)


def edited(folder, change):
    """A tiny network after *change* to its ``ModelProto``, without a hash."""
    model = tiny_model(folder, "edited", levels=1)
    graph = onnx.load(model.path)
    change(graph)
    model.path.write_bytes(graph.SerializeToString())
    return Model(replace(model.card, sha256=""), model.path)


def test_who_wrote_a_file_does_not_matter(tmp_path):
    def sign(graph):
        graph.producer_name, graph.producer_version = "somebody", "2.0"
        graph.doc_string = "a note"
        helper.set_model_props(graph, {"key": "value"})

    plain, signed = tiny_model(tmp_path, "plain", levels=1), edited(tmp_path, sign)
    assert mixed_weights(plain, signed, 0.5) == plain.path.read_bytes()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda g: g.graph.node[0].attribute.pop(), "graphs differ"),
        (lambda g: setattr(g.graph.node[0], "op_type", "ConvTranspose"), "graphs differ"),
        (lambda g: setattr(g, "ir_version", 8), "graphs differ"),
        (lambda g: setattr(g.opset_import[0], "version", 17), "graphs differ"),
        (  # a constant of whole numbers is no weight
            lambda g: setattr(g.graph.initializer[-1], "raw_data", b"\x02" + bytes(7)),
            "graphs differ",
        ),
    ],
)
def test_any_other_difference_is_refused(tmp_path, change, why):
    plain = tiny_model(tmp_path, "plain", levels=1)
    with pytest.raises(ModelError, match=why):
        mixed_weights(plain, edited(tmp_path, change), 0.5)


def as_float_data(graph):
    tensor = graph.graph.initializer[0]
    values = numpy_helper.to_array(tensor)
    made = helper.make_tensor(tensor.name, TensorProto.FLOAT, values.shape, values.ravel())
    tensor.CopyFrom(made)


def as_external(graph):
    tensor = graph.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (as_float_data, "'w0' is not stored as raw bytes"),
        (as_external, "'w0' is not stored as raw bytes"),
        (lambda g: setattr(g.graph.initializer[0], "raw_data", bytes(8)), "'w0' .* holds 8 bytes"),
        (lambda g: g.ClearField("graph"), "0 graphs"),
    ],
)
def test_what_the_reader_does_not_know_is_refused(tmp_path, change, why):
    plain = tiny_model(tmp_path, "plain", levels=1)
    with pytest.raises(ModelError, match=f"'edited' cannot be mixed: .*{why}.*--detail 0"):
        mixed_weights(plain, edited(tmp_path, change), 0.5)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_broken_files_are_a_model_error_and_nothing_else(pair, data):
    whole = bytearray(pair[0].path.read_bytes())
    if data.draw(st.booleans(), "cut"):
        del whole[data.draw(st.integers(0, len(whole) - 1), "at") :]
    else:
        for _ in range(data.draw(st.integers(1, 4), "changes")):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = pair[0].path.with_name("broken.onnx")
    path.write_bytes(whole)
    card = Card(name="broken", task="restore", file=path.name, sha256="")
    # Only values of weights or notes may be hit without an error.
    with contextlib.suppress(ModelError):
        assert len(mixed_weights(pair[0], Model(card, path), 0.5)) == len(pair[0].path.read_bytes())
