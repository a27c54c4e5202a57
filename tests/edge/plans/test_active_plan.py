"""What may be a plan in force."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from joulecut_core.errors import ContractError
from tests.edge.offloading.test_replanning import PROBLEM, bands_of
from tests.edge.session_parts import active_plan

PLAN = bands_of(PROBLEM)[0].plan


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("t_server", -1.0, "t_server: -1; expected 0 to"),
        ("t_up", 1e308, "t_up: 1e\\+308"),
        ("edge_busy_j", float("inf"), "edge_busy_j: inf"),
        ("server_busy_j", float("nan"), "server_busy_j: nan"),
        ("t_edge", 1e-300, "edge_busy_j / t_edge"),
    ],
)
def test_figures_that_no_request_takes_are_refused(field: str, value: float, complaint: str) -> None:
    """A ledger is made with a plan's watts where no meter was quick enough, and one without numbers keeps an answer."""
    assert PLAN.breakdown is not None
    wrong = replace(PLAN, breakdown=replace(PLAN.breakdown, **{"t_edge": 0.1, "edge_busy_j": 1.0, field: value}))
    with pytest.raises(ContractError, match=complaint):
        active_plan(1, plan=wrong)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e13])
def test_sums_that_no_request_costs_are_refused(value: float) -> None:
    """They are counted, and one without a number would spoil all those after it; somewhat below 0 they may be."""
    active_plan(1, plan=replace(PLAN, energy_j=-1.0, edge_energy_j=-1.0, server_energy_j=-1.0))
    for field, wrong in (
        ("energy_j", replace(PLAN, energy_j=value)),
        ("edge_energy_j", replace(PLAN, edge_energy_j=value)),
        ("server_energy_j", replace(PLAN, server_energy_j=value)),
    ):
        with pytest.raises(ContractError, match=re.escape(f"plan.{field}: {value:g}; expected -1e+12 to")):
            active_plan(1, plan=wrong)
