"""How a run becomes a row of the demo: the objective's weights, quantiles, misses, agreement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import pytest

from joulecut.demo.course import Reporter, _each_or_later, _until_whole, policy_result
from joulecut.demo.metering import MeteredRun
from joulecut.demo.planned import Configuration
from joulecut.demo.scenario import NamedObjective, Scenario
from joulecut.demo.slowdown import HostTooSlowError
from joulecut_core.errors import LinkError, PlanError
from joulecut_core.problems import Objective
from joulecut_planner import Policy
from tests.api.demo_samples import EDGE_CLOCK, SERVER_CLOCK, metered_run, planned
from tests.proto.fake_services import NO_PLAN

SCENARIO = replace(Scenario(), slo_s=0.030, quantile=0.95)
TRUTH = tuple((each,) for each in range(20))


@pytest.mark.parametrize(
    ("objective", "server_j", "energy_j"),
    [
        (Objective(), 0.50, 0.32 + 0.50),
        (Objective(server_weight=0.0), 0.50, 0.32),
        (Objective(server_idle_share=0.25), 0.50 + 0.10, 0.32 + 0.60),
        (Objective(edge_weight=2.0, server_weight=0.5), 0.50, 0.64 + 0.25),
    ],
)
def test_the_objective_prices_a_run(objective: Objective, server_j: float, energy_j: float) -> None:
    """Weights apply to the sum alone; the sides are what their counters said, the radio part of the edge's."""
    split = planned(Policy.ALL_SERVER, NamedObjective(name="any", objective=objective))
    metered = policy_result(split, metered_run([0.01, 0.02]), SCENARIO, TRUTH).metered
    assert metered.edge_energy_j == pytest.approx(0.32)
    assert metered.radio_j == pytest.approx(0.02)
    assert metered.server_energy_j == pytest.approx(server_j)
    assert metered.energy_j == pytest.approx(energy_j)


def test_a_server_without_a_part_costs_nothing() -> None:
    """What a server draws while it serves others is not this pair's."""
    local = planned(Policy.ALL_EDGE, NamedObjective(name="any", objective=Objective(server_idle_share=1.0)))
    metered = policy_result(local, metered_run([0.01]), SCENARIO, TRUTH).metered
    assert metered.server_energy_j == 0.0
    assert metered.energy_j == pytest.approx(0.32)


def test_latencies_and_misses() -> None:
    """Median and 99th percentile of the sample, and the requests later than the deadline."""
    latencies_s = [0.001 * index for index in range(20, 40)]
    result = policy_result(planned(Policy.JOINT), metered_run(latencies_s[::-1]), SCENARIO, TRUTH)
    assert result.metered.latency_p50_s == pytest.approx(0.0295)
    assert result.metered.latency_p99_s == pytest.approx(0.039)
    # 31 to 39 ms are late; 30 ms is in time.
    assert (result.requests, result.deadline_misses, result.keeps_slo) == (20, 9, False)


@pytest.mark.parametrize(("late", "keeps"), [(0, True), (1, True), (2, False)])
def test_the_quantile_says_how_many_may_be_late(late: int, keeps: bool) -> None:
    """At the 95th percentile, one of twenty."""
    run = metered_run([0.01] * (20 - late) + [0.05] * late)
    assert policy_result(planned(Policy.JOINT), run, SCENARIO, TRUTH).keeps_slo is keeps


def test_agreement_is_with_the_unsplit_network() -> None:
    """Per picture, whatever its label says."""
    run = metered_run([0.01] * 4, top1=[7, 8, 9, 0])
    assert policy_result(planned(Policy.JOINT), run, SCENARIO, ((7,), (8,), (9,), (10,))).top1_agreement == 0.75


def test_the_prediction_is_the_plans() -> None:
    """What the planner promised stands unchanged beside what was metered."""
    joint = planned(Policy.JOINT)
    result = policy_result(joint, metered_run([0.01]), SCENARIO, TRUTH)
    assert (result.predicted.latency_s, result.predicted.energy_j) == (joint.plan.latency_s, joint.plan.energy_j)
    assert (result.policy, result.cut, result.codec) == ("joint", joint.plan.cut, joint.plan.codec)


def test_objectives_share_a_run() -> None:
    """The same cut, wire and clocks are the same configuration, whatever asked for them."""
    battery = NamedObjective(name="battery", objective=Objective(server_weight=0.0))
    one, other = planned(Policy.ALL_EDGE), planned(Policy.ALL_EDGE, battery)
    assert one.configuration == other.configuration
    assert len({one.configuration, other.configuration, planned(Policy.ALL_SERVER).configuration}) == 2
    assert other.request.objective == battery.objective
    assert other.request.policy == "all-edge"
    assert not other.request.preview


def test_a_configuration_in_words() -> None:
    """What the progress bar shows."""
    split = Configuration(cut=2, cut_name="middle", codec="fp16", edge_clock=EDGE_CLOCK, server_clock=SERVER_CLOCK)
    assert str(split) == "cut 2 (middle), fp16, edge 306/665.6 MHz, server 1590/5001 MHz"
    assert str(replace(split, edge_clock=None, server_clock=None)) == "cut 2 (middle), fp16, edge stock governor"


def test_a_policy_without_any_choice() -> None:
    """It is named with its objective; there is nothing to run."""
    with pytest.raises(PlanError, match="policy joint has no choice at all under total"):
        _ = replace(planned(Policy.JOINT), plan=NO_PLAN).configuration


def test_a_run_that_lost_its_server_is_run_again() -> None:
    """A half-local run is no measurement of its configuration; the demo waits for the server and repeats it."""
    whole = MeteredRun(requests=(), edge_device_j=1.0, radio_j=0.0, server_busy_j=0.0, server_idle_j=0.0)
    outcomes: Iterator[LinkError | MeteredRun] = iter([LinkError("the server was lost"), whole])
    waited: list[bool] = []
    stages: list[str] = []

    def run() -> MeteredRun:
        outcome = next(outcomes)
        if isinstance(outcome, LinkError):
            raise outcome
        return outcome

    report = Reporter(stage=stages.append, total=lambda _: None, answered=lambda: None)
    assert _until_whole(run, lambda: waited.append(True), report) is whole
    assert waited == [True]
    assert stages == ["the server was lost; waiting for it to come back"]


def test_a_server_that_stays_away_ends_the_demo() -> None:
    """Three times is enough."""

    def run() -> MeteredRun:
        raise LinkError("the server was lost")

    report = Reporter(stage=lambda _: None, total=lambda _: None, answered=lambda: None)
    with pytest.raises(LinkError, match="the server was lost"):
        _until_whole(run, lambda: None, report)


@pytest.mark.parametrize(
    ("late", "order", "ends"),
    [
        ({2: 1}, [1, 2, 3, 4, 2], True),
        ({1: 1, 3: 1}, [1, 2, 3, 4, 1, 3], True),
        ({2: 2}, [1, 2, 3, 4, 2], False),
        ({1: 1, 2: 1, 3: 1}, [1, 2, 3], False),
    ],
)
def test_a_host_busy_for_a_moment_is_given_a_second_chance(late: dict[int, int], order: list[int], ends: bool) -> None:
    """A configuration or two are run again after all others; a host that is late again, or often, is too slow."""
    left, ran = dict(late), list[int]()
    stages: list[str] = []

    def run(configuration: Configuration) -> None:
        ran.append(configuration.cut)
        left[configuration.cut] = left.get(configuration.cut, 0) - 1
        if left[configuration.cut] >= 0:
            raise HostTooSlowError("2 of 40 requests came too late")

    each = [Configuration(cut=k, cut_name="", codec="none", edge_clock=None, server_clock=None) for k in (1, 2, 3, 4)]
    report = Reporter(stage=stages.append, total=lambda _: None, answered=lambda: None)
    with nullcontext() if ends else pytest.raises(HostTooSlowError, match="2 of 40"):
        _each_or_later(each, run, report)
    assert ran == order
    assert stages == ["2 of 40 requests came too late; once more after the others"] * min(len(late), 2)
