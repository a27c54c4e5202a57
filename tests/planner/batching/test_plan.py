"""A batching plan cannot claim numbers that it does not have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.errors import PlanError
from joulecut_planner.batching import BatchingStatus, all_local
from tests.planner.batching.small_case import batching_problem, edge_problem


def test_numbers_where_and_only_where_feasible() -> None:
    """Whoever reads a status need not look whether joules are there; another schema is refused."""
    plan = all_local(batching_problem([edge_problem()]))
    with pytest.raises(PlanError, match="energy_j, lower_bound_j, gap"):
        replace(plan, status=BatchingStatus.INFEASIBLE)
    with pytest.raises(PlanError, match="energy_j, lower_bound_j, gap"):
        replace(plan, gap=None)
    with pytest.raises(PlanError, match=r"schema: 'joulecut\.plan/1'"):
        replace(plan, schema="joulecut.plan/1")
