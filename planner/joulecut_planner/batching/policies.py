"""Ways to serve many edges by one server, on one footing: same problem, same prices, same deadlines."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Protocol

from joulecut_planner.batching.answers import Found, Task, answer
from joulecut_planner.batching.jdob import j_dob_runs
from joulecut_planner.batching.plan import BatchingPlan
from joulecut_planner.batching.problem import BatchingProblem
from joulecut_planner.batching.solver import JOINT_BATCHING, solve_batching, solve_without_batches


class BatchingPolicy(Protocol):
    """A way to decide who offloads, in which batches and at which clocks."""

    def __call__(self, problem: BatchingProblem) -> BatchingPlan:
        """The policy's plan, in joules; infeasible where it finds none that keeps every deadline."""
        ...


class BatchingPolicyName(str, Enum):
    """The policies of this package."""

    JOINT_BATCHING = JOINT_BATCHING
    """Cuts, batches and all clocks together: joulecut's plan."""
    J_DOB = "j-dob"
    """J-DOB (arXiv 2504.14611), see `jdob`."""
    NO_BATCHING = "no-batching"
    """The joint plan of a server that serves each edge alone, one after the other."""
    ALL_LOCAL = "all-local"
    """Every edge by itself at its best clock."""


def j_dob(problem: BatchingProblem) -> BatchingPlan:
    """J-DOB's plan."""

    def decide(task: Task) -> Found:
        return Found(runs=task.cheapest([j_dob_runs(task.case, points) for points in task.point_sets]))

    return answer(problem, BatchingPolicyName.J_DOB.value, decide)


def no_batching(problem: BatchingProblem) -> BatchingPlan:
    """The joint plan without batches, of the edges that the joint plan serves."""
    return solve_without_batches(problem, BatchingPolicyName.NO_BATCHING.value)


def all_local(problem: BatchingProblem) -> BatchingPlan:
    """Every edge by itself; infeasible where one cannot."""
    return answer(problem, BatchingPolicyName.ALL_LOCAL.value, lambda _: Found(runs=()))


POLICIES: Mapping[BatchingPolicyName, BatchingPolicy] = MappingProxyType(
    {
        BatchingPolicyName.JOINT_BATCHING: solve_batching,
        BatchingPolicyName.J_DOB: j_dob,
        BatchingPolicyName.NO_BATCHING: no_batching,
        BatchingPolicyName.ALL_LOCAL: all_local,
    }
)
"""Every policy by its name."""
