"""Cuts beyond prefixes: the best closed set of blocks where branches of a network run side by side."""

from joulecut_planner.closed_sets.dads import DadsCut, dads_cut
from joulecut_planner.closed_sets.dag_problem import BlockTables, DagProblem, WireRule
from joulecut_planner.closed_sets.solver import DagPlan, SetPlan, best_prefix, dads_plan, solve_dag

__all__ = [
    "BlockTables",
    "DadsCut",
    "DagPlan",
    "DagProblem",
    "SetPlan",
    "WireRule",
    "best_prefix",
    "dads_cut",
    "dads_plan",
    "solve_dag",
]
