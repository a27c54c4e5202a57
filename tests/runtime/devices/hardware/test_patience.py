"""Reads that block, and who has to wait for them."""

from __future__ import annotations

import threading

import pytest

from joulecut_core.errors import DeviceError
from joulecut_runtime.devices.hardware.patience import BlockedError, Patience, patiently

WAIT_S = 20.0
"""How long a test waits for what must happen; only a defect ever takes it."""


def test_results_and_errors_come_back() -> None:
    """The caller cannot tell that another thread did it."""
    patience = Patience()
    assert patience.run("a number", lambda: 6 * 7) == 42
    with pytest.raises(ZeroDivisionError):
        patience.run("a mistake", lambda: 1 // 0)
    assert patience.run("the thread's name", lambda: threading.current_thread().name) == "kernel-files"
    patience.close()


def test_a_blocked_read_costs_one_timeout_and_ends_when_it_ends() -> None:
    """The one who asked waits for the timeout, the next is refused at once, and afterwards all is well."""
    patience, gate = Patience(timeout_s=0.05), threading.Event()
    with pytest.raises(DeviceError, match=r"reading cur_freq has blocked for 0\.05 s"):
        patience.run("cur_freq", gate.wait)
    with pytest.raises(DeviceError, match="reading cur_freq still blocks"):
        patience.run("max_freq", lambda: 0)
    gate.set()
    stuck = patience._stuck
    assert stuck is not None
    assert stuck.done.wait(10)
    patience._timeout_s = WAIT_S
    assert patience.run("max_freq", lambda: 1) == 1
    patience.close()


def test_one_call_has_a_patience_of_its_own() -> None:
    """It returns, raises or gives up, and the thread ends with what it was doing."""
    others, gate = set(threading.enumerate()), threading.Event()
    assert patiently("a number", lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        patiently("a mistake", lambda: 1 // 0)
    with pytest.raises(BlockedError, match=r"reading the device tree has blocked for 0\.05 s"):
        patiently("the device tree", gate.wait, 0.05)
    gate.set()
    for thread in set(threading.enumerate()) - others:
        thread.join(10)
        assert not thread.is_alive()


def test_what_comes_too_late_is_undone() -> None:
    """Nobody has the result of a call that was given up, so it is handed to `late`; one that came in time is not."""
    patience, gate, undone = Patience(timeout_s=0.05), threading.Event(), threading.Event()

    def slow() -> int:
        gate.wait(WAIT_S)
        return 42

    with pytest.raises(BlockedError):
        patience.run("a number", slow, late=lambda number: undone.set() if number == 42 else None)
    gate.set()
    assert undone.wait(WAIT_S)
    undone.clear()
    stuck = patience._stuck
    assert stuck is not None
    assert stuck.done.wait(WAIT_S)
    assert patience.run("a number", slow, timeout_s=WAIT_S, late=lambda _: undone.set()) == 42
    patience.close()
    assert not undone.is_set()
