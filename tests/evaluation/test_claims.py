"""Claims of the published systems: how they are decided, and runs that are made only once."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")
pytest.importorskip("vl_convert", reason="needs undegrade[eval]")

from benchmarks.claims import artifact_gan, command, dllgan, drgn, faces, pages, phone  # noqa: E402
from benchmarks.claims.decision import Interval, decide, paired_interval, verdict  # noqa: E402
from benchmarks.claims.registration import (  # noqa: E402
    Arm,
    Budget,
    Case,
    Claim,
    Question,
    Study,
)
from benchmarks.claims.runs import recipe_of  # noqa: E402

from tests.photos import write_photo  # noqa: E402
from tests.training.data.sets import textured  # noqa: E402
from undegrade.errors import ModelError  # noqa: E402
from undegrade.training.tasks.level import LevelTask  # noqa: E402

CLAIMS = [module.CLAIM for module in (dllgan, drgn, artifact_gan, phone, faces)]


def test_the_interval_is_of_the_mean_difference():
    rng = np.random.default_rng(0)
    # What makes pictures and seeds hard for both drops out.
    hard = 10 * rng.normal(size=(1, 200)) + 5 * rng.normal(size=(3, 1))
    first = hard + 0.5 + rng.normal(size=(3, 200))
    second = hard + rng.normal(size=(3, 200))
    found = paired_interval(first, second)
    assert found.mean == pytest.approx((first - second).mean())
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.5
    assert paired_interval(first, second) == found
    back = paired_interval(second, first)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low), abs=0.02)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng, held = np.random.default_rng(1), 0
    for trial in range(200):
        differences = 1.0 + rng.normal(size=(1, 24))
        found = paired_interval(differences, np.zeros_like(differences), resamples=500, seed=trial)
        held += found.low <= 1.0 <= found.high
    assert 0.88 <= held / 200 <= 0.99


def test_seeds_that_disagree_widen_the_interval():
    agreeing = paired_interval(np.ones((3, 20)), np.zeros((3, 20)))
    assert (agreeing.low, agreeing.high) == pytest.approx((1.0, 1.0))
    apart = np.array([[0.0], [1.0], [2.0]]) + np.zeros((3, 20))
    found = paired_interval(apart, np.zeros((3, 20)))
    assert (found.mean, found.low, found.high) == pytest.approx((1.0, 0.0, 2.0))


def test_one_picture_has_no_interval():
    found = paired_interval([[2.0]], [[1.0]])
    assert found.mean == 1.0
    assert math.isnan(found.low)
    assert decide(found, 0.0) == "undecided"
    with pytest.raises(ValueError, match="seeds, pictures"):
        paired_interval([1.0], [0.0])


@pytest.mark.parametrize(
    ("low", "high", "least", "answer"),
    [
        (0.05, 0.3, 0.1, "yes"),  # above nothing, and a gain worth the name is possible
        (0.2, 0.3, 0.1, "yes"),
        (-0.1, 0.3, 0.1, "undecided"),
        (-0.1, 0.05, 0.1, "no"),  # whatever there is, it is not worth the name
        (0.01, 0.05, 0.1, "no"),
        (-0.3, -0.1, 0.1, "no"),
        (-0.3, -0.1, 0.0, "no"),
        (-0.1, 0.1, 0.0, "undecided"),
        (0.0, 0.0, 0.0, "no"),
    ],
)
def test_the_rule(low, high, least, answer):
    assert decide(Interval((low + high) / 2, low, high), least) == answer


def test_a_verdict_needs_every_yes():
    assert verdict(["yes", "yes"]) == "yes"
    assert verdict(["yes", "undecided"]) == "undecided"
    assert verdict(["yes", "undecided", "no"]) == "no"
    assert verdict([]) == "undecided"


def test_what_decides_nothing_and_what_is_not_asked_yet():
    told = [{"answer": "yes", "decides": question.decides} for question in phone.CLAIM.questions]
    assert command.decided(phone.CLAIM, told) == "yes"
    assert command.decided(phone.CLAIM, told[1:]) == "undecided"
    told[-1]["answer"] = "no"
    assert not told[-1]["decides"]
    assert command.decided(phone.CLAIM, told) == "yes"
    told[0]["answer"] = "no"
    assert command.decided(phone.CLAIM, told) == "no"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.system)
def test_registrations_are_sound(claim):
    for study in claim.studies:
        labels = [arm.label for arm in study.arms]
        assert len(set(labels)) == len(labels)
        last = {}
        for arm in [*study.arms, *([study.judge] if study.judge else [])]:
            earlier = _stages(study, arm.start) if arm.start else []
            for budget in (Budget(minutes=5.0), Budget(steps=1000)):
                recipe = recipe_of(arm, 7, budget, earlier)
                assert list(recipe.stages)[: len(earlier)] == earlier
                assert (recipe.seed, recipe.precision) == (7, "fp32")
            own = [stage for name, stage in recipe.stages.items() if name not in earlier]
            assert own
            assert sum(stage.steps for stage in own) == pytest.approx(1000 * arm.length, abs=2)
            if arm.shown and arm is not study.judge:
                last[arm.label] = (recipe.task, recipe.batch, recipe.degradation.get("kind"))
        # Batches are comparable.
        assert len({key[0] for key in last.values()}) == 1
        assert len({key[2] for key in last.values()}) == 1
    for question in claim.questions:
        study = claim.study(question.study)
        assert {question.better, question.worse} <= {arm.label for arm in study.shown}
        assert question.metric in study.metrics
        assert question.least > 0
    assert any(question.decides for question in claim.questions)


def _stages(study, label):
    arm = study.arm(label)
    earlier = _stages(study, arm.start) if arm.start else []
    return list(recipe_of(arm, 0, Budget(steps=4), earlier).stages)


WARM = {"stages.warm": {"before": "adversarial", "steps": 3, "losses": {"l1": 1.0}}}
SMALL = {"regressor": None, "stages.regressor": None, "stages.adversarial.losses.level": None}
SMALL_VALIDATION = {"crop": 64, "photos": 1}
SMALL |= {"validation": SMALL_VALIDATION}
PLAIN = {"stages.adversarial.kind": "generator", "stages.adversarial.losses.adversarial": None}
JUDGE = Arm(
    "judge",
    "dllgan-denoise:debug",
    {"discriminators": None, "stages.adversarial": None, "validation": SMALL_VALIDATION},
)
ALONE = {"stages.adversarial": None, "stages.warm": WARM["stages.warm"] | {"before": ""}}
DEBUG = "dllgan-denoise:debug"


def made_up(data, limit):
    """Pictures that a network of a few steps makes much of."""
    for index in range(limit):
        truth = (textured(64, 64, index) / 255).astype(np.float32)
        yield Case("noisy", np.clip(truth + 0.1, 0, 1), truth)


@pytest.fixture
def claim(tmp_path):
    for index in range(3):
        write_photo(tmp_path / "data" / "train" / "set" / f"{index}.png", textured(128, 128, index))
    arms = (
        Arm("warm", DEBUG, SMALL | WARM | ALONE, length=2, shown=False),
        Arm("L1", DEBUG, SMALL | WARM | PLAIN, start="warm"),
        Arm("GAN", DEBUG, SMALL | WARM, start="warm"),
    )
    study = Study("noise", ("set",), arms, made_up, ("psnr", "psnr-gt-mean"), JUDGE)
    asked = Question("GAN over L1", "noise", "psnr", "GAN", "L1", 0.1)
    return Claim("dllgan", "a claim", (study,), (asked,), lambda: list(made_up(None, 1)))


def test_from_arms_to_an_answer_and_never_twice(claim, tmp_path, monkeypatch, capsys):
    seen, draw = [], LevelTask.batch

    def watched(*arguments):
        batch = draw(*arguments)
        seen.append(batch.target)
        return batch

    monkeypatch.setattr(LevelTask, "batch", watched)
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    before = "# Page\n<!-- measured -->\nold\n<!-- /measured -->\nrest\n"
    (tmp_path / "dllgan.md").write_text(before)
    words = ["--data", str(tmp_path / "data"), "--runs", str(tmp_path / "runs"), "--steps", "4"]
    words += ["--seeds", "0", "1", "--images", "3", "--write"]
    command.main(claim, words)
    said = capsys.readouterr().out
    assert "dllgan at 4 steps: " in said
    told = json.loads((tmp_path / "results" / "dllgan.json").read_text())["budgets"]["4 steps"]
    rows = told["runs"]
    assert [(row["arm"], row.get("seed")) for row in rows[2:]] == [
        (arm, seed) for seed in (0, 1) for arm in ("L1", "GAN")
    ]
    assert {row["steps"] for row in rows[2:]} == {4}  # not those of the start
    assert len(rows[2]["scores"]["noisy"]["psnr"]) == 3
    assert rows[1]["scores"]["noisy"]["psnr-gt-mean"] == [100.0] * 3  # the truth
    (answer,) = told["answers"]
    assert answer["low"] <= answer["mean"] <= answer["high"]
    assert told["verdict"] == answer["answer"]
    assert all(isinstance(value, float) for value in rows[1]["scores"]["noisy"]["level"])
    # Of the judge the photo that is tried; then for each seed the same, and 8 steps of the start;
    # then both arms see the same four.
    first = seen[1:][: len(seen) // 2]
    one, other = first[-9:-5], first[-4:]
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    page = (tmp_path / "dllgan.md").read_text()
    assert page.startswith("# Page\n")
    assert page.endswith("rest\n")
    assert "old" not in page
    assert "| GAN over L1 | psnr |" in page
    assert (tmp_path / "dllgan.png").stat().st_size > 1000
    assert (tmp_path / "dllgan.svg").read_text().startswith("<svg")
    # All of it is there already; of another budget nothing is.
    count = len(seen)
    command.main(claim, words)
    assert len(seen) == count
    assert f"dllgan at 4 steps: {told['verdict']}" in capsys.readouterr().out


def test_a_run_of_another_registration_is_not_taken_for_this_one(claim, tmp_path):
    words = ["--data", str(tmp_path / "data"), "--runs", str(tmp_path / "runs"), "--steps", "2"]
    words += ["--seeds", "0", "--images", "2"]
    command.main(claim, words)
    study = claim.studies[0]
    changed = tuple(
        Arm(arm.label, arm.recipe, arm.changes | {"clip": 0.5}, arm.start, arm.length, arm.shown)
        for arm in study.arms
    )
    other = Claim(
        *(claim.system, claim.text),
        (Study(study.name, study.packs, changed, study.cases, study.metrics, JUDGE),),
        *(claim.questions, claim.examples),
    )
    with pytest.raises(ModelError, match=r"another run: its clip is 0\.0, the recipe's is 0\.5"):
        command.main(other, words)
