"""How long an edge leaves a server alone that turned it away."""

from __future__ import annotations

from joulecut_edge.recess import Recess


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
