"""Signals: the first is noted, the second acts as it always did."""

from __future__ import annotations

import signal
import threading

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.training.loop import Interrupt  # noqa: E402


@pytest.mark.parametrize("number", Interrupt.SIGNALS)
def test_the_first_signal_is_noted(number):
    before = signal.getsignal(number)
    with Interrupt() as interrupt:
        assert not interrupt.wanted
        signal.raise_signal(number)
        assert interrupt.wanted
        assert signal.getsignal(number) is before
    assert signal.getsignal(number) is before


def test_the_second_signal_acts_as_it_did():
    with Interrupt():
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_handlers_come_back_after_an_error():
    before = [signal.getsignal(number) for number in Interrupt.SIGNALS]
    with pytest.raises(ValueError, match="broken"), Interrupt():
        raise ValueError("broken")
    assert [signal.getsignal(number) for number in Interrupt.SIGNALS] == before


def test_another_thread_leaves_the_handlers_alone():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work():
        with Interrupt() as interrupt:
            seen.extend([interrupt.wanted, signal.getsignal(signal.SIGTERM)])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False, before]
