"""How long an edge leaves a server alone that turned it away."""

from __future__ import annotations

from joulecut_core.ledgers import FallbackReason
from joulecut_edge.requests.recess import Recess


def test_a_recess_lasts_as_long_as_was_asked() -> None:
    """From the refusal on, and no longer; without a time there is none."""
    recess = Recess()
    assert not recess.lasts(0.0)
    recess.begin(5.0, 0.0)
    assert not recess.lasts(5.0)
    recess.begin(5.0, 0.25)
    assert recess.lasts(5.2)
    assert not recess.lasts(5.25)


def test_the_longest_refusal_counts() -> None:
    """Refusals of requests that were under way together come in any order."""
    recess = Recess()
    recess.begin(1.0, 0.5)
    recess.begin(1.1, 0.01)
    assert recess.lasts(1.4)
    assert recess.is_long


def test_a_short_recess_is_not_worth_a_clock() -> None:
    """A clock takes milliseconds to change, twice."""
    recess = Recess()
    recess.begin(1.0, 0.02)
    assert recess.lasts(1.01)
    assert not recess.is_long


def test_a_server_cannot_switch_offloading_off() -> None:
    """Ten seconds are the most that it may ask for."""
    recess = Recess()
    recess.begin(0.0, 1e9)
    assert recess.lasts(9.9)
    assert not recess.lasts(10.0)


def test_missed_answers_begin_a_recess() -> None:
    """Three in a row, half a second; each single try that fails doubles it, up to ten seconds; an answer ends it."""
    recess, now_s, lasted_s = Recess(), 0.0, []
    recess.missed(now_s)
    recess.missed(now_s)
    recess.answered()
    recess.missed(now_s)
    recess.missed(now_s)
    assert not recess.lasts(now_s)
    for _ in range(6):
        recess.missed(now_s)
        began_s = now_s
        while recess.lasts(now_s):
            now_s += 0.125
        lasted_s.append(now_s - began_s)
    assert lasted_s == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0]
    assert recess.reason is FallbackReason.LATE
    recess.answered()
    recess.missed(now_s)
    assert not recess.lasts(now_s)


def test_misses_of_requests_already_sent_do_not_count() -> None:
    """What was under way when the recess began says nothing new."""
    recess = Recess()
    for _ in range(10):
        recess.missed(1.0)
    assert recess.lasts(1.4)
    assert not recess.lasts(1.5)


def test_another_server_begins_afresh() -> None:
    """What one server did is not held against the next."""
    recess = Recess()
    recess.begin(0.0, 5.0)
    recess.missed(6.0)
    recess.end()
    assert not recess.lasts(1.0)
    recess.missed(6.0)
    recess.missed(6.0)
    assert not recess.lasts(6.0)


def test_one_request_tries_whether_answers_come_again() -> None:
    """The others stay at home until it has its answer, or for as long as it may wait: it may have been cancelled."""
    recess = Recess()
    for _ in range(3):
        assert recess.admits(0.0, try_s=0.4)
        recess.missed(0.0)
    tried_s = [at_s for at_s in (0.4, 0.5, 0.6, 0.85, 0.9, 1.0) if recess.admits(at_s, try_s=0.4)]
    assert tried_s == [0.5, 0.9]
    recess.answered()
    assert recess.admits(1.0, try_s=0.4)
    assert recess.admits(1.0, try_s=0.4)
