"""Plans carried out on two emulated devices: the meters agree with the contract's formulas."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut.reproduction.pair_run import Carried, EmulatedPair, Executed
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Plan
from joulecut_core.problems import Objective, Problem, Slo
from joulecut_planner import PlanningInputs, build_problem, solve
from joulecut_proto.framing import ENVELOPE_BYTES
from joulecut_runtime.profiling.rehearsal import rehearse_profile
from joulecut_runtime.wires.measurement import lossless_wires
from tests.runtime.small_network import SmallNetwork, small_network, small_pictures

EDGE, SERVER = "emulated:orin-nano-15w", "emulated:t4"
LINK = LinkEstimate(uplink_bps=4e6, downlink_bps=8e6, rtt_s=0.002, latency_std_s=0.0, uplink_w=0.8, downlink_w=0.6)


@pytest.fixture(name="network", scope="module")
def _network() -> SmallNetwork:
    return small_network(flops=(4e9, 3e9, 1e9))


@pytest.fixture(name="problem", scope="module")
def _problem(network: SmallNetwork) -> Problem:
    """What profiles of both emulated devices pose."""
    (picture,) = small_pictures(1)
    return build_problem(
        PlanningInputs(
            edge=rehearse_profile(network, EDGE, side="edge", inputs=picture),
            server=rehearse_profile(network, SERVER, side="server", inputs=picture),
            wires=lossless_wires(network.table),
            link=LINK,
            envelope_bytes=ENVELOPE_BYTES,
        )
    )


@pytest.fixture(name="pair", scope="module")
def _pair(network: SmallNetwork) -> EmulatedPair:
    return EmulatedPair(network, small_pictures(3), edge=EDGE, server=SERVER)


def planned(problem: Problem, cut: int, slo: Slo) -> Plan:
    """The cheapest plan with that cut, by both sides' joules."""
    cuts = tuple(replace(each, allowed=index == cut) for index, each in enumerate(problem.cuts))
    return solve(replace(problem, cuts=cuts, slo=slo, objective=Objective()))


def carried_out(pair: EmulatedPair, plan: Plan, period_s: float | None) -> Executed:
    """What the devices' meters say."""
    assert plan.cut is not None
    assert plan.codec is not None
    assert plan.edge_clock is not None
    return pair.execute(
        Carried(
            cut=plan.cut,
            codec=plan.codec,
            edge_clock=plan.edge_clock,
            server_clock=plan.server_clock,
            period_s=period_s,
        ),
        LINK,
    )


@pytest.mark.parametrize("rate_hz", [None, 10.0])
@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_meters_agree_with_the_plan(pair: EmulatedPair, problem: Problem, cut: int, rate_hz: float | None) -> None:
    """Latency, the edge's joules (radio among them) and the server's come out as planned, at every cut."""
    plan = planned(problem, cut, Slo(rate_hz=rate_hz))
    run = carried_out(pair, plan, None if rate_hz is None else 1.0 / rate_hz)
    assert plan.breakdown is not None
    assert run.requests >= 40
    assert run.slowest_s >= run.latency_s == pytest.approx(plan.latency_s, rel=0.02)
    assert run.edge_j + run.radio_j == pytest.approx(plan.edge_energy_j, rel=0.02)
    assert run.radio_j == pytest.approx(plan.breakdown.radio_j, rel=0.01)
    assert run.server_busy_j == pytest.approx(plan.server_energy_j, rel=0.1)
    assert (run.server_busy_j == 0) == (run.radio_j == 0) == (cut == 3)


def test_waiting_costs_the_edge(pair: EmulatedPair, problem: Problem) -> None:
    """At a rate a request pays for its whole period: more joules than on request, the same latency."""
    plan = planned(problem, 3, Slo())
    alone, paced = carried_out(pair, plan, None), carried_out(pair, plan, 0.2)
    assert paced.latency_s == pytest.approx(alone.latency_s, rel=0.01)
    assert paced.edge_j > 1.5 * alone.edge_j
