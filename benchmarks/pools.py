"""How fast a pool is planned, and what would break first in a large one: `python -m benchmarks.pools`.

    cold      pools of 100 edges and 4 servers to 10,000 and 200: CPU seconds, proved gap, memory
    warm      1,000 edges and 20 servers, then one edge leaves, joins, or a server dies: CPU seconds to the new plan
    messages  what each kind of message costs one emulated server-agent (`pool_messages`)
    line      discrete events: the largest pool's requests, each server's in order of arrival, by the plan's times
    limits    arithmetic with the above: at what multiple of the load each part is full

CPU seconds of one thread, since the machines this runs on are shared.
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

import numpy as np
from tests.planner.pool.drawn_pools import drawn_pool

from benchmarks.pool_messages import MessageCost, message_costs
from joulecut_core.documents import write_bytes
from joulecut_core.pool_plans import PoolPlan, ServerState
from joulecut_core.pools import Pool
from joulecut_planner.pool import PoolPlanner, solve_pool

_RESULTS = Path(__file__).parent / "results"
_SIZES = ((100, 4, 1), (300, 8, 2), (1000, 20, 5), (3000, 60, 15), (10_000, 200, 50))
_QUICK = ((10, 2, 1), (20, 4, 2))
_SEED = 1
_SIMULATED_S = 10.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cold:
    """One pool planned from nothing."""

    edges: int
    servers: int
    uplinks: int
    offloading: int
    parked: int
    taken_s: float
    gap: float
    memory_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Warm:
    """One kind of change."""

    change: str
    taken_s: float
    gap: float
    moved: int
    """Plans of other edges that changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What requests wait for their server in a simulated stretch: seconds, and how many are late of all."""

    requests: int
    median_s: float
    p99_s: float
    worst_s: float


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, simulate, and write the tables."""
    parser = argparse.ArgumentParser(description="Time the pool planner and simulate a large pool.")
    parser.add_argument("--out", type=Path, default=_RESULTS, help="folder for pools.md")
    parser.add_argument("--quick", action="store_true", help="small pools, no server-agent: seconds")
    options = parser.parse_args(argv)
    colds: list[Cold] = []
    pool, plan = _pool(*_QUICK[0], quick=True), None
    for size in _QUICK if options.quick else _SIZES:
        pool = _pool(*size, quick=options.quick)
        cold, plan = _cold(pool)
        colds.append(cold)
        print(cold, flush=True)
    assert plan is not None
    warms = _warm(_pool(*(_QUICK[1] if options.quick else _SIZES[2]), quick=options.quick))
    costs = [] if options.quick else message_costs(most=2000)
    line = _line(pool, plan)
    options.out.mkdir(parents=True, exist_ok=True)
    text = _document(colds, warms, costs, line, _limits(pool, plan, colds[-1], costs))
    write_bytes(options.out / "pools.md", text.encode())
    print(f"wrote {options.out / 'pools.md'}")


def _pool(edges: int, servers: int, uplinks: int, *, quick: bool) -> Pool:
    cuts, edge_points, server_points = (6, 3, 4) if quick else (30, 8, 20)
    return drawn_pool(
        _SEED, edges, servers, cuts=cuts, edge_points=edge_points, server_points=server_points, uplinks=uplinks
    )


def _cold(pool: Pool) -> tuple[Cold, PoolPlan]:
    taken_s, plan = _timed(lambda: solve_pool(pool))
    assert plan.gap is not None
    cold = Cold(
        edges=len(pool.edges),
        servers=len(pool.servers),
        uplinks=len(pool.uplinks),
        offloading=sum(edge.server is not None for edge in plan.edges),
        parked=sum(server.state is ServerState.PARKED for server in plan.servers),
        taken_s=taken_s,
        gap=plan.gap,
        memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
    )
    return cold, plan


def _warm(pool: Pool) -> list[Warm]:
    planner = PoolPlanner()
    last = planner.plan(pool)
    busiest = max(last.servers, key=lambda server: server.edges).name
    leaves = next(edge.name for edge in last.edges if edge.server is not None)
    without = replace(pool, edges=tuple(edge for edge in pool.edges if edge.name != leaves))
    dead = replace(pool, servers=tuple(server for server in pool.servers if server.name != busiest))
    warms = []
    for change, now in (
        ("an edge leaves", without),
        ("an edge joins", pool),
        ("a server dies", dead),
        ("it comes back", pool),
    ):
        taken_s, plan = _timed(lambda now=now: planner.plan(now))  # type: ignore[misc]
        assert plan.gap is not None
        before = {edge.name: edge for edge in last.edges}
        moved = sum(before.get(edge.name, edge) is not edge for edge in plan.edges)
        warms.append(Warm(change=change, taken_s=taken_s, gap=plan.gap, moved=moved))
        last = plan
    return warms


def _line(pool: Pool, plan: PoolPlan) -> Line:
    """Every edge's requests evenly spaced from a random moment on, each server's served in order of arrival."""
    rng = np.random.default_rng(_SEED)
    rates = {edge.name: edge.problems[0].problem.slo.rate_hz or 0.0 for edge in pool.edges}
    placed: dict[str, list[tuple[float, float]]] = {}
    for edge in plan.edges:
        if edge.server is not None and edge.plan.breakdown is not None:
            service_s = edge.plan.breakdown.t_server + edge.plan.breakdown.decode_s
            placed.setdefault(edge.server, []).append((rates[edge.name], service_s))
    waits: list[float] = []
    for members in placed.values():
        arrivals, services = [], []
        for rate_hz, service_s in members:
            at_s = np.arange(rng.uniform(0.0, 1.0 / rate_hz), _SIMULATED_S, 1.0 / rate_hz)
            arrivals.append(at_s)
            services.append(np.full(at_s.size, service_s))
        at_s, service = np.concatenate(arrivals), np.concatenate(services)
        order = np.argsort(at_s, kind="stable")
        free_s = 0.0
        for arrival_s, needed_s in zip(at_s[order].tolist(), service[order].tolist(), strict=True):
            begin_s = max(arrival_s, free_s)
            waits.append(begin_s - arrival_s)
            free_s = begin_s + needed_s
    if not waits:
        return Line(requests=0, median_s=0.0, p99_s=0.0, worst_s=0.0)
    median_s, p99_s = np.quantile(waits, (0.5, 0.99)).tolist()
    return Line(requests=len(waits), median_s=median_s, p99_s=p99_s, worst_s=max(waits))


def _limits(pool: Pool, plan: PoolPlan, cold: Cold, costs: Sequence[MessageCost]) -> list[tuple[str, str, float]]:
    """Of each part what is asked of it in the plan, and how often that would fit."""
    rates = {edge.name: edge.problems[0].problem.slo.rate_hz or 0.0 for edge in pool.edges}
    asked: dict[str, float] = {}
    for edge in plan.edges:
        if edge.server is not None:
            asked[edge.server] = asked.get(edge.server, 0.0) + rates[edge.name]
    busiest_hz, all_hz = max(asked.values(), default=0.0), sum(asked.values())
    busiest = max(server.server_utilisation for server in plan.servers)
    used_bps: dict[str, float] = {}
    for pooled, served in zip(pool.edges, plan.edges, strict=True):
        if pooled.uplink is not None:
            used_bps[pooled.uplink] = used_bps.get(pooled.uplink, 0.0) + served.uplink_bps
    fullest = max(used_bps[one.name] / one.uplink_bps for one in pool.uplinks)
    rows = [
        ("a server's time", f"{busiest:.0%} of the fullest server's", 1.0 / busiest if busiest else np.inf),
        ("a shared uplink", f"{fullest:.0%} of the fullest one", 1.0 / fullest if fullest else np.inf),
    ]
    by_kind = {cost.kind: cost for cost in costs}
    if by_kind:
        request, status = by_kind["inference request"], by_kind["status"]
        session = by_kind["plan a session"]
        rows += [
            (
                "a server-agent's core: requests",
                f"{busiest_hz:.0f} requests/s on the busiest ({all_hz:.0f} in all)",
                request.per_second / busiest_hz,
            ),
            (
                "one process that asks everybody for status each second",
                f"{len(pool.edges)} edges and {len(pool.servers)} servers",
                status.per_second / (len(pool.edges) + len(pool.servers)),
            ),
            (
                "a dead server's edges planned anew by its neighbour within 10 s",
                f"{max(server.edges for server in plan.servers)} sessions",
                10.0 * session.per_second / max(server.edges for server in plan.servers),
            ),
        ]
    rows.append(("the pool planned from nothing once a minute", f"{cold.taken_s:.0f} CPU s", 60.0 / cold.taken_s))
    return sorted(rows, key=lambda row: row[2])


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    started_s = time.process_time()
    result = work()
    return time.process_time() - started_s, result


def _document(
    colds: Sequence[Cold],
    warms: Sequence[Warm],
    costs: Sequence[MessageCost],
    line: Line,
    limits: Sequence[tuple[str, str, float]],
) -> str:
    last = colds[-1]
    large = colds[-3:]
    slope = float(np.polyfit(np.log([c.edges for c in large]), np.log([c.taken_s for c in large]), 1)[0])
    return "\n".join(
        (
            "# Planning pools",
            "",
            f"Measured {datetime.now(timezone.utc):%Y-%m-%d}, CPU seconds of one thread on a shared machine",
            f"({platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}), single runs.",
            "Drawn pools: two kinds of servers, two sets of tables for each edge, servers at most 70 % busy and",
            "parked at 8 W; edges ask for more uplink and server time than there is. What is simulated or reckoned",
            "says so.",
            "",
            "## Cold (measured)",
            "",
            "| edges | servers | uplinks | offloading | parked | CPU s | gap | peak memory MB |",
            "|---|---|---|---|---|---|---|---|",
            *(
                f"| {c.edges} | {c.servers} | {c.uplinks} | {c.offloading} | {c.parked} | {c.taken_s:.2f} "
                f"| {c.gap:.1e} | {c.memory_mb:.0f} |"
                for c in colds
            ),
            "",
            f"From {large[0].edges} edges on time grows as edges^{slope:.2f}; in smaller pools the search for a gap of",
            "1e-3 takes most of it. Memory is the process's peak so far, the pool itself included.",
            "",
            f"## Warm, {_counted(warms, colds)} (measured)",
            "",
            "| change | CPU s | gap | other edges' plans that changed |",
            "|---|---|---|---|",
            *(f"| {w.change} | {w.taken_s:.2f} | {w.gap:.1e} | {w.moved} |" for w in warms),
            "",
            "## Messages (measured)",
            "",
            *(
                (
                    "| message | sent | CPU ms of the server-agent | a core answers per second |",
                    "|---|---|---|---|",
                    *(f"| {c.kind} | {c.sent} | {c.cpu_ms:.2f} | {c.per_second:.0f} |" for c in costs),
                    "",
                    "One emulated server-agent, loopback, no TLS, one message after the other. An inference request's",
                    "cost has the emulated device's computing on the CPU in it, which a GPU would do: an upper bound.",
                )
                if costs
                else ("Not measured in a quick run.",)
            ),
            "",
            "## Waiting for the server (simulated)",
            "",
            f"{_SIMULATED_S:.0f} s of {last.edges} edges and {last.servers} servers, {line.requests} requests by the",
            "plan's own seconds and rates, evenly spaced from random moments, each server's in order of arrival:",
            f"they wait {1e3 * line.median_s:.2f} ms in the median, {1e3 * line.p99_s:.2f} ms at the 99th percentile,",
            f"{1e3 * line.worst_s:.2f} ms at most. The plan allowed 2 ms for each.",
            "",
            "## What is full first (reckoned from the tables above)",
            "",
            "| part | asked of it in the plan | how often that would fit |",
            "|---|---|---|",
            *(f"| {part} | {asked} | {times:.1f} |" for part, asked, times in limits),
            "",
        )
    )


def _counted(warms: Sequence[Warm], colds: Sequence[Cold]) -> str:
    middle = colds[min(2, len(colds) - 1)]
    return f"{middle.edges} edges and {middle.servers} servers" if warms else "nothing"


if __name__ == "__main__":
    main()
