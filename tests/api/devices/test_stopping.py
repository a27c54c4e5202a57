"""Signals as something a loop looks at."""

from __future__ import annotations

import os
import signal

import pytest

from joulecut.devices.stopping import Stopping
from joulecut_core.timing import ManualClock, SystemClock


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_remembered_and_ends_a_wait(number: signal.Signals) -> None:
    """Nothing is raised in the middle of the work; a wait of an hour is over at once; the old handler comes back."""
    before = signal.getsignal(number)
    with Stopping() as stopping:
        assert not stopping.asked
        os.kill(os.getpid(), number)
        clock = SystemClock()
        assert stopping.wait_until_s(clock, clock.now_s() + 3600.0)
    assert signal.getsignal(number) is before


def test_waiting_goes_by_the_clock() -> None:
    """Until the deadline, and not at all where that has passed."""
    clock, stopping = ManualClock(10.0), Stopping()
    assert not stopping.wait_until_s(clock, 12.5)
    assert clock.now_s() == 12.5
    assert not stopping.wait_until_s(clock, 3.0)
    assert clock.now_s() == 12.5
