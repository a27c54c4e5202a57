"""When does the best closed set beat the best prefix? `python -m benchmarks.closed_sets`.

    for each branching network, board, server, objective, deadline and bandwidth:
        the best prefix of the captured order | the best closed set | DADS's set at top clocks

All costs are *estimated*: each block's seconds and watts follow from its FLOPs and bytes by the roofline of an
emulated device (`joulecut_runtime.devices.laws`), nothing is run. Both planners see the same costs, wires and
clocks, so the difference is what more cuts are worth.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from tests.networks.zoo import build

import joulecut_runtime.devices
from joulecut_core.block_graphs import BlockGraph
from joulecut_core.clocks import OperatingPoint
from joulecut_core.documents import write_bytes
from joulecut_core.plans import OPTIMAL
from joulecut_core.problems import Edge, EdgePoint, Link, Objective, Server, ServerPoint, Slo
from joulecut_planner.closed_sets import BlockTables, DagPlan, DagProblem, WireRule, dads_cut, solve_dag
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.devices.device_file import DeviceFile, load_device_file
from joulecut_runtime.devices.laws import Laws
from joulecut_runtime.networks.block_graph import block_graph

_RESULTS = Path(__file__).parent / "results" / "closed_sets.md"
_NETWORKS = ("googlenet", "inception_v3")
_BOARDS = ("orin-nano-15w", "tx2")
_SERVERS = ("t4", "h100")
_OBJECTIVES = {"battery": Objective(server_weight=0.0), "total": Objective(server_idle_share=0.0)}
_DEADLINES = (1.02, 1.2)
"""In units of the least latency that any closed set has at top clocks."""
_RATES_HZ = (30.0, 60.0, 90.0)
_UPLINKS_BPS = tuple(base * 10.0**power for power in (6, 7, 8) for base in (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
_MOST_POINTS = 12
_SAME = 1e-6
"""Savings below this share are rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One planning problem and its answer."""

    network: str
    board: str
    server: str
    objective: str
    demand: str
    uplink_bps: float
    plan: DagPlan

    @property
    def saving(self) -> float:
        """Over the best prefix; 0 where the prefix is as good."""
        return self.plan.saving_over_prefix or 0.0


def main() -> None:
    """Plan every case and write the table."""
    parser = argparse.ArgumentParser(description="Compare closed sets with prefixes on branching networks.")
    parser.add_argument("--out", type=Path, default=_RESULTS)
    options = parser.parse_args()
    graphs = {name: _graph(name) for name in _NETWORKS}
    cases = [case for name, graph in graphs.items() for case in _cases(name, graph)]
    write_bytes(options.out, _document(graphs, cases).encode())
    print(f"wrote {options.out}")


def _graph(name: str) -> BlockGraph:
    module, inputs = build(name)
    return block_graph(capture(module, inputs, name=name)).blocks


def _cases(name: str, graph: BlockGraph) -> Iterator[Case]:
    for board, server in product(_BOARDS, _SERVERS):
        edge_file, server_file = _device(board), _device(server)
        edge_points, server_points = _points(edge_file), _points(server_file)
        edge_laws, server_laws = Laws(edge_file), Laws(server_file)
        edge_tables, server_tables = _tables(graph, edge_laws, edge_points), _tables(graph, server_laws, server_points)
        for (objective, weights), uplink_bps in product(_OBJECTIVES.items(), _UPLINKS_BPS):
            problem = DagProblem(
                graph=graph,
                edge=Edge(
                    points=tuple(
                        EdgePoint(core_mhz=p.core_mhz, memory_mhz=p.memory_mhz, wait_w=edge_laws.idle_w(p))
                        for p in edge_points
                    ),
                    power_scope=edge_file.power_scope,
                ),
                server=Server(
                    points=tuple(
                        ServerPoint(core_mhz=p.core_mhz, memory_mhz=p.memory_mhz, idle_w=server_laws.idle_w(p))
                        for p in server_points
                    ),
                    power_scope=server_file.power_scope,
                ),
                edge_blocks=edge_tables,
                server_blocks=server_tables,
                link=Link(uplink_bps=uplink_bps, downlink_bps=4.0 * uplink_bps, rtt_s=0.004, uplink_w=1.0),
                wires=(_rule("fp16", 0.5, edge_file, server_file), _rule("u8", 0.25, edge_file, server_file)),
                objective=weights,
            )
            for demand, slo in _demands(dads_cut(problem).latency_s):
                yield Case(
                    network=name,
                    board=board,
                    server=server,
                    objective=objective,
                    demand=demand,
                    uplink_bps=uplink_bps,
                    plan=solve_dag(replace(problem, slo=slo)),
                )


def _demands(fastest_s: float) -> Iterator[tuple[str, Slo]]:
    yield "none", Slo()
    for factor in _DEADLINES:
        yield f"{factor:g} x fastest", Slo(latency_s=factor * fastest_s)
    for rate_hz in _RATES_HZ:
        yield f"{rate_hz:g} Hz", Slo(rate_hz=rate_hz)


def _device(name: str) -> DeviceFile:
    return load_device_file(Path(joulecut_runtime.devices.__path__[0]) / "files" / f"{name}.toml")


def _points(file: DeviceFile) -> tuple[OperatingPoint, ...]:
    points = file.clock_table.points
    step = -(-len(points) // _MOST_POINTS)
    return points[::-1][::step][::-1]


def _tables(graph: BlockGraph, laws: Laws, points: Sequence[OperatingPoint]) -> BlockTables:
    costs = [[laws.block_cost(block.operations, point) for point in points] for block in graph.blocks]
    return BlockTables(
        time_s=tuple(tuple(cost.duration_s for cost in row) for row in costs),
        busy_w=tuple(tuple(cost.power_w for cost in row) for row in costs),
    )


def _rule(codec: str, share: float, edge: DeviceFile, server: DeviceFile) -> WireRule:
    """A cast on either host's CPU, which reads one form and writes the other."""
    return WireRule(
        codec=codec,
        share=share,
        envelope_bytes=300.0,
        encode_s=edge.host.overhead_s,
        encode_s_per_byte=(1.0 + share) / edge.host.cast_bytes_per_s,
        encode_w=edge.host.extra_w,
        decode_s=server.host.overhead_s,
        decode_s_per_byte=(1.0 + share) / server.host.cast_bytes_per_s,
        decode_w=server.host.extra_w,
    )


def _document(graphs: dict[str, BlockGraph], cases: Sequence[Case]) -> str:
    deadlines = " or ".join(f"{factor:g}" for factor in _DEADLINES)
    rates = ", ".join(f"{rate_hz:g}" for rate_hz in _RATES_HZ)
    scope = (
        "**Estimated**: seconds and watts of every block from its FLOPs and bytes, by the rooflines of the emulated "
        f"boards {' and '.join(_BOARDS)} and servers {' and '.join(_SERVERS)}; nothing was run. At most "
        f"{_MOST_POINTS} clocks a side, wires fp16 and u8, uplinks of {_UPLINKS_BPS[0] / 1e6:g} to "
        f"{_UPLINKS_BPS[-1] / 1e6:g} Mbit/s, round trip 4 ms, the edge's energy alone or both sides'. SLOs: none; a "
        f"deadline of {deadlines} times the least latency of any closed set at top clocks; {rates} requests a second. "
        "*Wins* are problems where the best closed set costs less than the best prefix of the captured order, or is "
        "feasible where none is, each at its own best wire and clocks."
    )
    return "\n".join(
        (
            "# Closed sets against prefixes",
            "",
            scope,
            "",
            *_overview(graphs, cases),
            "",
            "## The largest savings",
            "",
            *_largest(cases),
            "",
        )
    )


def _overview(graphs: dict[str, BlockGraph], cases: Sequence[Case]) -> Iterator[str]:
    yield (
        "| network | blocks | closed sets | SLO | problems with a plan | split in two | wins | largest saving "
        "| only feasible so | largest saving over DADS |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name, demand in product(graphs, dict.fromkeys(case.demand for case in cases)):
        feasible = [c for c in cases if (c.network, c.demand) == (name, demand) and c.plan.best.plan.status == OPTIMAL]
        split = [c for c in feasible if 0 < len(c.plan.best.blocks or ()) < len(graphs[name].blocks)]
        savings = [case.saving for case in feasible if case.saving > _SAME]
        only = [case for case in feasible if case.plan.prefix.plan.status != OPTIMAL]
        sets = max(case.plan.sets for case in cases if case.network == name)
        dads = max((case.plan.saving_over_dads or 0.0 for case in feasible), default=0.0)
        yield (
            f"| {name} | {len(graphs[name].blocks)} | {sets} | {demand} "
            f"| {len(feasible)} | {len(split)} | {len(savings) + len(only)} | {max(savings, default=0.0):.1%} "
            f"| {len(only)} | {dads:.0%} |"
        )


def _largest(cases: Sequence[Case]) -> Iterator[str]:
    yield "| network | board, server | objective | SLO | uplink | best prefix | best closed set | saving |"
    yield "|---|---|---|---|---|---|---|---|"
    wins = sorted((case for case in cases if case.saving > _SAME), key=lambda case: -case.saving)
    for case in wins[:12]:
        best, prefix = case.plan.best.plan, case.plan.prefix.plan
        yield (
            f"| {case.network} | {case.board}, {case.server} | {case.objective} | {case.demand} "
            f"| {case.uplink_bps / 1e6:g} Mbit/s | {prefix.cut_name}: {_millijoules(prefix.energy_j)} "
            f"| {best.cut_name}: {_millijoules(best.energy_j)} | {case.saving:.1%} |"
        )


def _millijoules(energy_j: float | None) -> str:
    return "" if energy_j is None else f"{energy_j * 1e3:.1f} mJ"


if __name__ == "__main__":
    main()
