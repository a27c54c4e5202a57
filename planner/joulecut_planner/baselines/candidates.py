"""Some of a problem's choices, priced all at once, and the two ways to pick one of them.

What is allowed and accurate enough is a fact of the deployment, not a goal of whoever chooses: other
choices are never candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_core.problems import EdgePoint, Problem, ServerPoint
from joulecut_planner.baselines.baseline import Decision
from joulecut_planner.choices.constraints import TOLERANCE, keeps_accuracy, limit
from joulecut_planner.choices.grids import Array, Grids, Indices, grids_of
from joulecut_planner.choices.groups import edge_part, groups_of, server_part
from joulecut_planner.choices.pricing import (
    Choice,
    Crossing,
    Part,
    Values,
    edge_energy_j,
    latency_bound_s,
    latency_s,
    margin_factor,
    period_s,
    server_energy_j,
    weighted_j,
)

Mask = NDArray[np.bool_]

_NOWHERE = -1
"""The server point of a choice that offloads nothing."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Choices in the contract's order of indices, and what each costs; arrays of shape (candidates,).

    `indices` is of shape (candidates, 5): cut, wire, variant, edge point, server point (-1 at home).
    """

    indices: Indices
    latency_s: Array
    bound_s: Array
    energy_j: Array
    edge_energy_j: Array
    slowest_stage_s: Array
    feasible: Mask

    def __len__(self) -> int:
        return len(self.indices)

    def best(self, values: Array) -> Decision:
        """The candidate of least `values`, deadline and rate ignored; ties as in the contract: T_q, then indices."""
        return self._least(values, np.arange(len(self)))

    def best_kept(self, values: Array) -> Decision:
        """The feasible candidate of least `values`; where none is feasible the nearest: least T_q, then J."""
        kept = np.flatnonzero(self.feasible)
        if kept.size or not len(self):
            return self._least(values, kept)
        order = np.lexsort((_sortable(self.energy_j), _sortable(self.bound_s)))
        return Decision(choice=self._at(int(order[0])), evaluated=len(self))

    def in_group_of(self, choice: Choice) -> Candidates:
        """Those with the cut, wire and variant of `choice`."""
        group = np.array([choice.cut, choice.wire, choice.variant])
        kept = (self.indices[:, :3] == group).all(axis=1)
        return Candidates(
            self.indices[kept],
            self.latency_s[kept],
            self.bound_s[kept],
            self.energy_j[kept],
            self.edge_energy_j[kept],
            self.slowest_stage_s[kept],
            self.feasible[kept],
        )

    def followed_by(self, others: Candidates) -> Candidates:
        """These, then the others."""
        return Candidates(
            np.concatenate([self.indices, others.indices]),
            np.concatenate([self.latency_s, others.latency_s]),
            np.concatenate([self.bound_s, others.bound_s]),
            np.concatenate([self.energy_j, others.energy_j]),
            np.concatenate([self.edge_energy_j, others.edge_energy_j]),
            np.concatenate([self.slowest_stage_s, others.slowest_stage_s]),
            np.concatenate([self.feasible, others.feasible]),
        )

    def _least(self, values: Array, among: Indices) -> Decision:
        if not among.size:
            return Decision(choice=None, evaluated=0)
        offered = _sortable(values[among])
        least = float(offered.min())
        ties = among[offered <= least + TOLERANCE * abs(least)]
        return Decision(choice=self._at(int(ties[_sortable(self.bound_s[ties]).argmin()])), evaluated=len(self))

    def _at(self, index: int) -> Choice:
        cut, wire, variant, edge_point, server_point = self.indices[index].tolist()
        return Choice(
            cut=cut,
            wire=wire,
            variant=variant,
            edge_point=edge_point,
            server_point=None if server_point == _NOWHERE else server_point,
        )


def candidates(
    problem: Problem,
    *,
    edge_points: Sequence[int],
    server_points: Sequence[int],
    cuts: Sequence[int] | None = None,
) -> Candidates:
    """The choices on offer at some operating points and cuts (default: all cuts), priced by the contract."""
    grids = grids_of(problem)
    wanted = np.arange(grids.cuts) if cuts is None else np.array(cuts, dtype=np.int64)
    edge, server = np.array(edge_points, dtype=np.int64), np.array(server_points, dtype=np.int64)
    # Finite inputs may overflow in products; whatever is picked is checked to be finite.
    with np.errstate(over="ignore", invalid="ignore"):
        return _offloaded(problem, grids, wanted, edge, server).followed_by(_at_home(problem, grids, wanted, edge))


def top_clocks(problem: Problem, *, cuts: Sequence[int] | None = None) -> Candidates:
    """The choices on offer at both sides' top clocks."""
    edge, server = top_point(problem.edge.points), top_point(problem.server.points)
    return candidates(problem, edge_points=(edge,), server_points=(server,), cuts=cuts)


def top_point(points: Sequence[EdgePoint] | Sequence[ServerPoint]) -> int:
    """The index of the highest core clock at the highest memory clock: where a device without DVFS runs."""
    return highest_point(points, range(len(points)))


def highest_point(points: Sequence[EdgePoint] | Sequence[ServerPoint], among: Sequence[int]) -> int:
    """Of some operating points the one with the highest memory clock, then core clock; the first of equal ones."""
    return max(among, key=lambda index: (points[index].memory_mhz or 0.0, points[index].core_mhz))


def variants_at_home(problem: Problem) -> Indices:
    """The variants on offer for running everything on the edge; empty where that is not allowed."""
    allowed = problem.cuts[-1].allowed
    kept = [v for v, each in enumerate(problem.variants) if allowed and keeps_accuracy(problem, each.accuracy_loss)]
    return np.array(kept, dtype=np.int64)


def _offloaded(problem: Problem, grids: Grids, cuts: Indices, edge: Indices, server: Indices) -> Candidates:
    groups = groups_of(problem, grids, keep_rate=False)
    group = np.flatnonzero(np.isin(groups.cut, cuts))[:, None, None]
    row, i, j = groups.row[group], edge[None, :, None], server[None, None, :]
    return _priced(
        problem,
        np.broadcast_arrays(groups.cut[group], groups.wire[group], groups.variant[group], i, j),
        edge_part(grids, row, i),
        server_part(grids, row, j),
        groups.crossing_of(group),
    )


def _at_home(problem: Problem, grids: Grids, cuts: Indices, edge: Indices) -> Candidates:
    last = grids.cuts - 1
    variant = (variants_at_home(problem) if last in cuts else np.array([], dtype=np.int64))[:, None]
    i = edge[None, :]
    nothing = np.zeros((1, 1), dtype=np.int64)
    return _priced(
        problem,
        np.broadcast_arrays(nothing + last, nothing, variant, i, nothing + _NOWHERE),
        edge_part(grids, variant * grids.cuts + last, i),
        Part(),
        Crossing(),
    )


def _priced(problem: Problem, indices: Sequence[Indices], edge: Part, server: Part, crossing: Crossing) -> Candidates:
    slo, shape = problem.slo, indices[0].shape

    def flat(values: Values) -> Array:
        return np.broadcast_to(np.asarray(values, dtype=np.float64), shape).ravel()

    mean_s = latency_s(edge, server, crossing)
    horizon_s = period_s(slo, mean_s)
    edge_j = edge_energy_j(edge, crossing, horizon_s)
    server_j = server_energy_j(server, crossing, horizon_s, problem.objective.server_idle_share)
    bound_s = flat(latency_bound_s(mean_s, margin_factor(slo), edge, server, crossing))
    computing_s = np.maximum(edge.time_s + crossing.encode_s, server.time_s + crossing.decode_s)
    slowest_s = flat(np.maximum(computing_s, np.maximum(crossing.t_up, crossing.t_down)))
    latest_s = np.inf if slo.latency_s is None else limit(slo.latency_s)
    longest_s = np.inf if slo.rate_hz is None else limit(1.0 / slo.rate_hz)
    return Candidates(
        indices=np.stack([each.ravel() for each in indices], axis=1),
        latency_s=flat(mean_s),
        bound_s=bound_s,
        energy_j=flat(weighted_j(problem.objective, edge_j, server_j)),
        edge_energy_j=flat(edge_j),
        slowest_stage_s=slowest_s,
        feasible=(bound_s <= latest_s) & (slowest_s <= longest_s),
    )


def _sortable(values: Array) -> Array:
    return np.where(np.isnan(values), np.inf, values)
