"""PIT's headline, long deadlines, what a burst leaves, what a decision costs. `python -m benchmarks.serving_levels`.

    precision   PIT beside the same controller in full precision, INT8 assumed so many times as fast
    patience    requests that have many times what they take alone, in batches and one by one, from a cold start
    bursts      for how many control periods behind a burst the clock rests above where it did before
    decisions   CPU time of a decision, with what the policy is told of arrivals since the last one

In virtual time on emulated GPUs; accuracies are measured on the networks, INT8's speed is assumed and swept.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from statistics import fmean
from time import thread_time

import numpy as np

from benchmarks.serving_cases import DEADLINE, DEVICES, NETWORK, SWITCHES_S, traces
from joulecut.service.tables import ServiceOrder, provide_service_table
from joulecut.simulation.policy_choice import decisions_folder
from joulecut_core.documents import write_bytes
from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import BatchOutcome, Launch, QueuedRequest, RejectReason, Rest, ServerView, ServingPolicy
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.joint import JoulecutPolicy
from joulecut_planner.serving.policies import POLICIES, PolicyOptions
from joulecut_planner.serving.simulation.capacity import capacity
from joulecut_planner.serving.simulation.event_loop import Span, simulate
from joulecut_planner.serving.simulation.made_traces import MadeTrace, made_trace
from joulecut_planner.serving.simulation.traces import ArrivalTrace
from joulecut_planner.serving.simulation.what_if import with_speed_up, with_variants

RESULTS = Path(__file__).parent / "results" / "serving_levels.md"

FLOOR = 0.995
_LOSSLESS = "as digits"
"""INT8 that loses nothing, as has been measured of the networks of digits."""
_SPEED_UPS = (1.2, 1.5, 2.0, 3.0)
_LOADS = (0.2, 0.5, 0.8, 1.0)
_TRACES = ("azure", "poisson", "diurnal")
_LESS_J, _LESS_S = 0.72, 0.89
"""The authors' headline: this share of full precision's joules, or of its mean response."""
_PERIOD = 20.0
"""A control period, in deadlines or changes of the clock, whichever takes longer."""
_BURST, _BURST_DEADLINES = 5.0, 40.0
"""Times the capacity, and for how long."""
_QUIET = 0.05
_PATIENCE, _PATIENT_LOADS = (10.0, 40.0, 100.0), (0.3, 0.6, 0.8)
"""Deadlines in lone requests, and loads."""
_PATIENT_FOR = 100.0
"""Deadlines for which requests come."""
_SAME = 1.001
"""Idle draws closer than this count as the same."""
_AFTER = 6.0
"""Control periods that are watched behind a burst."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate and write the page."""
    parser = argparse.ArgumentParser(
        description="PIT, long deadlines, bursts and the cost of decisions, in virtual time."
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--requests", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    count, seed = options.requests, options.seed
    tables = {
        device: provide_service_table(ServiceOrder(network=NETWORK, device=f"emulated:{device}")) for device in DEVICES
    }
    date = datetime.now(timezone.utc).date().isoformat()
    lines = [
        "# Serving: precision, long deadlines, bursts, decisions",
        "",
        (
            f"{date} · emulated GPUs, {count} requests a case, seed {seed} · deadline {DEADLINE:g} times a request "
            "alone, where nothing else is said."
        ),
        "",
        *_precision(tables, traces(count, seed)),
        *_patience(tables, seed),
        *_bursts(tables, seed),
        *_decisions(tables[DEVICES[0]], made_trace(MadeTrace.POISSON, count, seed)),
    ]
    write_bytes(options.out, ("\n".join(lines) + "\n").encode())
    print(f"wrote {options.out}")


def _slo_s(table: ServiceTable) -> float:
    costs = ServiceCosts(table)
    return DEADLINE * costs.time_s(0, 1, costs.top)


def _policy(name: str, table: ServiceTable, slo_s: float | None = None) -> ServingPolicy:
    if name != "joulecut":
        return POLICIES[name](table, PolicyOptions(accuracy_floor=FLOOR))
    floor = FLOOR * table.variants[0].accuracy
    return JoulecutPolicy(table, slo_s=slo_s or _slo_s(table), accuracy_floor=floor, kept=decisions_folder())


def _precision(tables: dict[str, ServiceTable], arrivals: dict[str, ArrivalTrace]) -> Iterator[str]:
    chosen = {name: arrivals[name] for name in _TRACES if name in arrivals}
    yield "## PIT beside the same controller in full precision"
    yield ""
    yield (
        "INT8 takes 1/*speed-up* of full precision's time, at full precision's watts: assumed. Accuracies are "
        f"measured: {NETWORK}'s agreement with full precision, and *{_LOSSLESS}*, where labelled digits showed no loss "
        f"([variants](../../docs/explanation-variants.md)). Ratios are PIT's over FP32-only's, means over the traces "
        f"{', '.join(chosen)}: joules per answer with the idle draw / without it, mean response. *Held* counts the "
        f"traces with at least {1 - _LESS_J:.0%} less energy (with the idle draw / without it) or {1 - _LESS_S:.0%} "
        "less response. *Accuracy* is INT8's, and the least of PIT's answers, as shares of full precision's."
    )
    yield ""
    yield "| INT8 | device | speed-up | load | energy | response | missed fp32-only, pit | accuracy | held |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for device, made in tables.items():
        table = with_variants(made, (made.variants[0].name, "int8"))
        full, int8 = table.variants
        lossless = replace(table, variants=(full, replace(int8, accuracy=full.accuracy)))
        for name, judged in ((NETWORK, table), (_LOSSLESS, lossless)):
            for load in _LOADS:
                yield from (f"| {name} | {device} | {cells} |" for cells in _against_full(judged, load, chosen))
    yield ""


def _against_full(table: ServiceTable, load: float, arrivals: dict[str, ArrivalTrace]) -> Iterator[str]:
    """PIT's cells for each speed-up under one load."""
    slo_s, full_accuracy = _slo_s(table), table.variants[0].accuracy
    rate_hz = load * capacity(table, slo_s).rate_hz
    requests = [list(trace.at_rate(rate_hz).requests(slo_s)) for trace in arrivals.values()]
    full = [simulate(_policy("fp32-only", table), each) for each in requests]
    for factor in _SPEED_UPS:
        ours = [simulate(_policy("pit", with_speed_up(table, factor)), each) for each in requests]
        pairs = list(zip(ours, full, strict=True))
        joules = [one.energy_per_request_j / other.energy_per_request_j for one, other in pairs]
        busy = [one.busy_energy_per_request_j / other.busy_energy_per_request_j for one, other in pairs]
        response = [one.mean_s / other.mean_s for one, other in pairs]
        held = [
            sum(ratio <= _LESS_J or slower <= _LESS_S for ratio, slower in zip(energy, response, strict=True))
            for energy in (joules, busy)
        ]
        missed = ", ".join(f"{fmean(each.miss_rate for each in reports):.2%}" for reports in (full, ours))
        least = min(each.mean_accuracy for each in ours) / full_accuracy
        yield (
            f"{factor:g} | {load:.0%} | {fmean(joules):.2f} / {fmean(busy):.2f} | {fmean(response):.2f} | {missed} | "
            f"{table.variants[1].accuracy / full_accuracy:.2%}, {least:.2%} | {held[0]} / {held[1]} of {len(pairs)}"
        )


def _patience(tables: dict[str, ServiceTable], seed: int) -> Iterator[str]:
    yield "## Long deadlines"
    yield ""
    yield (
        f"Random arrivals in full precision, {_PATIENT_FOR:g} deadlines of them, from a cold start: no policy knows "
        "the load yet. Deadlines in times of a request alone. Missed, and joules per answer with the idle draw."
    )
    yield ""
    names = ("batching-only", "eali", "joulecut")
    yield f"| device | batches to | change | deadline | load | {' | '.join(names)} |"
    yield "|---|---|---|---|---|" + "---|" * len(names)
    for device, made in tables.items():
        order = ServiceOrder(network=NETWORK, device=f"emulated:{device}", batches=(1,))
        for table in (made, provide_service_table(order)):
            full = with_variants(table, (table.variants[0].name,))
            for switch_s in SWITCHES_S:
                judged = full if switch_s is None else replace(full, switch_s=switch_s)
                yield from (f"| {device} | {judged.batches[-1]} | {cells} |" for cells in _patient(judged, names, seed))
    yield ""


def _patient(table: ServiceTable, names: Sequence[str], seed: int) -> Iterator[str]:
    """The cells of a table for each deadline and load."""
    for patience in _PATIENCE:
        slo_s = patience / DEADLINE * _slo_s(table)
        for load in _PATIENT_LOADS:
            rate_hz = load * capacity(table, slo_s).rate_hz
            arrivals = made_trace(MadeTrace.POISSON, round(rate_hz * _PATIENT_FOR * slo_s), seed).at_rate(rate_hz)
            reports = [simulate(_policy(name, table, slo_s), arrivals.requests(slo_s)) for name in names]
            cells = " | ".join(f"{each.miss_rate:.2%}, {each.energy_per_request_j:.4g} J" for each in reports)
            yield f"{1e3 * table.switch_s:.3g} ms | {patience:g} | {load:.0%} | {cells}"


@dataclass(slots=True)
class _Clocks:
    """Which operating point was held, from when on."""

    changes: list[tuple[float, int]] = field(default_factory=list)
    settled_s: dict[int, float] = field(default_factory=dict)
    """By request, when it was answered or turned away."""

    def passed(self, span: Span) -> None:
        if not self.changes or self.changes[-1][1] != span.point:
            self.changes.append((span.start_s, span.point))

    def answered(self, request: QueuedRequest, end_s: float, variant: int) -> None:
        del variant
        self.settled_s[request.id] = end_s

    def turned_away(self, request: QueuedRequest, now_s: float, reason: RejectReason) -> None:
        del reason
        self.settled_s[request.id] = now_s

    def at(self, now_s: float) -> int:
        return [point for start_s, point in self.changes if start_s <= now_s][-1]

    def back_s(self, frugal: set[int], after_s: float) -> float:
        """When the clock has come to one of some points for good, not before `after_s`."""
        last_s = max((start_s for start_s, held in self.changes if held not in frugal), default=after_s)
        return next((start_s for start_s, held in self.changes if start_s > last_s and held in frugal), np.inf)


def _bursts(tables: dict[str, ServiceTable], seed: int) -> Iterator[str]:
    yield "## Behind a burst"
    yield ""
    yield (
        f"Random arrivals at {_QUIET:.0%} of the capacity, {_BURST:g} times the capacity for {_BURST_DEADLINES:g} "
        f"deadlines, silence. How many control periods ({_PERIOD:g} deadlines or changes of the clock, whichever takes "
        "longer) after its last answer or refusal a clock is held again that draws no more at rest than the one before."
    )
    yield ""
    names = [name for name in POLICIES if name not in ("fixed", "batching-only")]
    yield "| device | change | " + " | ".join((*names, "joulecut")) + " |"
    yield "|---|---|" + "---|" * (len(names) + 1)
    for device, made in tables.items():
        for switch_s in SWITCHES_S:
            table = made if switch_s is None else replace(made, switch_s=switch_s)
            cells = [_periods_to_return(name, table, seed) for name in (*names, "joulecut")]
            yield f"| {device} | {1e3 * table.switch_s:.3g} ms | {' | '.join(cells)} |"
    yield ""
    yield "`fixed` and `batching-only` hold the highest clock."
    yield ""


def _periods_to_return(name: str, table: ServiceTable, seed: int) -> str:
    slo_s = _slo_s(table)
    period_s = _PERIOD * max(slo_s, table.switch_s)
    able = capacity(table, slo_s).rate_hz
    quiet = made_trace(MadeTrace.POISSON, 300, seed).at_rate(_QUIET * able)
    before_s = float(quiet.arrival_s[-1])
    loud = made_trace(MadeTrace.POISSON, int(_BURST * able * _BURST_DEADLINES * slo_s), seed + 1).at_rate(_BURST * able)
    times_s = [*quiet.arrival_s.tolist(), *(before_s + loud.arrival_s).tolist()]
    times_s.append(times_s[-1] + slo_s + _AFTER * period_s)
    clocks = _Clocks()
    requests = [QueuedRequest(number, at_s, at_s + slo_s) for number, at_s in enumerate(times_s)]
    simulate(_policy(name, table), requests, observer=clocks)
    clocks.changes = [each for each in clocks.changes if each[0] < times_s[-1]]
    rested_w = _SAME * table.idle_w[clocks.at(before_s)]
    frugal = {point for point, watts in enumerate(table.idle_w) if watts <= rested_w}
    end_s = max(at_s for number, at_s in clocks.settled_s.items() if number != len(times_s) - 1)
    if clocks.at(times_s[-1]) not in frugal:
        return f"more than {_AFTER:g}"
    back_s = clocks.back_s(frugal, end_s)
    return f"{max(back_s - end_s, 0.0) / period_s:.2f}" if back_s < np.inf else "never left"


class _Timed:
    """A policy, and the CPU seconds of each decision."""

    def __init__(self, policy: ServingPolicy) -> None:
        self._policy = policy
        self.name, self.table = policy.name, policy.table
        self._told_s = 0.0
        self.seconds: list[float] = []

    def arrived(self, request: QueuedRequest) -> None:
        start_s = thread_time()
        self._policy.arrived(request)
        self._told_s += thread_time() - start_s

    def decide(self, view: ServerView) -> Launch | Rest:
        start_s = thread_time()
        decision = self._policy.decide(view)
        self.seconds.append(self._told_s + thread_time() - start_s)
        self._told_s = 0.0
        return decision

    def join(self, view: ServerView, unit: int, batch: int) -> int:
        return self._policy.join(view, unit, batch)

    def completed(self, outcome: BatchOutcome) -> None:
        self._policy.completed(outcome)


def _decisions(table: ServiceTable, trace: ArrivalTrace) -> Iterator[str]:
    yield "## CPU time of a decision"
    yield ""
    yield (
        f"{table.network} on an emulated {DEVICES[0]}, random arrivals, every variant. With what the policy is told of "
        "the arrivals since its last decision: joulecut rehearses both of its policies there. CPU time of the thread, "
        "which other work of the host raises less than time on the wall. Not in it: what a policy prepares for a table."
    )
    yield ""
    yield "| policy | load | decisions | p50 | p99 | longest |"
    yield "|---|---|---|---|---|---|"
    slo_s = _slo_s(table)
    able = capacity(table, slo_s).rate_hz
    for name in (*POLICIES, "joulecut"):
        for load in (0.5, 0.8):
            timed = _Timed(_policy(name, table))
            simulate(timed, trace.at_rate(load * able).requests(slo_s))
            p50, p99, longest = (1e6 * np.quantile(timed.seconds, share) for share in (0.5, 0.99, 1.0))
            yield (f"| {name} | {load:.0%} | {len(timed.seconds)} | {p50:.0f} us | {p99:.0f} us | {longest:.0f} us |")


if __name__ == "__main__":
    main()
