"""Joules and misses of joulecut's serving policy beside those of others. `python -m benchmarks.serving`.

    tables    EfficientNet-Lite0 on emulated GPUs; a change of the clock as timed, and as a stated assumption
    traces    arrivals of the Azure conversation trace (where present), and made-up ones by seed
    bounds    what no policy can beat, every arrival known beforehand (`benchmarks.serving_bounds`)
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

from benchmarks.serving_bounds import RESULTS as BOUNDS
from benchmarks.serving_bounds import Bounds, read_bounds
from benchmarks.serving_cases import DEADLINE, DEVICES, NETWORK, UTILISATIONS, serving_cases, traces
from joulecut.simulation.policy_choice import decisions_folder
from joulecut_core.documents import write_bytes
from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import ServingPolicy
from joulecut_planner.serving.bounds import fewest_misses
from joulecut_planner.serving.joint import JoulecutPolicy
from joulecut_planner.serving.policies import POLICIES, PolicyOptions
from joulecut_planner.serving.simulation.event_loop import simulate
from joulecut_planner.serving.simulation.report import ServingReport
from joulecut_planner.serving.simulation.traces import ArrivalTrace

RESULTS = Path(__file__).parent / "results" / "serving.md"

FLOOR = 0.995
"""Share of full precision's accuracy that the mean of all answers keeps."""
RIVALS = ("batching-only", "batchdvfs", "eali")
OURS = ("joulecut fp32", "joulecut")
LENIENT = "joulecut fp32, EALI's misses"
"""Full precision, allowed the share of misses that EALI has in the same case."""
AS_LAX = ("joulecut fp32, BatchDVFS's misses", "joulecut, BatchDVFS's misses")
"""Allowed the share that BatchDVFS has."""
BUSY = ("eali, idle not counted", "joulecut fp32, idle not counted")
"""Both told to save the joules of batches alone."""
_USUAL_SHARE = 0.0075
_LEVEL = 0.01
"""Of misses."""
_ABOVE = 1.005
"""Of EALI's joules: what is below counts as equal."""
_AIM = 0.85
"""Of BatchDVFS's joules at equal misses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What joulecut's policy is told. `misses_of`: the rival of whose share of misses it is allowed as many."""

    full: bool = True
    misses_of: str | None = None
    counts_idle: bool = True


JOULECUT = {
    BUSY[1]: Asked(counts_idle=False),
    LENIENT: Asked(misses_of="eali"),
    AS_LAX[0]: Asked(misses_of="batchdvfs"),
    AS_LAX[1]: Asked(full=False, misses_of="batchdvfs"),
    OURS[0]: Asked(),
    OURS[1]: Asked(full=False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One table under one load, and what every policy made of it."""

    device: str
    switch_s: float
    trace: str
    utilisation: float
    reports: dict[str, ServingReport]
    fewest_misses: int
    """Of any schedule in full precision."""
    bounds: Bounds | None
    """Of energy in full precision, where they have been computed."""

    def misses(self, policy: str) -> int:
        """Late or turned away."""
        return self.reports[policy].requests - self.reports[policy].on_time


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


def simulated(devices: Sequence[str], loads: Sequence[float], arrivals: dict[str, ArrivalTrace]) -> Iterator[Case]:
    """Every policy under every load."""
    bounds = read_bounds(BOUNDS) if BOUNDS.is_file() else {}
    for case in serving_cases(devices, loads, arrivals):
        requests = list(case.arrivals.requests(case.slo_s))
        reports: dict[str, ServingReport] = {
            name: simulate(POLICIES[name](case.table, PolicyOptions(accuracy_floor=FLOOR)), requests) for name in RIVALS
        }
        reports[BUSY[0]] = simulate(POLICIES["eali"](case.table, PolicyOptions(counts_idle=False)), requests)
        made: dict[tuple[bool, bool, float], ServingReport] = {}
        for name, asked in JOULECUT.items():
            allowed = _USUAL_SHARE if asked.misses_of is None else reports[asked.misses_of].miss_rate
            share = min(max(allowed, _USUAL_SHARE), 0.9)
            key = asked.full, asked.counts_idle, share
            if key not in made:
                made[key] = simulate(_joulecut(asked, case.table, case.slo_s, share), requests)
            reports[name] = made[key]
        known = bounds.get(case.key)
        yield Case(
            device=case.device,
            switch_s=case.table.switch_s,
            trace=case.trace,
            utilisation=case.utilisation,
            reports=reports,
            fewest_misses=fewest_misses(case.costs, case.arrivals.arrival_s.tolist(), case.slo_s),
            bounds=known if known is not None and known.requests == len(requests) else None,
        )


def _joulecut(asked: Asked, table: ServiceTable, slo_s: float, miss_share: float) -> ServingPolicy:
    return JoulecutPolicy(
        replace(table, variants=table.variants[:1]) if asked.full else table,
        slo_s=slo_s,
        accuracy_floor=0.0 if asked.full else FLOOR * table.variants[0].accuracy,
        miss_share=miss_share,
        counts_idle=asked.counts_idle,
        kept=decisions_folder(),
    )


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
    bounds = (
        "*Fewest possible* are the misses that no schedule in full precision can avoid, every arrival known "
        "beforehand; *least possible* is a bound from below on what any schedule with joulecut fp32's misses draws, as "
        "a share of what that draws ([how they are found](../../docs/explanation-serving-bounds.md)). *At EALI's "
        "misses*: joulecut fp32 where it may miss as many as EALI does; *at BatchDVFS's misses*: joulecut fp32 and "
        "joulecut where they may miss as many as BatchDVFS, and the bound for so many. Misses are spent where that "
        "saves joules, so that fewer may be made than were allowed. *Idle not counted*: both told to save the "
        "joules of batches and clock changes alone, and compared by those; misses are joulecut fp32's and EALI's then."
    )
    lines = [
        "# Serving policies, simulated",
        "",
        head,
        "",
        scope,
        "Ratios are joules per answer over those of the rival: with the idle draw / without it. Below 1 is less.",
        "",
        bounds,
        "",
    ]
    for trace in dict.fromkeys(case.trace for case in cases):
        lines += [f"## {trace}", "", *_table([case for case in cases if case.trace == trace]), ""]
    return "\n".join([*lines, *_summary(cases)]) + "\n"


def _table(cases: list[Case]) -> Iterator[str]:
    names = (*RIVALS, *OURS)
    yield (
        "| device | change | load | fewest possible | "
        + " | ".join(f"missed {name}" for name in names)
        + " | fp32 / batching-only | fp32 / BatchDVFS | fp32 / EALI | joulecut / EALI | at EALI's misses: missed | "
        "fp32 / EALI | at BatchDVFS's misses: missed | fp32 / BatchDVFS | joulecut / BatchDVFS | "
        "possible / BatchDVFS | idle not counted: missed | fp32 / EALI | least possible / fp32 |"
    )
    yield "|---|---|---|---|" + "---|" * (len(names) + 13)
    for case in cases:
        requests = case.reports[OURS[0]].requests
        missed = " | ".join(f"{case.reports[name].miss_rate:.2%}" for name in names)
        ratios = (*((OURS[0], rival) for rival in RIVALS), (OURS[1], "eali"))
        yield (
            f"| {case.device} | {1e3 * case.switch_s:.3g} ms | {case.utilisation:.0%} | "
            f"{case.fewest_misses / requests:.2%} | {missed} | "
            + " | ".join(_ratio(case, ours, rival) for ours, rival in ratios)
            + f" | {case.reports[LENIENT].miss_rate:.2%} | {_ratio(case, LENIENT, 'eali')} | "
            + ", ".join(f"{case.reports[name].miss_rate:.2%}" for name in AS_LAX)
            + "".join(f" | {_ratio(case, name, 'batchdvfs')}" for name in AS_LAX)
            + f" | {_possible_text(case, 'batchdvfs')} | {_busy(case)} | {_least(case)} |"
        )


def _least(case: Case) -> str:
    if case.bounds is None:
        return ""
    ours, misses = case.reports[OURS[0]], case.misses(OURS[0])
    total = case.bounds.with_idle.energy_per_request_j(misses) / ours.energy_per_request_j
    busy = case.bounds.without_idle.energy_per_request_j(misses) / ours.busy_energy_per_request_j
    return f"{total:.2f} / {busy:.2f}"


def _possible_text(case: Case, rival: str) -> str:
    return "" if case.bounds is None else "{:.2f} / {:.2f}".format(*_possible(case, rival))


def _busy(case: Case) -> str:
    other, one = (case.reports[name] for name in BUSY)
    ratio = one.busy_energy_per_request_j / other.busy_energy_per_request_j
    return f"{one.miss_rate:.2%}, {other.miss_rate:.2%} | {ratio:.2f}"


def _ratio(case: Case, ours: str, rival: str) -> str:
    return "{:.2f} / {:.2f}".format(*_ratios(case, ours, rival))


def _ratios(case: Case, ours: str, rival: str) -> tuple[float, float]:
    """Joules per answer over a rival's, with the idle draw and without it."""
    one, other = case.reports[ours], case.reports[rival]
    return (
        one.energy_per_request_j / other.energy_per_request_j,
        one.busy_energy_per_request_j / other.busy_energy_per_request_j,
    )


def _summary(cases: list[Case]) -> Iterator[str]:
    yield "## In short"
    yield ""
    yield (
        "Means over traces, devices and changes. *Levels* counts the cases in which at most 1 % were missed, "
        "*possible* those in which any schedule in full precision could."
    )
    yield ""
    yield (
        "| load | possible | levels fp32 | levels joulecut | fp32 / batching-only | joulecut / batching-only | "
        "joulecut / EALI | at EALI's misses: fp32 / EALI |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for load in dict.fromkeys(case.utilisation for case in cases):
        here = [case for case in cases if case.utilisation == load]
        kept = [sum(case.reports[name].miss_rate <= _LEVEL for case in here) for name in OURS]
        possible = sum(case.fewest_misses <= _LEVEL * case.reports[OURS[0]].requests for case in here)
        ratios = ((OURS[0], "batching-only"), (OURS[1], "batching-only"), (OURS[1], "eali"), (LENIENT, "eali"))
        yield (
            f"| {load:.0%} | {possible} of {len(here)} | {kept[0]} | {kept[1]} | "
            + " | ".join(_mean_ratio(here, ours, rival) for ours, rival in ratios)
            + " |"
        )
    yield ""
    yield from _against_possible([case for case in cases if case.bounds is not None])
    yield from _above_eali(cases)
    yield from _against_batchdvfs(cases)


def _against_possible(cases: list[Case]) -> Iterator[str]:
    """What of batching-only's joules anybody could save, and what joulecut does."""
    if not cases:
        return
    yield (
        "Joules per answer over batching-only's, means of the cases with bounds: the least that any schedule in full "
        "precision could draw at batching-only's misses, and what joulecut fp32 draws."
    )
    yield ""
    yield "| load | possible / batching-only | fp32 / batching-only |"
    yield "|---|---|---|"
    for load in dict.fromkeys(case.utilisation for case in cases):
        here = [case for case in cases if case.utilisation == load]
        shares = [_possible(case, "batching-only") for case in here]
        total, busy = fmean(share[0] for share in shares), fmean(share[1] for share in shares)
        yield f"| {load:.0%} | {total:.2f} / {busy:.2f} | {_mean_ratio(here, OURS[0], 'batching-only')} |"
    yield ""


def _above_eali(cases: list[Case]) -> Iterator[str]:
    """Where joulecut draws more than EALI at equal variants, and where also allowed as many misses."""
    yield (
        f"Where joulecut fp32 draws over {_ABOVE - 1.0:.1%} more for an answer than EALI, the idle draw counted: at "
        "its usual share of misses, or, *lax*, where it may miss as many as EALI. Ratios are joules per answer / per "
        "answer in time: about half of what EALI misses is answered late, where joulecut turns away."
    )
    yield ""
    yield "| trace | device | change | load | EALI missed | fp32 / EALI | missed | when lax: fp32 / EALI | missed |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for case in cases:
        eali, ours = case.reports["eali"], [case.reports[name] for name in (OURS[0], LENIENT)]
        ratios = [each.energy_per_request_j / eali.energy_per_request_j for each in ours]
        in_time = [each.energy_j / each.on_time / (eali.energy_j / eali.on_time) for each in ours]
        if max(ratios) > _ABOVE:
            yield (
                f"| {case.trace} | {case.device} | {1e3 * case.switch_s:.3g} ms | {case.utilisation:.0%} | "
                f"{eali.miss_rate:.2%} | {ratios[0]:.3f} / {in_time[0]:.3f} | {ours[0].miss_rate:.2%} | "
                f"{ratios[1]:.3f} / {in_time[1]:.3f} | {ours[1].miss_rate:.2%} |"
            )
    yield ""


def _against_batchdvfs(cases: list[Case]) -> Iterator[str]:
    """How often joulecut draws 15 % less than BatchDVFS where it may miss as many."""
    yield (
        "Joules per answer over BatchDVFS's where joulecut may miss as many: means, and in how many cases they are at "
        f"most {_AIM:.2f}, with the idle draw / without it; *possible* is the mean bound, of the cases that have one."
    )
    yield ""
    yield (
        "| load | fp32 / BatchDVFS | in so many cases | joulecut / BatchDVFS | in so many cases | "
        "possible / BatchDVFS | in so many cases |"
    )
    yield "|---|---|---|---|---|---|---|"
    for load in dict.fromkeys(case.utilisation for case in cases):
        here = [case for case in cases if case.utilisation == load]
        cells = [_aimed([_ratios(case, name, "batchdvfs") for case in here]) for name in AS_LAX]
        bounded = [_possible(case, "batchdvfs") for case in here if case.bounds is not None]
        cells.append(_aimed(bounded) if bounded else " | ")
        yield f"| {load:.0%} | {' | '.join(cells)} |"
    yield ""


def _aimed(ratios: list[tuple[float, float]]) -> str:
    total, busy = zip(*ratios, strict=True)
    reached = [sum(ratio <= _AIM for ratio in each) for each in (total, busy)]
    return f"{fmean(total):.2f} / {fmean(busy):.2f} | {reached[0]} / {reached[1]} of {len(ratios)}"


def _possible(case: Case, rival: str) -> tuple[float, float]:
    assert case.bounds is not None
    report, misses = case.reports[rival], case.misses(rival)
    return (
        case.bounds.with_idle.energy_per_request_j(misses) / report.energy_per_request_j,
        case.bounds.without_idle.energy_per_request_j(misses) / report.busy_energy_per_request_j,
    )


def _mean_ratio(cases: list[Case], ours: str, rival: str) -> str:
    total, busy = zip(*(_ratios(case, ours, rival) for case in cases), strict=True)
    return f"{fmean(total):.2f} / {fmean(busy):.2f}"


def rows(cases: list[Case]) -> str:
    """Every run as a line of CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        (
            *("device", "switch_ms", "trace", "utilisation", "policy", "requests", "on_time", "late", "rejected"),
            *("mj_per_request", "busy_mj_per_request", "p50_ms", "p99_ms", "mean_accuracy", "mean_batch"),
            "clock_changes",
            "fewest_misses",
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
                    case.fewest_misses,
                )
            )
    return text.getvalue()


if __name__ == "__main__":
    main()
