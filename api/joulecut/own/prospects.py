"""Whether a trial can keep its service level at all: asked of the planner before agents are started."""

from __future__ import annotations

from joulecut.demo.scenario import Scenario
from joulecut.own.problem import problem
from joulecut_core.errors import PlanError
from joulecut_core.plans import OPTIMAL
from joulecut_core.profiles import Profile
from joulecut_core.wires import WireTable
from joulecut_planner import solve

_LENIENCE = 2.0
"""Agents plan with the link as they measure it, which may be a little faster than what was asked for."""


def refuse_hopeless(scenario: Scenario, *, edge: Profile, server: Profile, wires: WireTable) -> None:
    """Return where some plan may keep the scenario's service level.

    Raises PlanError where none does even over a faster link: with the nearest plan's latency, and what to allow.
    """
    plan = solve(
        problem(
            edge=edge,
            server=server,
            wires=wires,
            uplink_bps=_LENIENCE * scenario.uplink_bps,
            downlink_bps=_LENIENCE * scenario.downlink_bps,
            rtt_s=2.0 * scenario.delay_s / _LENIENCE,
            uplink_w=scenario.uplink_w,
            downlink_w=scenario.downlink_w,
            latency_s=scenario.slo_s,
            quantile=scenario.quantile,
            rate_hz=scenario.rate_hz,
            max_accuracy_loss=scenario.max_accuracy_loss,
        )
    )
    if plan.status != OPTIMAL:
        raise PlanError(nothing_feasible(scenario, plan.latency_bound_s))


def nothing_feasible(scenario: Scenario, nearest_s: float | None) -> str:
    """What to say where no policy keeps the service level. `nearest_s`: when the nearest plan's answers come."""
    nearest = "" if nearest_s is None else f"; the nearest plan's answers come within {nearest_s * 1e3:.1f} ms"
    return (
        f"no policy answers {scenario.rate_hz:g} requests a second, {scenario.quantile:.0%} of them within "
        f"{scenario.slo_s * 1e3:g} ms{nearest}: allow a later deadline (--slo-ms) or a lower rate (--rate-hz)"
    )
