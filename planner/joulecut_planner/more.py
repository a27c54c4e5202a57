"""What the face offers beyond one plan; imported with its first use, since it takes as long as all the rest."""

from joulecut_core.fleets import Fleet, FleetPlan, Shared
from joulecut_planner.baselines import BASELINES
from joulecut_planner.explanations.explain import explain
from joulecut_planner.fleet import FleetPlanner, solve_fleet
from joulecut_planner.fleet_file import fleet_plan_document, load_fleet, parse_fleet
from joulecut_planner.local import local_plan
from joulecut_planner.policies import Policy, PolicyPlan, SweepPoint, bandwidth_sweep, plan_policy
from joulecut_planner.side_models import ModelKind
from joulecut_planner.tables import PlanningInputs, build_problem
from joulecut_planner.uplinks.break_points import break_points
from joulecut_planner.uplinks.policy_table import PolicyTable
from joulecut_planner.uplinks.what_if import what_if

__all__ = [
    "BASELINES",
    "Fleet",
    "FleetPlan",
    "FleetPlanner",
    "ModelKind",
    "PlanningInputs",
    "Policy",
    "PolicyPlan",
    "PolicyTable",
    "Shared",
    "SweepPoint",
    "bandwidth_sweep",
    "break_points",
    "build_problem",
    "explain",
    "fleet_plan_document",
    "load_fleet",
    "local_plan",
    "parse_fleet",
    "plan_policy",
    "solve_fleet",
    "what_if",
]
