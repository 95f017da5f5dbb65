"""Chains: order, fixed parameters, records."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.degradation.pictures import natural
from undegrade.degradation import DEGRADATIONS, Chain, levels, replay
from undegrade.errors import UsageError

EVERYTHING = ["blur", "resample", "poisson-gaussian-noise", "gaussian-noise", "jpeg", "phone"]


def test_a_record_replays_exactly_after_json():
    image = natural()
    record = Chain(EVERYTHING).sample(np.random.default_rng(0))
    stored = json.loads(json.dumps(record))
    assert [step["operator"] for step in stored] == EVERYTHING
    kept = image.copy()
    np.testing.assert_array_equal(replay(image, record), replay(image, stored))
    np.testing.assert_array_equal(image, kept)


def test_steps_are_applied_in_order():
    image = natural()
    noise = {"operator": "gaussian-noise", "sigma": 20, "seed": 3}
    jpeg = {"operator": "jpeg", "quality": 20}
    by_hand = DEGRADATIONS["jpeg"].apply(
        DEGRADATIONS["gaussian-noise"].apply(image, {"sigma": 20, "seed": 3}), {"quality": 20}
    )
    np.testing.assert_array_equal(replay(image, [noise, jpeg]), by_hand)
    assert not np.array_equal(replay(image, [jpeg, noise]), by_hand)


def test_fixing_a_parameter_leaves_the_other_draws():
    free = Chain(["gaussian-noise", "jpeg"]).sample(np.random.default_rng(4))
    fixed = Chain([{"operator": "gaussian-noise", "sigma": 7}, "jpeg"]).sample(
        np.random.default_rng(4)
    )
    assert fixed[0] == free[0] | {"sigma": 7}
    assert fixed[1] == free[1]


def test_an_empty_record_copies():
    image = natural(8, 8)
    result = replay(image, [])
    np.testing.assert_array_equal(result, image)
    assert not np.may_share_memory(result, image)


def test_levels_are_those_of_the_steps():
    record = [
        {"operator": "gaussian-noise", "sigma": 25, "seed": 0},
        {"operator": "resample", "scale": 8},
    ]
    assert levels(record) == [0.5, 1.0]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "a chain is a list"),
        ("jpeg", "a chain is a list"),
        (["jpg"], "did you mean 'jpeg'"),
        (["zzz"], "there are gaussian-noise"),
        ([{"quality": 3}], "is no step"),
        ([3], "is no step"),
        ([{"operator": "jpeg", "quality": 0}], "quality = 0 must lie in 1"),
        ([{"operator": "jpeg", "sigma": 1}], "no parameter 'sigma'"),
        ([{"operator": ["jpeg"]}], "no degradation"),
    ],
)
def test_bad_chains_are_refused_at_once(steps, message):
    with pytest.raises(UsageError, match=message):
        Chain(steps)


def test_replay_checks_every_step_before_it_computes():
    record = [{"operator": "jpeg", "quality": 5}, {"operator": "jpeg"}]
    with pytest.raises(UsageError, match="quality is missing"):
        replay(natural(8, 8), record)


def test_the_package_needs_imaging_alone():
    code = (
        "import sys, undegrade.degradation\n"
        "print(*sorted({m.split('.')[1] for m in sys.modules if m.startswith('undegrade.')}),\n"
        "      'torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["degradation", "errors", "imaging", "version", "False"]
