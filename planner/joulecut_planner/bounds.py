"""Lower bounds on J for whole groups of choices, by taking the two sides apart.

For a choice of edge point i and server point j within a group,

    J(i, j) + price * (T_q(i, j) - L)  >=  edge[i] + server[j] + constant        for every price >= 0,

so the least of each side bounds the whole grid of clocks after I + J terms instead of I * J. Two
things couple the sides; both are bounded from below by sums:

- waiting while the other side works: wait_i * t_j >= wait_i * t_min + wait_min * t_j - wait_min * t_min
  (both factors of (wait_i - wait_min) * (t_j - t_min) are non-negative: McCormick 1976), and the same for idling;
- the spread: sqrt(x^2 + y^2 + l^2) >= u . (x, y, l) for every unit vector u (Cauchy-Schwarz).

The deadline is priced in (Lagrange), so a group whose cheap clocks are too slow is bounded by what
meeting the deadline costs it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_core.problems import Problem
from joulecut_planner.constraints import TOLERANCE
from joulecut_planner.grids import Array, Grids, Indices
from joulecut_planner.groups import Groups
from joulecut_planner.pricing import margin_factor

_CAREFUL = 1.0 + 2.0 * TOLERANCE
"""Bounds are tested more loosely than the choices themselves, so that rounding never hides a feasible one."""


@dataclass(frozen=True, slots=True)
class Picks:
    """One pair of points for each of some groups: relaxed J, and relaxed T_q - L (<= 0: seems to meet the deadline)."""

    edge_point: Indices
    server_point: Indices
    energy_j: Array
    excess_s: Array


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The separated terms; arrays of shape (groups, points) and (groups,). Points that cannot serve carry infinity."""

    edge_j: Array
    server_j: Array
    constant_j: Array
    edge_s: Array
    server_s: Array
    constant_s: Array
    """-infinity without a deadline."""

    def cheapest(self, groups: Indices, price_w: Array | None) -> Picks:
        """The pair of each group with the least relaxed J + price_w * T_q; `price_w` in joules per second."""
        edge, server = self.edge_j[groups], self.server_j[groups]
        if price_w is not None:
            edge = edge + price_w[:, None] * self.edge_s[groups]
            server = server + price_w[:, None] * self.server_s[groups]
        return self._picks(groups, edge.argmin(axis=1), server.argmin(axis=1))

    def fastest(self, groups: Indices) -> Picks:
        """The pair of each group with the least relaxed T_q."""
        edge = np.where(np.isfinite(self.edge_j[groups]), self.edge_s[groups], np.inf)
        server = np.where(np.isfinite(self.server_j[groups]), self.server_s[groups], np.inf)
        return self._picks(groups, edge.argmin(axis=1), server.argmin(axis=1))

    def survivors(self, group: int, price_w: float, ceiling_j: float) -> tuple[Indices, Indices]:
        """The edge and server points of a group that may belong to a choice of at most `ceiling_j` joules."""
        edge, server, budget_j = self.edge_j[group], self.server_j[group], ceiling_j - self.constant_j[group]
        if price_w > 0.0:
            edge = edge + price_w * self.edge_s[group]
            server = server + price_w * self.server_s[group]
            budget_j = budget_j - price_w * self.constant_s[group]
        return np.flatnonzero(edge <= budget_j - server.min()), np.flatnonzero(server <= budget_j - edge.min())

    def _picks(self, groups: Indices, i: Indices, j: Indices) -> Picks:
        return Picks(
            edge_point=i,
            server_point=j,
            energy_j=self.edge_j[groups, i] + self.server_j[groups, j] + self.constant_j[groups],
            excess_s=self.edge_s[groups, i] + self.server_s[groups, j] + self.constant_s[groups],
        )


def relax(problem: Problem, grids: Grids, groups: Groups) -> Relaxation:
    """The separated terms of every group."""
    edge_j, server_j, constant_j = _energies(problem, grids, groups)
    edge_s, server_s, constant_s = _times(problem, grids, groups)
    _bar_slow_points(problem, grids, groups, edge_j, server_j)
    return Relaxation(edge_j, server_j, constant_j, edge_s, server_s, constant_s)


def least_bound_s(problem: Problem, grids: Grids, groups: Groups) -> Array:
    """A lower bound on T_q for each group, in seconds; exact where times do not spread."""
    edge, server, row = grids.edge, grids.server, groups.row
    mean_s = edge.least_time_s[row] + groups.between_s + server.least_time_s[row]
    factor = margin_factor(problem.slo)
    if factor == 0.0:
        return mean_s
    variance = edge.least_std_s[row] ** 2 + server.least_std_s[row] ** 2 + problem.link.latency_std_s**2
    bound_s: Array = mean_s + factor * np.sqrt(variance)
    return bound_s


def _energies(problem: Problem, grids: Grids, groups: Groups) -> tuple[Array, Array, Array]:
    edge, server, row = grids.edge, grids.server, groups.row
    edge_weight = problem.objective.edge_weight
    server_weight = problem.objective.server_weight
    idle_weight = server_weight * problem.objective.server_idle_share
    if problem.slo.rate_hz is not None:
        horizon_s = 1.0 / problem.slo.rate_hz
        edge_rows = edge_weight * (grids.wait_w * (horizon_s - edge.time_s) + edge.busy_j)
        server_rows = server_weight * server.busy_j
        if idle_weight > 0.0:
            server_rows = server_rows + idle_weight * grids.idle_w * (horizon_s - server.time_s)
        server_j = server_rows[row]
        if idle_weight > 0.0:
            server_j -= idle_weight * grids.idle_w * np.asarray(groups.crossing.decode_s)[:, None]
        return edge_rows[row], server_j, groups.carried_j
    least_wait_w = edge_weight * float(grids.wait_w.min())
    least_idle_w = idle_weight * float(grids.idle_w.min())
    least_edge_s, least_server_s = edge.least_time_s[row], server.least_time_s[row]
    edge_rows = edge_weight * edge.busy_j
    server_rows = server_weight * server.busy_j
    if least_idle_w > 0.0:
        edge_rows = edge_rows + least_idle_w * edge.time_s
    if least_wait_w > 0.0:
        server_rows = server_rows + least_wait_w * server.time_s
    edge_j = edge_rows[row]
    edge_j += (edge_weight * grids.wait_w) * (groups.between_s + least_server_s)[:, None]
    server_j = server_rows[row]
    if idle_weight > 0.0:
        others_s = groups.between_s - np.asarray(groups.crossing.decode_s) + least_edge_s
        server_j += (idle_weight * grids.idle_w) * others_s[:, None]
    return edge_j, server_j, groups.carried_j - least_wait_w * least_server_s - least_idle_w * least_edge_s


def _times(problem: Problem, grids: Grids, groups: Groups) -> tuple[Array, Array, Array]:
    edge, server, row, link_std_s = grids.edge, grids.server, groups.row, problem.link.latency_std_s
    factor = margin_factor(problem.slo)
    if problem.slo.latency_s is None:
        return edge.time_s[row], server.time_s[row], np.full(len(groups), -np.inf)
    constant_s = groups.between_s - problem.slo.latency_s * _CAREFUL
    typical = np.array([edge.least_std_s.mean(), server.least_std_s.mean(), link_std_s])
    length = float(np.sqrt(typical @ typical))
    if factor == 0.0 or not 0.0 < length < np.inf:
        return edge.time_s[row], server.time_s[row], constant_s
    toward_edge, toward_server, toward_link = (factor * typical / length).tolist()
    return (
        (edge.time_s + toward_edge * edge.std_s)[row],
        (server.time_s + toward_server * server.std_s)[row],
        constant_s + toward_link * link_std_s,
    )


def _bar_slow_points(problem: Problem, grids: Grids, groups: Groups, edge_j: Array, server_j: Array) -> None:
    """Give infinity to the points that miss the rate, or the deadline even with the fastest other side."""
    edge, server, row, slo = grids.edge, grids.server, groups.row, problem.slo
    if slo.rate_hz is not None:
        longest_s = _CAREFUL / slo.rate_hz
        edge_j[edge.time_s[row] > (longest_s - np.asarray(groups.crossing.encode_s))[:, None]] = np.inf
        server_j[server.time_s[row] > (longest_s - np.asarray(groups.crossing.decode_s))[:, None]] = np.inf
    if slo.latency_s is None:
        return
    left_s = slo.latency_s * _CAREFUL - groups.between_s
    edge_s, server_s, factor = edge.time_s, server.time_s, margin_factor(slo)
    if factor > 0.0:
        link_variance = problem.link.latency_std_s**2
        edge_s = edge_s + factor * np.sqrt(edge.std_s**2 + (server.least_std_s**2 + link_variance)[:, None])
        server_s = server_s + factor * np.sqrt(server.std_s**2 + (edge.least_std_s**2 + link_variance)[:, None])
    edge_j[edge_s[row] > (left_s - server.least_time_s[row])[:, None]] = np.inf
    server_j[server_s[row] > (left_s - edge.least_time_s[row])[:, None]] = np.inf
