"""The search for many edges: they are taken in a given order, and each batch's members stand together in it.

Between the first and the last member of a batch others may stay home. In every slot the members are
those that the slot saves most for, which is exact for that slot and stretch of the order; what the
order excludes (two batches whose members interleave) is not searched. J-DOB groups likewise, by
deadline; see `jdob`. Where more than `_KEPT` partial schedules remain, some of them are dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from joulecut_planner.batching.labels import START, Label, front, runs_of, undominated
from joulecut_planner.batching.options import Case
from joulecut_planner.batching.runs import Run
from joulecut_planner.batching.slots import Slots, slots_from, slots_of, step_in
from joulecut_planner.choices.grids import Array, Indices

_KEPT = 48
"""Partial schedules kept per number of edges decided, from the earliest to the cheapest; a case seldom has more."""


def best_in_order(
    case: Case, server_points: list[int], order: Sequence[int], floor_j: Array, ceiling_j: float
) -> list[Run] | None:
    """The cheapest schedule at these server points in this order; None where none costs less than `ceiling_j`.

    `floor_j`: what each edge costs at least, in joules, by edge.
    """
    search = _Search(case, server_points, order, floor_j, ceiling_j)
    return search.run()


class _Search:
    def __init__(
        self, case: Case, server_points: list[int], order: Sequence[int], floor_j: Array, ceiling_j: float
    ) -> None:
        self._case = case
        self._points = server_points
        self._order = list(order)
        self._ceiling_j = ceiling_j
        self._ready = slots_of(case, server_points)
        home_j = case.home_j[self._order]
        # Dearer than any schedule worth finding: who cannot stay home is then the first to be taken along.
        forbidding_j = ceiling_j if np.isfinite(ceiling_j) else _dearest_j(case, self._ready)
        self._home_j = np.where(np.isfinite(home_j), home_j, 1.0 + 2.0 * abs(forbidding_j))
        self._home_sum_j = np.concatenate(([0.0], np.cumsum(self._home_j)))
        floors = floor_j[self._order]
        self._rest_j = np.concatenate((np.cumsum(floors[::-1])[::-1], [0.0]))
        self._labels: list[list[Label]] = [[] for _ in range(case.edges + 1)]

    def run(self) -> list[Run] | None:
        saved_j = self._saved(self._ready)
        self._labels[0].append(START)
        for first in range(self._case.edges):
            labels = self._kept(first)
            if not labels:
                continue
            for label in labels:
                self._labels[first + 1].append(Label(label.free_s, label.energy_j + float(self._home_j[first]), label))
            self._extend(labels, first, self._ready, saved_j)
            for label in labels:
                now = slots_from(self._case, self._points, label.free_s)
                self._extend([label], first, now, self._saved(now))
        finished = [label for label in self._labels[-1] if label.energy_j < self._ceiling_j]
        return runs_of(self._case, min(finished, key=lambda each: each.energy_j)) if finished else None

    def _kept(self, decided: int) -> list[Label]:
        labels = [each for each in undominated(self._labels[decided]) if self._promising(each.energy_j, decided)]
        self._labels[decided] = []
        if len(labels) <= _KEPT:
            return labels
        return [labels[at] for at in np.linspace(0, len(labels) - 1, _KEPT).round().astype(int).tolist()]

    def _saved(self, slots: Slots) -> Array:
        """What each slot saves each edge, in the order, of shape (edges, slots)."""
        saved: Array = self._home_j[:, np.newaxis] - slots.cost_j[self._order]
        return saved

    def _promising(self, energy_j: float, decided: int) -> bool:
        return energy_j + float(self._rest_j[decided]) < self._ceiling_j

    def _extend(self, labels: Sequence[Label], first: int, slots: Slots, saved_j: Array) -> None:
        """Add every batch whose stretch of the order begins at `first` to each label."""
        earliest_s = min(label.free_s for label in labels)
        least_j = min(label.energy_j for label in labels)
        usable = np.flatnonzero(slots.start_s >= earliest_s)
        gain = _Gain(self._case.sizes[slots.size[usable]], -slots.batch_j[usable])
        for beyond in range(first + 1, self._case.edges + 1):
            gain.add(saved_j[beyond - 1, usable])
            at_home_j = float(self._home_sum_j[beyond] - self._home_sum_j[first])
            needed_j = least_j + at_home_j + float(self._rest_j[beyond]) - self._ceiling_j
            promising = usable[(gain.total_j > needed_j) & (gain.total_j > 0)]
            if not promising.size:
                continue
            energies_j = at_home_j - gain.total_j[np.searchsorted(usable, promising)]
            start_s = slots.start_s[promising]
            for label in labels:
                for index in front(start_s, energies_j, label.free_s).tolist():
                    energy_j = label.energy_j + float(energies_j[index])
                    if self._promising(energy_j, beyond):
                        slot = int(promising[index])
                        members = self._members(slots, saved_j, slot, first, beyond)
                        step = step_in(slots, slot, members)
                        self._labels[beyond].append(Label(float(slots.end_s[slot]), energy_j, label, step))

    def _members(self, slots: Slots, saved_j: Array, slot: int, first: int, beyond: int) -> list[int]:
        """Those of the stretch that the slot saves most for, as many as fit."""
        saved = saved_j[first:beyond, slot]
        most = np.argsort(-saved, kind="stable")[: int(self._case.sizes[slots.size[slot]])]
        return [self._order[first + int(at)] for at in sorted(most.tolist()) if saved[at] > 0]


def _dearest_j(case: Case, slots: Slots) -> float:
    """More than any schedule in these slots costs."""
    costs_j = np.where(np.isfinite(slots.cost_j), slots.cost_j, 0.0).max(axis=1, initial=0.0)
    homes_j = case.home_j[np.isfinite(case.home_j)]
    return float(costs_j.sum() + homes_j.sum() + case.edges * slots.batch_j.max(initial=0.0))


class _Gain:
    """The sum of the largest positive savings, as many as fit each slot, while edges are added one by one."""

    def __init__(self, capacity: Indices, start_j: Array) -> None:
        self.total_j = start_j.copy()
        self._columns = [(int(size), np.flatnonzero(capacity == size)) for size in np.unique(capacity)]
        self._largest = [np.zeros((size, columns.size)) for size, columns in self._columns]
        self._added = 0

    def add(self, saved_j: Array) -> None:
        """One more edge, with its saving in each slot."""
        self._added += 1
        for (size, columns), largest in zip(self._columns, self._largest, strict=True):
            displaced = np.maximum(saved_j[columns], 0.0)
            self.total_j[columns] += displaced
            for rank in range(min(size, self._added)):
                smaller = np.minimum(largest[rank], displaced)
                np.maximum(largest[rank], displaced, out=largest[rank])
                displaced = smaller
            self.total_j[columns] -= displaced
