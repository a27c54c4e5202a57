"""One wire and one pair of clocks: what offloaded closed sets cost there, and which keep deadline and rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.constraints import limit
from joulecut_planner.choices.grids import Array
from joulecut_planner.choices.pricing import margin_factor
from joulecut_planner.closed_sets.cut_problem import membership, raw_bytes
from joulecut_planner.closed_sets.dag_problem import DagProblem
from joulecut_planner.closed_sets.linear_costs import LinearCost


@dataclass(frozen=True, slots=True)
class SetCosts:
    """Of some sets, each of shape (sets,): J, T beyond what the deadline allows, and whether a set is feasible."""

    energy_j: Array
    late_s: Array
    feasible: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pair:
    """A wire and a pair of clocks, as the costs that they give to blocks and bytes."""

    problem: DagProblem
    wire: int
    energy: LinearCost
    latency: LinearCost

    def costs(self, masks: Sequence[int]) -> SetCosts:
        """The costs of closed sets (bit masks). The whole network is priced as if offloaded, and infeasible."""
        inside = membership(masks, len(self.problem.graph.blocks))
        sizes = raw_bytes(self.problem.graph, inside)
        late_s = self.latency.of(inside, sizes) - allowed_s(self.problem)
        feasible = (late_s <= 0.0) & ~inside.all(axis=1) & self._keeps_rate(inside, sizes)
        return SetCosts(self.energy.of(inside, sizes), late_s, feasible)

    def _keeps_rate(self, inside: NDArray[np.bool_], sizes: Array) -> NDArray[np.bool_]:
        rate_hz, link, rule = self.problem.slo.rate_hz, self.problem.link, self.problem.wires[self.wire]
        if rate_hz is None:
            return np.ones(len(sizes), dtype=np.bool_)
        edge_s = inside @ self.latency.edge + rule.encode_s + rule.encode_s_per_byte * sizes
        server_s = ~inside @ self.latency.server + rule.decode_s + rule.decode_s_per_byte * sizes
        up_s = 8.0 * (rule.share * sizes + rule.envelope_bytes) / link.uplink_bps
        down_s = 8.0 * (self.problem.graph.reply_bytes + rule.envelope_bytes) / link.downlink_bps
        slowest_s: Array = np.maximum(np.maximum(edge_s, server_s), np.maximum(up_s, down_s))
        return slowest_s <= limit(1.0 / rate_hz)


def allowed_s(problem: DagProblem) -> float:
    """The mean latency that an offloaded set may have: the deadline less the link's margin; infinite without one."""
    slo = problem.slo
    if slo.latency_s is None:
        return np.inf
    return limit(slo.latency_s) - margin_factor(slo) * problem.link.latency_std_s
