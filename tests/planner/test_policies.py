"""The joint plan is never beaten on its own terms, and each baseline does what its name says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from joulecut_core.errors import ProfileError
from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_core.problems import Objective, Problem, Slo
from joulecut_planner.drift import Corrections
from joulecut_planner.policies import Policy, bandwidth_sweep, plan_choices, plan_policy, priced_choice
from joulecut_planner.tables import PlanningInputs
from tests.planner.problem_strategies import problems
from tests.planner.synthetic_profiles import planning_inputs
from tests.thoroughness import examples

BASELINES = (Policy.ALL_EDGE, Policy.ALL_SERVER, Policy.LATENCY_CUT, Policy.ENERGY_CUT, Policy.EDGE_CLOCK)


@settings(
    max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(problem=problems())
def test_no_baseline_beats_the_joint_plan(problem: Problem) -> None:
    """What keeps the service level costs at least what the joint plan costs, and where anything does, so does that."""
    joint = plan_choices(Policy.JOINT, problem)
    for policy in BASELINES:
        baseline = plan_choices(policy, problem)
        if baseline.status == OPTIMAL:
            assert joint.status == OPTIMAL
            assert joint.energy_j is not None
            assert baseline.energy_j is not None
            assert joint.energy_j <= baseline.energy_j * (1 + 2e-9)
        elif joint.status == INFEASIBLE and baseline.latency_bound_s is not None:
            assert joint.latency_bound_s is not None
            assert joint.latency_bound_s <= baseline.latency_bound_s


@pytest.fixture(name="inputs")
def _inputs() -> PlanningInputs:
    return planning_inputs()


def test_fixed_ends_run_at_top_clocks(inputs: PlanningInputs) -> None:
    """All-edge and all-server move neither the cut nor the clocks; all-server takes the cheaper wire."""
    edge = plan_policy(Policy.ALL_EDGE, inputs).plan
    assert (edge.cut_name, edge.server_clock) == ("output", None)
    assert edge.edge_clock is not None
    assert edge.edge_clock.core_mhz == 600.0
    server = plan_policy(Policy.ALL_SERVER, inputs).plan
    assert (server.cut, server.codec) == (0, "u8")
    assert server.server_clock is not None
    assert server.server_clock.core_mhz == 2000.0


def test_cuts_are_chosen_by_what_their_names_say(inputs: PlanningInputs) -> None:
    """The latency cut is the fastest at top clocks, the energy cut the cheapest; both keep top clocks."""
    fastest, cheapest = plan_policy(Policy.LATENCY_CUT, inputs).plan, plan_policy(Policy.ENERGY_CUT, inputs).plan
    assert fastest.latency_s is not None
    assert cheapest.latency_s is not None
    assert fastest.latency_s <= cheapest.latency_s
    assert fastest.energy_j is not None
    assert cheapest.energy_j is not None
    assert cheapest.energy_j <= fastest.energy_j
    for plan in (fastest, cheapest):
        assert plan.edge_clock is not None
        assert plan.edge_clock.core_mhz == 600.0


def test_edge_clock_saves_against_the_top_clock(inputs: PlanningInputs) -> None:
    """With slack in the deadline a lower clock costs less at home."""
    relaxed = replace(inputs, slo=Slo(latency_s=0.2, rate_hz=5.0))
    clock, top = plan_policy(Policy.EDGE_CLOCK, relaxed).plan, plan_policy(Policy.ALL_EDGE, relaxed).plan
    assert clock.cut == top.cut == 4
    assert clock.edge_clock is not None
    assert clock.edge_clock.core_mhz < 600.0
    assert clock.energy_j is not None
    assert top.energy_j is not None
    assert clock.energy_j < top.energy_j


def test_governor_is_predicted_from_its_own_measurements(inputs: PlanningInputs) -> None:
    """Half-way between two measured rates; the energy is the mean draw over the period; no clocks are planned."""
    governed = plan_policy(Policy.GOVERNOR, inputs)
    assert governed.plan.latency_s == pytest.approx(0.055)
    assert governed.plan.energy_j == pytest.approx(4.5 * 0.1)
    assert (governed.plan.edge_point, governed.plan.edge_clock, governed.plan.cut) == (None, None, 4)
    assert governed.plan.breakdown is not None
    assert governed.plan.breakdown.edge_busy_j + governed.plan.breakdown.edge_wait_j == pytest.approx(0.45)


@pytest.mark.parametrize(("rate_hz", "latency_s"), [(1.0, 0.06), (5.0, 0.06), (15.0, 0.05), (18.0, 0.05), (None, 0.05)])
def test_governor_beyond_its_rates(inputs: PlanningInputs, rate_hz: float | None, latency_s: float) -> None:
    """Outside the measured rates the nearest counts; without a rate the busiest."""
    plan = plan_policy(Policy.GOVERNOR, replace(inputs, slo=Slo(rate_hz=rate_hz))).plan
    assert plan.latency_s == pytest.approx(latency_s)


def test_governor_that_misses_the_deadline(inputs: PlanningInputs) -> None:
    """What ships may not keep the service level; the plan says so."""
    plan = plan_policy(Policy.GOVERNOR, replace(inputs, slo=Slo(latency_s=0.03, rate_hz=10.0))).plan
    assert (plan.status, plan.binding) == (INFEASIBLE, ("latency",))


def test_governor_needs_measurements(inputs: PlanningInputs) -> None:
    """A profile without governed measurements cannot answer for the governor."""
    with pytest.raises(ProfileError, match="governed: empty"):
        plan_policy(Policy.GOVERNOR, replace(inputs, edge=replace(inputs.edge, governed=())))
    with pytest.raises(ValueError, match="governor"):
        plan_choices(Policy.GOVERNOR, plan_policy(Policy.JOINT, inputs).problem)


def test_cpu_dvfs_is_shown_as_its_model_made_it(inputs: PlanningInputs) -> None:
    """Without static power the baseline promises less energy than the device will draw, at a lower clock."""
    relaxed = replace(inputs, slo=Slo(latency_s=0.5, rate_hz=1.0), objective=Objective(server_weight=0.0))
    cpu, joint = plan_policy(Policy.CPU_DVFS, relaxed), plan_policy(Policy.JOINT, relaxed)
    assert {point.wait_w for point in cpu.problem.edge.points} == {0.0}
    assert cpu.plan.energy_j is not None
    assert joint.plan.energy_j is not None
    assert cpu.plan.energy_j < 0.5 * joint.plan.energy_j


def test_joint_is_a_true_split_where_that_pays() -> None:
    """On the battery's account, with a link that carries the small middle tensors, the joint plan cuts inside."""
    inputs = replace(planning_inputs(uplink_bps=3e6), objective=Objective(server_weight=0.0))
    inputs = replace(inputs, slo=Slo(latency_s=0.08, rate_hz=8.0))
    plans = {policy: plan_policy(policy, inputs).plan for policy in Policy if policy is not Policy.CPU_DVFS}
    joint = plans[Policy.JOINT]
    assert joint.cut is not None
    assert 0 < joint.cut < 4
    feasible = [plan.energy_j for plan in plans.values() if plan.status == OPTIMAL and plan.energy_j is not None]
    assert joint.energy_j == min(feasible)


def test_bandwidth_sweep(inputs: PlanningInputs) -> None:
    """More bandwidth never costs the joint plan more; at either end it is one of the extremes' cuts."""
    points = bandwidth_sweep(inputs, [1e5, 1e6, 1e7, 1e8, 1e9])
    energies = [point.joint.energy_j for point in points if point.joint.energy_j is not None]
    assert energies == sorted(energies, reverse=True)
    assert points[0].joint.cut == 4
    assert len({point.all_edge.energy_j for point in points}) == 1
    assert [point.uplink_bps for point in points] == [1e5, 1e6, 1e7, 1e8, 1e9]
    assert points[0].all_server.status == INFEASIBLE


def test_corrections_reach_every_policy_but_the_governor() -> None:
    """A head twice as slow doubles the edge's share of a plan; what the governor was measured at stays."""
    inputs = replace(planning_inputs(), slo=Slo(rate_hz=5.0))
    slower = Corrections.everywhere(head=2.0)
    plain = plan_policy(Policy.ALL_EDGE, inputs).plan.breakdown
    corrected = plan_policy(Policy.ALL_EDGE, inputs, corrections=slower).plan.breakdown
    assert plain is not None
    assert corrected is not None
    assert corrected.t_edge == pytest.approx(2.0 * plain.t_edge)
    governed = plan_policy(Policy.GOVERNOR, inputs, corrections=slower).plan
    assert governed.latency_s == plan_policy(Policy.GOVERNOR, inputs).plan.latency_s


@pytest.mark.parametrize("corrections", [None, Corrections.everywhere(head=1.5, tail=0.8)])
def test_a_choice_by_the_cpu_model_is_priced_as_every_other(
    inputs: PlanningInputs, corrections: Corrections | None
) -> None:
    """The same choice on the joint plan's problem, with what waiting draws; its own promise is kept beside it."""
    joint = plan_policy(Policy.JOINT, inputs, corrections=corrections)
    made = plan_policy(Policy.CPU_DVFS, inputs, corrections=corrections)
    priced = priced_choice(made, inputs, corrections=corrections)
    assert priced.problem == joint.problem
    assert priced.promised == made.plan
    assert (priced.plan.cut, priced.plan.codec, priced.plan.edge_point, priced.plan.server_point) == (
        made.plan.cut,
        made.plan.codec,
        made.plan.edge_point,
        made.plan.server_point,
    )
    assert priced.plan.breakdown is not None
    assert made.plan.breakdown is not None
    assert made.plan.breakdown.edge_wait_j == 0.0
    assert (priced.plan.breakdown.edge_wait_j > 0.0) == (priced.plan.server_clock is not None)
    assert priced.plan.energy_j is not None
    assert joint.plan.energy_j is not None
    assert priced.plan.energy_j >= joint.plan.energy_j * (1 - 2e-9)


def test_other_policies_are_priced_as_they_planned(inputs: PlanningInputs) -> None:
    """They have no model of their own, so none of them promises anything else."""
    made = plan_policy(Policy.ENERGY_CUT, inputs)
    priced = priced_choice(made, inputs)
    assert (priced.plan, priced.problem, priced.promised) == (made.plan, made.problem, None)
