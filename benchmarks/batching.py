"""What batching on the server is worth, and how far J-DOB is from the joint plan. `python -m benchmarks.batching`.

    fleets drawn from a seed: one network, boards of different speed, links and deadlines
    -> joules of joulecut's plan, J-DOB, no batching and all local, as ratios; nothing is run

Tables of batch 1 are those of the demo's profiles of emulated devices; what larger batches cost is
assumed, per fleet. Every figure is estimated.
"""

from __future__ import annotations

import argparse
import platform
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from joulecut.demo.workplace import SHIPPED
from joulecut_core.documents import write_bytes
from joulecut_core.links import LinkEstimate
from joulecut_core.problems import Objective, Problem, Server, SideTables, Slo, Table, Variant
from joulecut_core.profiles import load_profile
from joulecut_core.wires import load_wires
from joulecut_planner import PlanningInputs, build_problem
from joulecut_planner.batching import (
    POLICIES,
    BatchingEdge,
    BatchingPlan,
    BatchingPolicyName,
    BatchingProblem,
    BatchTables,
    ServerClock,
)

RESULTS = Path(__file__).parent / "results" / "batching.md"

EDGE_COUNTS = (5, 10, 20, 30)
CUTS = (0, 3, 5, 9, 13, 17)
"""Of the network's 18, and the last; any subset of candidate cuts is a problem of its own."""
SERVER_POINTS = (0, 23, 24, 44, 77, 110)
SIZES = (2, 4, 8, 16)
MARGINAL = (0.15, 0.5)
"""A further request in a batch costs this share of the first one's time: drawn from this range, per fleet."""
TIGHTNESS = (1.5, 6.0)
"""Deadlines over the time that a board needs at its top clock."""
RATE_HZ = 10.0
BOARD_W = 70.0
"""No batch draws more than the server's board limit."""


class Kind(NamedTuple):
    """What a fleet has in common. `battery`: the server's joules do not count; `alike`: all deadlines are equal.

    `periodic`: requests come at `RATE_HZ` and the edges wait anyway, else waiting costs until the answer.
    """

    battery: bool
    periodic: bool
    alike: bool


KINDS = tuple(Kind(*values) for values in product((False, True), repeat=3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """One drawn fleet."""

    edges: int
    kind: Kind
    problem: BatchingProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A fleet and every policy's plan for it."""

    fleet: Fleet
    plans: dict[BatchingPolicyName, BatchingPlan]

    def ratio(self, policy: BatchingPolicyName, against: BatchingPolicyName) -> float | None:
        """Joules of one policy over those of another; None where either misses a deadline."""
        energy_j, other_j = self.plans[policy].energy_j, self.plans[against].energy_j
        return None if energy_j is None or not other_j else energy_j / other_j


def main(arguments: Sequence[str] | None = None) -> None:
    """Plan every fleet and write the table."""
    parser = argparse.ArgumentParser(description="Compare policies of batching on random fleets; nothing is run.")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--fleets", type=int, default=2, help="of each kind and number of edges")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="one small fleet of each kind")
    options = parser.parse_args(arguments)
    counts, fleets = ((4,), 1) if options.quick else (EDGE_COUNTS, options.fleets)
    outcomes = [Outcome(fleet=fleet, plans=plans(fleet)) for fleet in drawn(counts, fleets, options.seed)]
    write_bytes(options.out, document(outcomes, options.seed).encode())
    print(f"wrote {options.out}")


def plans(fleet: Fleet) -> dict[BatchingPolicyName, BatchingPlan]:
    """Every policy's plan."""
    return {name: policy(fleet.problem) for name, policy in POLICIES.items()}


def drawn(counts: Sequence[int], fleets: int, seed: int) -> Iterator[Fleet]:
    """`fleets` of each kind and number of edges; the same seed draws the same ones."""
    rng, base = np.random.default_rng(seed), _base()
    for edges in counts:
        for kind in KINDS:
            for _ in range(fleets):
                yield Fleet(edges=edges, kind=kind, problem=_fleet(rng, base, edges, kind))


def _base() -> Problem:
    """The demo's pair, with fewer cuts and server points."""
    (edge,), (server,) = SHIPPED.glob("orin-nano-15w-edge-*.json"), SHIPPED.glob("t4-server-*.json")
    inputs = PlanningInputs(
        edge=load_profile(edge),
        server=load_profile(server),
        wires=load_wires(SHIPPED / "wires.json"),
        link=LinkEstimate(uplink_bps=5e7, downlink_bps=1e8, rtt_s=0.003, uplink_w=0.8, downlink_w=0.6),
        max_accuracy_loss=0.02,
        envelope_bytes=80,
    )
    whole = build_problem(inputs)
    cuts, (variant,) = (*CUTS, len(whole.cuts) - 1), whole.variants
    every_point = tuple(range(len(whole.edge.points)))
    return replace(
        whole,
        cuts=tuple(whole.cuts[cut] for cut in cuts),
        server=Server(points=tuple(whole.server.points[point] for point in SERVER_POINTS)),
        variants=(
            Variant(
                name=variant.name,
                edge=_kept(variant.edge, cuts, every_point),
                server=_kept(variant.server, cuts, SERVER_POINTS),
            ),
        ),
    )


def _kept(side: SideTables, cuts: Sequence[int], points: Sequence[int]) -> SideTables:
    def rows(table: Table) -> Table:
        return tuple(tuple(table[cut][point] for point in points) for cut in cuts)

    return SideTables(time_s=rows(side.time_s), busy_w=rows(side.busy_w))


def _fleet(rng: np.random.Generator, base: Problem, edges: int, kind: Kind) -> BatchingProblem:
    marginal = float(rng.uniform(*MARGINAL))
    tightness = rng.uniform(*TIGHTNESS, edges)
    speeds = rng.uniform(0.7, 1.6, edges)
    if kind.alike:
        tightness, reference = np.full(edges, tightness[0]), np.full(edges, speeds.max())
    else:
        reference = speeds
    deadlines_s = tightness * reference * min(base.variants[0].edge.time_s[-1])
    problems = [
        _board(rng, base, kind, slowness=float(slowness), deadline_s=float(deadline_s))
        for slowness, deadline_s in zip(speeds, deadlines_s, strict=True)
    ]
    return BatchingProblem(
        edges=tuple(BatchingEdge(name=f"edge-{index}", problem=each) for index, each in enumerate(problems)),
        batches=tuple(_batch(base, size, marginal) for size in SIZES),
        server_clock=ServerClock.PER_BATCH,
    )


def _board(rng: np.random.Generator, base: Problem, kind: Kind, *, slowness: float, deadline_s: float) -> Problem:
    """One edge: a board that takes `slowness` times as long as the base's, at a link of its own."""
    uplink_bps = float(10 ** rng.uniform(7.0, 8.3))
    (variant,) = base.variants
    slower = SideTables(
        time_s=tuple(tuple(slowness * value for value in row) for row in variant.edge.time_s),
        busy_w=variant.edge.busy_w,
    )
    return replace(
        base,
        slo=Slo(latency_s=deadline_s, rate_hz=RATE_HZ if kind.periodic else None),
        objective=Objective(server_weight=0.0 if kind.battery else 1.0),
        link=replace(
            base.link, uplink_bps=uplink_bps, downlink_bps=2 * uplink_bps, rtt_s=float(rng.uniform(5e-4, 4e-3))
        ),
        variants=(replace(variant, edge=slower),),
    )


def _batch(base: Problem, size: int, marginal: float) -> BatchTables:
    """The assumed cost of a batch: time grows by `marginal` per request, draw above idle by a quarter per doubling."""
    server, points = base.variants[0].server, base.server.points
    slower, harder = 1.0 + marginal * (size - 1), 1.0 + 0.25 * float(np.log2(size))
    return BatchTables(
        batch=size,
        time_s=tuple(tuple(slower * value for value in row) for row in server.time_s),
        busy_w=tuple(
            tuple(
                min(BOARD_W, point.idle_w + harder * (value - point.idle_w))
                for value, point in zip(row, points, strict=True)
            )
            for row in server.busy_w
        ),
    )


def document(outcomes: Sequence[Outcome], seed: int) -> str:
    """The published table."""
    rows = []
    for kind in KINDS:
        for edges in sorted({outcome.fleet.edges for outcome in outcomes}):
            chosen = [each for each in outcomes if (each.fleet.kind, each.fleet.edges) == (kind, edges)]
            rows.append(f"| {' | '.join(_cells(kind, edges, chosen))} |")
    return "\n".join((*_head(outcomes, seed), *rows, ""))


def _cells(kind: Kind, edges: int, chosen: Sequence[Outcome]) -> tuple[str, ...]:
    joint, local = BatchingPolicyName.JOINT_BATCHING, BatchingPolicyName.ALL_LOCAL
    jdob, alone = BatchingPolicyName.J_DOB, BatchingPolicyName.NO_BATCHING
    return (
        "battery" if kind.battery else "total",
        f"{RATE_HZ:g} Hz" if kind.periodic else "once",
        "equal" if kind.alike else "different",
        str(edges),
        str(len(chosen)),
        _spread([each.ratio(joint, local) for each in chosen]),
        _spread([each.ratio(jdob, local) for each in chosen]),
        _spread([each.ratio(alone, local) for each in chosen]),
        _spread([each.ratio(joint, jdob) for each in chosen]),
        _spread([each.ratio(joint, alone) for each in chosen]),
        _spread([each.plans[joint].gap for each in chosen]),
    )


def _head(outcomes: Sequence[Outcome], seed: int) -> tuple[str, ...]:
    date = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    sizes, cuts = ", ".join(map(str, SIZES)), ", ".join(map(str, CUTS))
    ratios = "joulecut / local | J-DOB / local | no batching / local | joulecut / J-DOB | joulecut / no batching"
    return (
        "# Batching on the server",
        "",
        "**Scope: planned, nothing was run; every figure is estimated.** Tables of batch 1 are those of the demo's",
        "profiles (EfficientNet-Lite0 on an emulated Orin Nano 15 W and an emulated T4); boards are scaled in speed.",
        "What larger batches cost is assumed, fleet by fleet: each further request adds the same share, between",
        f"{MARGINAL[0]:g} and {MARGINAL[1]:g}, of the first one's time.",
        "",
        f"- {len(outcomes)} fleets, seed {seed}, {date}; all requests at one time, once or {RATE_HZ:g} times a second",
        f"- Python {platform.python_version()}, numpy {np.__version__}, one thread of a shared 2-core x86-64 machine",
        f"- cuts {cuts} and the last; {len(SERVER_POINTS)} server points, one for each batch; batches of 1, {sizes}",
        "- `total` counts both sides' joules, `battery` the edges' only; `once`: an edge waits until its answer, else",
        "  for its whole period, whose waiting no policy can save",
        f"- deadlines are {TIGHTNESS[0]:g} to {TIGHTNESS[1]:g} times what a board needs at its top clock",
        "- cells are ratios of joules: median [least to most] over the fleets; `gap` is proved: no plan costs less",
        "  than 1 - gap times joulecut's",
        "",
        "J-DOB's authors report 51.3 % less energy than local computing with equal deadlines and 45.3 % with",
        "different ones, at best, in simulation. Their setting differs (MobileNetV2, mobile devices, no draw while",
        "waiting, another GPU model), so these figures and the table's do not compare. The ratio to joulecut's plan on",
        "one problem does; what J-DOB is here, and from which sources, the page on batching says.",
        "",
        f"| objective | requests | deadlines | edges | fleets | {ratios} | gap |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    )


def _spread(values: Sequence[float | None]) -> str:
    known = sorted(value for value in values if value is not None)
    if not known:
        return "none"
    middle, least, most = (f"{value:.3f}" for value in (statistics.median(known), known[0], known[-1]))
    return middle if least == most else f"{middle} [{least} to {most}]"


if __name__ == "__main__":
    main()
