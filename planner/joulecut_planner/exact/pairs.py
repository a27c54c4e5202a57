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
from joulecut_planner.choices.pricing import Choice, Crossing, Part
from joulecut_planner.exact.floors import PointFloors
from joulecut_planner.exact.frontier import Priced

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
class Points:
    """Points of one side that are not ruled out, each with its group, in the order of the groups."""

    group: Indices
    point: Indices
    counts: Indices
    """How many each group has; shape (groups,)."""

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> Points:
        """Those that a mask of shape (groups, points) leaves."""
        group, point = mask.nonzero()
        return cls(group, point, np.bincount(group, minlength=len(mask)))

    def only(self, kept: NDArray[np.bool_]) -> Points:
        """Some of the points."""
        group = self.group[kept]
        return Points(group, self.point[kept], np.bincount(group, minlength=len(self.counts)))

    def within(self, floors_s: Array, bound_s: float) -> Points:
        """Those that may be as fast as `bound_s` seconds; `floors_s` has the shape of the mask."""
        return self.only(~(floors_s[self.group, self.point] > bound_s))


@dataclass(frozen=True, slots=True)
class Survivors:
    """The points of each group that are not ruled out; any two of a group make a pair."""

    edge: Points
    server: Points

    @classmethod
    def of(cls, edge: NDArray[np.bool_], server: NDArray[np.bool_]) -> Survivors:
        """Those that masks of shape (groups, points) leave."""
        return cls(Points.of(edge), Points.of(server))

    def counts(self) -> Indices:
        """The pairs of each group."""
        return self.edge.counts * self.server.counts

    def of_group(self, group: int) -> Survivors:
        """Those of one group."""
        return Survivors(self.edge.only(self.edge.group == group), self.server.only(self.server.group == group))

    def of_others(self, group: int) -> Survivors:
        """Those of all groups but one."""
        return Survivors(self.edge.only(self.edge.group != group), self.server.only(self.server.group != group))

    def within(self, floors: PointFloors, bound_s: float) -> Survivors:
        """Those of the points that may belong to a pair with a T_q of at most `bound_s` seconds."""
        return Survivors(self.edge.within(floors.edge_s, bound_s), self.server.within(floors.server_s, bound_s))

    def blocks(self) -> Iterator[Pairs]:
        """All pairs, in blocks of whole groups that fit into memory."""
        ends = self.counts().cumsum()
        # How many pairs each edge point makes, and where the server points of its group start.
        times = self.server.counts[self.edge.group]
        first = (self.server.counts.cumsum() - self.server.counts)[self.edge.group]
        start = priced = 0
        while start < len(ends):
            stop = max(int(ends.searchsorted(priced + _BLOCK, side="right")), start + 1)
            from_point, to_point = self.edge.group.searchsorted((start, stop)).tolist()
            yield self._pairs(from_point, to_point, times, first)
            start, priced = stop, int(ends[stop - 1])

    def _pairs(self, start: int, stop: int, times: Indices, first: Indices) -> Pairs:
        """The pairs of the edge points `start` to `stop`."""
        which = np.arange(start, stop).repeat(times[start:stop])
        ends = times[start:stop].cumsum()
        offset = first[start:stop] - (ends - times[start:stop])
        server_point = self.server.point[np.arange(which.size) + offset[which - start]]
        return Pairs(self.edge.group[which], self.edge.point[which], server_point)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Priced choices: J, T_q, and cut, wire, variant, edge point and server point (-1: none), numbers where alike."""

    energy_j: Array
    bound_s: Array
    indices: tuple[Indices | int, ...]


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
            yield self._candidates(costs, (last, 0, v, np.arange(costs.energy_j.size), -1))

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

    def one(self, groups: Groups, group: int, edge_point: int, server_point: int) -> Priced | None:
        """One pair of a group, None where it is to be feasible and is not."""
        self.priced += 1
        cut, wire, variant, row = groups.ids[:, group].tolist()
        costs = price_many(
            self.problem,
            edge_part(self.grids, row, edge_point),
            server_part(self.grids, row, server_point),
            groups.crossing_at(group),
        )
        if self.feasible_only and not costs.feasible:
            return None
        choice = Choice(cut=cut, wire=wire, variant=variant, edge_point=edge_point, server_point=server_point)
        return Priced(choice=choice, energy_j=float(costs.energy_j), bound_s=float(costs.bound_s))

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

    def _candidates(self, costs: Costs, indices: tuple[Indices | int, ...]) -> Candidates:
        self.priced += costs.energy_j.size
        if not self.feasible_only or costs.feasible.all():
            return Candidates(costs.energy_j, costs.bound_s, indices)
        kept = np.flatnonzero(costs.feasible)
        columns = tuple(column if isinstance(column, int) else column[kept] for column in indices)
        return Candidates(costs.energy_j[kept], costs.bound_s[kept], columns)


def _column(part: Part) -> Part:
    """The same numbers along the first axis, so that the other side's run along the second."""
    return Part(
        time_s=np.asarray(part.time_s)[:, None],
        std_s=np.asarray(part.std_s)[:, None],
        busy_w=np.asarray(part.busy_w)[:, None],
        idle_w=np.asarray(part.idle_w)[:, None],
    )
