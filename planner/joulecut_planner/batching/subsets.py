"""The exact search for few edges: every set of edges as the next batch, after every set already served.

Labels are kept per set of edges that have been in a batch; the rest stay home. All partitions of all
subsets into batches, in all orders, are covered; 3^n steps for n edges.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from joulecut_planner.batching.labels import START, Label, front, runs_of, undominated
from joulecut_planner.batching.options import Case
from joulecut_planner.batching.runs import Run
from joulecut_planner.batching.slots import Slots, slots_from, slots_of, step_in
from joulecut_planner.choices.grids import Array

EXACT_EDGES = 6
"""Up to this many edges the search is exhaustive; each further one takes about three times as long."""


def best_of_subsets(case: Case, server_points: list[int], floor_j: Array, ceiling_j: float) -> list[Run] | None:
    """The cheapest schedule at these server points, in joules; None where none costs less than `ceiling_j`.

    `floor_j`: what each edge costs at least.
    """
    everyone = (1 << case.edges) - 1
    ready = slots_of(case, server_points)
    labels: dict[int, list[Label]] = {0: [START]}
    best: tuple[float, Label | None] = (ceiling_j, None)

    @cache
    def freed(free_s: float) -> Slots:
        return slots_from(case, server_points, free_s)

    @cache
    def of_ready(group: int) -> tuple[Array, Slots]:
        return _energies(case, ready, group), ready

    for served in range(everyone + 1):
        at_home = everyone & ~served
        for label in undominated(labels.pop(served, [])):
            total_j = label.energy_j + float(case.home_j[_members(at_home)].sum())
            if total_j < best[0]:
                best = (total_j, label)
            for group in _subsets(at_home):
                members = _members(group)
                rest_j = float(floor_j[_members(at_home & ~group)].sum())
                now = freed(label.free_s)
                for energies_j, slots in (of_ready(group), (_energies(case, now, group), now)):
                    for slot in front(slots.start_s, energies_j, label.free_s).tolist():
                        energy_j = label.energy_j + float(energies_j[slot])
                        if energy_j + rest_j < best[0]:
                            after = Label(float(slots.end_s[slot]), energy_j, label, step_in(slots, slot, members))
                            labels.setdefault(served | group, []).append(after)
    return None if best[1] is None else runs_of(case, best[1])


def _energies(case: Case, slots: Slots, group: int) -> Array:
    """J of exactly this group in each slot; infinite where it does not fit."""
    members = _members(group)
    energies_j: Array = slots.cost_j[members].sum(axis=0) + slots.batch_j
    return np.where(case.sizes[slots.size] >= len(members), energies_j, np.inf)


def _members(group: int) -> list[int]:
    return [edge for edge in range(group.bit_length()) if group >> edge & 1]


def _subsets(of: int) -> Iterator[int]:
    """Every non-empty subset of a set of bits."""
    group = of
    while group:
        yield group
        group = (group - 1) & of
