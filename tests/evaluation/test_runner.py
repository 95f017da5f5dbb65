"""Runs: the input first, gates that refuse, values that are kept, images that fail."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.made_up import Spy, made_noisy, made_pairs, made_set, packed, pixels
from tests.networks import tiny_model, tiny_network
from tests.photos import write_photo
from undegrade.errors import InputError, ModelError, UsageError
from undegrade.evaluation import Cache, GateError, compare, evaluate, gates, make_plan
from undegrade.evaluation.cases import reduced
from undegrade.evaluation.rows import Samples
from undegrade.evaluation.runner import telling
from undegrade.evaluation.sets import fingerprint, open_set
from undegrade.levels import Levels, noise_sigma
from undegrade.metrics import metric
from undegrade.picture import decode


def plan_for(data, protocol="denoise-color", models=(), **options):
    parameters = {"noise": [25]} if protocol.startswith("denoise") else {}
    options.setdefault("parameters", parameters)
    names = [str(model) for model in models]
    return make_plan(names, protocol, data, threads=1, **options)


def with_spies(plan, *spies):
    return replace(plan, contenders=(*plan.contenders, *spies))


def named(rows, model, metric_name="psnr", setting=None):
    """The one row of a model."""
    (row,) = (
        row
        for row in rows
        if (row.model, row.metric) == (model, metric_name) and setting in (None, row.setting)
    )
    return row


def test_rows(tmp_path):
    """Several models side by side, measured as by hand."""
    data = made_set(tmp_path / "mine")
    models = [tiny_model(tmp_path / "m", "one", levels=2, seed=1).path]
    models += [tiny_network(tmp_path / "m" / "two.onnx", seed=2)]
    outcome = evaluate(plan_for(data, models=models))
    assert [(row.model, row.metric) for row in outcome.rows] == [
        (model, name) for model in ("none", "one", "two") for name in ("psnr", "ssim")
    ]
    assert not outcome.failures
    for row in outcome.rows:
        assert row.protocol.startswith("denoise-color on mine (unknown set): N(0, sigma/255)")
        assert row.setting == "sigma 25"
        assert row.images == ("a", "b", "c")
        assert row.n == 3
        assert row.mean == pytest.approx(np.mean(row.values))
        assert row.gate is None
        assert row.version
        assert row.machine
        assert (row.seconds_per_megapixel is None) == (row.model == "none")
    truth = pixels(seed=1)
    noisy = truth / 255 + np.random.RandomState(0).normal(0, 25 / 255, truth.shape)
    by_hand = -10 * math.log10(np.mean((noisy - truth / 255) ** 2))
    assert named(outcome.rows, "none").values[1] == pytest.approx(by_hand, abs=1e-4)
    file = np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
    assert named(outcome.rows, "none", "ssim").values[1] == pytest.approx(
        metric("ssim")(file, truth), abs=1e-4
    )
    assert outcome.notes == ["no gate is known for denoise-color on mine (unknown set), sigma 25"]


def test_super_resolution_is_measured_on_cropped_luma(tmp_path):
    data = made_set(tmp_path / "mine", 1, height=49, width=62)
    model = tiny_network(tmp_path / "up.onnx", scale=2, identity=True)
    outcome = evaluate(plan_for(data, "sr-bicubic", [model], metrics=["psnr", "ciede2000"]))
    row = named(outcome.rows, "up")
    assert row.setting == "x2"  # of all scales the one that the model has
    truth = pixels(49, 62)[:48]
    made = evaluate(plan_for(data, "sr-bicubic", [model])).rows  # the same again
    assert named(made, "up").values == row.values
    small = reduced(open_set(data).items[0].read(), 2).input
    large = np.rint(small * 255).repeat(2, 0).repeat(2, 1)
    weights = np.array([65.481, 128.553, 24.966]) / 255
    error = ((large - truth) @ weights)[2:-2, 2:-2]
    assert row.mean == pytest.approx(10 * math.log10(255**2 / np.mean(error**2)), abs=1e-3)
    colour = metric("ciede2000")(large.astype(np.uint8), truth, crop=2)
    assert named(outcome.rows, "up", "ciede2000").mean == pytest.approx(colour, rel=1e-6)


def test_psnr_of_the_input_is_its_gate_even_where_other_metrics_are_asked_for(tmp_path):
    outcome = evaluate(plan_for(made_set(tmp_path / "mine"), metrics=["ssim"]))
    assert [row.metric for row in outcome.rows] == ["ssim", "psnr"]


def test_true_levels_and_blind(tmp_path):
    data = made_set(tmp_path / "mine", 1, height=96, width=96)
    spy = Spy()
    outcome = evaluate(with_spies(plan_for(data), spy))
    assert spy.told == [Levels(noise=25)]
    assert "told the true ones" in outcome.rows[0].protocol
    blind = Spy()
    outcome = evaluate(with_spies(plan_for(data, blind=True), blind))
    truth = pixels(96, 96)
    noisy = truth / 255 + np.random.RandomState(0).normal(0, 25 / 255, truth.shape)
    seen = np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
    assert blind.told == [Levels(noise=noise_sigma(seen))]
    assert "told the estimates" in outcome.rows[0].protocol


def test_blind_reads_the_tables_of_the_jpeg(tmp_path):
    data, spy = made_set(tmp_path / "mine", 1), Spy()
    plan = plan_for(data, "jpeg-color", parameters={"jpeg": [20]}, blind=True)
    evaluate(with_spies(plan, spy))
    assert spy.told[0].jpeg == 20
    write_photo(tmp_path / "web" / "a.jpg", pixels(), quality=30)
    spy = Spy()
    plan = plan_for(tmp_path / "web", "noref", metrics=["noise-amplification"])
    evaluate(with_spies(plan, spy))
    assert spy.told[0].jpeg == 30


def test_real_noise_is_told_or_not(tmp_path):
    """What takes levels is told each; the rest is measured once, where nobody is told."""
    data = made_noisy(tmp_path / "mine")
    spy, blind = Spy(), Spy("blind", takes_levels=False)
    plan = with_spies(plan_for(data, "real-noise", [tiny_model(tmp_path, levels=2).path]))
    plan = replace(plan, contenders=(spy, blind))
    rows = evaluate(plan).rows
    psnrs = [(row.setting, row.model) for row in rows if row.metric == "psnr"]
    told = [("told 5", who) for who in ("none", "spy")] + [
        (label, who) for label in ("told 10", "told 15") for who in ("none", "spy")
    ]
    assert psnrs == [("unasked", who) for who in ("none", "spy", "blind")] + told
    assert [levels.noise for levels in spy.told[2:]] == [5, 5, 10, 10, 15, 15]
    assert spy.told[0].jpeg == 90  # by the tables of the file
    assert len(blind.told) == 2
    assert "told the setting's, in 'unasked' the estimates" in rows[0].protocol
    noisy, clean = (pair.pixels for pair in map(decode, sorted(data.rglob("0.jpg"), reverse=True)))
    assert named(rows, "none", setting="told 5").values[0] == metric("psnr")(noisy, clean)


def test_levels_that_are_asked_for(tmp_path):
    data, model = made_noisy(tmp_path / "mine"), tiny_model(tmp_path, levels=2).path
    wished = {"parameters": {"noise": [7, 20]}}
    plan = plan_for(data, "real-noise", [model], **wished)
    assert [setting.label for setting in plan.settings] == ["told 7", "told 20"]
    plan = plan_for(data, "real-noise", [model, "auto"], **wished)
    assert [setting.label for setting in plan.settings] == ["unasked", "told 7", "told 20"]
    plan = plan_for(data, "real-noise", [model], blind=True)
    assert [setting.label for setting in plan.settings] == ["unasked"]
    assert [setting.label for setting in plan_for(data, "real-noise").settings] == ["unasked"]
    with pytest.raises(UsageError, match="none of the models takes a level, but --noise gives"):
        plan_for(data, "real-noise", ["auto"], **wished)
    with pytest.raises(UsageError, match="--blind tells estimates, but --noise gives one"):
        plan_for(data, "real-noise", [model], blind=True, **wished)


def test_what_the_product_did_and_where_it_did_harm(tmp_path):
    """Counted over the images, and again out of the cache."""
    data, cache = made_noisy(tmp_path / "mine", 3), Cache(tmp_path / "kept")
    brighter = Spy("brighter", 0.1, steps=("restore", "lowlight"), takes_levels=False)
    idle = Spy("idle", steps=(), takes_levels=False)
    for _ in range(2):
        plan = with_spies(plan_for(data, "real-noise"), brighter, idle, Spy(takes_levels=False))
        rows = evaluate(plan, cache=cache).rows
        assert named(rows, "brighter").steps == {"restore": 3, "lowlight": 3, "left alone": 0}
        assert named(rows, "idle").steps == {"left alone": 3}
        assert named(rows, "spy").steps is None
        worse = [named(rows, name).worse for name in ("none", "brighter", "idle", "spy")]
        assert worse == [None, 3, 0, 0]
        assert named(rows, "brighter", "ssim").worse is None
    assert len(brighter.told) == 3


def test_auto_beside_networks(tmp_path):
    rows = evaluate(plan_for(made_noisy(tmp_path / "mine"), "real-noise", ["auto"])).rows
    auto = named(rows, "auto")
    assert auto.mean > named(rows, "none").mean
    assert (auto.steps["restore"], auto.worse) == (2, 0)


def test_light_with_and_without_the_mean_of_the_truth(tmp_path):
    data = made_pairs(tmp_path / "pairs")
    rows = evaluate(with_spies(plan_for(data, "lol"), Spy())).rows
    plain, matched = (named(rows, "spy", setting=label) for label in ("plain", "gt-mean"))
    assert matched.mean > plain.mean + 10
    assert plain.values == named(rows, "none", setting="plain").values


def test_phone_without_pairs_is_synthetic(tmp_path):
    pairs, photos = made_pairs(tmp_path / "pairs"), made_set(tmp_path / "photos")
    assert plan_for(pairs, "phone").protocol.name == "phone"
    outcome = evaluate(plan_for(photos, "phone"))
    assert outcome.rows[0].protocol.startswith("phone-synthetic on photos")
    assert "holds no pairs: the protocol is phone-synthetic" in outcome.notes[0]


def test_noref(tmp_path):
    data = made_set(tmp_path / "mine", 2)
    plan = plan_for(data, "noref", metrics=["noise-amplification"])
    rows = evaluate(with_spies(plan, Spy())).rows
    assert [row.mean for row in rows] == [1, 1]


# Gates


def test_a_gate_that_is_off_stops_the_run(tmp_path):
    """Five pictures called Set5 that are not Set5."""
    data, spy = made_set(tmp_path / "Set5", 5), Spy()
    plan = with_spies(plan_for(data, "sr-bicubic", parameters={"scale": [2]}), spy)
    with pytest.raises(GateError, match=r"sr-bicubic on set5, x2: psnr .* instead of 33.68") as off:
        evaluate(plan)
    assert off.value.exit_code == 3
    assert spy.told == []


def test_a_limit_lifts_the_gate_and_says_so(tmp_path):
    data = packed(made_set(tmp_path / "things", 5), tmp_path / "set5.tar")
    outcome = evaluate(plan_for(data, "sr-bicubic", limit=2))
    assert outcome.notes == ["the gate is not checked where --limit is given"]
    assert outcome.rows[0].protocol.startswith("sr-bicubic on set5 (2 of 5 images): ")
    assert {row.n for row in outcome.rows} == {2}
    assert {row.gate for row in outcome.rows} == {None}


def test_a_gate_that_is_met_stands_in_the_rows(tmp_path, monkeypatch):
    data = made_set(tmp_path / "set5", 5)
    plan = with_spies(plan_for(data), Spy())
    mean = named(evaluate(plan).rows, "none").mean
    rounded = round(mean, 2)
    table = {("denoise-color", "set5"): {"sigma 25": {"psnr": rounded}}}
    monkeypatch.setattr(gates, "GATES", table)
    outcome = evaluate(plan)
    assert [(row.metric, row.gate) for row in outcome.rows] == [
        ("psnr", rounded),
        ("ssim", None),
    ] * 2
    assert outcome.notes == []
    table["denoise-color", "set5"]["sigma 25"]["psnr"] = mean + 0.03
    with pytest.raises(GateError):
        evaluate(plan)


def test_a_set_is_known_by_its_pixels(tmp_path, monkeypatch):
    data = made_set(tmp_path / "renamed", 2)
    plan = plan_for(data)
    print_ = fingerprint(item.read().digest for item in plan.data.items)
    monkeypatch.setattr(gates, "KNOWN_SETS", (gates.KnownSet("mine", 2, print_, ()),))
    assert evaluate(plan).rows[0].protocol.startswith("denoise-color on mine: ")


def test_a_gate_with_images_missing_is_not_checked(tmp_path):
    data = made_set(tmp_path / "Set5", 5)
    (data / "a.png").write_bytes(b"broken")
    outcome = evaluate(plan_for(data, "sr-bicubic", parameters={"scale": [2]}))
    assert len(outcome.failures) == 1
    assert "psnr, is not checked: 1 of 5 images failed" in outcome.notes[0]


# Failures


def test_one_image_never_stops_the_run(tmp_path):
    data, heard = made_set(tmp_path / "mine", 3), []
    (data / "b.png").write_bytes(b"broken")
    spy = Spy(fails_on=1)
    outcome = evaluate(with_spies(plan_for(data), spy, Spy("well")), failed=heard.append)
    assert [(f.image, f.model) for f in outcome.failures] == [("b", ""), ("c", "spy")]
    assert heard == outcome.failures
    assert "out of sorts" in str(heard[1])
    rows = outcome.rows
    assert (named(rows, "none").n, named(rows, "spy").n, named(rows, "well").n) == (2, 1, 2)
    assert named(rows, "spy").images == ("a",)
    assert named(rows, "well").images == ("a", "c")


def test_a_case_that_cannot_be_made_is_told_once(tmp_path):
    data = made_set(tmp_path / "mine", 1, height=140, width=140)
    write_photo(data / "small.png", pixels(50, 300))
    outcome = evaluate(with_spies(plan_for(data, "face-x4"), Spy(scale=1), Spy("other")))
    (failure,) = outcome.failures
    assert (failure.image, failure.setting, failure.model) == ("small", "x4", "")
    assert {row.n for row in outcome.rows} == {1}


def test_a_metric_that_an_image_is_too_small_for(tmp_path):
    data = made_set(tmp_path / "mine", 1, height=180, width=180)
    write_photo(data / "small.png", pixels(50, 60))
    outcome = evaluate(plan_for(data, metrics=["psnr", "ms-ssim"]))
    assert [(row.metric, row.n) for row in outcome.rows] == [("psnr", 2), ("ms-ssim", 1)]
    assert "ms-ssim needs sides of at least 176" in outcome.failures[0].reason


def test_where_everything_fails(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.png").write_bytes(b"broken")
    outcome = evaluate(with_spies(plan_for(tmp_path / "mine"), Spy()))
    assert [row.n for row in outcome.rows] == [0] * 4
    assert all(math.isnan(row.mean) for row in outcome.rows)
    assert math.isnan(compare(outcome.rows)[0].mean)


# The cache


class KilledError(BaseException):
    """As good as kill -9: nobody tidies up."""


def test_a_run_that_was_killed_goes_on(tmp_path):
    data, folder = made_set(tmp_path / "mine", 4), tmp_path / "kept"

    def kill(done, total):
        assert total == 8
        if done == 6:
            raise KilledError

    first = Spy()
    with pytest.raises(KilledError):
        evaluate(with_spies(plan_for(data), first), cache=Cache(folder), progress=kill)
    assert len(first.told) == 2
    # The last line was torn, and another is nonsense.
    values = folder / "values.jsonl"
    lines = values.read_text().splitlines(keepends=True)
    assert len(lines) == 2 * 6
    values.write_text('{"half\n' + "".join(lines)[:-9])
    second, fresh = Spy(), Spy()
    resumed = evaluate(with_spies(plan_for(data), second), cache=Cache(folder))
    assert len(second.told) == 3  # two that were missing, and the one that was torn
    whole = evaluate(with_spies(plan_for(data), fresh))
    assert [row.values for row in resumed.rows] == [row.values for row in whole.rows]
    third = Spy()
    again = evaluate(with_spies(plan_for(data), third), cache=Cache(folder))
    assert third.told == []
    assert [row.values for row in again.rows] == [row.values for row in whole.rows]
    assert named(again.rows, "spy").seconds_per_megapixel is None


def test_what_a_cached_value_depends_on(tmp_path):
    data, cache = made_set(tmp_path / "mine", 1), Cache(tmp_path / "kept")

    def runs(spy, **options):
        evaluate(with_spies(plan_for(data, **options), spy), cache=cache)
        return len(spy.told)

    assert runs(Spy()) == 1
    assert runs(Spy()) == 0
    assert runs(Spy(brighter=0.1)) == 1
    assert runs(Spy(), parameters={"noise": [26]}) == 1
    assert runs(Spy(), blind=True) == 1
    assert runs(Spy(), metrics=["psnr"]) == 0
    assert runs(Spy(), metrics=["psnr", "ciede2000"]) == 1
    write_photo(data / "a.png", pixels(seed=9))
    assert runs(Spy()) == 1


def test_infinite_values_are_kept(tmp_path):
    cache = Cache(tmp_path)
    cache.put(("m", "p", "i", "psnr"), math.inf)
    cache.put(("m", "p", "i", "ssim"), 0.1 + 0.2)
    again = Cache(tmp_path)
    assert again.get(("m", "p", "i", "psnr")) == math.inf
    assert again.get(("m", "p", "i", "ssim")) == 0.1 + 0.2
    assert again.get(("m", "p", "j", "psnr")) is None


# Pictures


def test_pictures_of_a_few_images(tmp_path):
    data, samples = made_set(tmp_path / "mine", 5), Samples()
    plan = plan_for(data, "sr-bicubic", parameters={"scale": [2]})
    rows = evaluate(with_spies(plan, Spy("repeater", scale=2)), keep=samples.keep).rows
    pictures = samples.pictures(rows)
    gains = dict(zip(rows[0].images, np.subtract(rows[2].values, rows[0].values), strict=True))
    order = sorted(gains, key=gains.__getitem__)
    assert [one.image for one in pictures] == [order[0], order[-1], order[2]]
    for one in pictures:
        assert (one.protocol, one.setting) == (rows[0].protocol, "x2")
        assert list(one.arrays) == ["input", "truth", "bicubic", "repeater"]
        assert all(array.dtype == np.uint8 for array in one.arrays.values())
        assert one.arrays["input"].shape == (24, 30, 3)
        assert one.arrays["repeater"].shape == one.arrays["truth"].shape == (48, 60, 3)
        shown = metric("psnr")(one.arrays["repeater"], one.arrays["truth"], channel="y", crop=2)
        assert one.scores["repeater"]["psnr"] == pytest.approx(shown)


def test_telling_images():
    assert telling({}) == []
    assert telling({"a": 1}) == ["a"]
    assert telling({"a": 1, "b": 0}) == ["b", "a"]
    assert telling({"a": 3, "b": 0, "c": 9, "d": 1, "e": 4}) == ["b", "c", "a"]


def test_enlarging_real_photos(tmp_path):
    """The product is told the size; what is reduced again is compared with what it was given."""
    data = made_set(tmp_path / "mine", 1, height=96, width=104)
    model = tiny_network(tmp_path / "up.onnx", scale=2, identity=True)
    plan = plan_for(data, "sr-real", [model, "auto"], metrics=["psnr", "consistency"])
    outcome = evaluate(plan)
    assert not outcome.failures
    assert [(row.model, row.setting) for row in outcome.rows if row.metric == "psnr"] == [
        *(("bicubic", "x2"), ("up", "x2"), ("auto", "x2"))
    ]
    assert named(outcome.rows, "auto").steps["sr"] == 1
    repeated = named(outcome.rows, "up", "consistency").mean
    assert repeated > named(outcome.rows, "auto", "consistency").mean > 15


# What is refused before anything is measured


def test_plans_that_are_refused(tmp_path):
    data = made_set(tmp_path / "mine", 1)
    small = tiny_network(tmp_path / "up.onnx", scale=2)
    with pytest.raises(InputError, match="the protocol 'lol' needs pairs"):
        plan_for(data, "lol")
    with pytest.raises(UsageError, match="'up' enlarges by 2; it cannot be measured under denoise"):
        plan_for(data, models=[small])
    with pytest.raises(UsageError, match=r"measured under sr-bicubic x4; choose"):
        plan_for(data, "sr-bicubic", [small], parameters={"scale": [4]})
    with pytest.raises(UsageError, match="'auto' enlarges by 2 or 4; it cannot be measured under"):
        plan_for(data, "sr-bicubic", ["auto"], parameters={"scale": [3, 8]})
    with pytest.raises(UsageError, match="'bicubic' is not the input of the protocol 'denoise-co"):
        plan_for(data, models=["bicubic"])
    with pytest.raises(UsageError, match="no metric is called 'pnsr'"):
        plan_for(data, metrics=["pnsr"])
    with pytest.raises(UsageError, match="consistency cannot be measured under denoise-color"):
        plan_for(data, metrics=["consistency"])
    with pytest.raises(UsageError, match="psnr cannot be measured under noref"):
        plan_for(data, "noref", metrics=["psnr"])
    with pytest.raises(ModelError, match="niqe"):
        plan_for(data, "noref", metrics=["niqe"])
    with pytest.raises(UsageError, match="--limit 0 leaves no images"):
        plan_for(data, limit=0)


def test_the_input_may_be_named_and_is_measured_once(tmp_path):
    data = made_set(tmp_path / "mine", 1)
    rows = evaluate(plan_for(data, models=["none"], metrics=["psnr"])).rows
    assert [row.model for row in rows] == ["none"]


def test_pairs_can_be_damaged_anew(tmp_path):
    """Protocols that make their own damage take the truths of a set of pairs."""
    rows = evaluate(plan_for(made_pairs(tmp_path / "pairs"))).rows
    assert rows[0].n == 2


def test_pictures_in_grey(tmp_path):
    write_photo(tmp_path / "grey" / "a.png", pixels(channels=1))
    rows = evaluate(with_spies(plan_for(tmp_path / "grey", "denoise-gray"), Spy())).rows
    assert [row.n for row in rows] == [1] * 4
