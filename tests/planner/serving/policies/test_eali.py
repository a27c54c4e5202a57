"""EALI fills batches while there is slack, and runs units at the clocks that the time left allows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.serving import Launch, QueuedRequest, Rest, ServerView
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.policies import POLICIES, PolicyOptions
from joulecut_planner.serving.policies.eali import Eali
from joulecut_planner.serving.simulation.event_loop import simulate
from tests.planner.serving.policies.arrivals import SLO_S, periodic, poisson
from tests.planner.serving.tables import gpu_like

TABLE = gpu_like(points=8)


def warmed(rate_hz: float) -> Eali:
    """A policy that has seen a second of a rate."""
    policy = Eali(TABLE)
    for request in periodic(rate_hz, int(rate_hz)):
        policy.arrived(request)
    return policy


def waiting(count: int, arrival_s: float = 1.0) -> list[QueuedRequest]:
    return [QueuedRequest(k, arrival_s, arrival_s + SLO_S) for k in range(count)]


def test_it_waits_for_a_batch_that_is_worth_it() -> None:
    """Where requests come every 2 ms, a lone one waits, but not longer than it can; when enough have come they run."""
    policy = warmed(500.0)
    decision = policy.decide(ServerView(1.0, waiting(1), 7, 500))
    assert isinstance(decision, Rest)
    assert decision.until_s is not None
    assert 1.002 < decision.until_s <= 1.0 + SLO_S - policy.fastest_s()[1]
    assert isinstance(policy.decide(ServerView(1.002, waiting(32), 7, 531)), Launch)


def test_filling_ends_when_the_slack_is_used_up() -> None:
    """At the time it said it runs what there is, and is in time."""
    policy = warmed(500.0)
    decision = policy.decide(ServerView(1.0, waiting(1), 7, 500))
    assert isinstance(decision, Rest)
    assert decision.until_s is not None
    launch = policy.decide(ServerView(decision.until_s, waiting(1), decision.point, 500))
    assert isinstance(launch, Launch)
    time_s = sum(policy.costs.unit_s[0][0][u][p] for u, p in enumerate(launch.points))
    assert decision.until_s + time_s <= 1.0 + SLO_S + 1e-9


def test_nobody_waits_for_nobody() -> None:
    """Where requests are rare a lone one runs at once, at a low clock."""
    launch = warmed(10.0).decide(ServerView(2.0, waiting(1, 2.0), 7, 11))
    assert isinstance(launch, Launch)
    assert max(launch.points) < 7


def test_units_get_clocks_of_their_own() -> None:
    """A unit that gains nothing from a high clock runs at a low one, where changes cost nothing; with costs, not."""
    variant = TABLE.variants[0]
    bound = tuple(
        tuple((min(unit),) * len(unit) if u == 2 else unit for u, unit in enumerate(units)) for units in variant.time_s
    )
    table = replace(TABLE, variants=(replace(variant, time_s=bound),))
    launch = Eali(table).decide(ServerView(0.0, [QueuedRequest(0, 0.0, 0.0055)], 7, 1))
    assert isinstance(launch, Launch)
    assert launch.points[2] == 0 < min(launch.points[:2])
    dear = Eali(replace(table, switch_s=0.002)).decide(ServerView(0.0, [QueuedRequest(0, 0.0, 0.0055)], 7, 1))
    assert isinstance(dear, Launch)
    assert len(set(dear.points)) == 1


def test_it_saves_what_it_claims_at_the_same_duty() -> None:
    """Against the highest clock with batches: more than 36 % less energy at low load, few misses."""
    table = gpu_like(points=20, switch_s=2e-4)
    report = simulate(Eali(table), poisson(150.0, 4000, 9))
    assert report.miss_rate < 0.01
    assert report.energy_per_request_j < 0.9


@pytest.mark.parametrize("name", ["eali", "dvfs-only"])
def test_a_slow_clock_is_not_held_before_anybody_has_come(name: str) -> None:
    """Where a change takes longer than a deadline, a device that began by saving would turn everybody away for good."""
    table = gpu_like(units=1, points=2, batches=(1, 2), switch_s=0.15)
    slo_s = 3.0 * ServiceCosts(table).time_s(0, 1, 1)
    requests = [QueuedRequest(index, 1.0 + index, 1.0 + index + slo_s) for index in range(5)]
    assert simulate(POLICIES[name](table, PolicyOptions()), requests).miss_rate == 0.0
