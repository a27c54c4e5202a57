"""Sampled power as an energy counter."""

from __future__ import annotations

import threading

import pytest

from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.nvml import sampler as sampler_module
from joulecut_runtime.devices.nvml.sampler import PowerSampler


class Board:
    """A board whose draw a test sets; it can refuse to tell and tells when it was asked."""

    def __init__(self) -> None:
        self.power_w: float | None = 100.0
        self.is_lost = False
        self.asked = threading.Semaphore(0)

    def read_w(self) -> float | None:
        """Watts, as NVML would tell."""
        self.asked.release()
        if self.is_lost:
            raise DeviceError("the GPU has fallen off the bus")
        return self.power_w


def told(sampler: PowerSampler) -> tuple[float, float]:
    """Joules and their time of a sampler whose board tells its draw."""
    reading = sampler.read()
    assert reading is not None
    return reading


def stepped(board: Board, clock: ManualClock, sampler: PowerSampler, power_w: float | None) -> float:
    """Joules after a second at a draw reached in a straight line."""
    board.power_w = power_w
    for _ in range(50):
        clock.advance_s(0.021)
        sampler.read()
    return told(sampler)[0]


def test_a_constant_draw_is_integrated_exactly() -> None:
    """Watts times seconds, and the time of the latest sample with it."""
    board, clock = Board(), ManualClock()
    sampler = PowerSampler(board.read_w, clock=clock)
    sampler.read()
    clock.advance_s(0.021)
    start_j, start_s = told(sampler)
    stepped(board, clock, sampler, 100.0)
    end_j, end_s = told(sampler)
    assert end_s > start_s + 1.0
    assert (end_j - start_j) / (end_s - start_s) == pytest.approx(100.0)


def test_a_ramp_is_a_trapezium() -> None:
    """Between two samples the draw is a straight line."""
    board, clock = Board(), ManualClock()
    sampler = PowerSampler(board.read_w, clock=clock)
    clock.advance_s(0.03)
    before_j, _ = told(sampler)
    board.power_w = 300.0
    clock.advance_s(0.1)
    assert told(sampler)[0] - before_j == pytest.approx(0.1 * 200.0)


def test_an_unread_time_counts_nothing() -> None:
    """While the GPU is lost nobody knows what it draws: there are no joules, and they go on when it is back."""
    board, clock = Board(), ManualClock()
    sampler = PowerSampler(board.read_w, clock=clock)
    before_j = stepped(board, clock, sampler, 100.0)
    for board.is_lost, board.power_w in ((True, 100.0), (False, None)):
        for _ in range(50):
            clock.advance_s(0.021)
            assert sampler.read() is None
    board.power_w = 100.0
    assert told(sampler)[0] == before_j
    clock.advance_s(0.1)
    assert told(sampler)[0] == pytest.approx(before_j + 10.0)


def test_a_host_that_slept_counts_nothing_for_it() -> None:
    """A straight line over minutes would be invention."""
    board, clock = Board(), ManualClock()
    sampler = PowerSampler(board.read_w, clock=clock)
    before_j = stepped(board, clock, sampler, 100.0)
    clock.advance_s(300.0)
    assert told(sampler)[0] == before_j


def test_the_thread_samples_by_itself_and_ends_with_close() -> None:
    """Nobody has to read for joules to be counted; a closed sampler asks nothing more."""
    board, others = Board(), set(threading.enumerate())
    sampler = PowerSampler(board.read_w, clock=ManualClock(), period_s=0.001)
    sampler.start()
    [thread] = set(threading.enumerate()) - others
    for _ in range(5):
        assert board.asked.acquire(timeout=10)
    sampler.close()
    sampler.close()
    thread.join(10)
    assert not thread.is_alive()
    while board.asked.acquire(blocking=False):
        pass
    assert not board.asked.acquire(timeout=0.02)


def test_a_read_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that never answers must not keep an agent from ending."""
    monkeypatch.setattr(sampler_module, "_ENDS_S", 0.05)
    asked, answer = threading.Semaphore(0), threading.Event()

    def read_w() -> float:
        asked.release()
        if threading.current_thread() is not threading.main_thread():
            answer.wait()
        return 100.0

    sampler = PowerSampler(read_w, clock=ManualClock(), period_s=0.001)
    sampler.start()
    for _ in range(2):
        assert asked.acquire(timeout=10)
    closing = threading.Thread(target=sampler.close)
    closing.start()
    closing.join(10)
    ended = not closing.is_alive()
    answer.set()
    closing.join()
    assert ended


def test_a_sampler_that_never_ran_can_be_closed() -> None:
    """Opening a device may fail between making the sampler and starting it."""
    PowerSampler(Board().read_w, clock=ManualClock()).close()
