"""What a schedule costs and whether it keeps every deadline: the only statement of what a batch means.

A member's payload is *ready* at the server after its arrival, head, encoding, upload, half the round
trip and decoding (on the host: it does not hold the GPU). A batch starts when all its members are
ready and the batch before it has ended. The other half of the round trip and the download follow it.

    T = contract's T with the batch's time as t_server, plus the wait from ready to start
    J = contract's J at that T, with busy_w / members as the server's draw

so that a batch of one on an idle server is exactly the planning contract's choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from joulecut_core.problems import Problem
from joulecut_planner.batching.problem import BatchingProblem, BatchTables
from joulecut_planner.choices.constraints import limit, violated
from joulecut_planner.choices.pricing import Choice, Part, Price, crossing_of, price, price_parts, transfer_s


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Member:
    """An edge in a batch (index into the problem's edges), its wire and its operating point."""

    edge: int
    wire: int
    edge_point: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One batch: cut, server point, the tables it runs in (index, batch 1 first), and at least one member."""

    cut: int
    server_point: int
    size: int
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedRun:
    """A run with its times, and the price of each member in the members' order."""

    run: Run
    start_s: float
    end_s: float
    ready_s: tuple[float, ...]
    prices: tuple[Price, ...]


def window_end_s(problem: BatchingProblem) -> float:
    """When the server must be free again for the next period's requests; infinite without a period."""
    period_s = problem.period_s
    if period_s is None:
        return float("inf")
    return min(edge.arrival_s for edge in problem.edges) + limit(period_s)


def ready_s(problem: BatchingProblem, cut: int, member: Member) -> float:
    """When the member's payload lies decoded at the server."""
    edge = problem.edges[member.edge]
    wire, link = edge.problem.cuts[cut].wires[member.wire], edge.problem.link
    head_s = edge.problem.variants[0].edge.time_s[cut][member.edge_point]
    up_s = transfer_s(wire.uplink_bytes, link.uplink_bps)
    return float(edge.arrival_s + head_s + wire.encode_s + up_s + link.rtt_s / 2 + wire.decode_s)


def timed(problem: BatchingProblem, tables: Sequence[BatchTables], run: Run, free_s: float) -> TimedRun | None:
    """The run on a server that is free from `free_s` on; None where a member's constraint or the period breaks.

    `tables` are `problem.tables()`.
    """
    ready = tuple(ready_s(problem, run.cut, member) for member in run.members)
    start_s = max(free_s, *ready)
    size = tables[run.size]
    end_s = start_s + size.time_s[run.cut][run.server_point]
    if len(run.members) > size.batch or end_s > window_end_s(problem):
        return None
    prices = []
    for member, member_ready_s in zip(run.members, ready, strict=True):
        edge = problem.edges[member.edge].problem
        cost = _price(edge, run, size, member, wait_s=start_s - member_ready_s)
        if violated(edge, cost) or not edge.cuts[run.cut].allowed:
            return None
        prices.append(cost)
    return TimedRun(run=run, start_s=start_s, end_s=end_s, ready_s=ready, prices=tuple(prices))


def timed_schedule(problem: BatchingProblem, runs: Sequence[Run]) -> list[TimedRun] | None:
    """The runs one after the other, each as early as it can start; None where a constraint breaks."""
    tables, free_s, result = problem.tables(), 0.0, []
    for run in runs:
        placed = timed(problem, tables, run, free_s)
        if placed is None:
            return None
        result.append(placed)
        free_s = placed.end_s
    return result


def at_home(problem: Problem) -> tuple[int, Price] | None:
    """The cheapest operating point that computes the whole network on the edge, and its price; None if none may."""
    last = len(problem.cuts) - 1
    if not problem.cuts[last].allowed:
        return None
    priced = [
        (point, price(problem, Choice(cut=last, wire=0, variant=0, edge_point=point, server_point=None)))
        for point in range(len(problem.edge.points))
    ]
    kept = [(cost.energy_j, cost.latency_s, point, cost) for point, cost in priced if not violated(problem, cost)]
    if not kept:
        return None
    _, _, point, cost = min(kept, key=lambda entry: entry[:3])
    return point, cost


def _price(problem: Problem, run: Run, size: BatchTables, member: Member, *, wait_s: float) -> Price:
    variant, cut, point = problem.variants[0], run.cut, member.edge_point
    wire = problem.cuts[cut].wires[member.wire]
    crossing = crossing_of(wire, problem.link)
    return price_parts(
        problem,
        Part(
            time_s=variant.edge.time_s[cut][point],
            busy_w=variant.edge.busy_w[cut][point],
            idle_w=problem.edge.points[point].wait_w,
        ),
        Part(
            time_s=size.time_s[cut][run.server_point],
            busy_w=size.busy_w[cut][run.server_point] / len(run.members),
            idle_w=problem.server.points[run.server_point].idle_w,
        ),
        # To the formulas a wait between the two parts is a longer round trip.
        replace(crossing, rtt_s=problem.link.rtt_s + wait_s),
        accuracy_loss=variant.accuracy_loss + wire.accuracy_loss,
    )
