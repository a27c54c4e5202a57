"""What an edge needs to finish a request by itself, from its profile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.profiles import Profile
from joulecut_edge.plans.local_tail import LocalTail, local_tail
from joulecut_planner.side_models import side_model
from tests.integration.tiny_profiles import edge_profile

SLOW, FAST = OperatingPoint(core_mhz=306.0, memory_mhz=665.6), OperatingPoint(core_mhz=612.0, memory_mhz=2133.0)


@pytest.fixture(name="profile")
def _profile() -> Profile:
    profile = edge_profile()
    assert (profile.clock_table[0], profile.clock_table[-1]) == (SLOW, FAST)
    return profile


def mean_s(profile: Profile, cut: int, clock: OperatingPoint) -> float:
    """The profile's own prediction of the rest."""
    model = side_model(profile)
    index = next(k for k, point in enumerate(model.points) if point.matches(clock))
    return float(model.time_s[profile.last_cut, index] - model.time_s[cut, index])


def test_the_rest_has_a_margin_over_its_mean(profile: Profile) -> None:
    """At the plan's clock, and at the fastest with the change of clocks on top; at every cut."""
    for cut in range(profile.last_cut):
        tail = local_tail(profile, cut, SLOW)
        assert tail.time_s >= 1.1 * mean_s(profile, cut, SLOW)
        assert tail.time_s == pytest.approx(dict(tail.clocks)[SLOW])
        assert tail.fastest_s <= tail.time_s
        if tail.fastest is not None:
            assert tail.fastest_s == pytest.approx(dict(tail.clocks)[tail.fastest] + 0.05)


def test_nothing_is_left_at_the_end(profile: Profile) -> None:
    """From the last cut on there is no rest, and no clock would make it shorter."""
    tail = local_tail(profile, profile.last_cut, SLOW)
    assert (tail.time_s, tail.fastest) == (0.0, None)


def test_what_requests_showed_counts(profile: Profile) -> None:
    """A device that turned out twice as slow as its profile needs twice the time."""
    assert local_tail(profile, 1, SLOW, factor=2.0).time_s == pytest.approx(2.0 * local_tail(profile, 1, SLOW).time_s)


def test_single_runs_make_the_margin(profile: Profile) -> None:
    """Where runs were kept and their tail is long, the service level's quantile of them counts."""
    wild = replace(
        profile,
        points=tuple(
            replace(point, samples_s=(*(point.whole_s for _ in range(90)), *(3.0 * point.whole_s for _ in range(10))))
            for point in profile.points
        ),
    )
    calm_s, wild_s = (local_tail(each, 1, FAST, quantile=0.95).time_s for each in (profile, wild))
    assert wild_s > 2.0 * calm_s
    assert local_tail(wild, 1, FAST, quantile=0.5).time_s < wild_s


def test_under_the_governor_the_slowest_is_expected(profile: Profile) -> None:
    """Nobody knows its clock: the latency measured under it counts, or the slowest clock's."""
    governed_s = max(each.latency_s for each in profile.governed)
    share = mean_s(profile, 1, SLOW) / mean_s(profile, 0, SLOW)
    assert local_tail(profile, 1, None).time_s >= governed_s * share
    unseen = replace(profile, governed=())
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
