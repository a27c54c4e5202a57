"""When a server that failed may be tried again."""

from __future__ import annotations

from random import Random

import pytest

from joulecut_edge.peers.breaker import Breaker, Trial


def drawn(seed: int) -> Random:
    """Where the jitter comes from."""
    return Random(seed)  # noqa: S311 - jitter


def waits(count: int, *, cap_s: float = 2.0, seed: int = 1, is_final: bool = False) -> list[float]:
    """The waits after so many failures in a row, each right after the wait before."""
    breaker, now_s, found = Breaker(cap_s, drawn(seed)), 100.0, []
    for number in range(count):
        breaker.failed(now_s, f"reason {number}", is_final=is_final)
        found.append(breaker.until_s - now_s)
        now_s = breaker.until_s
    return found


def test_the_states() -> None:
    """Closed, open for the wait, one try, and closed again by the first success."""
    breaker = Breaker(2.0, drawn(1))
    assert breaker.trial(0.0) is Trial.CLOSED
    breaker.failed(0.0, "nobody listens")
    assert breaker.trial(0.0) is Trial.OPEN
    assert breaker.trial(breaker.until_s) is Trial.HALF_OPEN
    breaker.succeeded()
    assert (breaker.trial(0.0), breaker.failures) == (Trial.CLOSED, 0)


@pytest.mark.parametrize("seed", range(5))
def test_waits_grow_to_the_cap(seed: int) -> None:
    """Doubling from 0.2 s, half of each drawn, never above the cap."""
    for number, wait_s in enumerate(waits(12, seed=seed)):
        whole_s = min(2.0, 0.2 * 2.0**number)
        assert 0.5 * whole_s <= wait_s <= whole_s + 1e-9


def test_edges_do_not_come_back_together() -> None:
    """A server that restarts meets its edges one by one."""
    assert len({round(waits(5, seed=seed)[-1], 6) for seed in range(20)}) == 20


def test_what_trying_cannot_mend_waits_longest_at_once() -> None:
    """A refused certificate or another network changes only when somebody changes it."""
    assert min(waits(3, cap_s=20.0, is_final=True)) >= 10.0


def test_a_reason_is_news_once() -> None:
    """The same reason again is none; another one, or the same after a success, is."""
    breaker = Breaker(2.0, drawn(1))
    assert breaker.failed(0.0, "refused")
    assert not breaker.failed(1.0, "refused")
    assert breaker.failed(2.0, "expired")
    breaker.succeeded()
    assert breaker.failed(3.0, "expired")


def test_reasons_in_turn_are_news_once_an_hour() -> None:
    """A host that ends connections, or one out of reach, fails now for this reason, now for that, day after day."""
    breaker, told = Breaker(2.0, drawn(1)), list[tuple[int, str]]()
    for now_s in range(3605):
        reason = ("reset", "ended early")[now_s % 2]
        if breaker.failed(float(now_s), reason):
            told.append((now_s, reason))
    assert told == [(0, "reset"), (1, "ended early"), (3600, "reset"), (3601, "ended early")]


def test_the_log_ends_with_the_reason_that_stays() -> None:
    """One that came back, and is the only one since, is told again once: who reads the log last must not be misled."""
    breaker = Breaker(2.0, drawn(1))
    for now_s, reason in enumerate(("refused", "expired")):
        assert breaker.failed(float(now_s), reason)
    assert [now_s for now_s in range(2, 9000) if breaker.failed(float(now_s), "refused")] == [3600]


def test_reasons_that_are_never_the_same_take_no_memory() -> None:
    """What a peer says may be new with each try."""
    breaker = Breaker(2.0, drawn(1))
    assert all(breaker.failed(0.0, f"reason {number}") for number in range(20))
    assert breaker.failed(0.0, "reason 0"), "kept for good"
    assert not breaker.failed(0.0, "reason 19")
