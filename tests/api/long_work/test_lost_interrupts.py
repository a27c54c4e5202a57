"""Interrupts that a library answers with an error of its own."""

from __future__ import annotations

import signal
import threading

import pytest

from joulecut.long_work.lost_interrupts import found_again


def lose(number: int) -> None:
    """What torch does with a signal that meets it."""
    try:
        signal.raise_signal(number)
    except KeyboardInterrupt:
        raise ValueError("could not determine the shape of object type 'torch.storage.UntypedStorage'") from None


def test_an_error_behind_an_interrupt_is_the_interrupt() -> None:
    """Whatever was raised in its place; afterwards the handlers are those from before."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as caught, found_again():
        lose(signal.SIGINT)
    assert isinstance(caught.value.__cause__, ValueError)
    assert signal.getsignal(signal.SIGINT) is before


def test_other_errors_stay_what_they_are() -> None:
    """Without a signal, and with one that came before."""
    with pytest.raises(KeyboardInterrupt), found_again():
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), found_again():
        raise ZeroDivisionError


def test_a_signal_that_nobody_handles_stays_so() -> None:
    """As SIGHUP under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with found_again():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_hear_no_signals() -> None:
    """Long work may be done on one of them."""
    done: list[str] = []

    def work() -> None:
        with found_again():
            done.append("done")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["done"]
