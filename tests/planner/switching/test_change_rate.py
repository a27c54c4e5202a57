"""How often plans change in the long run, and where an edge that is late by itself stays meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_planner.switching import Contender, Switcher, SwitchReason, SwitchTerms
from tests.planner.switching.test_switcher import ALONE, LATE_PLANS, PLANS, outlook, switcher

NEVER_IN_TIME = (replace(ALONE, fixed_s=0.04, head_s=0.038), *PLANS[1:])
"""With an edge that is late by itself even where it takes no longer than as a rule."""


def test_an_edge_that_is_never_in_time_by_itself_does_not_come_home_for_each_bad_moment() -> None:
    """Home misses every deadline: it is left for the longest hold at least, whatever the link does meanwhile."""
    changing = switcher()
    assert changing.decide(0.0, NEVER_IN_TIME, 2, outlook(1e6)) is not None, "a collapse after a long time out"
    assert changing.decide(5.0, NEVER_IN_TIME, 0, outlook(1e8)) is not None
    assert changing.decide(6.0, NEVER_IN_TIME, 1, outlook(1e6)) is None
    assert changing.decide(64.9, NEVER_IN_TIME, 1, outlook(1e6)) is None
    found = changing.decide(65.1, NEVER_IN_TIME, 1, outlook(1e6))
    assert found is not None
    assert (found.index, found.reason) == (0, SwitchReason.DEADLINE)


def test_one_that_stays_out_still_takes_what_asks_less_of_the_link() -> None:
    """Only home is shut: a plan that is in time on a slower link is taken at once."""
    changing = switcher()
    assert changing.decide(0.0, NEVER_IN_TIME, 0, outlook(1e8)) is not None
    found = changing.decide(1.0, NEVER_IN_TIME, 2, outlook(2e7))
    assert found is not None
    assert (found.index, found.reason) == (1, SwitchReason.DEADLINE)


@pytest.mark.parametrize("plans", [PLANS, LATE_PLANS, NEVER_IN_TIME])
@pytest.mark.parametrize("half_s", [0.3, 1.1, 2.1, 3.1, 3.5])
def test_no_to_and_fro_costs_more_than_a_change_in_five_seconds(plans: tuple[Contender, ...], half_s: float) -> None:
    """With the agents' own terms, on a link that is fast and slow in turn, for ten minutes, and six changes ahead."""
    changing, current, changes = Switcher(SwitchTerms(), rate_hz=40.0, now_s=0.0), 2, 0
    for tenth in range(6000):
        uplink_bps = 1e8 if int(tenth / 10 / half_s) % 2 == 0 else 1e6
        found = changing.decide(tenth / 10, plans, current, outlook(uplink_bps))
        if found is not None:
            current, changes = found.index, changes + 1
    assert 0 < changes <= 600.0 / 5.0 + 6 + 2


def test_a_link_that_rests_is_followed_as_before() -> None:
    """What was not changed for a while is not owed: the way out is free again, a few times in a row."""
    changing = Switcher(SwitchTerms(), rate_hz=40.0, now_s=0.0)

    def goes_out(now_s: float) -> bool:
        assert changing.decide(now_s, LATE_PLANS, 2, outlook(1e6)) is not None
        return changing.decide(now_s + 3.5, LATE_PLANS, 0, outlook(1e8)) is not None

    assert [goes_out(4.0 * turn) for turn in range(6)] == [True] * 5 + [False]
    assert goes_out(90.0)


def test_a_change_that_is_refused_again_and_again_does_not_shut_an_edge_in() -> None:
    """A device that gives no clock for ten minutes costs a wait of some seconds after that, not of an hour."""
    changing = Switcher(SwitchTerms(), rate_hz=40.0, now_s=0.0)
    for second in range(600):
        changing.decide(float(second), LATE_PLANS, 0, outlook(1e8))
        changing.decide(second + 0.5, LATE_PLANS, 2, outlook(1e6))
    assert changing.decide(620.0, LATE_PLANS, 0, outlook(1e8)) is not None


def test_what_waits_for_the_rate_of_changes_are_joules_not_deadlines() -> None:
    """Once more changes are owed than may be, a plan that the link's bad moments make late is left all the same."""
    terms = SwitchTerms(hold_s=5.0, spells=4, change_s=1000.0, changes_ahead=0)
    changing = Switcher(terms, rate_hz=40.0, now_s=0.0)
    assert changing.decide(0.0, PLANS, 1, outlook(1e8)) is not None
    assert changing.decide(6.0, PLANS, 1, outlook(1e8)) is None
    found = changing.decide(6.0, PLANS, 2, outlook(1e8, careful_bps=2e7))
    assert found is not None
    assert (found.index, found.reason) == (1, SwitchReason.DEADLINE)
