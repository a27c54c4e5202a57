"""Each edge for itself: fair shares, one clock for all, and what nobody looks at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.fleets import Fleet
from joulecut_core.problems import Problem
from joulecut_planner.baselines.fleets.equal_shares import each_for_itself, fair_shares_bps
from joulecut_planner.choices.pricing import Choice
from tests.planner.fleet.drawn_fleets import drawn_fleet


def fleet_of(links_bps: list[float], uplink_bps: float | None) -> Fleet:
    """Edges with these links on an uplink."""
    fleet = drawn_fleet(0, len(links_bps), cuts=4, edge_points=2, server_points=4)
    edges = tuple(
        replace(edge, problem=replace(edge.problem, link=replace(edge.problem.link, uplink_bps=link_bps)))
        for edge, link_bps in zip(fleet.edges, links_bps, strict=True)
    )
    return replace(fleet, edges=edges, shared=replace(fleet.shared, uplink_bps=uplink_bps))


@pytest.mark.parametrize(
    ("links_bps", "uplink_bps", "shares_bps"),
    [
        ([30e6, 30e6, 30e6], 30e6, [10e6, 10e6, 10e6]),
        ([4e6, 30e6, 30e6], 30e6, [4e6, 13e6, 13e6]),
        ([4e6, 5e6, 6e6], 30e6, [4e6, 5e6, 6e6]),
        ([4e6, 50e6], None, [4e6, 50e6]),
        ([4e6, 50e6], 20e6, [4e6, 16e6]),
    ],
)
def test_fair_shares(links_bps: list[float], uplink_bps: float | None, shares_bps: list[float]) -> None:
    """What a slow link leaves goes to the others in equal parts; nobody gets more than his link carries."""
    fleet = fleet_of(links_bps, uplink_bps)
    assert fair_shares_bps(fleet, fleet.edges).tolist() == pytest.approx(shares_bps)


def test_the_server_runs_at_the_highest_point_asked_for_and_shares_go_to_who_offloads() -> None:
    """One clock for all; who stays at home leaves his share, and each edge planned with a share among all."""
    fleet = fleet_of([30e6, 30e6, 30e6], 30e6)
    seen: list[tuple[float, float]] = []
    picks = iter(
        [
            Choice(cut=0, wire=0, variant=0, edge_point=0, server_point=1),
            Choice(cut=3, wire=0, variant=0, edge_point=1, server_point=None),
            Choice(cut=1, wire=0, variant=0, edge_point=1, server_point=2),
        ]
    )

    def rule(problem: Problem) -> Choice:
        link = problem.link
        seen.append((link.uplink_bps, link.rtt_s))
        return next(picks)

    decision = each_for_itself(rule)(fleet)
    assert [choice.server_point for choice in decision.choices if choice is not None] == [2, None, 2]
    assert decision.shares_bps == pytest.approx((15e6, 0.0, 15e6))
    assert [bps for bps, _ in seen] == pytest.approx([10e6] * 3)
    for (_, rtt_s), edge in zip(seen, fleet.edges, strict=True):
        assert rtt_s == pytest.approx(edge.problem.link.rtt_s + fleet.shared.server_wait_s)
