"""What each edge may do at each cut, as arrays: when its payload can be ready, and what that costs.

An option is a wire and an edge point. Those are left out that another option of the same edge and cut
beats at every start time: ready no later, no longer on the way back, and no dearer for any wait.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from joulecut_core.problems import Problem
from joulecut_planner.batching.problem import BatchingEdge, BatchingProblem
from joulecut_planner.batching.runs import Member, at_home, ready_s
from joulecut_planner.choices.constraints import keeps_accuracy, limit
from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.choices.pricing import transfer_s


@dataclass(frozen=True, slots=True)
class Options:
    """Options at one cut, those of an edge together, edges by rising index; every array of shape (options,).

    `ready_s` is on the arrivals' clock, `down_s` the way back. J of a member that is answered `h`
    seconds after its arrival: fixed_j + hold_w * H + idle_share * idle_w * (H - t_server - decode_s),
    with H = h or the period, plus its part of the batch's joules; all of it in the objective's weights.
    """

    edge: Indices
    wire: Indices
    edge_point: Indices
    ready_s: Array
    down_s: Array
    fixed_j: Array
    hold_w: Array
    decode_s: Array


@dataclass(frozen=True, slots=True)
class Case:
    """A batching problem ready for a search: arrays of what every edge and the server may do.

    `options[n][c]` are those of edge n at cut c, `of_cut[c]` those of all edges. `home_j` of shape
    (edges,), infinite where an edge cannot compute alone. `batch_s` and `batch_j` of shape (sizes, cuts,
    server points), joules in the server's weight.
    """

    problem: BatchingProblem
    options: tuple[tuple[Options, ...], ...]
    of_cut: tuple[Options, ...]
    home_j: Array
    arrival_s: Array
    deadline_s: Array
    """Longest allowed time from arrival to answer, tolerance included."""
    idle_share: Array
    """The objective's share of the server's idle draw, in the server's weight."""
    idle_w: Array
    """The server's idle draw at each of its points."""
    sizes: Indices
    batch_s: Array
    batch_j: Array

    @property
    def edges(self) -> int:
        """How many edges there are."""
        return len(self.options)

    @property
    def cuts(self) -> int:
        """How many cuts offload anything."""
        return len(self.of_cut)


def case_of(problem: BatchingProblem) -> Case:
    """The arrays behind `problem`."""
    tables = problem.tables()
    homes = [at_home(edge.problem) for edge in problem.edges]
    weight = problem.edges[0].problem.objective.server_weight
    batch_s = np.array([each.time_s for each in tables], dtype=np.float64)[:, :-1]
    busy_w = np.array([each.busy_w for each in tables], dtype=np.float64)[:, :-1]
    deadlines = [edge.problem.slo.latency_s for edge in problem.edges]
    options = tuple(
        tuple(_options(problem, index, cut) for cut in range(problem.last_cut)) for index in range(len(problem.edges))
    )
    return Case(
        problem=problem,
        options=options,
        of_cut=tuple(map(_together, zip(*options, strict=True))),
        home_j=np.array([np.inf if home is None else home[1].energy_j for home in homes]),
        arrival_s=np.array([edge.arrival_s for edge in problem.edges], dtype=np.float64),
        deadline_s=np.array([np.inf if each is None else limit(each) for each in deadlines]),
        idle_share=np.array([weight * edge.problem.objective.server_idle_share for edge in problem.edges]),
        idle_w=np.array([point.idle_w for point in problem.server_points], dtype=np.float64),
        sizes=np.array([each.batch for each in tables], dtype=np.int64),
        batch_s=batch_s,
        batch_j=weight * busy_w * batch_s,
    )


def _options(problem: BatchingProblem, index: int, cut: int) -> Options:
    edge = problem.edges[index]
    rows = [
        _option(problem, edge, Member(edge=index, wire=wire, edge_point=point), cut)
        for wire in _wires(edge.problem, cut)
        for point in range(len(edge.problem.edge.points))
    ]
    table = np.array([row for row in rows if row is not None], dtype=np.float64).reshape(-1, 7)
    table = table[_undominated(problem, edge, table)]
    return Options(
        edge=np.full(len(table), index),
        wire=table[:, 0].astype(np.int64),
        edge_point=table[:, 1].astype(np.int64),
        ready_s=table[:, 2],
        down_s=table[:, 3],
        fixed_j=table[:, 4],
        hold_w=table[:, 5],
        decode_s=table[:, 6],
    )


def _together(options: tuple[Options, ...]) -> Options:
    return Options(*(np.concatenate([getattr(each, field.name) for each in options]) for field in fields(Options)))


def _wires(problem: Problem, cut: int) -> list[int]:
    """The wires on offer within the accuracy budget; none where the cut is forbidden."""
    if not problem.cuts[cut].allowed:
        return []
    loss = problem.variants[0].accuracy_loss
    return [w for w, wire in enumerate(problem.cuts[cut].wires) if keeps_accuracy(problem, loss + wire.accuracy_loss)]


def _option(problem: BatchingProblem, edge: BatchingEdge, member: Member, cut: int) -> tuple[float, ...] | None:
    """One row; None where it cannot keep the rate, or the deadline even if the server took no time."""
    own = edge.problem
    wire, link = own.cuts[cut].wires[member.wire], own.link
    head_s = own.variants[0].edge.time_s[cut][member.edge_point]
    busy_w = own.variants[0].edge.busy_w[cut][member.edge_point]
    wait_w = own.edge.points[member.edge_point].wait_w
    up_s = float(transfer_s(wire.uplink_bytes, link.uplink_bps))
    down_s = float(transfer_s(wire.downlink_bytes, link.downlink_bps))
    if problem.period_s is not None and max(head_s + wire.encode_s, up_s, down_s) > limit(problem.period_s):
        return None
    ready, back_s = ready_s(problem, cut, member), link.rtt_s / 2 + down_s
    if own.slo.latency_s is not None and ready + back_s - edge.arrival_s > limit(own.slo.latency_s):
        return None
    edge_weight, server_weight = own.objective.edge_weight, own.objective.server_weight
    radio_j = link.uplink_w * up_s + link.downlink_w * down_s
    on_top_j = (busy_w - wait_w) * head_s + wire.encode_w * wire.encode_s + radio_j
    fixed_j = edge_weight * on_top_j + server_weight * wire.decode_w * wire.decode_s
    return (member.wire, member.edge_point, ready, back_s, fixed_j, edge_weight * wait_w, wire.decode_s)


def _undominated(problem: BatchingProblem, edge: BatchingEdge, table: Array) -> list[int]:
    _, _, ready, down, fixed, hold, decode = table.T
    deadline_s = np.inf if edge.problem.slo.latency_s is None else limit(edge.problem.slo.latency_s)
    share = edge.problem.objective.server_idle_share
    kept: list[int] = []
    for own in np.lexsort((fixed, ready)).tolist():
        # A cost is linear in H, so what is no dearer at both ends of H's range is no dearer anywhere.
        least_s = ready[own] + down[own] - edge.arrival_s if problem.period_s is None else problem.period_s
        most_s = deadline_s if problem.period_s is None else problem.period_s
        beaten = any(
            down[other] <= down[own]
            and (share == 0 or decode[other] >= decode[own])
            and (problem.period_s is None or decode[other] <= decode[own])
            and fixed[other] + hold[other] * least_s <= fixed[own] + hold[own] * least_s
            and (
                hold[other] <= hold[own]
                if np.isinf(most_s)
                else fixed[other] + hold[other] * most_s <= fixed[own] + hold[own] * most_s
            )
            for other in kept
        )
        if not beaten:
            kept.append(own)
    return kept
