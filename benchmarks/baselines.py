"""What every baseline costs against the joint plan, on the same problems. `python -m benchmarks.baselines`.

    drawn     pairs of devices drawn from seeds, over several links and deadlines
    shipped   the demo's profiles and wires, over links, accesses, rates, deadlines and objectives

Estimated: planned on tables, nothing run.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import io
import math
import os
import platform
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import product
from pathlib import Path

from benchmarks.drawn_pairs import Posed, drawn_problems
from benchmarks.scenarios.cases import ACCESSES, DEADLINES_S, RATES_HZ, UPLINKS_BPS, Access, Demand, Goal, Setting
from joulecut.demo.scenario import Scenario
from joulecut.demo.workplace import SHIPPED
from joulecut_core.documents import write_bytes
from joulecut_core.plans import OPTIMAL, Plan
from joulecut_core.problems import Problem
from joulecut_core.profiles import load_profile
from joulecut_core.wires import load_wires
from joulecut_planner import PlanningInputs, build_problem
from joulecut_planner.baselines import BASELINES, Baseline
from joulecut_planner.choices.constraints import LATENCY, RATE
from joulecut_proto.framing import ENVELOPE_BYTES

RESULTS = Path(__file__).parent / "results"
JOINT = "joint"
DRAWN_SEEDS = range(60)
QUICK_SEEDS = range(2)
COLUMNS = ("set", "problem", "objective", *(f"{name}_mj" for name in BASELINES))
"""Millijoules in the objective's weights; empty where the baseline's choice breaks a constraint."""

_SAME_J = 1e-9
_BOARD, _SERVER = "orin-nano-15w", "t4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The plan of every baseline for one problem."""

    group: str
    name: str
    goal: Goal
    plans: dict[str, Plan]

    def energy_j(self, baseline: str) -> float | None:
        """J of a plan that keeps every constraint, else None."""
        plan = self.plans[baseline]
        return plan.energy_j if plan.status == OPTIMAL else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One baseline over many problems that the joint plan keeps; excess is against its energy."""

    kept: float
    late: float
    congested: float
    same: float
    mean: float
    median: float
    p95: float
    time_ratio: float

    @classmethod
    def of(cls, baseline: str, outcomes: Sequence[Outcome]) -> Standing:
        """Shares are of all problems with a joint plan; excess and `same` are of those that the baseline keeps too."""
        posed = [outcome for outcome in outcomes if outcome.energy_j(JOINT) is not None]
        excess = sorted(_excesses(baseline, posed))
        broken = [outcome.plans[baseline].binding for outcome in posed if outcome.energy_j(baseline) is None]
        return cls(
            kept=len(excess) / len(posed),
            late=sum(LATENCY in binding for binding in broken) / len(posed),
            congested=sum(RATE in binding for binding in broken) / len(posed),
            same=sum(each <= _SAME_J for each in excess) / len(posed),
            mean=statistics.fmean(excess) if excess else math.nan,
            median=statistics.median(excess) if excess else math.nan,
            p95=_quantile(excess, 0.95) if excess else math.nan,
            time_ratio=statistics.median(
                outcome.plans[baseline].solve_s / outcome.plans[JOINT].solve_s for outcome in posed
            ),
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Plan every problem with every baseline; write table and summary."""
    parser = argparse.ArgumentParser(description="Compare every baseline with the joint plan; nothing is run.")
    parser.add_argument("--out", type=Path, default=RESULTS, help="Folder for baselines.csv and baselines.md.")
    parser.add_argument("--quick", action="store_true", help="A few dozen problems, to see that it works.")
    options = parser.parse_args(arguments)
    outcomes = [*compared("drawn", drawn_problems(QUICK_SEEDS if options.quick else DRAWN_SEEDS))]
    outcomes += compared("shipped", shipped_problems(quick=options.quick))
    write_bytes(options.out / "baselines.csv", csv_text(outcomes).encode())
    write_bytes(options.out / "baselines.md", summary_text(outcomes).encode())
    print(f"wrote {options.out / 'baselines.csv'} and {options.out / 'baselines.md'}")


def compared(group: str, problems: Iterable[Posed]) -> Iterator[Outcome]:
    """The outcome of each problem; its tables are made before anything is timed."""
    for posed in problems:
        BASELINES[JOINT].plan(posed.problem)
        plans = {name: _timed(baseline, posed.problem) for name, baseline in BASELINES.items()}
        yield Outcome(group=group, name=posed.name, goal=posed.goal, plans=plans)


def _timed(baseline: Baseline, problem: Problem) -> Plan:
    """The baseline's plan; its `solve_s` is of the processor, since the host is shared."""
    started_s = time.thread_time()
    plan = baseline.plan(problem)
    return replace(plan, solve_s=time.thread_time() - started_s)


def shipped_problems(*, quick: bool) -> Iterator[Posed]:
    """The demo's two devices over the scenario sweep's links and demands."""
    edge, server = (load_profile(_shipped(f"{device}-*.json")) for device in (f"{_BOARD}-edge", f"{_SERVER}-server"))
    wires = load_wires(_shipped("wires.json"))
    accesses: Sequence[Access] = ACCESSES[1:2] if quick else ACCESSES
    uplinks_bps = UPLINKS_BPS[2:3] if quick else UPLINKS_BPS
    for access, uplink_bps in product(accesses, uplinks_bps):
        setting = Setting(
            board=_BOARD, server=_SERVER, uplink_bps=uplink_bps, downlink_bps=2.0 * uplink_bps, access=access
        )
        inputs = PlanningInputs(
            edge=edge,
            server=server,
            wires=wires,
            link=setting.link,
            max_accuracy_loss=Scenario().max_accuracy_loss,
            envelope_bytes=ENVELOPE_BYTES,
        )
        tables = build_problem(inputs)
        for rate_hz, deadline_s, goal in product(RATES_HZ, DEADLINES_S, Goal):
            demand = Demand(rate_hz=rate_hz, deadline_s=deadline_s, goal=goal)
            name = f"{access.name}, {uplink_bps / 1e6:g} Mbit/s, {rate_hz:g} Hz, {deadline_s * 1e3:g} ms"
            yield Posed(
                name=name, goal=goal, problem=replace(tables, slo=demand.slo("cantelli"), objective=goal.objective)
            )


def csv_text(outcomes: Iterable[Outcome]) -> str:
    """One row per problem."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for outcome in outcomes:
        energies_j = [outcome.energy_j(name) for name in BASELINES]
        cells = ("" if energy_j is None else f"{energy_j * 1e3:.3f}" for energy_j in energies_j)
        writer.writerow((outcome.group, outcome.name, outcome.goal.value, *cells))
    return text.getvalue()


def summary_text(outcomes: Sequence[Outcome]) -> str:
    """The tables in Markdown, with date, machine and scope."""
    lines = [
        "# Baselines against the joint plan",
        "",
        "**Scope: estimated. Planned on tables, nothing run.**",
        "",
        f"- planned {datetime.now(timezone.utc):%Y-%m-%d} on {_machine()}",
        "- shares are of the problems for which a joint plan exists; *late*, *congested*: the choice breaks the",
        "  deadline's quantile or the rate; nothing is repaired",
        "- `total` counts both sides' joules, `battery` the edge's only; a method that minimises something else is",
        "  judged by these all the same",
        "- *excess*: energy over the joint plan's, in the objective's weights, where the baseline keeps every",
        "  constraint; *same*: within 1e-9 of the joint plan, as a share of all. Who misses the hard problems is",
        "  not charged for them in the excess: read it with *keeps all*",
        "- *time*: median over the problems of the processor's time over the joint plan's, in one process, with the",
        "  problem's arrays at hand; `cpu-dvfs` fits its laws anew each time",
        "- what each row is: [baselines](../../docs/explanation-baselines.md)",
    ]
    for group, goal in dict.fromkeys((outcome.group, outcome.goal) for outcome in outcomes):
        posed = [outcome for outcome in outcomes if (outcome.group, outcome.goal) == (group, goal)]
        kept = sum(outcome.energy_j(JOINT) is not None for outcome in posed)
        lines += ["", f"## {group}, {goal.value}: {len(posed)} problems, {kept} with a joint plan", ""]
        lines += [*_table(posed), "", *_best_others(posed)]
    return "\n".join([*lines, ""])


def _table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "| baseline | keeps all | late | congested | same | excess: mean | median | p95 | time |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name in BASELINES:
        each = Standing.of(name, outcomes)
        shares = (each.kept, each.late, each.congested, each.same, each.mean, each.median, each.p95)
        cells = " | ".join("-" if math.isnan(share) else f"{share:.1%}" for share in shares)
        yield f"| {name} | {cells} | {each.time_ratio:.2f} |"


def _best_others(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What is left to the joint plan where somebody always knew which baseline to use."""
    left = []
    for outcome in outcomes:
        joint_j = outcome.energy_j(JOINT)
        others_j = [outcome.energy_j(name) for name in BASELINES if name != JOINT]
        kept_j = [energy_j for energy_j in others_j if energy_j is not None]
        if joint_j is not None and kept_j:
            left.append(min(kept_j) / joint_j - 1.0)
    if left:
        yield (
            f"The best of all others, problem by problem: excess {statistics.fmean(left):.1%} mean, "
            f"{_quantile(sorted(left), 0.95):.1%} p95, {max(left):.1%} at most."
        )


def _quantile(rising: Sequence[float], share: float) -> float:
    return rising[round(share * (len(rising) - 1))]


def _excesses(baseline: str, outcomes: Iterable[Outcome]) -> Iterator[float]:
    for outcome in outcomes:
        energy_j, joint_j = outcome.energy_j(baseline), outcome.energy_j(JOINT)
        if energy_j is not None and joint_j is not None:
            yield energy_j / joint_j - 1.0


def _shipped(pattern: str) -> Path:
    (path,) = SHIPPED.glob(pattern)
    return path


def _machine() -> str:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("joulecut", "numpy"))
    return (
        f"a shared machine with {os.cpu_count()} {platform.machine()} cores, one thread, "
        f"Python {platform.python_version()}, {versions}"
    )


if __name__ == "__main__":
    main()
