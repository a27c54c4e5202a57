"""Batching on the server as a decision: edges that share a cut are computed together, if deadlines allow.

`solve_batching` decides who offloads, in which batches, at which cuts and clocks; `j_dob`, `no_batching`
and `all_local` are what it is compared with, on the same problem and by the same prices.
"""

from joulecut_planner.batching.batching_file import (
    batching_document,
    batching_plan_document,
    load_batching,
    parse_batching,
)
from joulecut_planner.batching.plan import Batch, BatchingPlan, BatchingStatus, EdgeAnswer
from joulecut_planner.batching.policies import (
    POLICIES,
    BatchingPolicy,
    BatchingPolicyName,
    all_local,
    j_dob,
    no_batching,
)
from joulecut_planner.batching.problem import BatchingEdge, BatchingProblem, BatchTables, ServerClock
from joulecut_planner.batching.solver import solve_batching

__all__ = [
    "POLICIES",
    "Batch",
    "BatchTables",
    "BatchingEdge",
    "BatchingPlan",
    "BatchingPolicy",
    "BatchingPolicyName",
    "BatchingProblem",
    "BatchingStatus",
    "EdgeAnswer",
    "ServerClock",
    "all_local",
    "batching_document",
    "batching_plan_document",
    "j_dob",
    "load_batching",
    "no_batching",
    "parse_batching",
    "solve_batching",
]
