"""Two processes that train together make the steps of one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from tests.training.runs import part, progress, rows  # noqa: E402
from tests.training.worker import RUNS, normed, recipe, trained_together  # noqa: E402
from undegrade.training.export import trained  # noqa: E402
from undegrade.training.loop import fit  # noqa: E402
from undegrade.training.machine import Processes  # noqa: E402

ROOT = Path(__file__).parents[2]
NETWORKS = {
    "plain": ["generator", "average"],
    "gan": ["generator", "average", "discriminator.texture"],
    # The critic's spectral norm goes a step in every part, so that only its losses can be compared.
    "turns": [],
    "regressor": ["regressor"],
}
"""Whose weights are equal in the end."""


@pytest.fixture(scope="module")
def together(photos, tmp_path_factory):
    """The folder in which two processes have done what ``worker.py`` says."""
    folder = tmp_path_factory.mktemp("together")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = os.environ | {
        "ACCELERATE_USE_CPU": "true",
        "GLOO_SOCKET_IFNAME": "lo",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "tests.training.worker", str(folder), str(photos)]
    workers = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [worker.communicate(timeout=1200)[1] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0, 0], said
    return folder


@pytest.fixture(scope="module")
def heard(together):
    return [json.loads((together / f"heard-{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("name", NETWORKS)
def test_two_processes_equal_one_with_two_parts(name, together, photos, tmp_path):
    alone = fit(recipe(name, 2), [photos], tmp_path).path
    ours, theirs = rows(tmp_path), rows(together / f"{name}-0")
    assert len(ours) == len(theirs) >= 5
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        losses = {k: v for k, v in one.items() if k.startswith(("loss", "critic")) or k == "level"}
        assert losses == pytest.approx({k: other[k] for k in losses}, rel=1e-4, abs=1e-5)
    for network in NETWORKS[name]:
        one = part(alone, network)
        other = part(together / f"{name}-0" / "last.safetensors", network)
        for key, value in one.items():
            torch.testing.assert_close(other[key], value, atol=1e-5, rtol=1e-5, msg=key)


def test_norms_of_two_processes_are_those_of_the_double_batch(together):
    network, pictures = normed()
    alone = trained_together(network, pictures, lambda one: None)
    start = normed()[0].state_dict()
    for rank in range(2):
        found = torch.load(together / f"normed-{rank}.pt")
        assert found.keys() == alone.keys()
        for key, value in alone.items():
            torch.testing.assert_close(found[key], value, atol=1e-5, rtol=1e-4, msg=key)
    assert not any(torch.equal(value, start[key]) for key, value in alone.items())


def test_a_run_of_two_processes_with_norms_goes_on_alone(together, photos, tmp_path):
    shutil.copytree(together / "normed-0", tmp_path / "run")
    chosen = recipe("normed", 1, **{"stages.more": {"steps": 1, "losses": {"l1": 1.0}}})
    path = fit(chosen, [photos], tmp_path / "run").path
    assert progress(path)["step"] == 6
    assert trained(chosen, path)


def test_only_the_first_one_writes_and_talks(together, heard):
    for name in RUNS:
        assert (together / f"{name}-0" / "last.safetensors").exists()
        assert list((together / f"{name}-1").iterdir()) == []
        assert heard[0][name] >= 2
        assert heard[1][name] == 0


def test_all_stop_early_at_once(together):
    assert progress(together / "early-0" / "last.safetensors")["step"] < 30


def test_a_batch_that_cannot_be_shared(heard):
    for one in heard:
        assert one["unshared"].startswith(
            "InputError: a batch of 3 cannot be shared by 2 processes"
        )


def test_a_signal_to_the_first_one_ends_all_at_one_step(together, heard):
    assert [one["stopped"] for one in heard] == ["Cancelled: stopped on request"] * 2
    assert progress(together / "stopped-0" / "last.safetensors")["step"] == 3


def test_one_process_needs_no_fellows():
    alone = Processes("cpu")
    assert (alone.count, alone.rank, alone.main) == (1, 0, True)
    assert alone.average({"loss": 2.0}) == {"loss": 2.0}
    assert alone.agreed(0.5) == 0.5
    alone.average_gradients([torch.nn.Linear(1, 1)])
    alone.wait()
