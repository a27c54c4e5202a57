"""From measurements to a planning problem, and what everybody would do with it. Needs neither torch nor gRPC."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.argument_types import expect_numbers, expect_type
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Plan
from joulecut_core.problems import Objective, Problem, Slo
from joulecut_core.profiles import Profile
from joulecut_core.wires import WireTable
from joulecut_planner import BASELINES, PlanningInputs, build_problem
from joulecut_planner.given_problem import expect_problem
from joulecut_proto.framing import ENVELOPE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPlan:
    """What one policy would do. `source`: whose policy it is, in words."""

    name: str
    source: str
    plan: Plan


def problem(
    *,
    edge: Profile,
    server: Profile,
    wires: WireTable,
    uplink_bps: float,
    downlink_bps: float | None = None,
    rtt_s: float = 0.0,
    uplink_w: float = 0.0,
    downlink_w: float = 0.0,
    latency_s: float | None = None,
    quantile: float | None = None,
    rate_hz: float | None = None,
    max_accuracy_loss: float = 0.0,
    objective: Objective | None = None,
) -> Problem:
    """The planning problem that two profiles of one network, its wires and a link pose.

    `edge`, `server`: profiles of the two sides. `wires`: what crosses (`Network.wires`). `uplink_bps`,
    `downlink_bps`: bandwidths in bit/s, the latter the former's if left out; `rtt_s`: round trip of an empty
    request; `uplink_w`, `downlink_w`: what the radio draws on top of waiting. `latency_s`: the deadline, of means
    or, with `quantile` (0.99), of that share of the requests; `rate_hz`: requests a second. `max_accuracy_loss`: the
    share of answers that a codec may change, 0 to 1. `objective`: whose joules count; both sides' if left out.

    Raises ProfileError where profiles and wires are not of one network, FitError where they cannot carry a
    problem, ProblemError where a number is out of range, TypeError for an argument of another type.
    """
    for name, each in (("edge", edge), ("server", server)):
        expect_type(name, each, Profile, "measure one with joulecut.profile, or read a file with load_profile")
    expect_type("wires", wires, WireTable, "take Network.wires(), or read a file with load_wires")
    if objective is not None:
        expect_type("objective", objective, Objective, "write joulecut.Objective(server_weight=0.0) or the like")
    expect_numbers(
        uplink_bps=uplink_bps,
        downlink_bps=downlink_bps,
        rtt_s=rtt_s,
        uplink_w=uplink_w,
        downlink_w=downlink_w,
        latency_s=latency_s,
        quantile=quantile,
        rate_hz=rate_hz,
        max_accuracy_loss=max_accuracy_loss,
    )
    inputs = PlanningInputs(
        edge=edge,
        server=server,
        wires=wires,
        link=LinkEstimate(
            uplink_bps=uplink_bps,
            downlink_bps=uplink_bps if downlink_bps is None else downlink_bps,
            rtt_s=rtt_s,
            uplink_w=uplink_w,
            downlink_w=downlink_w,
        ),
        slo=Slo(latency_s=latency_s, quantile=quantile, rate_hz=rate_hz),
        objective=objective or Objective(),
        max_accuracy_loss=max_accuracy_loss,
        envelope_bytes=ENVELOPE_BYTES,
    )
    return build_problem(inputs)


def compare(problem: Problem) -> tuple[NamedPlan, ...]:
    """The joint plan, first, and beside it what each baseline would do with the same problem, priced alike.

    A choice that breaks a constraint is "infeasible", with `binding` naming what it breaks; it is not repaired. What
    each baseline is stands in `docs/explanation-baselines.md`. Raises ProblemError where numbers overflow, TypeError
    for what is no Problem.
    """
    expect_problem(problem)
    return tuple(
        NamedPlan(name=name, source=baseline.source, plan=baseline.plan(problem))
        for name, baseline in BASELINES.items()
    )
