"""What an edge needs to finish a request by itself, from its profile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_edge.plans.local_tail import LocalTail, local_tail
from joulecut_planner.side_models import side_model
from tests.integration.tiny_profiles import edge_profile

PROFILE = edge_profile()
SLOW, FAST = PROFILE.clock_table[0], PROFILE.clock_table[-1]


def mean_s(cut: int, clock: OperatingPoint) -> float:
    """The profile's own prediction of the rest."""
    model = side_model(PROFILE)
    index = next(k for k, point in enumerate(model.points) if point.matches(clock))
    return float(model.time_s[PROFILE.last_cut, index] - model.time_s[cut, index])


@pytest.mark.parametrize("cut", range(PROFILE.last_cut))
def test_the_rest_has_a_margin_over_its_mean(cut: int) -> None:
    """At the plan's clock, and at the fastest with the change of clocks on top."""
    tail = local_tail(PROFILE, cut, SLOW)
    assert tail.time_s >= 1.1 * mean_s(cut, SLOW)
    assert tail.time_s == pytest.approx(dict(tail.clocks)[SLOW])
    assert tail.fastest_s <= tail.time_s
    if tail.fastest is not None:
        assert tail.fastest_s == pytest.approx(dict(tail.clocks)[tail.fastest] + 0.05)


def test_nothing_is_left_at_the_end() -> None:
    """From the last cut on there is no rest, and no clock would make it shorter."""
    tail = local_tail(PROFILE, PROFILE.last_cut, SLOW)
    assert (tail.time_s, tail.fastest) == (0.0, None)


def test_what_requests_showed_counts() -> None:
    """A device that turned out twice as slow as its profile needs twice the time."""
    assert local_tail(PROFILE, 1, SLOW, factor=2.0).time_s == pytest.approx(2.0 * local_tail(PROFILE, 1, SLOW).time_s)


def test_single_runs_make_the_margin() -> None:
    """Where runs were kept and their tail is long, the service level's quantile of them counts."""
    wild = replace(
        PROFILE,
        points=tuple(
            replace(point, samples_s=(*(point.whole_s for _ in range(90)), *(3.0 * point.whole_s for _ in range(10))))
            for point in PROFILE.points
        ),
    )
    calm_s, wild_s = (local_tail(profile, 1, FAST, quantile=0.95).time_s for profile in (PROFILE, wild))
    assert wild_s > 2.0 * calm_s
    assert local_tail(wild, 1, FAST, quantile=0.5).time_s < wild_s


def test_under_the_governor_the_slowest_is_expected() -> None:
    """Nobody knows its clock: the latency measured under it counts, or the slowest clock's."""
    governed_s = max(each.latency_s for each in PROFILE.governed)
    share = mean_s(1, SLOW) / mean_s(0, SLOW)
    assert local_tail(PROFILE, 1, None).time_s >= governed_s * share
    unseen = replace(PROFILE, governed=())
    assert local_tail(unseen, 1, None).time_s == pytest.approx(
        max(each_s for _, each_s in local_tail(unseen, 1, SLOW).clocks)
    )


@pytest.mark.parametrize(
    ("held", "left_s", "hurries"),
    [(SLOW, 0.5, False), (SLOW, 0.3, True), (FAST, 0.3, False), (SLOW, 0.05, False), (None, 0.3, True)],
    ids=["fits", "fits when hurried", "held fast already", "fits in no way", "governed"],
)
def test_a_clock_is_changed_only_where_that_saves_the_deadline(
    held: OperatingPoint | None, left_s: float, hurries: bool
) -> None:
    """Changing it twice costs time and joules: not where there is time, nor where it is too late anyway."""
    tail = LocalTail(time_s=0.4, fastest_s=0.2, fastest=FAST, clocks=((SLOW, 0.4), (FAST, 0.15)))
    assert (tail.hurried(held, left_s=left_s) == FAST) is hurries
