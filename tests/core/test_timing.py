"""Clocks that one waits on: the machine's, the scaled one, the manual one."""

from __future__ import annotations

import re
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from joulecut_core import timing
from joulecut_core.errors import ConfigError
from joulecut_core.timing import Clock, ManualClock, ScaledClock, SystemClock, is_set_within
from tests.architecture.tree import ROOT

CLOCKS: tuple[Clock, ...] = (SystemClock(), ScaledClock(4.0), ManualClock(5.0))


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda clock: type(clock).__name__)
def test_sleeps_until_the_deadline_and_never_before(clock: Clock) -> None:
    """After the wait the clock stands at the deadline or later."""
    deadline_s = clock.now_s() + 0.002
    clock.sleep_until_s(deadline_s)
    assert clock.now_s() >= deadline_s


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda clock: type(clock).__name__)
def test_a_deadline_in_the_past_returns_at_once(clock: Clock) -> None:
    """A schedule that fell behind does not wait, and time does not run backwards."""
    now_s = clock.now_s()
    clock.sleep_until_s(now_s - 1e6)
    assert now_s <= clock.now_s() < now_s + 10


def test_scaled_seconds_last_longer_on_the_wall() -> None:
    """Ten emulated milliseconds at a slow-down of 3 are thirty on the wall."""
    clock = ScaledClock(3.0)
    wall_s = time.perf_counter()
    emulated_s = clock.now_s()
    clock.sleep_until_s(emulated_s + 0.01)
    assert time.perf_counter() - wall_s >= 0.03
    assert clock.wall_s(0.01) == pytest.approx(0.03)
    assert clock.slowdown == 3.0


def test_scaled_clocks_of_two_processes_agree() -> None:
    """Two clocks of one slow-down show the same time, so both sides and the link share it."""
    first, second = ScaledClock(7.0), ScaledClock(7.0)
    assert second.now_s() - first.now_s() < 0.1


@pytest.mark.parametrize("slowdown", [0.0, 0.99, -1.0, 1e5, float("nan"), float("inf")])
def test_slowdown_must_slow_down(slowdown: float) -> None:
    """A factor below 1 would need a faster machine; absurd ones are slips."""
    with pytest.raises(ConfigError, match=r"slowdown: .* between 1 and 10000"):
        ScaledClock(slowdown)


def test_system_clock_runs_with_the_wall() -> None:
    """Its seconds are the wall's."""
    assert SystemClock().wall_s(2.5) == 2.5


def test_manual_clock_moves_only_when_told() -> None:
    """Tests own the time: reading it changes nothing, waiting costs nothing on the wall."""
    clock = ManualClock()
    assert clock.now_s() == clock.now_s() == 0.0
    clock.advance_s(1.5)
    clock.sleep_until_s(4.0)
    assert clock.now_s() == 4.0
    assert clock.wall_s(100.0) == 0.0


def test_manual_clock_refuses_to_go_back() -> None:
    """A clock only moves forwards."""
    with pytest.raises(ValueError, match="only moves forwards"):
        ManualClock().advance_s(-0.1)


def test_manual_clock_is_shared_between_threads() -> None:
    """Advances from several threads all count."""
    clock = ManualClock()

    def advance() -> None:
        for _ in range(500):
            clock.advance_s(1.0)

    threads = [threading.Thread(target=advance) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.now_s() == 2000.0


class WallFlag(threading.Event):
    """A flag as a Python without sem_clockwait waits for it while the wall clock is set back: until it is set."""

    def wait(self, timeout: float | None = None) -> bool:
        """As it says."""
        del timeout
        return super().wait(20.0)


@pytest.fixture(name="built_with")
def _built_with(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int | None], None]]:
    """Says that this Python was built with sem_clockwait (1) or without (None), whichever it was."""

    def say(value: int | None) -> None:
        monkeypatch.setattr(sysconfig, "get_config_var", {"HAVE_SEM_CLOCKWAIT": value}.get)
        timing._flags_wait_steadily.cache_clear()

    yield say
    timing._flags_wait_steadily.cache_clear()


@pytest.mark.parametrize(("value", "flag"), [(1, threading.Event()), (None, WallFlag())])
def test_a_flag_is_waited_for_as_long_as_asked(
    built_with: Callable[[int | None], None], value: int | None, flag: threading.Event
) -> None:
    """Whatever the wall clock is set to, however this Python was built; and no longer than until it is set."""
    built_with(value)
    begin_s = time.perf_counter()
    assert not is_set_within(flag, 0.005)
    assert 0.005 <= time.perf_counter() - begin_s < 10.0
    threading.Timer(0.001, flag.set).start()
    assert is_set_within(flag, 1000.0)


def test_a_flag_that_is_set_soon_is_seen_soon(
    built_with: Callable[[int | None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes a millisecond, as a reading of a meter, is not looked at after twenty alone."""
    built_with(None)
    slept: list[float] = []

    def sleep(duration_s: float) -> None:
        slept.append(duration_s)
        if sum(slept) >= 0.001:
            flag.set()

    flag = WallFlag()
    monkeypatch.setattr(time, "sleep", sleep)
    assert is_set_within(flag, 10.0)
    assert sum(slept) < 0.002


def test_what_lives_long_waits_for_no_wall_clock() -> None:
    """Threads of devices, meters, a server and a pool wait for flags by the function for that."""
    waits = re.compile(r"_(stop|stopping|asked|arrived)\.wait\(|\b(done|closing|waiting)\.wait\(")
    modules = [path for part in ("runtime", "server") for path in (ROOT / part).rglob("*.py")]
    assert [str(path) for path in modules if waits.search(path.read_text(encoding="utf-8"))] == []
