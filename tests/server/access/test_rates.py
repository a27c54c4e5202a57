"""Buckets of tokens: a rate over time, a burst at once, and bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulecut_core.timing import ManualClock
from joulecut_server.access.rates import Rates


def test_a_burst_then_the_rate() -> None:
    """A second's worth at once, and after that one for each period."""
    clock = ManualClock()
    rates = Rates(clock)
    assert [rates.wait_s("cam", 4.0) for _ in range(4)] == [0.0] * 4
    assert rates.wait_s("cam", 4.0) == 0.25
    clock.sleep_until_s(0.25)
    assert rates.wait_s("cam", 4.0) == 0.0
    assert rates.wait_s("cam", 4.0) == 0.25


def test_slow_rates_let_one_through() -> None:
    """One plan in ten seconds is one plan now and the next in ten seconds."""
    clock = ManualClock()
    rates = Rates(clock)
    assert rates.wait_s("cam", 0.1) == 0.0
    assert rates.wait_s("cam", 0.1) == 10.0
    clock.sleep_until_s(4.0)
    assert rates.wait_s("cam", 0.1) == pytest.approx(6.0)


def test_each_has_its_own() -> None:
    """Nobody pays for a neighbour, and without a rate nobody waits."""
    rates = Rates(ManualClock())
    rates.wait_s("cam", 1.0)
    assert rates.wait_s("cam", 1.0) > 0.0
    assert rates.wait_s("truck", 1.0) == 0.0
    assert rates.wait_s("cam", None) == 0.0


@given(st.lists(st.floats(0.0, 2.0), max_size=60), st.floats(0.5, 20.0))
def test_never_more_than_rate_and_burst(pauses_s: list[float], rate_hz: float) -> None:
    """Whatever the timing of requests, the mean is bounded."""
    clock = ManualClock()
    rates, passed = Rates(clock), 0
    for pause_s in pauses_s:
        clock.sleep_until_s(clock.now_s() + pause_s)
        passed += rates.wait_s("cam", rate_hz) == 0.0
    assert passed <= rate_hz * clock.now_s() + max(1.0, rate_hz) + 1e-6


def test_memory_is_bounded() -> None:
    """Names that come once are forgotten, the oldest first."""
    rates = Rates(ManualClock(), most=2)
    for who in ("a", "b", "c"):
        rates.wait_s(who, 1.0)
    assert rates.wait_s("c", 1.0) > 0.0
    assert rates.wait_s("a", 1.0) == 0.0


def test_who_asked_last_is_forgotten_last() -> None:
    """However many other names come, a bucket that is in use is not filled anew by being forgotten."""
    rates = Rates(ManualClock(), most=2)
    for who in ("a", "b", "a", "c"):
        rates.wait_s(who, 1.0)
    assert rates.wait_s("a", 1.0) > 0.0
    assert rates.wait_s("b", 1.0) == 0.0


@given(st.floats(0.01, 1000.0), st.integers(1, 50))
def test_who_has_waited_as_told_is_let_through(rate_hz: float, count: int) -> None:
    """However seconds are rounded: a caller that keeps to what it was told is never sent away twice."""
    clock = ManualClock()
    rates = Rates(clock)
    for _ in range(count):
        if wait_s := rates.wait_s("cam", rate_hz):
            clock.sleep_until_s(clock.now_s() + wait_s)
            assert rates.wait_s("cam", rate_hz) == 0.0
