"""Joules and misses of joulecut's serving policy beside those of others. `python -m benchmarks.serving`.

    tables    EfficientNet-Lite0 on emulated GPUs; a change of the clock as timed, and as a stated assumption
    traces    arrivals of the Azure conversation trace (where present), and made-up ones by seed
    -> misses, joules per answer with and without the idle draw, and their ratios to batching-only, BatchDVFS, EALI

Simulated in virtual time on emulated tables; reduced precision's speed on these devices is assumed.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from statistics import fmean
from time import perf_counter

from joulecut.service.tables import ServiceOrder, provide_service_table
from joulecut.simulation.trace_files import read_trace
from joulecut_core.documents import write_bytes
from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import ServingPolicy
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.joint import JoulecutPolicy
from joulecut_planner.serving.policies import POLICIES, PolicyOptions
from joulecut_planner.serving.simulation.capacity import capacity
from joulecut_planner.serving.simulation.event_loop import simulate
from joulecut_planner.serving.simulation.made_traces import MadeTrace, made_trace
from joulecut_planner.serving.simulation.report import ServingReport
from joulecut_planner.serving.simulation.traces import ArrivalTrace

RESULTS = Path(__file__).parent / "results" / "serving.md"
AZURE = Path(__file__).parents[2] / "shared" / "data" / "arrivals" / "azure_llm_2023_conversation.csv"

NETWORK = "efficientnet-lite0"
DEVICES = ("v100", "t4")
SWITCHES_S = (None, 0.5e-3)
"""None: as timed on the emulated device, whose settling time is itself assumed."""
UTILISATIONS = (0.2, 0.35, 0.5, 0.65, 0.8)
DEADLINE = 3.0
"""Over a lone request's time at the highest clock, in full precision."""
FLOOR = 0.995
"""Share of full precision's accuracy that the mean of all answers keeps."""
RIVALS = ("batching-only", "batchdvfs", "eali")
OURS = ("joulecut fp32", "joulecut")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One table under one load, and what every policy made of it."""

    device: str
    switch_s: float
    trace: str
    utilisation: float
    reports: dict[str, ServingReport]
    decision_s: float
    """Mean host seconds of joulecut's decisions."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate and write the tables."""
    parser = argparse.ArgumentParser(description="Compare serving policies on emulated tables, in virtual time.")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--requests", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="one device, two loads, few requests")
    options = parser.parse_args(arguments)
    devices, loads, count = (
        (("v100",), (0.2, 0.5), 1500) if options.quick else (DEVICES, UTILISATIONS, options.requests)
    )
    cases = list(simulated(devices, loads, traces(count, options.seed)))
    write_bytes(options.out, document(cases, count, options.seed).encode())
    write_bytes(options.out.with_suffix(".csv"), rows(cases).encode())
    print(f"wrote {options.out}")


def traces(count: int, seed: int) -> dict[str, ArrivalTrace]:
    """All arrivals, by name."""
    made = {kind.value: made_trace(kind, count, seed) for kind in MadeTrace}
    return {**({"azure": read_trace(AZURE).trace().first(count)} if AZURE.is_file() else {}), **made}


def simulated(devices: Sequence[str], loads: Sequence[float], arrivals: dict[str, ArrivalTrace]) -> Iterator[Case]:
    """Every policy under every load."""
    for device in devices:
        made = provide_service_table(ServiceOrder(network=NETWORK, device=f"emulated:{device}"))
        for switch_s in SWITCHES_S:
            table = made if switch_s is None else replace(made, switch_s=switch_s)
            costs = ServiceCosts(table)
            slo_s = DEADLINE * costs.time_s(0, 1, costs.top)
            able = capacity(table, slo_s)
            for name, trace in arrivals.items():
                for load in loads:
                    requests = list(trace.at_rate(load * able.rate_hz).requests(slo_s))
                    reports: dict[str, ServingReport] = {}
                    spent_s = 0.0
                    for policy in (*RIVALS, *OURS):
                        made_policy = _made(policy, table, slo_s)
                        start_s = perf_counter()
                        reports[policy] = simulate(made_policy, requests)
                        spent_s = perf_counter() - start_s
                    yield Case(
                        device=device,
                        switch_s=table.switch_s,
                        trace=name,
                        utilisation=load,
                        reports=reports,
                        decision_s=spent_s / len(requests),
                    )


def _made(name: str, table: ServiceTable, slo_s: float) -> ServingPolicy:
    full = table.variants[0].accuracy
    if name in RIVALS:
        return POLICIES[name](table, PolicyOptions(accuracy_floor=FLOOR))
    if name == OURS[0]:
        return JoulecutPolicy(replace(table, variants=table.variants[:1]), slo_s=slo_s)
    return JoulecutPolicy(table, slo_s=slo_s, accuracy_floor=FLOOR * full)


def document(cases: list[Case], count: int, seed: int) -> str:
    """The page."""
    date = datetime.now(timezone.utc).date().isoformat()
    devices = ", ".join(dict.fromkeys(case.device for case in cases))
    head = (
        f"{date} · {NETWORK} on emulated {devices} · {count} requests a case, seed {seed} · deadline {DEADLINE:g} "
        "times a lone request at the highest clock."
    )
    scope = (
        "Emulated tables; the speed of FP16 and INT8 on them is assumed, and so is what a change of the clock takes. "
        "Utilisation as in [how to simulate](../../docs/how-to-simulate.md). *fp32* is joulecut with full precision "
        f"only, *joulecut* with every variant while the mean accuracy stays above {FLOOR:.1%} of full precision's."
    )
    lines = [
        "# Serving policies, simulated",
        "",
        head,
        "",
        scope,
        "Ratios are joules per answer over those of the rival: with the idle draw / without it. Below 1 is less.",
        "",
    ]
    for trace in dict.fromkeys(case.trace for case in cases):
        lines += [f"## {trace}", "", *_table([case for case in cases if case.trace == trace]), ""]
    return "\n".join([*lines, *_summary(cases)]) + "\n"


def _table(cases: list[Case]) -> Iterator[str]:
    yield (
        "| device | change | load | "
        + " | ".join(f"missed {name}" for name in (*RIVALS, *OURS))
        + (" | fp32 / batching-only | fp32 / BatchDVFS | fp32 / EALI | joulecut / EALI |")
    )
    yield "|---|---|---|" + "---|" * (len(RIVALS) + len(OURS) + 4)
    for case in cases:
        missed = " | ".join(f"{case.reports[name].miss_rate:.2%}" for name in (*RIVALS, *OURS))
        yield (
            f"| {case.device} | {1e3 * case.switch_s:.3g} ms | {case.utilisation:.0%} | {missed} | "
            + " | ".join(
                _ratio(case, ours, rival)
                for ours, rival in (*((OURS[0], rival) for rival in RIVALS), (OURS[1], "eali"))
            )
            + " |"
        )


def _ratio(case: Case, ours: str, rival: str) -> str:
    one, other = case.reports[ours], case.reports[rival]
    busy = one.busy_energy_per_request_j / other.busy_energy_per_request_j
    return f"{one.energy_per_request_j / other.energy_per_request_j:.2f} / {busy:.2f}"


def _summary(cases: list[Case]) -> Iterator[str]:
    yield "## In short"
    yield ""
    yield "Means over traces, devices and changes. *Levels* counts the cases in which at most 1 % were missed."
    yield ""
    yield "| load | levels fp32 | levels joulecut | fp32 / batching-only | joulecut / batching-only | joulecut / EALI |"
    yield "|---|---|---|---|---|---|"
    for load in dict.fromkeys(case.utilisation for case in cases):
        here = [case for case in cases if case.utilisation == load]
        kept = [sum(case.reports[name].miss_rate <= 0.01 for case in here) for name in OURS]
        yield (
            f"| {load:.0%} | {kept[0]} of {len(here)} | {kept[1]} of {len(here)} | "
            + " | ".join(
                _mean_ratio(here, ours, rival)
                for ours, rival in ((OURS[0], "batching-only"), (OURS[1], "batching-only"), (OURS[1], "eali"))
            )
            + " |"
        )
    yield ""
    yield (
        "Host time of joulecut per request, simulation included: "
        f"{1e6 * fmean(case.decision_s for case in cases):.0f} us."
    )


def _mean_ratio(cases: list[Case], ours: str, rival: str) -> str:
    total = fmean(c.reports[ours].energy_per_request_j / c.reports[rival].energy_per_request_j for c in cases)
    busy = fmean(c.reports[ours].busy_energy_per_request_j / c.reports[rival].busy_energy_per_request_j for c in cases)
    return f"{total:.2f} / {busy:.2f}"


def rows(cases: list[Case]) -> str:
    """Every run as a line of CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        (
            *("device", "switch_ms", "trace", "utilisation", "policy", "requests", "on_time", "late", "rejected"),
            *("mj_per_request", "busy_mj_per_request", "p50_ms", "p99_ms", "mean_accuracy", "mean_batch"),
            "clock_changes",
        )
    )
    for case in cases:
        for name, report in case.reports.items():
            writer.writerow(
                (
                    case.device,
                    f"{1e3 * case.switch_s:.4g}",
                    case.trace,
                    case.utilisation,
                    name,
                    report.requests,
                    report.on_time,
                    report.late,
                    sum(report.rejected.values()),
                    f"{1e3 * report.energy_per_request_j:.4g}",
                    f"{1e3 * report.busy_energy_per_request_j:.4g}",
                    f"{1e3 * report.p50_s:.4g}",
                    f"{1e3 * report.p99_s:.4g}",
                    f"{report.mean_accuracy:.5g}",
                    f"{report.mean_batch:.3g}",
                    report.clock_changes,
                )
            )
    return text.getvalue()


if __name__ == "__main__":
    main()
