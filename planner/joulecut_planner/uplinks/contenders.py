"""Choices that may be the answer at some uplink of a span, as arrays that are priced over any link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import keeps_accuracy, limit
from joulecut_planner.choices.grids import Array, Grids, Indices
from joulecut_planner.choices.groups import Costs, Groups, edge_part, price_many, server_part
from joulecut_planner.choices.pricing import Crossing, Part, Values, transfer_s
from joulecut_planner.choices.ranks import Ranks
from joulecut_planner.exact.frontier import with_ties
from joulecut_planner.fronts.cells import Members

_NOWHERE = Part()
_NOTHING = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Contenders:
    """Choices and all that they cost but the transfers. `rank` is of shape (choices,), `terms` (terms, choices)."""

    rank: Indices
    terms: Array

    def __len__(self) -> int:
        return len(self.rank)

    @property
    def edge(self) -> Part:
        """The edge's parts."""
        time_s, std_s, busy_w, idle_w = self.terms[:4]
        return Part(time_s=time_s, std_s=std_s, busy_w=busy_w, idle_w=idle_w)

    @property
    def server(self) -> Part:
        """The server's parts; 0 where nothing is offloaded."""
        time_s, std_s, busy_w, idle_w = self.terms[4:8]
        return Part(time_s=time_s, std_s=std_s, busy_w=busy_w, idle_w=idle_w)

    @property
    def uplink_bytes(self) -> Array:
        """What each sends."""
        return cast(Array, self.terms[14])

    @property
    def downlink_bytes(self) -> Array:
        """What each receives."""
        return cast(Array, self.terms[15])

    def crossing(self, problem: Problem) -> Crossing:
        """The stages between the parts over `problem`'s link."""
        encode_s, encode_w, decode_s, decode_w, rtt_s, latency_std_s = self.terms[8:14]
        link = problem.link
        return Crossing(
            encode_s=encode_s,
            t_up=transfer_s(self.uplink_bytes, link.uplink_bps),
            rtt_s=rtt_s,
            decode_s=decode_s,
            t_down=transfer_s(self.downlink_bytes, link.downlink_bps),
            latency_std_s=latency_std_s,
            encode_w=encode_w,
            uplink_w=link.uplink_w,
            downlink_w=link.downlink_w,
            decode_w=decode_w,
        )

    def costs(self, problem: Problem) -> Costs:
        """J, T_q and feasibility under `problem`, which may differ from theirs in bandwidths and deadline."""
        crossing = self.crossing(problem)
        costs = price_many(problem, self.edge, self.server, crossing)
        if problem.slo.rate_hz is None:
            return costs
        longest_s = limit(1.0 / problem.slo.rate_hz)
        keeps_up = (np.asarray(crossing.t_up) <= longest_s) & (np.asarray(crossing.t_down) <= longest_s)
        return Costs(costs.energy_j, costs.bound_s, costs.feasible & keeps_up)

    def only(self, kept: NDArray[np.bool_]) -> Contenders:
        """Some of the choices."""
        return Contenders(self.rank[kept], self.terms[:, kept])

    def joined(self, others: Contenders) -> Contenders:
        """These and others, by rising rank."""
        rank = np.concatenate((self.rank, others.rank))
        order = rank.argsort()
        return Contenders(rank[order], np.concatenate((self.terms, others.terms), axis=1)[:, order])


def offloaded(problem: Problem, grids: Grids, groups: Groups, members: Members) -> Contenders:
    """Contenders out of members of groups, in their order."""
    group, wires, link = members.group, grids.wires, problem.link
    # Wires stand in the order of their cuts: a cut's first is where the cut would be inserted.
    wire = (np.searchsorted(wires.cut, groups.cut) + groups.wire)[group]
    row = groups.row[group]
    rank = Ranks.of(problem).rank(
        groups.cut[group], groups.wire[group], groups.variant[group], members.edge_point, members.server_point
    )
    edge, server = edge_part(grids, row, members.edge_point), server_part(grids, row, members.server_point)
    return Contenders(
        rank,
        _terms(
            edge,
            server,
            wires.encode_s[wire],
            wires.encode_w[wire],
            wires.decode_s[wire],
            wires.decode_w[wire],
            link.rtt_s,
            link.latency_std_s,
            wires.uplink_bytes[wire],
            wires.downlink_bytes[wire],
        ),
    )


def edge_only(problem: Problem, grids: Grids) -> Contenders:
    """Every choice that stays on the edge, by rising rank; none where that is forbidden."""
    last, points = grids.cuts - 1, len(grids.wait_w)
    variants = [v for v, each in enumerate(problem.variants) if keeps_accuracy(problem, each.accuracy_loss)]
    if not problem.cuts[last].allowed:
        variants = []
    variant = np.repeat(np.array(variants, dtype=np.int64), points)
    point = np.tile(np.arange(points), len(variants))
    rank = Ranks.of(problem).rank(last, 0, variant, point, -1)
    return Contenders(rank, _terms(edge_part(grids, variant * grids.cuts + last, point), _NOWHERE, *_NOTHING))


def cheapest(costs: Costs) -> int:
    """The contract's pick of choices by rising rank, as an index; some have to be feasible."""
    energy_j = np.where(costs.feasible, costs.energy_j, np.inf)
    ties = np.flatnonzero(energy_j <= with_ties(float(energy_j.min())))
    return int(ties[costs.bound_s[ties].argmin()])


def nearest(costs: Costs) -> int:
    """The contract's nearest of choices by rising rank where none is feasible, as an index; there has to be one."""
    fastest = np.flatnonzero(costs.bound_s == costs.bound_s.min())
    return int(fastest[costs.energy_j[fastest].argmin()])


def _terms(edge: Part, server: Part, *between: Values) -> Array:
    parts = (part for side in (edge, server) for part in (side.time_s, side.std_s, side.busy_w, side.idle_w))
    return np.array(np.broadcast_arrays(*parts, *between), dtype=np.float64)
