"""The demo from start to end: agents, every policy's plan, each distinct configuration run once, results."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from joulecut.connections.connection import Connection, connect
from joulecut.demo.agents import running_agents, wait_connected
from joulecut.demo.metering import WARM_UP_REQUESTS, Inputs, LoadRunner, MeteredRun, longest_wall_s
from joulecut.demo.pairs import PlannedPair, front_steps, planned_pairs, typical_request
from joulecut.demo.planned import Configuration, PlannedPolicy, plan_policy
from joulecut.demo.results import Metered, ObjectiveResult, PolicyResult, Predicted, SweepRow, labels
from joulecut.demo.scenario import Scenario
from joulecut.demo.slowdown import HostTooSlowError, wall_clock
from joulecut.demo.sweep import sweep_rows
from joulecut.demo.workplace import Workplace
from joulecut.networks.pictures import sample_pictures
from joulecut.own.arrays import tensors_of
from joulecut.own.prospects import nothing_feasible
from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import LinkError, PlanError
from joulecut_core.plans import OPTIMAL
from joulecut_core.problems import ServerPoint
from joulecut_planner import Policy, build_problem
from joulecut_runtime.networks.network import Network
from joulecut_runtime.wires.answers import answers


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """Everything the demo found. `fallbacks`: requests that the edge answered alone against its plan.

    `left_out`: what was planned and not run, since the plan itself breaks the service level.
    """

    objectives: tuple[ObjectiveResult, ...]
    sweep: tuple[SweepRow, ...]
    fallbacks: int
    pairs: tuple[PlannedPair, ...] = ()
    left_out: tuple[PlannedPolicy, ...] = ()


MeteredAt: TypeAlias = dict[Configuration, tuple[float, MeteredRun]]
"""Configurations that were run, and at which slow-down: their seconds are the agents' own, whatever it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Told what the demo does: `stage` names a step, `total` says how many requests will come, `answered` counts."""

    stage: Callable[[str], None]
    total: Callable[[int], None]
    answered: Callable[[], None]


def run_demo(
    scenario: Scenario,
    workplace: Workplace,
    network: Network,
    *,
    slowdown: float,
    reprofile: bool,
    report: Reporter,
    inputs: Sequence[Inputs] | None = None,
    metered: MeteredAt | None = None,
) -> DemoResult:
    """Start both agents, run every policy, stop the agents.

    `inputs`: what is sent, in turn; the sample pictures if left out. `metered`: configurations that were run before, at
    a smaller slow-down perhaps, and are not run again; gains those that are run now. Raises LinkError where an agent
    does not come up, HostTooSlowError where both did and this host cannot keep up with them, PlanError where the joint
    plan would have to be left out.
    """
    clock = wall_clock(slowdown)
    sent = _picture_inputs(network) if inputs is None else inputs
    truth = tuple(_top1(network, each) for each in sent)
    report.stage("starting the agents")
    with ExitStack() as stack:
        agents = stack.enter_context(
            running_agents(scenario, workplace, clock=clock, slowdown=slowdown, reprofile=reprofile)
        )
        edge = stack.enter_context(connect(agents.edge_address, timeout_s=longest_wall_s(clock)))
        every = [
            plan_policy(edge, objective, policy) for objective in scenario.objectives for policy in scenario.policies
        ]
        planned = [each for each in every if scenario.runs_infeasible or each.plan.status == OPTIMAL]
        if not any(each.policy is Policy.JOINT for each in planned):
            raise PlanError(_nothing_feasible(scenario, every))
        link = edge.status().link
        if link is None:
            raise LinkError("the edge-agent reports no link estimate; see its log")
        measured = agents.planning_inputs(network, link)
        idle_w = {point_of(point): point.idle_w for point in build_problem(measured).server.points}
        runs = {} if metered is None else metered
        wanted = {each.configuration: each for each in planned}
        missing = {each: wanted[each] for each in wanted if each not in runs}
        report.total(len(missing) * (scenario.requests + WARM_UP_REQUESTS))
        load = LoadRunner(edge, agents.link, clock, sent, radio=scenario.radio)
        stack.callback(load.close)

        def run(configuration: Configuration) -> None:
            clock_idle_w = 0.0 if configuration.server_clock is None else idle_w[configuration.server_clock]
            once = partial(
                _run, edge, load, missing[configuration], scenario=scenario, server_idle_w=clock_idle_w, report=report
            )
            whole = _until_whole(once, lambda: wait_connected(agents.edge_address, _BACK_S), report)
            runs[configuration] = slowdown, whole

        _each_or_later(tuple(missing), run, report)
        status = edge.status()
    used = sorted({runs[configuration][0] for configuration in wanted})
    kinds = labels(status.device_info, status.server_info or status.device_info, used)
    of = {configuration: runs[configuration][1] for configuration in wanted}
    pairs = planned_pairs(planned)
    objectives = tuple(
        ObjectiveResult(
            objective=named.name,
            slo_s=scenario.slo_s,
            policies=tuple(
                policy_result(each, of[each.configuration], scenario, truth)
                for each in planned
                if each.objective is named
            ),
            labels=kinds,
            front=front_steps(named.name, pairs),
            request=typical_request(named, planned, of),
        )
        for named in scenario.objectives
    )
    sweep = tuple(
        row
        for named in scenario.objectives
        for row in sweep_rows(named.name, replace(measured, objective=named.objective), scenario.sweep_bps)
    )
    left_out = tuple(each for each in every if each not in planned)
    return DemoResult(
        left_out=left_out, objectives=objectives, sweep=sweep, fallbacks=status.counters.fallbacks, pairs=pairs
    )


def _picture_inputs(network: Network) -> tuple[Inputs, ...]:
    return tuple((picture.pixels.numpy(),) for picture in sample_pictures(network.table.inputs[0].shape[-1]))


def _nothing_feasible(scenario: Scenario, planned: Sequence[PlannedPolicy]) -> str:
    return nothing_feasible(
        scenario, min((each.plan.latency_bound_s for each in planned if each.plan.latency_bound_s), default=None)
    )


def _top1(network: Network, inputs: Inputs) -> tuple[int, ...]:
    return tuple(answers(network.whole(tensors_of(inputs, network.table.inputs))[0]).tolist())


def _agreement(run: MeteredRun, truth: Sequence[Sequence[int]]) -> float:
    pairs = [pair for each in run.requests for pair in zip(each.top1, truth[each.sample], strict=True)]
    return sum(answered == true for answered, true in pairs) / len(pairs)


_ATTEMPTS = 3
_BACK_S = 60.0
"""How often a configuration is run, and how long a lost server is waited for, before the demo gives up."""

_SECOND_CHANCES = 2
"""So many configurations may be put off before all are tried in a slower demo."""

_ROUNDING = 1e-9
"""One miss in a hundred is within a quantile of 0.99, whatever binary fractions make of it."""


def _each_or_later(
    configurations: Sequence[Configuration], run: Callable[[Configuration], None], report: Reporter
) -> None:
    """Run every configuration; a few that this host did not keep up with once more, after all others.

    What kept the host may be over by then. Raises HostTooSlowError where it is not, or where it kept the host often.
    """
    put_off: list[Configuration] = []
    for configuration in configurations:
        try:
            run(configuration)
        except HostTooSlowError as error:
            if len(put_off) == _SECOND_CHANCES:
                raise
            report.stage(f"{error}; once more after the others")
            put_off.append(configuration)
    for configuration in put_off:
        run(configuration)


def _run(
    edge: Connection,
    load: LoadRunner,
    planned: PlannedPolicy,
    *,
    scenario: Scenario,
    server_idle_w: float,
    report: Reporter,
) -> MeteredRun:
    report.stage(str(planned.configuration))
    edge.replan(planned.request)
    return load.run(
        rate_hz=scenario.rate_hz,
        requests=scenario.requests,
        server_idle_w=server_idle_w,
        answered=report.answered,
    )


def _until_whole(run: Callable[[], MeteredRun], server_back: Callable[[], None], report: Reporter) -> MeteredRun:
    """A run during which the server was there throughout; what was lost with it is run again."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return run()
        except HostTooSlowError:
            raise
        except LinkError as error:
            report.stage(f"{error}; waiting for it to come back")
            server_back()
    return run()


def policy_result(
    planned: PlannedPolicy, run: MeteredRun, scenario: Scenario, truth: Sequence[Sequence[int]]
) -> PolicyResult:
    """A run priced by the plan's objective, beside what the plan promised. `truth`: the unsplit answers by sample."""
    objective, plan = planned.objective.objective, planned.plan
    latencies_s = sorted(request.latency_s for request in run.requests)
    misses = sum(latency_s > scenario.slo_s for latency_s in latencies_s)
    offloaded = plan.server_clock is not None
    server_j = run.server_busy_j + objective.server_idle_share * run.server_idle_j if offloaded else 0.0
    configuration = planned.configuration
    return PolicyResult(
        policy=planned.policy.value,
        cut=configuration.cut,
        cut_name=configuration.cut_name,
        edge_clock=configuration.edge_clock,
        server_clock=configuration.server_clock,
        codec=configuration.codec,
        predicted=Predicted(latency_s=plan.latency_s or 0.0, energy_j=plan.energy_j or 0.0),
        metered=Metered(
            latency_p50_s=statistics.median(latencies_s),
            latency_p99_s=latencies_s[math.ceil(0.99 * len(latencies_s)) - 1],
            energy_j=objective.edge_weight * run.edge_j + objective.server_weight * server_j,
            edge_energy_j=run.edge_j,
            server_energy_j=server_j,
            radio_j=run.radio_j,
        ),
        requests=len(latencies_s),
        deadline_misses=misses,
        top1_agreement=_agreement(run, truth),
        keeps_slo=misses <= (1 - scenario.quantile) * len(latencies_s) + _ROUNDING,
    )


def point_of(point: ServerPoint) -> OperatingPoint:
    """The clocks of a problem's server point."""
    return OperatingPoint(core_mhz=point.core_mhz, memory_mhz=point.memory_mhz)
