"""The slots that a batch may take, and what each edge would cost in each.

A slot is a cut, a batch size, a server point and a start time. For fixed members and options a batch is
cheapest as early as it can start: when the server is free or the last payload is ready. So the start
times that matter are the ready times of all options, and the time at which the server comes free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulecut_planner.batching.options import Case, Options
from joulecut_planner.batching.runs import Member, Run, window_end_s
from joulecut_planner.choices.constraints import limit
from joulecut_planner.choices.grids import Array, Indices


@dataclass(frozen=True, slots=True)
class Slots:
    """Slots by rising end; arrays of shape (slots,) but `cost_j`.

    `size` indexes the case's sizes. `cost_j` of shape (edges, slots): J of an edge in the slot without
    the batch's joules, infinite where it cannot be in it. `batch_j` is in the server's weight.
    """

    cut: Indices
    size: Indices
    server_point: Indices
    start_s: Array
    end_s: Array
    batch_j: Array
    cost_j: Array


def slots_of(case: Case, server_points: Sequence[int]) -> Slots:
    """All slots that start when some option is ready and that some edge can be in."""
    starts = [np.unique(options.ready_s) for options in case.of_cut]
    return _slots(case, server_points, starts)


def slots_from(case: Case, server_points: Sequence[int], free_s: float) -> Slots:
    """All slots that start at `free_s` and that some edge can be in."""
    return _slots(case, server_points, [np.array([free_s])] * case.cuts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Edges (indices) put into one slot, each to take its cheapest option there."""

    cut: int
    size: int
    server_point: int
    start_s: float
    members: tuple[int, ...]


def step_in(slots: Slots, slot: int, members: Sequence[int]) -> Step:
    """These edges in that slot."""
    return Step(
        cut=int(slots.cut[slot]),
        size=int(slots.size[slot]),
        server_point=int(slots.server_point[slot]),
        start_s=float(slots.start_s[slot]),
        members=tuple(members),
    )


def run_of(case: Case, step: Step) -> Run:
    """The run of a step that every member can take part in."""
    batch_s, point = case.batch_s[step.size, step.cut, [step.server_point]], [step.server_point]
    chosen = []
    for edge in step.members:
        options = case.options[edge][step.cut]
        costs = option_costs(case, options, batch_s, point, np.array([step.start_s]))
        best = int(costs[:, 0, 0].argmin())
        chosen.append(Member(edge=edge, wire=int(options.wire[best]), edge_point=int(options.edge_point[best])))
    return Run(cut=step.cut, server_point=step.server_point, size=step.size, members=tuple(chosen))


def option_costs(
    case: Case, options: Options, batch_s: Array, server_points: Sequence[int] | Indices, start_s: Array
) -> Array:
    """J of each option without the batch's joules, of shape (options, configurations, starts).

    `batch_s` and `server_points` are of the configurations; `start_s` is of the starts, or of
    (configurations, starts). Infinite where an option is not ready or its answer too late.
    """
    taken_s, decode_s = batch_s[:, np.newaxis], _column(options.decode_s)
    answered_s: Array = start_s + taken_s + _column(options.down_s - case.arrival_s[options.edge])
    feasible = (answered_s <= _column(case.deadline_s[options.edge])) & (start_s >= _column(options.ready_s))
    period_s = case.problem.period_s
    horizon_s: Array = answered_s
    if period_s is not None:
        feasible &= taken_s + decode_s <= limit(period_s)
        horizon_s = np.full((1, 1, 1), period_s)
    cost_j: Array = _column(options.fixed_j) + _column(options.hold_w) * horizon_s
    if case.idle_share.any():
        idle_w = case.idle_w[np.asarray(server_points)][:, np.newaxis]
        cost_j = cost_j + _column(case.idle_share[options.edge]) * idle_w * (horizon_s - taken_s - decode_s)
    return np.where(feasible, cost_j, np.inf)


def _column(values: Array) -> Array:
    return values[:, np.newaxis, np.newaxis]


def _slots(case: Case, server_points: Sequence[int], starts_s: Sequence[Array]) -> Slots:
    sizes, cuts, _ = case.batch_s.shape
    points = np.array(server_points, dtype=np.int64)
    configured, window_s = np.tile(points, sizes), window_end_s(case.problem)
    parts = []
    for cut in range(cuts):
        start_s = starts_s[cut]
        batch_s = case.batch_s[:, cut, points].ravel()
        options = case.of_cut[cut]
        if not options.edge.size:
            continue
        able, first = np.unique(options.edge, return_index=True)
        cost_j = np.full((case.edges, batch_s.size * start_s.size), np.inf)
        costs_j = option_costs(case, options, batch_s, configured, start_s)
        cost_j[able] = np.minimum.reduceat(costs_j, first, axis=0).reshape(able.size, -1)
        end_s = (batch_s[:, np.newaxis] + start_s).ravel()
        kept = np.flatnonzero(np.isfinite(cost_j).any(axis=0) & (end_s <= window_s))
        config = kept // start_s.size
        parts.append(
            Slots(
                cut=np.full(kept.size, cut),
                size=config // points.size,
                server_point=points[config % points.size],
                start_s=start_s[kept % start_s.size],
                end_s=end_s[kept],
                batch_j=case.batch_j[:, cut, points].ravel()[config],
                cost_j=cost_j[:, kept],
            )
        )
    return _by_end(parts, case.edges)


def _by_end(parts: Sequence[Slots], edges: int) -> Slots:
    if not parts:
        whole, numbers = np.empty(0, dtype=np.int64), np.empty(0)
        return Slots(whole, whole, whole, numbers, numbers, numbers, np.empty((edges, 0)))
    end_s = np.concatenate([part.end_s for part in parts])
    order = np.argsort(end_s, kind="stable")
    return Slots(
        cut=np.concatenate([part.cut for part in parts])[order],
        size=np.concatenate([part.size for part in parts])[order],
        server_point=np.concatenate([part.server_point for part in parts])[order],
        start_s=np.concatenate([part.start_s for part in parts])[order],
        end_s=end_s[order],
        batch_j=np.concatenate([part.batch_j for part in parts])[order],
        cost_j=np.ascontiguousarray(np.concatenate([part.cost_j for part in parts], axis=1)[:, order]),
    )
