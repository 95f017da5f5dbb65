"""What every test shares."""

from __future__ import annotations

import functools
import os
import signal

import pytest


def pytest_configure() -> None:
    """A run in the background ignores Ctrl-C, which some tests send themselves."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


AT_ONCE = 4
"""Processes that run tests at most: each has torch and a service of its own in memory."""
SLOW = (
    "tests/cluster/",
    "tests/browser/",
    "tests/training/test_end_to_end.py",
    "tests/alignment/",
)
"""What takes minutes, and begins; tests of such a folder share what is slow to start."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are processors: many tests wait for a process that they have started."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(1)
    return min(len(allowed) + 2, AT_ONCE)


def _unit(nodeid: str) -> str:
    """What runs in one process: a folder of :data:`SLOW`, or else a file, whose tests share photos.

    Groups by xdist's own marks are lost since pytest 9.2, and with them what a module sets up.
    """
    path = nodeid.partition("::")[0]
    return next((slow for slow in SLOW if path.startswith(slow)), path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Whole files and folders, in the order in which they were collected."""
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _unit(nodeid)

    return Units(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is slow first, lest one process be left with it in the end."""
    order = {name: number for number, name in enumerate(SLOW)}
    items.sort(key=lambda item: order.get(_unit(item.nodeid), len(SLOW)))


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Tiny networks are slower on many threads than on one."""
    try:
        import torch
    except ModuleNotFoundError:
        return
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _one_registry():
    """Each export would parse all of torch's operators anew, a third of its time on tiny ones."""
    try:
        from torch.onnx._internal.exporter import _registration as registration
    except ImportError:  # no torch, or one that keeps them elsewhere
        yield
        return
    once = staticmethod(functools.cache(registration.ONNXRegistry.from_torchlib))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registration.ONNXRegistry, "from_torchlib", once)
        yield


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    """No test sees or changes what a user has; it lies beside no files that a test counts."""
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path_factory.mktemp("home") / "undegrade"))
