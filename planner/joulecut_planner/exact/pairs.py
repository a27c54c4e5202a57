"""Pairs of operating points within groups: which are left, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import keeps_accuracy, limit
from joulecut_planner.choices.grids import Array, Grids, Indices
from joulecut_planner.choices.groups import Costs, Groups, edge_part, price_many, server_part
from joulecut_planner.choices.pricing import Crossing, Part
from joulecut_planner.exact.floors import PointFloors

_BLOCK = 100_000
"""Pairs taken at once: some megabytes for each of a handful of arrays."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """A group, an edge point and a server point each; flat arrays of one length, in the order of the contract."""

    group: Indices
    edge_point: Indices
    server_point: Indices

    def __len__(self) -> int:
        return len(self.group)

    def only(self, kept: NDArray[np.bool_] | Indices) -> Pairs:
        """Some of the pairs."""
        return Pairs(self.group[kept], self.edge_point[kept], self.server_point[kept])


@dataclass(frozen=True, slots=True)
class Survivors:
    """The points of each group that are not ruled out, as masks of shape (groups, points); any two make a pair."""

    edge: NDArray[np.bool_]
    server: NDArray[np.bool_]

    def counts(self) -> Indices:
        """The pairs of each group."""
        counts: Indices = np.count_nonzero(self.edge, axis=1) * np.count_nonzero(self.server, axis=1)
        return counts

    def within(self, floors: PointFloors, bound_s: float) -> Survivors:
        """Those of the points that may belong to a pair with a T_q of at most `bound_s` seconds."""
        return Survivors(self.edge & ~(floors.edge_s > bound_s), self.server & ~(floors.server_s > bound_s))

    def blocks(self) -> Iterator[Pairs]:
        """All pairs, in blocks of whole groups that fit into memory."""
        counts = self.counts()
        if counts.sum() <= _BLOCK:
            yield self._pairs(0, len(counts))
            return
        start = 0
        while start < len(counts):
            held = int(np.searchsorted(np.cumsum(counts[start:]), _BLOCK, side="right"))
            stop = start + max(held, 1)
            yield self._pairs(start, stop)
            start = stop

    def _pairs(self, start: int, stop: int) -> Pairs:
        """The product of the points of groups `start` to `stop`, each group's own."""
        group, edge_point = np.nonzero(self.edge[start:stop])
        _, server_points = np.nonzero(self.server[start:stop])
        servers = np.count_nonzero(self.server[start:stop], axis=1)
        first = np.cumsum(servers) - servers
        times = servers[group]
        ends = np.cumsum(times)
        within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - times, times)
        return Pairs(
            np.repeat(group + start, times),
            np.repeat(edge_point, times),
            server_points[np.repeat(first[group], times) + within],
        )


@dataclass(frozen=True, slots=True)
class Candidates:
    """Priced choices: J, T_q, and the columns cut, wire, variant, edge point and server point (-1: none)."""

    energy_j: Array
    bound_s: Array
    indices: tuple[Indices, ...]


@dataclass(slots=True)
class Pricer:
    """Prices choices of one problem and counts them; gives the feasible ones, or all where feasibility is ignored."""

    problem: Problem
    grids: Grids
    feasible_only: bool = True
    priced: int = 0

    @property
    def _longest_s(self) -> float:
        """No part may take longer."""
        slo = self.problem.slo
        latency_s = np.inf if slo.latency_s is None else limit(slo.latency_s)
        return latency_s if slo.rate_hz is None else min(latency_s, limit(1.0 / slo.rate_hz))

    def at_home(self) -> Iterator[Candidates]:
        """The choices that stay on the edge, variant by variant, but those forbidden, too inaccurate or too slow."""
        problem, grids = self.problem, self.grids
        last = grids.cuts - 1
        if not problem.cuts[last].allowed:
            return
        for v, variant in enumerate(problem.variants):
            row = v * grids.cuts + last
            too_slow = self.feasible_only and grids.edge.least_time_s[row] > self._longest_s
            if too_slow or not keeps_accuracy(problem, variant.accuracy_loss):
                continue
            costs = price_many(problem, edge_part(grids, row, slice(None)), Part(), Crossing())
            points = np.arange(costs.energy_j.size)
            same = np.zeros_like(points)
            yield self._candidates(costs, (same + last, same, same + v, points, same - 1))

    def offloaded(self, groups: Groups, pairs: Pairs) -> Candidates:
        """The choices that some pairs of `groups` are."""
        row = groups.row[pairs.group]
        costs = price_many(
            self.problem,
            edge_part(self.grids, row, pairs.edge_point),
            server_part(self.grids, row, pairs.server_point),
            groups.crossing_of(pairs.group),
        )
        self.priced += len(pairs)
        if self.feasible_only and not costs.feasible.all():
            kept = np.flatnonzero(costs.feasible)
            costs, pairs = costs.only(kept), pairs.only(kept)
        cut, wire, variant = (column[pairs.group] for column in (groups.cut, groups.wire, groups.variant))
        return Candidates(costs.energy_j, costs.bound_s, (cut, wire, variant, pairs.edge_point, pairs.server_point))

    def grid(self, groups: Groups, group: int) -> Candidates:
        """The choices that all pairs of points of one group are."""
        row, every = int(groups.row[group]), slice(None)
        edge, server = edge_part(self.grids, row, every), server_part(self.grids, row, every)
        costs = price_many(self.problem, _column(edge), server, groups.crossing_at(group))
        points = np.arange(costs.energy_j.size)
        same = np.zeros_like(points)
        cut, wire, variant = (same + column[group] for column in (groups.cut, groups.wire, groups.variant))
        columns = len(self.grids.idle_w)
        flat = Costs(costs.energy_j.ravel(), costs.bound_s.ravel(), costs.feasible.ravel())
        return self._candidates(flat, (cut, wire, variant, points // columns, points % columns))

    def _candidates(self, costs: Costs, indices: tuple[Indices, ...]) -> Candidates:
        self.priced += costs.energy_j.size
        if not self.feasible_only or costs.feasible.all():
            return Candidates(costs.energy_j, costs.bound_s, indices)
        kept = np.flatnonzero(costs.feasible)
        return Candidates(costs.energy_j[kept], costs.bound_s[kept], tuple(column[kept] for column in indices))


def _column(part: Part) -> Part:
    """The same numbers along the first axis, so that the other side's run along the second."""
    return Part(
        time_s=np.asarray(part.time_s)[:, None],
        std_s=np.asarray(part.std_s)[:, None],
        busy_w=np.asarray(part.busy_w)[:, None],
        idle_w=np.asarray(part.idle_w)[:, None],
    )
