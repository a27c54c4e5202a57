"""How fast a fleet is planned, and how near to the optimum: `python -m benchmarks.fleet`.

    cold    fleets of 100 to 10,000 edges: CPU seconds, proved gap, and the gap as a share of what offloading saves
    warm    1,000 edges, then one leaves, comes back, or changes its bandwidth: CPU milliseconds to the new plan
    prices  the search for the prices of one server point against the cone program that cvxpy solves

CPU seconds of one thread, since the machines this runs on are shared.
"""

from __future__ import annotations

import argparse
import math
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

import numpy as np
from tests.planner.fleet.drawn_fleets import drawn_fleet

from joulecut_core.documents import write_bytes
from joulecut_core.fleets import FleetPlan
from joulecut_planner.fleet import FleetPlanner, solve_fleet
from joulecut_planner.fleet.menu import Budget, Menu
from joulecut_planner.fleet.offers import offers_of
from joulecut_planner.fleet.prices import best_prices
from joulecut_planner.fleet.relaxation import relaxed
from joulecut_planner.fleet.worth import FREE

_RESULTS = Path(__file__).parent / "results"
_SIZES = (100, 300, 1000, 3000, 10_000)
_SEED = 1
_EVENTS = 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cold:
    """One fleet planned from nothing."""

    edges: int
    offloading: int
    taken_s: float
    gap: float
    saved_gap: float
    """The gap in watts over what the plan saves against everything on the edges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warm:
    """One kind of change, planned many times."""

    change: str
    median_ms: float
    worst_ms: float
    gap: float
    """The largest."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the tables and the plot."""
    parser = argparse.ArgumentParser(description="Time the fleet planner, cold and warm.")
    parser.add_argument("--out", type=Path, default=_RESULTS, help="folder for fleet.md and fleet.png")
    parser.add_argument("--quick", action="store_true", help="small fleets, seconds")
    options = parser.parse_args(argv)
    sizes, many = ((10, 20), 20) if options.quick else (_SIZES, 1000)
    colds = [_cold(edges) for edges in sizes]
    warms = _warm(many, 3 if options.quick else _EVENTS)
    prices_ms, cone_ms, apart = _prices(10 if options.quick else 100)
    options.out.mkdir(parents=True, exist_ok=True)
    text = _document(colds, warms, many, prices_ms, cone_ms, apart)
    write_bytes(options.out / "fleet.md", text.encode())
    _plot(colds, options.out / "fleet.png")
    print(f"wrote {options.out / 'fleet.md'} and fleet.png")


def _cold(edges: int) -> Cold:
    fleet = drawn_fleet(_SEED, edges)
    taken_s, plan = _timed(lambda: solve_fleet(fleet))
    local = solve_fleet(replace(fleet, shared=replace(fleet.shared, server_utilisation=0.0)))
    power_w, bound_w, gap = _figures(plan)
    local_w, _, _ = _figures(local)
    cold = Cold(
        edges=edges,
        offloading=sum(edge.uplink_bps > 0.0 for edge in plan.edges),
        taken_s=taken_s,
        gap=gap,
        saved_gap=(power_w - bound_w) / (local_w - power_w),
    )
    print(cold)
    return cold


def _warm(edges: int, events: int) -> list[Warm]:
    fleet = drawn_fleet(_SEED, edges)
    planner = FleetPlanner()
    offloading = {edge.name for edge in planner.plan(fleet).edges if edge.uplink_bps > 0.0}
    places = [place for place, edge in enumerate(fleet.edges) if edge.name in offloading]
    chosen = np.random.default_rng(_SEED).choice(places, size=min(events, len(places)), replace=False).tolist()
    taken: dict[str, list[tuple[float, float]]] = {}
    for place in chosen:
        edge = fleet.edges[place]
        others = (*fleet.edges[:place], *fleet.edges[place + 1 :])
        link = replace(edge.problem.link, uplink_bps=0.6 * edge.problem.link.uplink_bps)
        slower = replace(edge, problem=replace(edge.problem, link=link))
        slowed = (*fleet.edges[:place], slower, *fleet.edges[place + 1 :])
        for change, now in (("an edge leaves", others), ("an edge joins", fleet.edges), ("a link slows", slowed)):
            taken_s, plan = _timed(lambda now=now: planner.plan(replace(fleet, edges=now)))  # type: ignore[misc]
            taken.setdefault(change, []).append((taken_s * 1e3, _figures(plan)[2]))
        planner.plan(fleet)
    return [
        Warm(
            change=change,
            median_ms=statistics.median(ms for ms, _ in runs),
            worst_ms=max(ms for ms, _ in runs),
            gap=max(gap for _, gap in runs),
        )
        for change, runs in taken.items()
    ]


def _prices(edges: int) -> tuple[float, float, float]:
    """Milliseconds of the search and of the cone program, medians of runs in turn; the relative difference."""
    fleet = drawn_fleet(_SEED, edges)
    budget = Budget.of(fleet.shared)
    offers = [offers_of(edge.problem, fleet.shared) for edge in fleet.edges]
    idle_w = fleet.edges[0].problem.server.points[0].idle_w
    menu = Menu.of(offers, 0, idle_w)
    own_ms, cone_ms, apart = [], [], 0.0
    for run in range(6):
        own_s, priced = _timed(lambda: best_prices(menu, budget, FREE, ceiling_w=math.inf, tolerance=1e-9))
        cone_s, oracle = _timed(lambda: relaxed(menu, budget))
        apart = max(apart, abs(oracle.power_w - priced.bound_w) / oracle.power_w)
        if run:  # the first imports cvxpy
            own_ms.append(own_s * 1e3)
            cone_ms.append(cone_s * 1e3)
    return statistics.median(own_ms), statistics.median(cone_ms), apart


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    started_s = time.process_time()
    result = work()
    return time.process_time() - started_s, result


def _figures(plan: FleetPlan) -> tuple[float, float, float]:
    assert plan.power_w is not None
    assert plan.lower_bound_w is not None
    assert plan.gap is not None
    return plan.power_w, plan.lower_bound_w, plan.gap


def _document(
    colds: Sequence[Cold], warms: Sequence[Warm], many: int, prices_ms: float, cone_ms: float, apart: float
) -> str:
    slope = float(np.polyfit(np.log([c.edges for c in colds]), np.log([c.taken_s for c in colds]), 1)[0])
    return "\n".join(
        (
            "# Planning fleets",
            "",
            f"Measured {datetime.now(timezone.utc):%Y-%m-%d}, CPU seconds of one thread on {_machine()}.",
            "Drawn fleets: 60 cuts, 8 edge points, 40 server points, 8 sets of tables among the edges; each edge has",
            "a link, rate, deadline and weight of its own. Offloading everything would take more uplink and server",
            "than there is. Beyond 60 edges rates fall with their number: one server stays one server's worth short.",
            "",
            "## Cold",
            "",
            "| edges | offloading | CPU s | gap | gap as a share of what offloading saves |",
            "|---|---|---|---|---|",
            *(f"| {c.edges} | {c.offloading} | {c.taken_s:.2f} | {c.gap:.1e} | {c.saved_gap:.1e} |" for c in colds),
            "",
            f"Time grows as edges^{slope:.2f} ([plot](fleet.png)). The search ends at a gap of 1e-7 up to 32 edges, of",
            "1e-4 beyond.",
            "",
            f"## Warm, {many} edges",
            "",
            "| change | CPU ms, median | worst | largest gap |",
            "|---|---|---|---|",
            *(f"| {w.change} | {w.median_ms:.1f} | {w.worst_ms:.1f} | {w.gap:.1e} |" for w in warms),
            "",
            "The edge is one that offloads; making the changed problem is not counted. The search ends at 1e-3.",
            "",
            "## Prices of one server point",
            "",
            f"The search over two prices takes {prices_ms:.1f} ms; cvxpy with CLARABEL takes {cone_ms:.0f} ms for the",
            f"same relaxation as a cone program: {cone_ms / prices_ms:.0f} times as long. They differ by {apart:.0e}.",
            "",
        )
    )


def _plot(colds: Sequence[Cold], path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - an extra

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    edges, taken_s = [cold.edges for cold in colds], [cold.taken_s for cold in colds]
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.loglog(edges, taken_s, "o-", label="planned cold")
    axes.loglog(edges, [taken_s[-1] * count / edges[-1] for count in edges], "--", color="grey", label="linear")
    axes.set(xlabel="edges", ylabel="CPU seconds", title="Planning a fleet: 60 cuts, 8 edge and 40 server points")
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _machine() -> str:
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        models = [line for line in information.read_text(encoding="utf-8").splitlines() if "model name" in line]
        cpu = models[0].partition(":")[2].strip() if models else cpu
    return f"a shared machine ({cpu}), Python {platform.python_version()}, numpy {np.__version__}"


if __name__ == "__main__":
    main()
