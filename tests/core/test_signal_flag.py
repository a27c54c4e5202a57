"""A flag that signals raise: seen soon, wherever the signal meets who waits."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from joulecut_core import signal_flag
from joulecut_core.signal_flag import SignalFlag


def test_a_signal_meets_a_wait_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it, as it begins and within it; an Event's wait hangs for ever where the handler meets its lock."""
    monkeypatch.setattr(signal_flag, "_LOOK_S", 0.0005)
    flag = SignalFlag()
    before = signal.signal(signal.SIGALRM, lambda *_: flag.set())
    try:
        for microseconds in range(1, 400):
            flag = SignalFlag()
            signal.setitimer(signal.ITIMER_REAL, microseconds / 1e6)
            assert flag.wait(60.0)
            assert flag.is_set()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def test_a_signal_that_wakes_nobody_is_seen_soon() -> None:
    """One that another thread takes leaves who waits asleep, as does one that comes just before it falls asleep."""
    flag = SignalFlag()
    before = signal.signal(signal.SIGALRM, lambda *_: flag.set())
    began_s = time.monotonic()
    elsewhere = threading.Timer(0.05, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGALRM))
    elsewhere.start()
    try:
        assert flag.wait(30.0)
    finally:
        elsewhere.join()
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - began_s < 15.0


def test_nobody_raises_it() -> None:
    """The wait ends by itself, also one of no time."""
    flag = SignalFlag()
    assert not flag.wait(0.01)
    assert not flag.wait(-1.0)
    assert not flag.is_set()
    flag.set()
    assert flag.wait(0.0)
