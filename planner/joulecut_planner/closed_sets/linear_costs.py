"""J and T of offloaded closed sets as sums: over the edge's blocks, the server's blocks, and the crossing bytes.

For fixed clocks and wire every term of the contract's formulas is linear in t_edge, t_server and the
uncompressed bytes that cross:

    J = a*H + w_e*(E_edge - wait_w*t_edge + encode_w*encode_s + uplink_w*t_up + downlink_w*t_down)
            + w_s*(E_server - share*idle_w*(t_server + decode_s) + decode_w*decode_s)
    a = w_e*wait_w + w_s*share*idle_w

with E the joules of a part's blocks, and H = T without a rate, 1/rate_hz with one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array
from joulecut_planner.closed_sets.cut_problem import block_arrays
from joulecut_planner.closed_sets.dag_problem import DagProblem


@dataclass(frozen=True, slots=True)
class LinearCost:
    """`edge[b]` for each block on the edge, `server[b]` for each other, `per_byte` crossing, and `constant`."""

    edge: Array
    server: Array
    per_byte: float
    constant: float

    def of(self, inside: NDArray[np.bool_], raw_bytes: Array) -> Array:
        """The cost of sets, shape (sets,), from their membership, shape (sets, blocks), and crossing bytes."""
        cost: Array = inside @ self.edge + ~inside @ self.server + self.per_byte * raw_bytes + self.constant
        return cost

    def plus(self, factor: float, other: LinearCost) -> LinearCost:
        """This cost and `factor` times the other."""
        return LinearCost(
            self.edge + factor * other.edge,
            self.server + factor * other.server,
            self.per_byte + factor * other.per_byte,
            self.constant + factor * other.constant,
        )


@dataclass(frozen=True, slots=True)
class CostColumn:
    """Costs at every edge point, one server point and one wire.

    `edge` and `server` are of shape (points, blocks), `per_byte` and `constant` of shape (points,).
    """

    edge: Array
    server: Array
    per_byte: Array
    constant: Array

    def at(self, point: int) -> LinearCost:
        """The cost at one edge point."""
        return LinearCost(
            self.edge[point], self.server[point], float(self.per_byte[point]), float(self.constant[point])
        )


class CostModel:
    """The linear costs of one problem."""

    def __init__(self, problem: DagProblem) -> None:
        self._problem = problem
        self._edge_s, self._edge_j = (table.T for table in block_arrays(problem.edge_blocks))
        self._server_s, self._server_j = (table.T for table in block_arrays(problem.server_blocks))
        self._wait_w = np.array([point.wait_w for point in problem.edge.points])
        self._idle_w = np.array([point.idle_w for point in problem.server.points])

    def energy(self, wire: int, server_point: int) -> CostColumn:
        """J, in joules."""
        objective, link, rule = self._problem.objective, self._problem.link, self._problem.wires[wire]
        rate_hz = self._problem.slo.rate_hz
        edge_weight, server_weight = objective.edge_weight, objective.server_weight
        wait_w = edge_weight * self._wait_w
        idle_w = server_weight * objective.server_idle_share * float(self._idle_w[server_point])
        horizon_w = wait_w + idle_w
        # Joules per second of each stage; without a rate every second lengthens H.
        longer_w = horizon_w if rate_hz is None else np.zeros_like(horizon_w)
        encode_w = longer_w + edge_weight * rule.encode_w
        uplink_w = longer_w + edge_weight * link.uplink_w
        downlink_w = longer_w + edge_weight * link.downlink_w
        decode_w = longer_w + server_weight * rule.decode_w - idle_w
        up_s, down_s = self._transfers(wire)
        up_s_per_byte = 8.0 * rule.share / link.uplink_bps
        return CostColumn(
            edge=edge_weight * self._edge_j + (longer_w - wait_w)[:, None] * self._edge_s,
            server=server_weight * self._server_j[server_point]
            + (longer_w - idle_w)[:, None] * self._server_s[server_point],
            per_byte=encode_w * rule.encode_s_per_byte + uplink_w * up_s_per_byte + decode_w * rule.decode_s_per_byte,
            constant=encode_w * rule.encode_s
            + uplink_w * up_s
            + decode_w * rule.decode_s
            + downlink_w * down_s
            + longer_w * link.rtt_s
            + (0.0 if rate_hz is None else horizon_w / rate_hz),
        )

    def latency(self, wire: int, server_point: int) -> CostColumn:
        """T, in seconds."""
        link, rule = self._problem.link, self._problem.wires[wire]
        up_s, down_s = self._transfers(wire)
        same = np.ones_like(self._wait_w)
        per_byte = rule.encode_s_per_byte + 8.0 * rule.share / link.uplink_bps + rule.decode_s_per_byte
        return CostColumn(
            edge=self._edge_s,
            server=same[:, None] * self._server_s[server_point],
            per_byte=same * per_byte,
            constant=same * (rule.encode_s + up_s + link.rtt_s + rule.decode_s + down_s),
        )

    def _transfers(self, wire: int) -> tuple[float, float]:
        """Seconds up for the envelope alone, and down for the reply."""
        link, rule = self._problem.link, self._problem.wires[wire]
        reply_bytes = self._problem.graph.reply_bytes + rule.envelope_bytes
        return 8.0 * rule.envelope_bytes / link.uplink_bps, 8.0 * reply_bytes / link.downlink_bps
