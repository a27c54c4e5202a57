"""A plan either describes a choice altogether or says that there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import PlanError
from joulecut_core.plans import Assignment, Plan, PowerScopes


def plan_without_choice(**changes: str | int) -> Plan:
    """An infeasible plan without a nearest choice, changed."""
    fields: dict[str, object] = {
        **dict.fromkeys(("cut", "cut_name", "codec", "variant", "edge_point", "server_point")),
        **dict.fromkeys(("edge_clock", "server_clock", "latency_s", "latency_bound_s", "energy_j")),
        **dict.fromkeys(("edge_energy_j", "server_energy_j", "breakdown")),
        "status": "infeasible",
        "power_scopes": PowerScopes(edge=None, server=None),
        "binding": ("accuracy",),
        "evaluated": 0,
        "solve_s": 0.0,
    }
    return Plan(**(fields | changes))  # type: ignore[arg-type]


def test_infeasible_without_a_choice() -> None:
    """The contract's answer where nothing keeps the accuracy budget."""
    assert plan_without_choice().cut is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "maybe"}, "status: 'maybe'"),
        ({"status": "optimal"}, "cut: None"),
        ({"cut": 1}, "cut_name: None"),
        ({"schema": "joulecut.plan/2"}, "schema: 'joulecut.plan/2'"),
    ],
)
def test_malformed_plans(changes: dict[str, str | int], message: str) -> None:
    """A promise without a choice, or half a choice, never reaches an agent."""
    with pytest.raises(PlanError, match=message):
        plan_without_choice(**changes)


def test_malformed_assignment() -> None:
    """Epochs and cuts count from 0."""
    with pytest.raises(PlanError, match="epoch -1"):
        Assignment(
            epoch=-1,
            network_digest="sha256:00",
            policy="joint",
            cut=0,
            codec="raw",
            variant="eager-fp32",
            edge_clock=None,
            server_clock=None,
        )


SPLIT = Assignment(
    epoch=1,
    network_digest="sha256:00",
    policy="joint",
    cut=6,
    codec="affine8",
    variant="fp32",
    edge_clock=OperatingPoint(core_mhz=306.0, memory_mhz=665.6),
    server_clock=OperatingPoint(core_mhz=1590.0, memory_mhz=5001.0),
)


@pytest.mark.parametrize("field", ["network_digest", "policy", "codec", "variant"])
def test_an_assignment_with_an_endless_name(field: str) -> None:
    """A server gives it, and an edge writes it into its log; the complaint is short."""
    name: dict[str, Any] = {field: 200 * "x"}
    assert str(replace(SPLIT, **name))
    with pytest.raises(PlanError, match=f"{field}: 1000000 characters, 'xxx") as refusal:
        replace(SPLIT, **{**name, field: 1_000_000 * "x"})
    assert len(str(refusal.value)) < 300


def test_an_assignment_in_words() -> None:
    """What an agent's log says of the plan in force."""
    assert str(SPLIT) == "joint: cut 6, affine8, fp32, edge 306/665.6 MHz, server 1590/5001 MHz"
    local = replace(SPLIT, policy="governor", edge_clock=None, server_clock=None)
    assert str(local) == "governor: cut 6, affine8, fp32, edge its governor's clocks, server no part"
