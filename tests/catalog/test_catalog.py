"""Cards, hashes, a user's own networks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.networks import tiny_model, tiny_network
from tests.vivid import fast_pair, vivid_pair
from undegrade.catalog import (
    Card,
    Catalog,
    Score,
    add,
    fast_of,
    parse_card,
    restored_vivid_of,
    user_folder,
    vivid_of,
    write_card,
)
from undegrade.errors import ModelError
from undegrade.runtime import find_model, open_network, verify_model

SHIPPED = Catalog(user_folder() / "none").models


def test_card_survives_a_round_trip():
    card = Card(
        name="a-b",
        task="sr",
        file="a.onnx",
        sha256="00",
        scale=4,
        levels=("noise",),
        vivid="a-crisp.onnx",
        recolours=True,
        summary='says "hello" \\ and\nmore',
        scores=(Score("Set5 x4", "PSNR-Y", 31.5, 28.42, 5), Score("a", "b", 1.0, None, 2, 0.5)),
    )
    assert parse_card(write_card(card), "here") == card


def test_a_fast_variant_stands_in_for_the_same_task_and_scale(tmp_path):
    model, fast = fast_pair(tmp_path)
    assert fast_of(model) == Catalog(tmp_path).fast_of(model) == fast
    assert fast_of(fast) is None
    beside = tmp_path / "net-fast.toml"
    for change in ({"effort": "normal"}, {"task": "lowlight"}, {"scale": 2}, {"file": "no.onnx"}):
        beside.write_text(write_card(replace(fast.card, **change)), encoding="utf-8")
        assert fast_of(model) is None, change
    beside.write_text("broken", encoding="utf-8")
    with pytest.raises(ModelError, match=r"net-fast.toml is not valid TOML"):
        fast_of(model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "magic"}, "task 'magic'"),
        ({"scale": 5}, "scale 5"),
        ({"levels": ("fog",)}, "level 'fog'"),
        ({"file": "../x.onnx"}, "must lie beside"),
        ({"vivid": "a/x.onnx"}, "'a/x.onnx'; it must lie beside"),
        ({"radius": -1}, "negative radius"),
        ({"effort": "best"}, "the effort 'best'; it must be normal or fast"),
    ],
)
def test_impossible_cards_are_refused(change, message):
    with pytest.raises(ModelError, match=message):
        Card(**{"name": "n", "task": "sr", "file": "n.onnx", "sha256": ""} | change)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not valid TOML"),
        ('name = "n"', "incomplete"),
        ('name = "n"\ntask = "sr"\nfile = "n"\nsha256 = ""\ncolour = 1', "unknown key 'colour'"),
        ('name = "n"\ntask = "sr"\nfile = "n"\nsha256 = ""\nscale = "4"', "scale = '4'"),
        ('name = "n"\ntask = "sr"\nfile = "n"\nsha256 = ""\nscale = true', "scale = True"),
    ],
)
def test_broken_cards_name_what_is_wrong(text, message):
    with pytest.raises(ModelError, match=message):
        parse_card(text, "n.toml")


def test_damaged_weights_are_refused(tmp_path):
    model = tiny_model(tmp_path)
    model.path.write_bytes(model.path.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="damaged: sha256"):
        open_network(model)


def test_missing_weights_are_one_line(tmp_path):
    model = tiny_model(tmp_path)
    model.path.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        open_network(model)


def test_unknown_name_lists_the_known():
    with pytest.raises(ModelError, match=r"no model is called 'x'; choose one of: .*restore"):
        Catalog().find("x")


def test_cards_are_read_once(tmp_path):
    catalog = Catalog(tmp_path)
    before = catalog.models
    tiny_model(tmp_path, "late")
    assert catalog.models is before
    assert "late" not in catalog.models
    assert "late" in Catalog(tmp_path).models
    assert catalog.find(str(tmp_path / "late.onnx")) is catalog.find(str(tmp_path / "late.onnx"))


def test_what_diagnoses_makes_no_pictures():
    catalog = Catalog()
    assert catalog.find("diagnosis").card.levels
    assert set(catalog.models) - set(catalog.enhancing) == {"diagnosis"}


def probed(path):
    """The card of a file that has none."""
    return find_model(str(path), Catalog()).card


def test_own_file_without_a_card_is_probed(tmp_path):
    path = tiny_network(tmp_path / "net.onnx", scale=2, convs=5)
    card = probed(path)
    assert (card.task, card.scale, card.multiple, card.exact) == ("sr", 2, 1, True)
    assert 5 <= card.radius <= 8


def test_probe_finds_the_multiple(tmp_path):
    card = probed(tiny_network(tmp_path / "net.onnx", unshuffle=4, convs=3))
    assert (card.scale, card.multiple) == (1, 4)
    assert 12 <= card.radius <= 20


def test_own_file_with_a_card_follows_it(tmp_path):
    model = tiny_model(tmp_path, "mine", levels=2)
    assert Catalog().find(str(model.path)).card == model.card


def test_add_copies_network_and_card(tmp_path):
    model = tiny_model(tmp_path, scale=2)
    added = add(model, "mine", tmp_path / "home")
    model.path.unlink()
    found = Catalog(tmp_path / "home").find("mine")
    assert found == added
    verify_model(found)


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a b"])
def test_add_refuses_names_that_are_paths(tmp_path, name):
    model = tiny_model(tmp_path, name="a b" if name == "" else "net")
    with pytest.raises(ModelError, match="cannot be a model's name"):
        add(model, name or None, tmp_path / "home")


def test_not_onnx_is_one_line(tmp_path):
    (tmp_path / "net.onnx").write_text("hello")
    with pytest.raises(ModelError, match=r"net\.onnx is not a usable ONNX file"):
        probed(tmp_path / "net.onnx")


def test_network_with_two_inputs_needs_a_card(tmp_path):
    path = tiny_network(tmp_path / "net.onnx", levels=2)
    with pytest.raises(ModelError, match="write a card beside it"):
        probed(path)
    with pytest.raises(ModelError, match=r"net\.onnx has no card; write net\.toml beside it"):
        Catalog().find(str(path))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_model_is_sound_and_documented(name):
    model = SHIPPED[name]
    verify_model(model)
    card = model.card
    assert card.licence
    assert card.training_data
    assert card.recipe
    assert card.measured_by
    assert card.scores
    assert card.exact or not card.enhances


def test_verify_finds_a_wrong_card(tmp_path):
    model = tiny_model(tmp_path, scale=2)
    with pytest.raises(ModelError, match="instead of"):
        verify_model(replace(model, card=replace(model.card, scale=4)))


@pytest.mark.parametrize(
    ("task", "recolours", "locked"),
    [
        ("restore", False, True),
        ("sr", False, True),
        ("lowlight", False, False),
        ("phone", False, False),
        ("restore", True, False),
        ("sr", True, False),
    ],
)
def test_whose_colours_are_locked(task, recolours, locked):
    card = Card(name="n", task=task, file="n.onnx", sha256="", recolours=recolours)
    assert card.colour_locked == locked


def test_colours_of_a_network_without_a_card_are_its_own(tmp_path):
    assert not probed(tiny_network(tmp_path / "net.onnx")).colour_locked


def with_vivid(model, file):
    """*model* with a card that names *file* as its vivid weights."""
    card = replace(model.card, vivid=file)
    model.path.with_suffix(".toml").write_text(write_card(card), encoding="utf-8")
    return replace(model, card=card)


def test_a_vivid_variant_lies_beside_by_name(tmp_path):
    assert vivid_of(tiny_model(tmp_path, "alone")) is None
    faithful, vivid = vivid_pair(tmp_path)
    assert vivid_of(faithful) == vivid
    assert vivid_of(vivid) is None
    # One that its card does not call vivid is another model.
    tiny_model(tmp_path, "other")
    tiny_model(tmp_path, "other-vivid")
    assert vivid_of(Catalog().find(str(tmp_path / "other.onnx"))) is None


def test_what_was_restored_has_a_vivid_variant_of_its_own_where_there_is_one(tmp_path):
    faithful, vivid = vivid_pair(tmp_path)
    assert restored_vivid_of(faithful) == vivid
    behind = tiny_model(tmp_path, "net-vivid-restored", seed=2)
    assert restored_vivid_of(faithful) == vivid  # its card does not call it vivid
    behind = replace(behind, card=replace(behind.card, variant="vivid"))
    behind.path.with_suffix(".toml").write_text(write_card(behind.card), encoding="utf-8")
    assert restored_vivid_of(faithful) == behind
    assert vivid_of(faithful) == vivid
    added = add(faithful, "mine", tmp_path / "home")
    catalog = Catalog(tmp_path / "home")
    there = catalog.restored_vivid_of(catalog.find("mine"))
    assert there is not None
    assert there.path == added.path.with_name("mine-vivid-restored.onnx")
    assert there.path.read_bytes() == behind.path.read_bytes()
    assert restored_vivid_of(tiny_model(tmp_path, "alone")) is None


def test_variants_are_looked_up_once_whatever_a_card_holds(tmp_path):
    faithful, vivid = vivid_pair(tmp_path)
    odd = Score("p", "psnr", [30.0], None, 1)  # as a user's card may have it
    model = replace(faithful, card=replace(faithful.card, scores=(odd,)))
    catalog = Catalog(tmp_path)
    assert catalog.vivid_of(model) == vivid
    assert catalog.vivid_of(model) is catalog.vivid_of(faithful)
    assert catalog.fast_of(model) is None


def test_a_card_names_its_vivid_weights(tmp_path):
    model = with_vivid(tiny_model(tmp_path, "mine"), "crisp.onnx")
    with pytest.raises(ModelError, match=r"'mine' are missing: there is no 'crisp\.onnx'"):
        vivid_of(model)
    path = tiny_network(tmp_path / "crisp.onnx", seed=1)
    found = vivid_of(Catalog().find(str(model.path)))
    assert found is not None
    assert (found.path, found.card.variant, found.card.sha256) == (path, "vivid", "")
    # With a card of their own, they are checked against it.
    beside = tiny_model(tmp_path, "crisp", seed=1)
    text = write_card(replace(beside.card, variant="vivid"))
    path.with_suffix(".toml").write_text(text, encoding="utf-8")
    assert vivid_of(model) == replace(beside, card=replace(beside.card, variant="vivid"))


def test_add_takes_the_vivid_weights_along(tmp_path):
    faithful, vivid = vivid_pair(tmp_path)
    added = add(faithful, "mine", tmp_path / "home")
    catalog = Catalog(tmp_path / "home")
    found = catalog.vivid_of(catalog.find("mine"))
    assert found is not None
    assert found.path.read_bytes() == vivid.path.read_bytes()
    verify_model(added)
    alone = add(tiny_model(tmp_path, "one"), None, tmp_path / "home")
    assert alone.card.vivid == ""
