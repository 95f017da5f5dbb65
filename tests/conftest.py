"""What every test shares."""

from __future__ import annotations

import signal

import pytest


def pytest_configure() -> None:
    """A run in the background ignores Ctrl-C, which some tests send themselves."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Tiny networks are slower on many threads than on one."""
    try:
        import torch
    except ModuleNotFoundError:
        return
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    """No test sees or changes what a user has; it lies beside no files that a test counts."""
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path_factory.mktemp("home") / "undegrade"))
