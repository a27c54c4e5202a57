"""Each edge for itself, by a baseline for single problems, with an equal share of the uplink.

Source: no paper. Methods for one edge and one server say nothing of others; what is added is what happens
where nobody plans for all:

- every edge believes that it has a fair share of the uplink: an equal one, or what its own link carries,
  what it leaves going to the others (max-min fairness, what access points aim at);
- the wait for the server (`server_wait_s`) is known to it, as a part of the round trip;
- the server runs at the highest of the points that the edges ask for, which makes nobody late;
- who offloads then gets a fair share among those who do, which is no smaller.

Nobody looks at what the others take of the server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from joulecut_core.fleets import Fleet, FleetEdge
from joulecut_core.problems import Problem
from joulecut_planner.baselines.candidates import highest_point
from joulecut_planner.baselines.fleets.outcome import FleetDecision
from joulecut_planner.choices.grids import Array
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.fleet.shares import spread
from joulecut_planner.fleet.stages import most_bps_of


def each_for_itself(rule: Callable[[Problem], Choice | None]) -> Callable[[Fleet], FleetDecision]:
    """The rule for fleets that a rule for single problems becomes."""

    def decide(fleet: Fleet) -> FleetDecision:
        seen = problems_at(fleet, fair_shares_bps(fleet, fleet.edges))
        return together(fleet, [rule(problem) for problem in seen])

    return decide


def problems_at(fleet: Fleet, shares_bps: Array) -> list[Problem]:
    """Each edge's problem as it looks with a share of the uplink and the wait for the server."""
    wait_s = fleet.shared.server_wait_s
    return [
        replace(
            edge.problem,
            link=replace(edge.problem.link, uplink_bps=share_bps, rtt_s=edge.problem.link.rtt_s + wait_s),
        )
        for edge, share_bps in zip(fleet.edges, shares_bps.tolist(), strict=True)
    ]


def together(fleet: Fleet, choices: Sequence[Choice | None]) -> FleetDecision:
    """What becomes of each edge's choice where all use one uplink and one server."""
    points = fleet.edges[0].problem.server.points
    asked = {choice.server_point for choice in choices if choice is not None and choice.server_point is not None}
    point = highest_point(points, sorted(asked)) if asked else None
    sending = [n for n, choice in enumerate(choices) if choice is not None and choice.server_point is not None]
    shares_bps = np.zeros(len(choices))
    shares_bps[sending] = fair_shares_bps(fleet, [fleet.edges[n] for n in sending])
    return FleetDecision(
        choices=tuple(
            choice if choice is None or choice.server_point is None else replace(choice, server_point=point)
            for choice in choices
        ),
        shares_bps=tuple(shares_bps.tolist()),
    )


def fair_shares_bps(fleet: Fleet, edges: Sequence[FleetEdge]) -> Array:
    """Max-min fair shares of the uplink among some edges of the fleet, of shape (edges,)."""
    most_bps = np.array([most_bps_of(edge.problem, fleet.shared) for edge in edges])
    if fleet.shared.uplink_bps is None or not most_bps.size:
        return most_bps
    return spread(np.zeros(most_bps.size), most_bps, np.ones(most_bps.size, dtype=np.bool_), fleet.shared.uplink_bps)
