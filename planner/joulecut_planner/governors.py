"""What running everything on the edge under the board's own clock governor costs: what people do today."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from joulecut_core.errors import ProfileError
from joulecut_core.plans import INFEASIBLE, OPTIMAL, Plan, PowerScopes
from joulecut_core.problems import Problem
from joulecut_core.profiles import GovernedMeasurement, Profile
from joulecut_planner.choices.constraints import binding, violated
from joulecut_planner.choices.pricing import Crossing, Part, price_parts


def governed_at(profile: Profile, rate_hz: float | None) -> GovernedMeasurement:
    """What was measured under the governor at a request rate: interpolated between rates, the nearest beyond them.

    Without a rate requests follow each other, which the highest measured rate is nearest to. Raises
    ProfileError where nothing was measured.
    """
    measured = sorted(profile.governed, key=lambda point: point.rate_hz)
    if not measured:
        raise ProfileError(
            f"governed: empty in the profile of {profile.key.device}; expected measurements under the board's "
            "governor: profile the edge again"
        )
    if rate_hz is None or rate_hz >= measured[-1].rate_hz:
        return measured[-1]
    if rate_hz <= measured[0].rate_hz:
        return measured[0]
    return _between(measured, rate_hz)


def governed_plan(problem: Problem, profile: Profile) -> Plan:
    """All on the edge under its governor; no clocks in it, as the board chooses them.

    The measured mean draw covers computing and waiting alike, so both shares are priced at it.
    """
    point = governed_at(profile, problem.slo.rate_hz)
    edge = Part(
        time_s=point.latency_s,
        std_s=point.latency_std_s,
        busy_w=point.mean_w,
        idle_w=point.mean_w,
    )
    variant = problem.variants[0]
    cost = price_parts(problem, edge, Part(), Crossing(), accuracy_loss=variant.accuracy_loss)
    broken = violated(problem, cost)
    return Plan(
        status=INFEASIBLE if broken else OPTIMAL,
        cut=len(problem.cuts) - 1,
        cut_name=problem.cuts[-1].name,
        codec=problem.cuts[-1].wires[0].codec,
        variant=variant.name,
        edge_point=None,
        server_point=None,
        edge_clock=None,
        server_clock=None,
        latency_s=cost.latency_s,
        latency_bound_s=cost.latency_bound_s,
        energy_j=cost.energy_j,
        edge_energy_j=cost.edge_energy_j,
        server_energy_j=cost.server_energy_j,
        breakdown=cost.breakdown,
        power_scopes=PowerScopes(edge=problem.edge.power_scope, server=problem.server.power_scope),
        binding=broken or binding(problem, cost),
        evaluated=1,
        solve_s=0.0,
    )


def _between(measured: Sequence[GovernedMeasurement], rate_hz: float) -> GovernedMeasurement:
    below, above = next((a, b) for a, b in pairwise(measured) if rate_hz <= b.rate_hz)
    share = (rate_hz - below.rate_hz) / (above.rate_hz - below.rate_hz)

    def mixed(low: float, high: float) -> float:
        return low + share * (high - low)

    return GovernedMeasurement(
        rate_hz=rate_hz,
        latency_s=mixed(below.latency_s, above.latency_s),
        latency_std_s=mixed(below.latency_std_s, above.latency_std_s),
        mean_w=mixed(below.mean_w, above.mean_w),
    )
