"""A planning problem as a mixed-integer linear programme, given to HiGHS through cvxpy: a rival of the solver.

One binary for each group, each edge point of it and each server point of it, one for each choice at
home; a group's points add up to the group, and one thing is chosen in all. With a rate every joule
belongs to one side or to the wire, so J is linear without any product of binaries; without a quantile
so is T_q. Points that miss the rate get no binary.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import limit
from joulecut_planner.choices.grids import Array, Grids, Indices, grids_of
from joulecut_planner.choices.groups import Groups, groups_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MilpAnswer:
    """The optimum in joules; processor seconds in HiGHS, and with stating and compiling it; the binaries it had."""

    energy_j: float
    highs_s: float
    total_s: float
    binaries: int


def solve_milp(problem: Problem) -> MilpAnswer:
    """The least J of a problem with a rate, a deadline and no quantile; at least one choice has to be feasible.

    Staying at home has to be allowed.
    """
    started_s = time.process_time()
    grids = grids_of(problem)
    groups = groups_of(problem, grids, keep_rate=True)
    edge, server = _edge_points(problem, grids, groups), _server_points(problem, grids, groups)
    home = _home(problem, grids)
    parts = (_Binaries(groups.carried_j, groups.between_s, np.arange(len(groups))), edge, server, home)
    chosen = cp.Variable(sum(len(part.energy_j) for part in parts), boolean=True)
    energy_j = np.concatenate([part.energy_j for part in parts])
    # In thousandths of the deadline, so that HiGHS's absolute tolerance of 1e-6 is the contract's of 1e-9.
    thousandths = 1000.0 / limit(problem.slo.latency_s or np.inf)
    mean = thousandths * np.concatenate([part.time_s for part in parts])
    # Each group's points of a side, less the group itself: 0.
    of_group = -sparse.identity(len(groups), format="csr")
    of_edge, of_server, of_home = (_membership(groups, part) for part in (edge, server, home))
    sums = sparse.vstack(
        [
            sparse.hstack([of_group, of_edge, 0 * of_server, 0 * of_home]),
            sparse.hstack([of_group, 0 * of_edge, of_server, 0 * of_home]),
        ]
    )
    points = len(edge.time_s) + len(server.time_s)
    one = np.concatenate([np.ones(len(groups)), np.zeros(points), np.ones(len(home.time_s))])
    programme = cp.Problem(
        cp.Minimize(cp.Constant(energy_j) @ chosen),
        [
            cp.Constant(sums.tocsr()) @ chosen == 0.0,
            cp.Constant(one) @ chosen == 1.0,
            cp.Constant(mean) @ chosen <= 1000.0,
        ],
    )
    # Compiles, so that what follows is the solver's own.
    cast("Callable[..., object]", programme.get_problem_data)(cp.HIGHS)
    stated_s = time.process_time()
    cast("Callable[..., float]", programme.solve)(solver=cp.HIGHS, mip_rel_gap=1e-9)
    solved_s = time.process_time()
    found = np.round(cast("Array", chosen.value))
    return MilpAnswer(
        energy_j=float(energy_j @ found),
        highs_s=solved_s - stated_s,
        total_s=solved_s - started_s,
        binaries=len(energy_j),
    )


@dataclass(frozen=True, slots=True)
class _Binaries:
    """Joules and seconds that come with each binary, and the group that it is part of."""

    energy_j: Array
    time_s: Array
    group: Indices


def _edge_points(problem: Problem, grids: Grids, groups: Groups) -> _Binaries:
    time_s = grids.edge.time_s[groups.row]
    encode_s = np.asarray(groups.crossing.encode_s)[:, None]
    energy_j = grids.wait_w * (_period_s(problem) - time_s) + grids.edge.busy_j[groups.row]
    serves = time_s + encode_s <= limit(_period_s(problem))
    return _binaries(problem.objective.edge_weight * energy_j, time_s, serves)


def _server_points(problem: Problem, grids: Grids, groups: Groups) -> _Binaries:
    time_s, objective = grids.server.time_s[groups.row], problem.objective
    decode_s = np.asarray(groups.crossing.decode_s)[:, None]
    idle_j = objective.server_idle_share * grids.idle_w * (_period_s(problem) - time_s - decode_s)
    serves = time_s + decode_s <= limit(_period_s(problem))
    return _binaries(objective.server_weight * (grids.server.busy_j[groups.row] + idle_j), time_s, serves)


def _home(problem: Problem, grids: Grids) -> _Binaries:
    rows = slice(grids.cuts - 1, None, grids.cuts)
    time_s = grids.edge.time_s[rows]
    energy_j = grids.wait_w * (_period_s(problem) - time_s) + grids.edge.busy_j[rows]
    return _binaries(problem.objective.edge_weight * energy_j, time_s, time_s <= limit(_period_s(problem)))


def _binaries(energy_j: Array, time_s: Array, serves: NDArray[np.bool_]) -> _Binaries:
    group, _ = np.nonzero(serves)
    return _Binaries(energy_j[serves], time_s[serves], group)


def _period_s(problem: Problem) -> float:
    return 1.0 / (problem.slo.rate_hz or np.inf)


def _membership(groups: Groups, part: _Binaries) -> sparse.csr_matrix:
    """Which binaries add up to which group, shape (groups, binaries)."""
    count = len(part.group)
    return sparse.csr_matrix((np.ones(count), (part.group, np.arange(count))), shape=(len(groups), count))
