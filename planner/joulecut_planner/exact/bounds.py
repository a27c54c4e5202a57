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
from joulecut_planner.choices.grids import Array, Grids, Indices, SideGrid
from joulecut_planner.choices.groups import Groups
from joulecut_planner.choices.pricing import Values, margin_factor
from joulecut_planner.exact.kept_terms import period_j, spread_terms
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
    work_j: Array
    """Where one side is priced, flat: the same memory each time, which the processor still holds."""

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
            work_j=self.work_j,
        )

    def lower_j(self, price_w: float) -> Array:
        """A lower bound on J for every group, at one price of lateness in joules per second."""
        constant_j = self.constant_j if price_w == 0.0 else self.constant_j + price_w * self.constant_s
        sides_j = self._least_j(self.edge_j, self.edge_s, price_w) + self._least_j(
            self.server_j, self.server_s, price_w
        )
        lower_j: Array = sides_j[self.frame] + constant_j - self.slack_j(price_w)
        return lower_j

    def _least_j(self, energy_j: Array, time_s: Array, price_w: float) -> Array:
        """The least of each frame over the points of one side."""
        if price_w > 0.0:
            priced_j = self.work_j[: energy_j.size].reshape(energy_j.shape)
            np.multiply(time_s, price_w, out=priced_j)
            priced_j += energy_j
        else:
            priced_j = energy_j
        # By its index: argmin is the faster of numpy's two reductions.
        least_j: Array = priced_j[np.arange(len(priced_j)), priced_j.argmin(axis=1)]
        return least_j

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
    encode_s, _, decode_s, _, _, _, between_s, _ = groups.stages
    frames = _Frames(groups.row, encode_s, decode_s, between_s, between_s - decode_s)
    return _relaxation(problem, grids, groups, frames, np.arange(len(groups)), scratch or Scratch())


def relax_rows(problem: Problem, grids: Grids, groups: Groups, scratch: Scratch | None = None) -> Relaxation:
    """The separated terms of the groups of each row together, by the least of what their wires take."""
    encode_s, _, decode_s, _, _, _, between_s, _ = groups.stages
    row, stages = groups.row, np.array((encode_s, decode_s, between_s, between_s - decode_s))
    if len(problem.variants) > 1:
        order = row.argsort(kind="stable")
        row, stages = row[order], stages[:, order]
    first = np.concatenate(([True], row[1:] != row[:-1])).nonzero()[0]
    least = np.zeros((4, len(grids.edge.time_s)))
    least[:, row[first]] = np.minimum.reduceat(stages, first, axis=1)
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

    def of(self, rows: Array, scratch: Scratch) -> Array:
        """The rows of an array of shape (rows, points) that are bounded."""
        if isinstance(self.row, slice):
            return rows
        # The indices are in range: clipping them takes nothing, and spares numpy a copy.
        return rows.take(self.row, axis=0, out=scratch.empty((len(self.row), rows.shape[1])), mode="clip")


def _relaxation(
    problem: Problem, grids: Grids, groups: Groups, frames: _Frames, frame: Indices, scratch: Scratch
) -> Relaxation:
    energies = _energies_in_period if problem.slo.rate_hz is not None else _energies_until_answer
    edge_j, server_j, constant_j = energies(problem, grids, groups, frames, frame, scratch)
    edge_s, server_s, constant_s = _times(problem, grids, groups, frames, scratch)
    edge_j = _barred(problem, grids.edge, frames, frames.encode_s, edge_j, scratch)
    server_j = _barred(problem, grids.server, frames, frames.decode_s, server_j, scratch)
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
        work_j=scratch.empty((max(edge_j.size, server_j.size),)),
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
    weights, period_s = problem.objective, 1.0 / (problem.slo.rate_hz or np.inf)
    idle_weight = weights.server_weight * weights.server_idle_share
    edge_j = frames.of(
        period_j(
            grids.edge, grids.wait_w, weight=weights.edge_weight, idle_weight=weights.edge_weight, period_s=period_s
        ),
        scratch,
    )
    server_j = frames.of(
        period_j(grids.server, grids.idle_w, weight=weights.server_weight, idle_weight=idle_weight, period_s=period_s),
        scratch,
    )
    if not idle_weight > 0.0:
        return edge_j, server_j, groups.carried_j
    if frames.decode_s.any():
        decoding_j = np.multiply(
            frames.decode_s[:, None], idle_weight * grids.idle_w, out=scratch.empty(server_j.shape)
        )
        server_j = np.subtract(server_j, decoding_j, out=decoding_j)
    more_s = groups.crossing.decode_s - frames.decode_s[frame]
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
    problem: Problem, grids: Grids, groups: Groups, frames: _Frames, scratch: Scratch
) -> tuple[Array, Array, Array]:
    edge, server, factor = grids.edge, grids.server, margin_factor(problem.slo)
    if problem.slo.latency_s is None or factor == 0.0:
        late_s = np.inf if problem.slo.latency_s is None else problem.slo.latency_s * _CAREFUL
        return frames.of(edge.time_s, scratch), frames.of(server.time_s, scratch), groups.between_s - late_s
    link_std_s = problem.link.latency_std_s
    terms = spread_terms(edge, server, factor, link_std_s)
    constant_s = groups.between_s - problem.slo.latency_s * _CAREFUL + terms.link_u[groups.row] * link_std_s
    return frames.of(terms.edge_s, scratch), frames.of(terms.server_s, scratch), constant_s


def _barred(
    problem: Problem, side: SideGrid, frames: _Frames, own_s: Array, energy_j: Array, scratch: Scratch
) -> Array:
    """The energies, infinite at the points that miss the rate; `own_s`: what else the side spends on a request."""
    if problem.slo.rate_hz is None:
        return energy_j
    left_s = _CAREFUL / problem.slo.rate_hz - own_s
    if not (side.most_time_s[frames.row] > left_s).any():
        return energy_j
    barred_j = scratch.empty(energy_j.shape)
    np.copyto(barred_j, energy_j)
    np.copyto(barred_j, np.inf, where=side.time_s[frames.row] > left_s[:, None])
    return barred_j
