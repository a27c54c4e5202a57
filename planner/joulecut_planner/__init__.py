"""The planner: fits, the planning problem, the exact solver, fleets, and the policies it is compared with.

Pure numbers: no torch, no grpc, no files but its own JSON. What one plan needs is imported with the
package, the rest with its first use. Batching on the server (`joulecut_planner.batching`), cuts that
are no prefixes (`joulecut_planner.closed_sets`) and fits of measured series (`joulecut_planner.fits`)
have faces of their own.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner.pareto import pareto, pareto_document
from joulecut_planner.plan_file import plan_document
from joulecut_planner.problem_file import load_problem, parse_problem, problem_document
from joulecut_planner.solver import solve

if TYPE_CHECKING:
    from joulecut_core.fleets import Fleet, FleetEdge, FleetPlan, Shared
    from joulecut_planner.baselines import BASELINES, Baseline
    from joulecut_planner.break_points import break_points
    from joulecut_planner.explain import explain
    from joulecut_planner.explanation import Explanation, explanation_document
    from joulecut_planner.fleet import FleetPlanner, solve_fleet
    from joulecut_planner.fleet_file import fleet_document, fleet_plan_document, load_fleet, parse_fleet
    from joulecut_planner.local import local_plan
    from joulecut_planner.policies import Policy, PolicyPlan, SweepPoint, bandwidth_sweep, plan_policy
    from joulecut_planner.policy_table import PolicyTable, parse_policy_table, policy_table_document
    from joulecut_planner.side_models import ModelKind
    from joulecut_planner.tables import PlanningInputs, build_problem
    from joulecut_planner.variations import Downlink
    from joulecut_planner.what_if import WhatIf, what_if

__all__ = [
    "BASELINES",
    "Baseline",
    "Downlink",
    "Explanation",
    "Fleet",
    "FleetEdge",
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
    "WhatIf",
    "bandwidth_sweep",
    "break_points",
    "build_problem",
    "explain",
    "explanation_document",
    "fleet_document",
    "fleet_plan_document",
    "load_fleet",
    "load_problem",
    "local_plan",
    "pareto",
    "pareto_document",
    "parse_fleet",
    "parse_policy_table",
    "parse_problem",
    "plan_document",
    "plan_policy",
    "policy_table_document",
    "problem_document",
    "solve",
    "solve_fleet",
    "what_if",
]

_LATER = {
    "joulecut_core.fleets": ("Fleet", "FleetEdge", "FleetPlan", "Shared"),
    "joulecut_planner.baselines": ("BASELINES", "Baseline"),
    "joulecut_planner.break_points": ("break_points",),
    "joulecut_planner.explain": ("explain",),
    "joulecut_planner.explanation": ("Explanation", "explanation_document"),
    "joulecut_planner.fleet": ("FleetPlanner", "solve_fleet"),
    "joulecut_planner.fleet_file": ("fleet_document", "fleet_plan_document", "load_fleet", "parse_fleet"),
    "joulecut_planner.local": ("local_plan",),
    "joulecut_planner.policies": ("Policy", "PolicyPlan", "SweepPoint", "bandwidth_sweep", "plan_policy"),
    "joulecut_planner.policy_table": ("PolicyTable", "parse_policy_table", "policy_table_document"),
    "joulecut_planner.side_models": ("ModelKind",),
    "joulecut_planner.tables": ("PlanningInputs", "build_problem"),
    "joulecut_planner.variations": ("Downlink",),
    "joulecut_planner.what_if": ("WhatIf", "what_if"),
}
_HOME = {name: module for module, names in _LATER.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOME[name]), name)
    # The next access finds it without coming here; it also outlives a submodule of the same name.
    globals()[name] = value
    return value
