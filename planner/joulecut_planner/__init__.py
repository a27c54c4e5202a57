"""The planner: fits, the planning problem, the exact solver, and the policies it is compared with.

Pure numbers: no torch, no grpc, no files but its own JSON.
"""

from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner.local import local_plan
from joulecut_planner.plan_file import plan_document
from joulecut_planner.policies import Policy, PolicyPlan, SweepPoint, bandwidth_sweep, plan_policy
from joulecut_planner.problem_file import load_problem, parse_problem, problem_document
from joulecut_planner.side_models import ModelKind
from joulecut_planner.solver import solve
from joulecut_planner.tables import PlanningInputs, build_problem

__all__ = [
    "ModelKind",
    "Plan",
    "PlanningInputs",
    "Policy",
    "PolicyPlan",
    "Problem",
    "SweepPoint",
    "bandwidth_sweep",
    "build_problem",
    "load_problem",
    "local_plan",
    "parse_problem",
    "plan_document",
    "plan_policy",
    "problem_document",
    "solve",
]
