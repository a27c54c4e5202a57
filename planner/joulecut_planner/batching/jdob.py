"""J-DOB, joint DVFS, offloading and batching for multiuser co-inference, as a baseline.

Xu, Zhou, Niu: "Joint Optimization of Offloading, Batching and DVFS for Multiuser Co-Inference", arXiv
2504.14611 (2025). **Made from its abstract and opening, a published review of it, and what is known of
the grouping it builds on** (Shi, Zhou, Niu, Jiang, Geng, arXiv 2206.06304): the full text with its
pseudocode was not at hand. What these fix:

- every user of a group either computes alone or offloads at the group's common partition point;
- greedy batching: the server bundles everything of the group that is offloaded into one batch;
- the inner module sweeps the partition point and the server's frequency, each user then runs as slowly
  as the batch's start lets it; the slowest to be ready are the first to be left at home;
- the outer module puts users of similar deadlines into groups, contiguous by deadline, by dynamic
  programming; groups use the GPU one after the other.

What they leave open, and what is done here:

- a group's deadline is the earliest of its members'; its batch is planned to end there, and is then run
  as soon as its last member is ready; since waiting costs joules here, as early as possible is tried too;
- users are left at home in the order of their earliest ready time at the top clock, latest first;
- the dynamic programme keeps one schedule per number of users served: the cheapest, whatever it leaves
  of the GPU's time to those behind;
- our tables, clocks that are listed, waiting draw and codecs in place of the paper's cubic powers: each
  user's operating point and codec are the cheapest by the same prices as everywhere in this package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulecut_planner.batching.options import Case
from joulecut_planner.batching.runs import Run, timed, window_end_s
from joulecut_planner.batching.slots import Step, option_costs, run_of
from joulecut_planner.choices.grids import Array, Indices


@dataclass(frozen=True, slots=True)
class _Group:
    """What a group of users costs, its batch (None: all at home), and when the GPU is free after it."""

    energy_j: float
    run: Run | None
    free_s: float


def j_dob_runs(case: Case, server_points: list[int]) -> list[Run] | None:
    """J-DOB's schedule with these server points; None where it finds none that keeps every deadline."""
    order = np.argsort(case.arrival_s + case.deadline_s, kind="stable").tolist()
    best: list[tuple[float, float, list[Run]]] = [(0.0, 0.0, [])]
    for beyond in range(1, case.edges + 1):
        cheapest: tuple[float, float, list[Run]] = (np.inf, 0.0, [])
        for first in range(beyond):
            energy_j, free_s, runs = best[first]
            if np.isinf(energy_j):
                continue
            group = _group(case, server_points, order[first:beyond], free_s)
            if energy_j + group.energy_j < cheapest[0]:
                added = runs if group.run is None else [*runs, group.run]
                cheapest = (energy_j + group.energy_j, group.free_s, added)
        best.append(cheapest)
    return best[-1][2] if np.isfinite(best[-1][0]) else None


def _group(case: Case, server_points: list[int], users: Sequence[int], free_s: float) -> _Group:
    """The inner module: the best partition point, server frequency and set of offloading users for one group."""
    deadline_s = float((case.arrival_s + case.deadline_s)[list(users)].min())
    best: tuple[float, Step | None] = (float(case.home_j[list(users)].sum()), None)
    for cut in range(case.cuts):
        energy_j, step = _at_cut(case, server_points, users, cut, free_s, deadline_s)
        if energy_j < best[0]:
            best = (energy_j, step)
    if best[1] is None:
        return _Group(best[0], None, free_s)
    run = run_of(case, best[1])
    placed = timed(case.problem, case.problem.tables(), run, free_s)
    if placed is None:
        return _Group(float(case.home_j[list(users)].sum()), None, free_s)
    home_j = sum(float(case.home_j[user]) for user in users if user not in best[1].members)
    return _Group(home_j + sum(cost.energy_j for cost in placed.prices), run, placed.end_s)


def _at_cut(
    case: Case, server_points: list[int], users: Sequence[int], cut: int, free_s: float, deadline_s: float
) -> tuple[float, Step | None]:
    """The cheapest number of offloading users and server point at one cut; users are taken by earliest ready time."""
    able = sorted((float(case.options[n][cut].ready_s.min()), n) for n in users if case.options[n][cut].ready_s.size)
    able = able[: int(case.sizes[-1])]
    if not able:
        return np.inf, None
    members = [user for _, user in able]
    counts = np.arange(1, len(members) + 1)
    sizes = np.searchsorted(case.sizes, counts)
    points = np.array(server_points, dtype=np.int64)
    batch_s = case.batch_s[sizes, cut][:, points].T
    earliest_s = np.broadcast_to(np.maximum(free_s, np.maximum.accumulate([at for at, _ in able])), batch_s.shape)
    latest_s = _latest(case, cut, members, batch_s, free_s, deadline_s)
    batch_j = case.batch_j[sizes, cut][:, points].T
    home_j = float(case.home_j[[user for user in users if user not in members]].sum())
    best: tuple[float, Step | None] = (np.inf, None)
    for start_s in (latest_s, earliest_s):
        feasible = (start_s >= earliest_s) & (start_s <= latest_s) & (start_s + batch_s <= window_end_s(case.problem))
        energy_j = np.where(feasible, batch_j, np.inf)
        for at, user in enumerate(members):
            costs = _costs(case, user, cut, batch_s, points, start_s)
            energy_j = energy_j + np.where(counts > at, costs, case.home_j[user])
        point, count = np.unravel_index(int(energy_j.argmin()), energy_j.shape)
        if home_j + float(energy_j[point, count]) < best[0]:
            chosen = Step(
                cut=cut,
                size=int(sizes[count]),
                server_point=int(points[point]),
                start_s=float(start_s[point, count]),
                members=tuple(members[: int(count) + 1]),
            )
            best = (home_j + float(energy_j[point, count]), chosen)
    return best


def _latest(case: Case, cut: int, members: Sequence[int], batch_s: Array, free_s: float, deadline_s: float) -> Array:
    """The latest start that the group's deadline leaves, of shape (server points, counts of users).

    Without a deadline: when the slowest option is ready.
    """
    down_s = np.maximum.accumulate([float(case.options[user][cut].down_s.min()) for user in members])
    if np.isfinite(deadline_s):
        latest_s: Array = deadline_s - batch_s - down_s
        return latest_s
    slowest_s = np.maximum.accumulate([float(case.options[user][cut].ready_s.max()) for user in members])
    return np.broadcast_to(np.maximum(free_s, slowest_s), batch_s.shape)


def _costs(case: Case, user: int, cut: int, batch_s: Array, points: Indices, start_s: Array) -> Array:
    """The user's least J, its part of the batch left out, of shape (server points, counts of users)."""
    options, configured = case.options[user][cut], np.repeat(points, batch_s.shape[1])
    flat = option_costs(case, options, batch_s.ravel(), configured, start_s.ravel()[:, np.newaxis])
    least_j: Array = flat.min(axis=0).reshape(batch_s.shape)
    return least_j
