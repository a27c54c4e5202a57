"""From an order to what came out: every policy under every load, each from a fresh start."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from joulecut.long_work.unfinished import Unfinished
from joulecut.simulation.arrivals import at_load, over_links, requests_for, trace_facts
from joulecut.simulation.bounds import bound_of
from joulecut.simulation.decision_times import TimedPolicy
from joulecut.simulation.kept_runs import KeptRun, as_run, to_be_kept
from joulecut.simulation.orders import LoadKind, Rules, SimulationOrder
from joulecut.simulation.rows import Bound, Run, RunRow, Simulation, known, rejections, table_facts
from joulecut.simulation.table_choice import TableChoice
from joulecut.simulation.trace_files import TraceFile
from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import QueuedRequest, RejectReason, ServingPolicy
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.simulation.capacity import Capacity, capacity
from joulecut_planner.serving.simulation.event_loop import simulate
from joulecut_planner.serving.simulation.recording import Timeline
from joulecut_planner.serving.simulation.report import ServingReport
from joulecut_planner.serving.simulation.traces import ArrivalTrace
from joulecut_planner.serving.simulation.what_if import capped, with_speed_up, with_variants
from joulecut_runtime.profiling.progress import ProgressSink

_STEPS = 200
"""Steps of a timeline between the first and the last request, or a deadline's length where that is next to nothing."""
_DEFAULT_SLO = 3.0
_TOLD_EVERY = 2048

PolicyMaker = Callable[[str, ServiceTable, Rules], ServingPolicy]
"""A fresh policy of a name for a table. Raises ConfigError where the policy cannot keep the rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    trace: ArrivalTrace
    rate_hz: float
    utilisation: float
    int8_speed_up: float | None
    table: ServiceTable


def carry_out(
    order: SimulationOrder,
    opened: TraceFile | ArrivalTrace,
    chosen: TableChoice,
    make_policy: PolicyMaker,
    progress: ProgressSink,
    unfinished: Unfinished | None = None,
) -> Simulation:
    """Simulate everything ordered; `opened` is the order's trace. Raises ConfigError for what cannot be simulated.

    `unfinished`: keeps each run as it ends, and has those of an interrupted simulation.
    """
    kept = unfinished or Unfinished(None, {}, resume=False)
    table, table_remarks = _as_ordered(order, chosen.table)
    trace, remarks = requests_for(opened, order.trace, table)
    costs = ServiceCosts(table)
    slo_s = _DEFAULT_SLO * costs.time_s(0, 1, costs.top) if order.slo_s is None else order.slo_s
    rules = Rules(
        slo_s=slo_s,
        accuracy_floor=order.accuracy_floor.of(table),
        power_cap_w=order.power_cap_w,
        counts_idle=order.counts_idle,
        miss_share=order.miss_share,
    )
    able = capacity(table, slo_s)
    loads = _loads(order, trace, able, table)
    total = len(loads) * len(order.policies) * len(trace)
    runs: list[Run] = []
    for number, load in enumerate(loads):
        for name in order.policies:

            def run(load: _Load = load, name: str = name, done: int = len(runs) * len(trace)) -> list[KeptRun]:
                arrivals = _told(load.trace.requests(slo_s), done, total, f"{name}, {load.rate_hz:.4g}/s", progress)
                return [to_be_kept(_run(order, make_policy(name, load.table, rules), load, arrivals, able, slo_s))]

            runs += map(as_run, kept.part(f"load {number}, {name}", KeptRun, run))
    bounds = tuple(_bound(load, slo_s) for load in _once(loads)) if order.bounds else ()
    return Simulation(
        trace=trace_facts(trace, order.trace),
        table=table_facts(table, chosen.source),
        slo_s=slo_s,
        capacity=able,
        accuracy_floor=rules.accuracy_floor,
        power_cap_w=order.power_cap_w,
        most_waiting=order.most_waiting,
        most_per_edge=order.most_per_edge,
        seed=order.seed,
        remarks=(*table_remarks, *_capacity_remarks(able, slo_s), *remarks),
        runs=tuple(runs),
        bounds=bounds,
    )


def _once(loads: Sequence[_Load]) -> Iterator[_Load]:
    """One of each rate: what is assumed of INT8 says nothing about full precision."""
    return (load for load in loads if load.int8_speed_up == loads[0].int8_speed_up)


def _bound(load: _Load, slo_s: float) -> Bound:
    utilisation, rate_hz = known(load.utilisation), known(load.rate_hz)
    return bound_of(load.trace, ServiceCosts(load.table), slo_s, utilisation=utilisation, rate_hz=rate_hz)


def _loads(order: SimulationOrder, trace: ArrivalTrace, able: Capacity, table: ServiceTable) -> list[_Load]:
    """What the policies are put under, one after the other."""
    tables = [
        (speed_up, table if speed_up is None else with_speed_up(table, speed_up)) for speed_up in order.int8_speed_ups
    ]
    loads, kind = [], order.loads.kind
    for value in order.loads.values:
        scaled = at_load(trace, kind, value, able.rate_hz)
        behind_links = over_links(scaled, order.trace)
        # What was asked for stands in the rows to the last digit, and can be looked for there.
        rate_hz = value if kind is LoadKind.RATE else scaled.rate_hz
        utilisation = value if kind is LoadKind.UTILISATION else rate_hz / able.rate_hz
        loads += [
            _Load(trace=behind_links, rate_hz=rate_hz, utilisation=utilisation, int8_speed_up=speed_up, table=faster)
            for speed_up, faster in tables
        ]
    return loads


def _told(
    requests: Iterator[QueuedRequest], done: int, total: int, what: str, progress: ProgressSink
) -> Iterator[QueuedRequest]:
    """The requests, while the listener is told how many have come."""
    for count, request in enumerate(requests, start=done):
        if not count % _TOLD_EVERY:
            progress.advance(count, total, what)
        yield request


def _run(
    order: SimulationOrder,
    policy: ServingPolicy,
    load: _Load,
    arrivals: Iterator[QueuedRequest],
    able: Capacity,
    slo_s: float,
) -> Run:
    timed = TimedPolicy(policy)
    timeline = Timeline(load.table, max(load.trace.span_s, min(len(load.trace) / able.rate_hz, slo_s)) / _STEPS)
    start_s = perf_counter()
    report = simulate(
        timed, arrivals, most_waiting=order.most_waiting, most_per_edge=order.most_per_edge, observer=timeline
    )
    host_s = perf_counter() - start_s
    names = [variant.name for variant in load.table.variants]
    return Run(
        row=_row(report, timed, load, host_s),
        answers_by_variant=dict(zip(names, timeline.answers_by_variant, strict=True)),
        timeline=timeline.steps(),
    )


def _row(report: ServingReport, timed: TimedPolicy, load: _Load, host_s: float) -> RunRow:
    rejected = rejections(report)
    return RunRow(
        policy=report.policy,
        utilisation=known(load.utilisation),
        rate_hz=known(load.rate_hz),
        int8_speed_up=load.int8_speed_up,
        requests=report.requests,
        on_time=report.on_time,
        late=report.late,
        rejected=sum(rejected.values()),
        rejected_late=rejected[RejectReason.LATE],
        rejected_full=rejected[RejectReason.FULL],
        rejected_overload=rejected[RejectReason.OVERLOAD],
        miss_rate=report.miss_rate,
        energy_j=report.energy_j,
        busy_j=report.busy_j,
        idle_j=report.idle_j,
        switching_j=report.switching_j,
        energy_per_request_j=known(report.energy_per_request_j),
        busy_energy_per_request_j=known(report.busy_energy_per_request_j),
        mean_s=known(report.mean_s),
        p50_s=known(report.p50_s),
        p95_s=known(report.p95_s),
        p99_s=known(report.p99_s),
        mean_accuracy=known(report.mean_accuracy),
        mean_batch=known(report.mean_batch),
        batches=report.batches,
        clock_changes=report.clock_changes,
        duration_s=report.duration_s,
        busy_s=report.busy_s,
        idle_s=report.idle_s,
        switching_s=report.switching_s,
        decisions=timed.decisions,
        decision_p50_s=timed.quantile_s(0.5),
        decision_p99_s=timed.quantile_s(0.99),
        decision_max_s=timed.quantile_s(1.0),
        host_s=host_s,
    )


def _as_ordered(order: SimulationOrder, whole: ServiceTable) -> tuple[ServiceTable, Sequence[str]]:
    """The table under the order's assumptions, and what is to be said about it."""
    table, remarks = whole, [*whole.notes]
    if order.power_cap_w is not None:
        table = capped(table, order.power_cap_w)
        left_out = len(whole.points) - len(table.points)
        remarks.append(f"power cap: {left_out} of {len(whole.points)} operating points left out")
    if not order.counts_idle:
        remarks.append(
            "policies that weigh clocks save the joules of batches and clock changes alone, not those at rest"
        )
    if order.variants:
        table = with_variants(table, order.variants)
    if order.switch_s is not None:
        table = replace(table, switch_s=order.switch_s)
        remarks.append(
            f"changes of the clock: {1e3 * order.switch_s:g} ms assumed, {1e3 * whole.switch_s:g} in the table"
        )
    return table, remarks


def _capacity_remarks(able: Capacity, slo_s: float) -> Sequence[str]:
    if able.keeps_deadline:
        return ()
    return (
        (
            f"a deadline of {slo_s:g} s does not hold two batches of one at the highest clock: no rate is kept up for "
            "certain, and utilisation is a share of the rate of batches of one"
        ),
    )
