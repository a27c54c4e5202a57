"""Lower bounds on J for whole groups of choices, by taking the two sides apart.

For a choice of edge point i and server point j within a group,

    J(i, j) + price * (T_q(i, j) - L)  >=  edge[i] + server[j] + constant        for every price >= 0,

so the least of each side bounds the whole grid of clocks after I + J terms instead of I * J. Two
things couple the sides; both are bounded from below by sums:

- waiting while the other side works: wait_i * x >= wait_i * x_min + wait_min * (x - x_min), since both
  factors of (wait_i - wait_min) * (x - x_min) are non-negative (McCormick 1976), and the same for idling;
- the spread: sqrt(x^2 + y^2 + l^2) >= u . (x, y, l) for every unit vector u (Cauchy-Schwarz).

The deadline is priced in (Lagrange), so a group whose cheap clocks are too slow is bounded by what
meeting the deadline costs it. The groups of one row of the grids differ by their wire only: bounded
together they take a fraction of the arithmetic, bounded one by one they are bounded better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import TOLERANCE
from joulecut_planner.choices.grids import Array, Grids, Indices, more_than_idling_j
from joulecut_planner.choices.groups import Groups
from joulecut_planner.choices.pricing import Values, margin_factor
from joulecut_planner.exact.scratch import Scratch

_CAREFUL = 1.0 + 2.0 * TOLERANCE
"""Bounds are tested more loosely than the choices themselves, so that rounding never hides a feasible one."""

_ROUNDING = 1e-13
"""Relative to the largest terms: more than some tens of additions and products of doubles lose."""


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The separated terms, of shape (frames, points); `frame` and the constants, of shape (groups,), use them.

    Points that cannot serve carry infinity. Comparisons are written so that a NaN, which only
    numbers near the largest double can cause, drops nothing.
    """

    frame: Indices
    edge_j: Array
    server_j: Array
    constant_j: Array
    edge_s: Array
    server_s: Array
    constant_s: Array
    """-infinity without a deadline."""
    rounding_j: float
    """How far the terms of J may be off where large ones cancel."""
    rounding_s: float
    scratch: Scratch

    def only(self, groups: Indices) -> Relaxation:
        """The same terms of some of the groups, one frame each."""
        frame = self.frame[groups]
        return Relaxation(
            frame=np.arange(len(groups)),
            edge_j=self.edge_j[frame],
            server_j=self.server_j[frame],
            constant_j=self.constant_j[groups],
            edge_s=self.edge_s[frame],
            server_s=self.server_s[frame],
            constant_s=self.constant_s[groups],
            rounding_j=self.rounding_j,
            rounding_s=self.rounding_s,
            scratch=self.scratch,
        )

    def lower_j(self, price_w: float) -> Array:
        """A lower bound on J for every group, at one price of lateness in joules per second."""
        edge, server, constant_j = self.edge_j, self.server_j, self.constant_j
        if price_w > 0.0:
            edge = np.multiply(self.edge_s, price_w, out=self.scratch.empty(edge.shape))
            edge += self.edge_j
            server = np.multiply(self.server_s, price_w, out=self.scratch.empty(server.shape))
            server += self.server_j
            constant_j = constant_j + price_w * self.constant_s
        # The least of each row by its index: argmin is the faster of numpy's two reductions.
        rows = np.arange(len(edge))
        sides_j = edge[rows, edge.argmin(axis=1)] + server[rows, server.argmin(axis=1)]
        lower_j: Array = sides_j[self.frame] + constant_j - self.slack_j(price_w)
        return lower_j

    def slack_j(self, price_w: Values) -> Values:
        """What rounding may add to a bound at this price of lateness, in joules."""
        return self.rounding_j + price_w * self.rounding_s

    def hopeless(self) -> NDArray[np.bool_]:
        """Which groups miss the deadline even with the fastest of the points that can serve, relaxed as they are."""
        edge_s = np.where(np.isposinf(self.edge_j), np.inf, self.edge_s).min(axis=1)
        server_s = np.where(np.isposinf(self.server_j), np.inf, self.server_s).min(axis=1)
        late: NDArray[np.bool_] = (edge_s + server_s)[self.frame] + self.constant_s > 0.0
        return late


def relax(problem: Problem, grids: Grids, groups: Groups, scratch: Scratch | None = None) -> Relaxation:
    """The separated terms of every group by itself; valid until `scratch` is given back."""
    crossing, between_s = groups.crossing, groups.between_s
    encode_s, decode_s = np.asarray(crossing.encode_s), np.asarray(crossing.decode_s)
    frames = _Frames(groups.row, encode_s, decode_s, between_s, between_s - decode_s)
    return _relaxation(problem, grids, groups, frames, np.arange(len(groups)), scratch or Scratch())


def relax_rows(problem: Problem, grids: Grids, groups: Groups, scratch: Scratch | None = None) -> Relaxation:
    """The separated terms of the groups of each row together, by the least of what their wires take."""
    crossing, rows = groups.crossing, len(grids.edge.time_s)
    encode_s, decode_s = np.asarray(crossing.encode_s), np.asarray(crossing.decode_s)
    order = groups.row.argsort(kind="stable")
    row = groups.row[order]
    first = np.flatnonzero(np.concatenate(([True], row[1:] != row[:-1])))
    least = np.zeros((4, rows))
    stages = np.stack((encode_s, decode_s, groups.between_s, groups.between_s - decode_s))
    least[:, row[first]] = np.minimum.reduceat(stages[:, order], first, axis=1)
    return _relaxation(problem, grids, groups, _Frames(slice(None), *least), groups.row, scratch or Scratch())


@dataclass(frozen=True, slots=True)
class _Frames:
    """What is bounded together: a row of the grids and the least seconds that any of the wires spends there."""

    row: Indices | slice
    encode_s: Array
    decode_s: Array
    between_s: Array
    idle_s: Array
    """Between the parts, but for decoding: what the server idles meanwhile."""


def _relaxation(
    problem: Problem, grids: Grids, groups: Groups, frames: _Frames, frame: Indices, scratch: Scratch
) -> Relaxation:
    energies = _energies_in_period if problem.slo.rate_hz is not None else _energies_until_answer
    edge_j, server_j, constant_j = energies(problem, grids, groups, frames, frame, scratch)
    edge_s, server_s, constant_s = _times(problem, grids, groups, frames, frame, scratch)
    _bar_slow_points(problem, grids, frames, edge_j, server_j)
    return Relaxation(
        frame=frame,
        edge_j=edge_j,
        server_j=server_j,
        constant_j=constant_j,
        edge_s=edge_s,
        server_s=server_s,
        constant_s=constant_s,
        rounding_j=_ROUNDING * _largest_j(problem, grids, groups),
        rounding_s=_ROUNDING * (problem.slo.latency_s or 0.0),
        scratch=scratch,
    )


def _largest_j(problem: Problem, grids: Grids, groups: Groups) -> float:
    """Waiting and idling over the longest H, out of which computing is taken again."""
    objective, slo = problem.objective, problem.slo
    waiting_w = objective.edge_weight * float(grids.wait_w.max())
    idling_w = objective.server_weight * objective.server_idle_share * float(grids.idle_w.max())
    if slo.rate_hz is not None:
        return (waiting_w + idling_w) / slo.rate_hz
    if slo.latency_s is not None:
        return (waiting_w + idling_w) * slo.latency_s * _CAREFUL
    longest_s = float(grids.edge.most_time_s.max() + grids.server.most_time_s.max() + groups.between_s.max())
    return (waiting_w + idling_w) * longest_s


def _energies_in_period(
    problem: Problem, grids: Grids, groups: Groups, frames: _Frames, frame: Indices, scratch: Scratch
) -> tuple[Array, Array, Array]:
    objective, row = problem.objective, frames.row
    idle_weight = objective.server_weight * objective.server_idle_share
    horizon_s = 1.0 / (problem.slo.rate_hz or np.inf)
    computing_j = grids.more_than_waiting_j[row]
    edge_j = np.add(computing_j, horizon_s * grids.wait_w, out=scratch.empty(computing_j.shape))
    if objective.edge_weight != 1.0:
        edge_j *= objective.edge_weight
    computing_j = more_than_idling_j(problem, grids)[row]
    server_j = scratch.empty(computing_j.shape)
    if not idle_weight > 0.0:
        np.copyto(server_j, computing_j)
        return edge_j, server_j, groups.carried_j
    np.multiply((horizon_s - frames.decode_s)[:, None], idle_weight * grids.idle_w, out=server_j)
    server_j += computing_j
    more_s = np.asarray(groups.crossing.decode_s) - frames.decode_s[frame]
    return edge_j, server_j, groups.carried_j - idle_weight * float(grids.idle_w.max()) * more_s


def _energies_until_answer(
    problem: Problem, grids: Grids, groups: Groups, frames: _Frames, frame: Indices, scratch: Scratch
) -> tuple[Array, Array, Array]:
    edge, server, objective, row = grids.edge, grids.server, problem.objective, frames.row
    idle_weight = objective.server_weight * objective.server_idle_share
    least_wait_w = objective.edge_weight * float(grids.wait_w.min())
    least_idle_w = idle_weight * float(grids.idle_w.min())
    # At least this long the edge waits for others, and the server for the edge and the link.
    waits_s = frames.between_s + server.least_time_s[row]
    idles_s = frames.idle_s + edge.least_time_s[row]
    busy_j = edge.busy_j[row]
    edge_j = np.multiply(objective.edge_weight, busy_j, out=scratch.empty(busy_j.shape))
    edge_j += waits_s[:, None] * (objective.edge_weight * grids.wait_w)
    busy_j = server.busy_j[row]
    server_j = np.multiply(objective.server_weight, busy_j, out=scratch.empty(busy_j.shape))
    if idle_weight > 0.0:
        server_j += idles_s[:, None] * (idle_weight * grids.idle_w)
    if least_idle_w > 0.0:
        edge_j += least_idle_w * edge.time_s[row]
    if least_wait_w > 0.0:
        server_j += least_wait_w * server.time_s[row]
    idle_s = groups.between_s - np.asarray(groups.crossing.decode_s)
    more_j = least_wait_w * (groups.between_s - waits_s[frame]) + least_idle_w * (idle_s - idles_s[frame])
    return edge_j, server_j, groups.carried_j + more_j


def _times(
    problem: Problem, grids: Grids, groups: Groups, frames: _Frames, frame: Indices, scratch: Scratch
) -> tuple[Array, Array, Array]:
    edge, server, row, link_std_s = grids.edge, grids.server, frames.row, problem.link.latency_std_s
    mean_edge_s, mean_server_s, factor = edge.time_s[row], server.time_s[row], margin_factor(problem.slo)
    if problem.slo.latency_s is None:
        return mean_edge_s, mean_server_s, np.full(len(groups), -np.inf)
    constant_s = groups.between_s - problem.slo.latency_s * _CAREFUL
    if factor == 0.0:
        return mean_edge_s, mean_server_s, constant_s
    least_edge_s, least_server_s = edge.least_std_s[row], server.least_std_s[row]
    length_s = np.sqrt(least_edge_s * least_edge_s + least_server_s * least_server_s + link_std_s * link_std_s)
    length_s[~((length_s > 0.0) & (length_s < np.inf))] = np.inf
    scale = factor / length_s
    edge_u, server_u, link_u = scale * least_edge_s, scale * least_server_s, scale * link_std_s
    edge_s = np.multiply(edge_u[:, None], edge.std_s[row], out=scratch.empty(mean_edge_s.shape))
    edge_s += mean_edge_s
    server_s = np.multiply(server_u[:, None], server.std_s[row], out=scratch.empty(mean_server_s.shape))
    server_s += mean_server_s
    return edge_s, server_s, constant_s + link_u[frame] * link_std_s


def _bar_slow_points(problem: Problem, grids: Grids, frames: _Frames, edge_j: Array, server_j: Array) -> None:
    """Give infinity to the points that miss the rate."""
    if problem.slo.rate_hz is None:
        return
    longest_s = _CAREFUL / problem.slo.rate_hz
    for side, own_s, energy_j in ((grids.edge, frames.encode_s, edge_j), (grids.server, frames.decode_s, server_j)):
        left_s = longest_s - own_s
        if (side.most_time_s[frames.row] > left_s).any():
            np.copyto(energy_j, np.inf, where=side.time_s[frames.row] > left_s[:, None])
