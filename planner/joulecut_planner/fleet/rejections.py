"""Why an edge has no feasible plan even alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_core.fleets import Shared
from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import keeps_accuracy, limit
from joulecut_planner.choices.grids import Array, Grids, grids_of
from joulecut_planner.choices.groups import edge_part, groups_of, price_many, server_part
from joulecut_planner.choices.pricing import Crossing, Part, transfer_s
from joulecut_planner.fleet.stages import Stages, most_bps_of, rate_hz_of, times_at, waited_bound_s


@dataclass(frozen=True, slots=True)
class _Needs:
    """Of many choices: T_q, the slowest stage, and the share of the server's time; arrays of one shape."""

    bound_s: Array
    stage_s: Array
    load: Array


def rejection(problem: Problem, shared: Shared) -> str:
    """One sentence: the first bound that no allowed choice keeps together with those before it, and by how much."""
    with np.errstate(over="ignore", invalid="ignore"):
        needs = _needs(problem, shared)
    if not needs.bound_s.size:
        return (
            f"no allowed cut has a wire and a variant within max_accuracy_loss {problem.max_accuracy_loss:.6g}; "
            "expected at least one"
        )
    deadline_s, period_s = problem.slo.latency_s, 1.0 / rate_hz_of(problem)
    in_time = np.ones(needs.bound_s.shape, dtype=np.bool_)
    if deadline_s is not None:
        in_time = needs.bound_s <= limit(deadline_s)
        if not in_time.any():
            return (
                f"the earliest answer takes {needs.bound_s.min():.6g} s at {most_bps_of(problem, shared):.6g} bit/s, "
                f"margin and {shared.server_wait_s:.6g} s for the server's queue included where it is used; "
                f"expected at most slo.latency_s {deadline_s:.6g} s"
            )
    keeps_up = in_time & (needs.stage_s <= limit(period_s))
    if not keeps_up.any():
        return (
            f"the slowest stage of every choice in time takes at least {needs.stage_s[in_time].min():.6g} s; "
            f"expected at most {period_s:.6g} s, the period of slo.rate_hz {rate_hz_of(problem):.6g}"
        )
    return (
        f"every choice in time needs at least {needs.load[keeps_up].min():.6g} of the server's time; "
        f"expected at most shared.server_utilisation {shared.server_utilisation:.6g}"
    )


def _needs(problem: Problem, shared: Shared) -> _Needs:
    grids = grids_of(problem)
    needs = [*_local(problem, grids), _remote(problem, grids, shared)]
    return _Needs(
        *(np.concatenate([getattr(one, name).ravel() for one in needs]) for name in ("bound_s", "stage_s", "load"))
    )


def _local(problem: Problem, grids: Grids) -> list[_Needs]:
    last = grids.cuts - 1
    needs = []
    for v, variant in enumerate(problem.variants):
        if problem.cuts[last].allowed and keeps_accuracy(problem, variant.accuracy_loss):
            edge = edge_part(grids, v * grids.cuts + last, slice(None))
            bound_s = price_many(problem, edge, Part(), Crossing()).bound_s
            needs.append(_Needs(bound_s, np.asarray(edge.time_s), np.zeros(bound_s.shape)))
    return needs


def _remote(problem: Problem, grids: Grids, shared: Shared) -> _Needs:
    groups = groups_of(problem, grids, keep_rate=False)
    stages = Stages.of(grids, groups)
    edge, server = edge_part(grids, groups.row, slice(None)), server_part(grids, groups.row, slice(None))
    t_up = np.asarray(transfer_s(stages.uplink_bytes, most_bps_of(problem, shared)))
    shape = (len(groups), len(problem.edge.points), len(problem.server.points))
    g, i, j = (index.ravel() for index in np.indices(shape))
    head, tail, crossing = times_at(edge, g, i), times_at(server, g, j), stages.at(g, t_up)
    stage_s = np.maximum(head.time_s + crossing.encode_s, tail.time_s + crossing.decode_s)
    return _Needs(
        waited_bound_s(problem, shared, head, tail, crossing),
        np.maximum(stage_s, np.maximum(crossing.t_up, crossing.t_down)),
        np.asarray(rate_hz_of(problem) * (tail.time_s + crossing.decode_s)),
    )
