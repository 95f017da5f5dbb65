"""Contenders: exact tiles on floats, networks of others as they are, and how all are named."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnxruntime import InferenceSession

from tests.evaluation.made_up import pixels
from tests.networks import tiny_model, tiny_network
from tests.photos import write_photo
from tests.vivid import fast_pair
from undegrade import enhance
from undegrade.catalog import Catalog
from undegrade.errors import ComputeError, ModelError, UsageError
from undegrade.evaluation import networks
from undegrade.evaluation.cases import Case, as_bytes, as_floats, paired
from undegrade.evaluation.contenders import baseline, of_package, open_contenders
from undegrade.evaluation.sets import open_set
from undegrade.imaging.resize import imresize
from undegrade.levels import Levels
from undegrade.runtime import open_network, process


def case_of(picture, scale=1):
    """A case whose truth is *scale* times as large as *picture*."""
    height, width, channels = picture.shape
    truth = np.zeros((height * scale, width * scale, channels), np.uint8)
    return Case(as_floats(picture), truth, Levels())


def opened(*names):
    return open_contenders([str(name) for name in names], threads=1)


@pytest.mark.parametrize("arguments", [{}, {"unshuffle": 2}, {"scale": 2}, {"levels": 2}])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_with_a_card_is_run_as_the_product_runs_it(tmp_path, arguments, channels):
    model = tiny_model(tmp_path, **arguments)
    picture, levels = pixels(45, 52, channels), Levels(noise=20, jpeg=30)
    (contender,) = opened(model.path)
    output = contender.run(case_of(picture, model.card.scale), levels).picture
    told = tuple(levels.named()[name] for name in model.card.levels)
    expected = process(open_network(model, threads=1), picture, told)
    difference = np.abs(as_bytes(output).astype(int) - expected)
    assert difference.max() <= 1  # ties of rounding
    assert difference.mean() < 1e-3
    assert contender.scale == model.card.scale


def test_tiles_on_floats_equal_the_whole(tmp_path, monkeypatch):
    """Beyond [0, 1] too."""
    model = tiny_model(tmp_path, unshuffle=2)
    noisy = as_floats(pixels(70, 90)) * 3 - 1
    case = Case(noisy, None, None)
    (contender,) = opened(model.path)
    whole = contender.run(case, Levels()).picture
    monkeypatch.setattr(networks, "tile_side", lambda card: 16)
    np.testing.assert_allclose(contender.run(case, Levels()).picture, whole, atol=1e-6)
    assert whole.min() < -0.5


def test_a_network_without_a_card_sees_the_whole_picture(tmp_path):
    """Its own zero padding included: no border is reflected."""
    path = tiny_network(tmp_path / "net.onnx", scale=2)
    picture = pixels(20, 30)
    (contender,) = opened(path)
    assert (contender.name, contender.scale) == ("net", 2)
    output = contender.run(case_of(picture, 2), Levels()).picture
    planes = as_floats(picture).transpose(2, 0, 1)[None]
    expected = InferenceSession(path).run(None, {"input": planes})[0][0].transpose(1, 2, 0)
    np.testing.assert_array_equal(output, expected)


def test_a_single_sigma_and_its_units(tmp_path):
    """output = input + sigma, whatever the inputs are called."""
    path = foreign_network(tmp_path / "net.onnx", "picture", "strength", [1])
    (contender,) = opened(path)
    output = contender.run(case_of(pixels(20, 20)), Levels(noise=25)).picture
    np.testing.assert_allclose(output - as_floats(pixels(20, 20)), 25, atol=1e-5)
    path = foreign_network(tmp_path / "scalar.onnx", "picture", "strength", [])
    (contender,) = opened(path)
    output = contender.run(case_of(pixels(20, 20)), Levels(noise=25)).picture
    np.testing.assert_allclose(output - as_floats(pixels(20, 20)), 25, atol=1e-5)


def test_grey_networks(tmp_path):
    path = foreign_network(tmp_path / "grey.onnx", "x", channels=1)
    (contender,) = opened(path)
    assert contender.channels == 1
    picture = pixels(20, 20, 1)
    np.testing.assert_array_equal(
        contender.run(case_of(picture), Levels()).picture, as_floats(picture)
    )


def test_small_pictures_are_continued_and_cut_again(tmp_path):
    (contender,) = opened(tiny_network(tmp_path / "net.onnx", scale=4, identity=True))
    picture = pixels(8, 20)
    output = contender.run(case_of(picture, 4), Levels()).picture
    np.testing.assert_allclose(output, as_floats(picture).repeat(4, 0).repeat(4, 1), atol=1e-6)


def test_a_network_that_does_not_enlarge_gets_the_enlargement(tmp_path):
    path = tiny_network(tmp_path / "bare.onnx", identity=True)
    model = tiny_model(tmp_path / "carded", identity=True)
    case = case_of(pixels(20, 24), 2)
    expected = imresize(case.input, size=(40, 48))
    for contender in (*opened(path), *opened(model.path), baseline("bicubic")):
        np.testing.assert_allclose(contender.run(case, Levels()).picture, expected, atol=1e-6)
    assert expected.max() > 1 or expected.min() < 0 or np.any(expected * 255 % 1 > 1e-3)


def test_outputs_that_are_no_picture(tmp_path):
    model = tiny_model(tmp_path, poison=True)
    white = np.full((20, 20, 3), 255, np.uint8)
    (contender,) = opened(model.path)
    with pytest.raises(ComputeError, match="tiny returned values that are not finite"):
        contender.run(case_of(white), Levels())
    # Without a card nothing says that sides must be even.
    (contender,) = opened(tiny_network(tmp_path / "even.onnx", unshuffle=2))
    with pytest.raises(ComputeError, match="even cannot run on 31x20 pixels"):
        contender.run(case_of(pixels(20, 31)), Levels())


def test_the_product_unasked(tmp_path):
    """From a file it is what ``enhance`` makes of that file, steps named; pixels serve as well."""
    truth = pixels(96, 100)
    (contender,) = opened("auto")
    assert (contender.name, contender.takes_levels) == ("auto", False)
    file = write_photo(tmp_path / "a.jpg", truth, quality=15)
    case = paired_case(tmp_path / "pairs", truth, file)
    made, by_hand = contender.run(case, Levels(noise=25)), enhance(file)
    np.testing.assert_array_equal(as_bytes(made.picture), by_hand.array)
    assert made.steps == tuple(step.name for step in by_hand.steps) == ("restore",)
    bare = contender.run(replace(case, file=None), Levels())
    np.testing.assert_array_equal(as_bytes(bare.picture), enhance(as_bytes(case.input)).array)
    np.testing.assert_array_equal(
        contender.run(case_of(truth), Levels()).picture.shape, truth.shape
    )


def test_the_product_is_told_the_size(tmp_path):
    truth = pixels(96, 104)
    (contender,) = opened("auto")
    case = Case(as_floats(truth[::2, ::2].copy()), truth, None)
    made = contender.run(case, Levels())
    np.testing.assert_array_equal(
        as_bytes(made.picture), enhance(as_bytes(case.input), scale=2).array
    )
    assert made.steps[-1] == "sr"


def test_efforts_beside_each_other(tmp_path):
    """Who lacks an effort is measured as it is; names and digests tell the others apart."""
    model, fast = fast_pair(tmp_path)
    bare = tiny_network(tmp_path / "bare" / "bare.onnx")
    phone = Catalog().find("phone").card.name
    names = [str(model.path), str(bare), phone, "auto"]
    made = open_contenders(names, 1, ("normal", "fast", "best"))
    assert [one.name for one in made] == [
        *("net", "net fast", "net best", "bare", "phone", "auto", "auto fast", "auto best")
    ]
    assert len({one.digest for one in made}) == len(made)
    assert [one.name for one in open_contenders([str(bare), phone], 1, ("best",))] == [
        *("bare", "phone")
    ]
    case, levels = case_of(pixels(24, 36)), Levels(noise=25, jpeg=50)
    outputs = {one.name: one.run(case, levels).picture for one in made[:3]}
    turned = [np.rot90(case.input, n)[:, ::mirror] for n in range(4) for mirror in (1, -1)]
    runs = [made[0].run(Case(one, None, None), levels).picture for one in turned]
    back = [np.rot90(one[:, :: (1, -1)[n % 2]], -(n // 2)) for n, one in enumerate(runs)]
    np.testing.assert_allclose(outputs["net best"], np.mean(back, axis=0), atol=1e-5)
    (alone,) = opened(fast.path)
    np.testing.assert_array_equal(outputs["net fast"], alone.run(case, levels).picture)
    with pytest.raises(UsageError, match="there is no effort 'most'; choose some of: fast, normal"):
        open_contenders(names, 1, ("most",))


def test_the_product_with_detail(tmp_path):
    """Networks alone are measured as they are; ``auto`` as ``enhance`` with that detail."""
    names = [str(fast_pair(tmp_path)[0].path), "auto"]
    made = open_contenders(names, 1, ("normal", "best"), (0.0, 1.0))
    assert [one.name for one in made] == [
        *("net", "net best", "auto", "auto detail 1", "auto best", "auto best detail 1")
    ]
    assert len({one.digest for one in made}) == len(made)
    truth = pixels(96, 104)
    case = Case(as_floats(truth[::4, ::4].copy()), truth, None)
    by_hand = enhance(as_bytes(case.input), scale=4, detail=1)
    np.testing.assert_array_equal(as_bytes(made[3].run(case, Levels()).picture), by_hand.array)
    with pytest.raises(UsageError, match="a detail of 2 is not possible; choose one between 0"):
        open_contenders(["auto"], 1, details=(2.0,))


def test_the_product_and_a_grey_file_of_a_protocol_in_colour(tmp_path):
    grey = pixels(96, 100, 1)
    file = write_photo(tmp_path / "a.jpg", grey, quality=15)
    (contender,) = opened("auto")
    case = paired_case(tmp_path / "pairs", grey, file)
    assert contender.run(case, Levels()).picture.shape == case.truth.shape == (96, 100, 3)


def test_the_product_is_known_by_its_code_and_networks(tmp_path):
    for name in ("a.py", "b.onnx", "__pycache__/a.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    before = of_package(tmp_path, Catalog())
    (tmp_path / "__pycache__" / "a.pyc").write_text("2")
    assert of_package(tmp_path, Catalog()) == before
    (tmp_path / "b.onnx").write_text("2")
    assert of_package(tmp_path, Catalog()) != before


def test_names(tmp_path):
    one = tiny_network(tmp_path / "a" / "net.onnx", seed=1)
    two = tiny_network(tmp_path / "b" / "net.onnx", seed=2)
    copy = shutil.copyfile(one, tmp_path / "copy.onnx")
    first, second, third, base = opened(one, two, copy, "bicubic")
    assert first.name.endswith("a/net")
    assert second.name.endswith("b/net")
    assert (third.name, base.name) == ("copy", "bicubic")
    assert first.digest == third.digest != second.digest
    with pytest.raises(UsageError, match="named twice"):
        opened(one, one)


def test_shipped_models_have_names(tmp_path):
    (contender,) = opened("sr-x2")
    assert (contender.name, contender.scale, contender.channels) == ("sr-x2", 2, 3)


def test_files_that_cannot_be_used(tmp_path):
    with pytest.raises(ModelError, match="no model is called 'sr-x9'"):
        opened("sr-x9")
    with pytest.raises(ModelError, match="there is no model file"):
        opened(tmp_path / "gone.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"broken.onnx is not a usable ONNX file"):
        opened(tmp_path / "broken.onnx")
    with pytest.raises(ModelError, match=r"takes input .* level .* write a card beside it"):
        opened(tiny_network(tmp_path / "levels.onnx", levels=2))
    with pytest.raises(ModelError, match=r"turns \(64, 64, 3\) into \(64, 128, 3\)"):
        opened(foreign_network(tmp_path / "wide.onnx", "x", twice=True))


def paired_case(folder, truth, damaged):
    """The case of a pair, the damaged partner being a file."""
    write_photo(folder / "clean" / "a.png", truth)
    (folder / "noisy").mkdir()
    shutil.copyfile(damaged, folder / "noisy" / "a.jpg")
    return paired(open_set(folder).items[0].read())


def foreign_network(path, picture, sigma=None, shape=(), *, channels=3, twice=False):
    """The picture plus sigma; *twice* beside itself."""
    inputs = [helper.make_tensor_value_info(picture, TensorProto.FLOAT, [1, channels, "h", "w"])]
    nodes = []
    if sigma:
        inputs.append(helper.make_tensor_value_info(sigma, TensorProto.FLOAT, shape))
        nodes.append(helper.make_node("Add", [picture, sigma], ["y"]))
    elif twice:
        nodes.append(helper.make_node("Concat", [picture, picture], ["y"], axis=3))
    else:
        nodes.append(helper.make_node("Identity", [picture], ["y"]))
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, channels, "H", "W"])
    graph = helper.make_graph(nodes, "foreign", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path
