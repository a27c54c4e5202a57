"""The planner: one exact plan, fronts, what-ifs, fleets, and the policies it is compared with.

Pure numbers: no torch, no grpc, no files but its own JSON. Batching (`joulecut_planner.batching`), cuts that
are no prefixes (`.closed_sets`), fits (`.fits`), tails and drift have faces of their own.
"""

from typing import TYPE_CHECKING

from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner.exact.solver import solve
from joulecut_planner.fronts.pareto import pareto, pareto_document
from joulecut_planner.plan_file import plan_document
from joulecut_planner.problem_file import load_problem, parse_problem, problem_document

if TYPE_CHECKING:
    from joulecut_planner.more import *

__all__ = [
    "BASELINES",
    "Fleet",
    "FleetPlan",
    "FleetPlanner",
    "ModelKind",
    "Plan",
    "PlanningInputs",
    "Policy",
    "PolicyPlan",
    "PolicyTable",
    "Problem",
    "Shared",
    "SweepPoint",
    "bandwidth_sweep",
    "break_points",
    "build_problem",
    "explain",
    "fleet_plan_document",
    "load_fleet",
    "load_problem",
    "local_plan",
    "pareto",
    "pareto_document",
    "parse_fleet",
    "parse_problem",
    "plan_document",
    "plan_policy",
    "problem_document",
    "solve",
    "solve_fleet",
    "what_if",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from joulecut_planner import more  # noqa: PLC0415 - as long to import as all the rest

    return getattr(more, name)
