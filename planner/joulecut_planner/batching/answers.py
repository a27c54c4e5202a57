"""From a schedule to a batching plan, priced edge by edge; and the frame that all policies share."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from joulecut_core.errors import ProblemError
from joulecut_core.fleets import RejectedEdge
from joulecut_core.plans import OPTIMAL
from joulecut_core.problems import Problem
from joulecut_planner.batching.bounds import floors
from joulecut_planner.batching.options import Case, case_of
from joulecut_planner.batching.plan import Batch, BatchingPlan, BatchingStatus, EdgeAnswer
from joulecut_planner.batching.problem import BatchingProblem, ServerClock
from joulecut_planner.batching.runs import Member, Run, TimedRun, at_home, timed_schedule
from joulecut_planner.choices.answers import clock_of
from joulecut_planner.choices.constraints import TOLERANCE
from joulecut_planner.choices.grids import Array
from joulecut_planner.choices.pricing import Price
from joulecut_planner.exact.solver import solve


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a policy decided: runs in their order (None where it found none), and whether nothing can cost less."""

    runs: Sequence[Run] | None
    proved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a policy gets: the arrays, the sets of server points it may mix, and each edge's least joules with each."""

    case: Case
    point_sets: tuple[list[int], ...]
    floors_j: tuple[Array, ...]

    @property
    def lower_bound_j(self) -> float:
        """No feasible schedule costs less."""
        return min(float(floor_j.sum()) for floor_j in self.floors_j)

    def without_batches(self) -> Task:
        """The same task on a server that serves one request at a time."""
        case = self.case
        alone = replace(case, sizes=case.sizes[:1], batch_s=case.batch_s[:1], batch_j=case.batch_j[:1])
        return replace(self, case=alone, floors_j=tuple(floors(alone, points) for points in self.point_sets))

    def energy_j(self, runs: Sequence[Run] | None) -> float:
        """J of a schedule, everybody else at home; infinite where a constraint breaks."""
        placed = None if runs is None else timed_schedule(self.case.problem, runs)
        if placed is None:
            return np.inf
        offloaded = {member.edge for each in placed for member in each.run.members}
        home_j = [float(self.case.home_j[edge]) for edge in range(self.case.edges) if edge not in offloaded]
        return float(sum(home_j) + sum(cost.energy_j for each in placed for cost in each.prices))

    def cheapest(self, schedules: Sequence[Sequence[Run] | None]) -> Sequence[Run] | None:
        """The one of least J; None where no constraint-keeping one is among them."""
        best = min(schedules, key=self.energy_j, default=None)
        return best if np.isfinite(self.energy_j(best)) else None


def answer(problem: BatchingProblem, policy: str, decide: Callable[[Task], Found]) -> BatchingPlan:
    """The plan of one policy. Raises ProblemError where the problem's numbers overflow."""
    started_s = time.perf_counter()
    with np.errstate(over="ignore", invalid="ignore"):
        admitted, rejected = _admit(problem)
        found, task = Found(runs=(), proved=True), None
        if admitted is not None:
            task = _task(admitted)
            found = decide(task)
    if task is None or admitted is None:
        return _plan(policy, BatchingStatus.OPTIMAL, (), (), 0.0, 0.0, rejected, started_s)
    energy_j = task.energy_j(found.runs)
    placed = None if found.runs is None else timed_schedule(admitted, found.runs)
    if placed is None or not np.isfinite(energy_j):
        return _plan(policy, BatchingStatus.INFEASIBLE, (), (), None, None, rejected, started_s)
    bound_j = min(energy_j, energy_j if found.proved else task.lower_bound_j)
    status = BatchingStatus.OPTIMAL if energy_j - bound_j <= TOLERANCE * abs(energy_j) else BatchingStatus.FEASIBLE
    batches = tuple(_batch(admitted, each) for each in placed)
    return _plan(policy, status, batches, _edges(admitted, placed), energy_j, bound_j, rejected, started_s)


def _task(problem: BatchingProblem) -> Task:
    case = case_of(problem)
    points = range(len(problem.server_points))
    shared = problem.server_clock is ServerClock.SHARED
    point_sets = tuple([point] for point in points) if shared else (list(points),)
    return Task(case=case, point_sets=point_sets, floors_j=tuple(floors(case, each) for each in point_sets))


def _admit(problem: BatchingProblem) -> tuple[BatchingProblem | None, tuple[RejectedEdge, ...]]:
    """The problem without the edges that cannot be served even alone, and these."""
    case = case_of(problem)
    if not np.isfinite(case.batch_j).all():
        raise ProblemError(
            "batches: a batch's joules overflow; expected times and watts whose product stays finite: check the units"
        )
    alone = np.isfinite(floors(case, list(range(len(problem.server_points)))))
    kept = tuple(edge for edge, served in zip(problem.edges, alone, strict=True) if served)
    rejected = tuple(
        RejectedEdge(name=edge.name, reason=_reason(edge.problem))
        for edge, served in zip(problem.edges, alone, strict=True)
        if not served
    )
    return (replace(problem, edges=kept) if kept else None), rejected


def _reason(problem: Problem) -> str:
    alone = solve(problem)
    if alone.status == OPTIMAL:
        return "arrives too late to be served within the period"
    return f"no choice keeps its {' and '.join(alone.binding)} bound, even alone"


def _batch(problem: BatchingProblem, placed: TimedRun) -> Batch:
    run, tables = placed.run, problem.tables()[placed.run.size]
    return Batch(
        cut=run.cut,
        cut_name=problem.edges[0].problem.cuts[run.cut].name,
        server_point=run.server_point,
        server_clock=clock_of(problem.server_points[run.server_point]),
        batch=tables.batch,
        members=tuple(problem.edges[member.edge].name for member in run.members),
        start_s=placed.start_s,
        end_s=placed.end_s,
        energy_j=tables.time_s[run.cut][run.server_point] * tables.busy_w[run.cut][run.server_point],
    )


def _edges(problem: BatchingProblem, schedule: Sequence[TimedRun]) -> tuple[EdgeAnswer, ...]:
    answers: dict[int, EdgeAnswer] = {}
    for index, placed in enumerate(schedule):
        for member, ready_s, cost in zip(placed.run.members, placed.ready_s, placed.prices, strict=True):
            answers[member.edge] = _edge(
                problem, placed.run.cut, member, cost, index, ready_s, placed.start_s - ready_s
            )
    for index, edge in enumerate(problem.edges):
        if index not in answers and (home := at_home(edge.problem)) is not None:
            member = Member(edge=index, wire=0, edge_point=home[0])
            answers[index] = _edge(problem, problem.last_cut, member, home[1], None, None, 0.0)
    return tuple(answers[index] for index in sorted(answers))


def _edge(
    problem: BatchingProblem,
    cut: int,
    member: Member,
    cost: Price,
    run: int | None,
    ready_s: float | None,
    wait_s: float,
) -> EdgeAnswer:
    own = problem.edges[member.edge]
    return EdgeAnswer(
        name=own.name,
        cut=cut,
        cut_name=own.problem.cuts[cut].name,
        codec=own.problem.cuts[cut].wires[member.wire].codec,
        edge_point=member.edge_point,
        edge_clock=clock_of(own.problem.edge.points[member.edge_point]),
        run=run,
        ready_s=ready_s,
        wait_s=wait_s,
        latency_s=cost.latency_s,
        energy_j=cost.energy_j,
        edge_energy_j=cost.edge_energy_j,
        server_energy_j=cost.server_energy_j,
        # Pricing saw the wait as part of the round trip; an answer says both apart.
        breakdown=replace(cost.breakdown, rtt_s=0.0 if run is None else own.problem.link.rtt_s),
    )


def _plan(
    policy: str,
    status: BatchingStatus,
    batches: tuple[Batch, ...],
    edges: tuple[EdgeAnswer, ...],
    energy_j: float | None,
    lower_bound_j: float | None,
    rejected: tuple[RejectedEdge, ...],
    started_s: float,
) -> BatchingPlan:
    gap = None
    if energy_j is not None and lower_bound_j is not None:
        gap = (energy_j - lower_bound_j) / energy_j if energy_j else 0.0
    return BatchingPlan(
        status=status,
        policy=policy,
        batches=batches,
        edges=edges,
        energy_j=energy_j,
        lower_bound_j=lower_bound_j,
        gap=gap,
        rejected=rejected,
        solve_s=time.perf_counter() - started_s,
    )
