"""The planner for anybody who asks over the wire: the library's answers, within this server's bounds."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from joulecut_core.errors import PlanError
from joulecut_core.fleets import Fleet, FleetPlan
from joulecut_core.plans import Plan
from joulecut_core.pool_plans import PoolPlan
from joulecut_core.pools import Pool
from joulecut_core.problems import Problem
from joulecut_planner import solve
from joulecut_planner.fleet import solve_fleet
from joulecut_planner.fronts.pareto import pareto
from joulecut_planner.pool import solve_pool
from joulecut_proto.planning_messages import RequestSize
from joulecut_proto.planning_refusals import SolveTimeError
from joulecut_proto.services import TimeLeft
from joulecut_server.planning.limits import PlanningLimits
from joulecut_server.planning.turns import Turns

R = TypeVar("R")

_SOLVING_SHARE = 0.9
"""Of the time left, what a fleet's solver gets: its answer still has to be written and sent."""


class FleetSolver(Protocol):
    """As the library's `solve_fleet`."""

    def __call__(self, fleet: Fleet, *, time_limit_s: float | None = None) -> FleetPlan:
        """The plan of a fleet, as good as time allows; raises PlanError where that brings neither plan nor proof."""
        ...


class PoolSolver(Protocol):
    """As the library's `solve_pool`."""

    def __call__(self, pool: Pool, *, time_limit_s: float | None = None) -> PoolPlan:
        """As a FleetSolver, for many servers."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Solvers:
    """What answers the questions; functions of the library."""

    plan: Callable[[Problem], Plan]
    pareto: Callable[[Problem], Sequence[Plan]]
    fleet: FleetSolver
    pool: PoolSolver = solve_pool


_MOST_PLANS = 20_000
"""Of one front. A problem can have as many as it has choices, nothing of its size tells, and each takes kilobytes and a
tenth of a millisecond to make and to write."""

LIBRARY = Solvers(plan=solve, pareto=partial(pareto, most=_MOST_PLANS), fleet=solve_fleet)


class ServerSolver:
    """Implements the solving half of the Planner service."""

    def __init__(self, limits: PlanningLimits, solvers: Solvers = LIBRARY) -> None:
        self._most = limits.most
        self._solvers = solvers
        self._turns = Turns(name="solve", threads=limits.solvers, waiting=limits.waiting, limit_s=limits.solve_s)

    @property
    def most(self) -> RequestSize:
        """The largest request that is read."""
        return self._most

    @property
    def under_way(self) -> int:
        """Requests that are solved or wait."""
        return self._turns.under_way

    async def in_turn(self, work: Callable[[TimeLeft], R], *, caller_s: float | None, who: Hashable | None) -> R:
        """What `work` gives, from a thread of its own kind: sessions and requests of edges never wait for it."""
        return await self._turns.run(work, caller_s=caller_s, who=who)

    def plan(self, problem: Problem) -> Plan:
        """The exact plan of one problem."""
        return self._solvers.plan(problem)

    def pareto(self, problem: Problem) -> Sequence[Plan]:
        """The exact energy-latency front of one problem."""
        return self._solvers.pareto(problem)

    def plan_fleet(self, fleet: Fleet, *, time_limit_s: float) -> FleetPlan:
        """The plan of many edges on one server, its gap as small as the time allows.

        Raises SolveTimeError where the time ends before there is a plan, or a proof that there is none.
        """
        try:
            return self._solvers.fleet(fleet, time_limit_s=_SOLVING_SHARE * time_limit_s)
        except PlanError as error:
            raise SolveTimeError(str(error)) from error

    def plan_pool(self, pool: Pool, *, time_limit_s: float) -> PoolPlan:
        """The plan of many edges on many servers; otherwise as `plan_fleet`."""
        try:
            return self._solvers.pool(pool, time_limit_s=_SOLVING_SHARE * time_limit_s)
        except PlanError as error:
            raise SolveTimeError(str(error)) from error

    def close(self) -> None:
        """Start nothing more."""
        self._turns.close()
