"""Both versions of the contract, and saved answers, told in the same words."""

from __future__ import annotations

import math

import pytest

from joulecut.reports.fleet_facts import facts_of_fleet, facts_of_pool, working_w
from joulecut_core.pool_plans import ServerState
from joulecut_core.pools import pool_of
from joulecut_planner.fleet import solve_fleet
from joulecut_planner.pool import solve_pool
from tests.api.reports.small_fleets import RATE_HZ, small_fleet, small_pool


def test_the_parts_add_up_to_the_pools_power() -> None:
    """Edges' requests and the idle draw that counts, objective weights being 1; loads are those of the plan."""
    facts = facts_of_pool(small_pool(), solve_pool(small_pool()))
    drawn_w = math.fsum(RATE_HZ * sum(edge.parts_j) for edge in facts.edges)
    assert facts.power_w == pytest.approx(drawn_w + facts.counted_idle_w)
    for server in facts.servers:
        assert math.fsum(edge.server_time or 0.0 for edge in server.edges) == pytest.approx(
            server.plan.server_utilisation
        )
        assert working_w(server.edges) <= server.plan.power_w


def test_a_fleet_is_told_as_the_pool_that_it_is() -> None:
    """Version 1 has no servers in its answer: what its server does follows, and is what version 2 would say."""
    fleet = small_fleet()
    told = facts_of_fleet(fleet, solve_fleet(fleet))
    same = facts_of_pool(pool_of(fleet), solve_pool(pool_of(fleet)))
    assert [server.plan.state for server in told.servers] == [ServerState.SERVING]
    (one,), (other,) = told.servers, same.servers
    assert one.plan.server_clock == other.plan.server_clock
    assert one.plan.power_w == pytest.approx(other.plan.power_w)
    assert one.plan.server_utilisation == pytest.approx(other.plan.server_utilisation)
    assert one.plan.counted_idle_w == other.plan.counted_idle_w == 0.0
    assert [(edge.name, edge.server) for edge in told.edges] == [(edge.name, edge.server) for edge in same.edges]
    assert told.power_w == pytest.approx(same.power_w)


def test_a_saved_answer_invents_nothing() -> None:
    """Neither rates nor deadlines, bounds nor uplinks; what the answer says stays."""
    facts = facts_of_pool(None, solve_pool(small_pool()))
    assert facts.uplinks == ()
    assert {(edge.rate_hz, edge.deadline_s, edge.server_time) for edge in facts.edges} == {(None, None, None)}
    assert {(server.kind, server.most_utilisation) for server in facts.servers} == {(None, None)}
    assert sum(server.plan.edges for server in facts.servers) == 2
    assert facts_of_fleet(None, solve_fleet(small_fleet())).servers == ()
