"""Realistic problems drawn from a seed: clocks that follow roofline-like laws, with noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from joulecut_core.problems import (
    Edge,
    EdgePoint,
    Link,
    Objective,
    Problem,
    ProblemCut,
    Server,
    ServerPoint,
    SideTables,
    Slo,
    Table,
    Variant,
    Wire,
)


def drawn_problem(
    seed: int, *, cuts: int, edge_points: int, server_points: int, wires: int = 2, slo: Slo | None = None
) -> Problem:
    """A problem whose parts add up over cuts, slow down with the clock and draw more at a higher one."""
    rng = np.random.default_rng(seed)
    work = rng.lognormal(0.0, 1.0, cuts - 1)
    done = np.minimum(np.concatenate(([0.0], np.cumsum(work))) / work.sum(), 1.0)
    done[-1] = 1.0
    edge_clock, server_clock = np.linspace(0.25, 1.0, edge_points), np.linspace(0.3, 1.0, server_points)
    edge_s = done[:, None] * (0.03 * edge_clock**-0.9 + 0.01) * rng.uniform(0.97, 1.03, (cuts, edge_points))
    server_s = (
        (1 - done)[:, None] * (0.003 * server_clock**-0.8 + 0.001) * rng.uniform(0.97, 1.03, (cuts, server_points))
    )
    edge_w = (3 + 2 * edge_clock + 6 * edge_clock**3) * rng.uniform(0.9, 1.1, (cuts, edge_points))
    server_w = (60 + 40 * server_clock + 150 * server_clock**3) * rng.uniform(0.9, 1.1, (cuts, server_points))
    crossing = 150_000 * rng.lognormal(0.0, 0.8, cuts - 1) * np.linspace(1.0, 0.1, cuts - 1)
    return Problem(
        slo=slo or Slo(latency_s=float(rng.uniform(0.02, 0.08)), quantile=0.99, margin="cantelli", rate_hz=10.0),
        max_accuracy_loss=0.01,
        objective=Objective(server_idle_share=float(rng.choice([0.0, 0.2]))),
        link=Link(
            uplink_bps=float(10 ** rng.uniform(6.5, 9)),
            downlink_bps=1e8,
            rtt_s=0.002,
            latency_std_s=0.0005,
            uplink_w=1.0,
        ),
        edge=Edge(
            points=tuple(
                EdgePoint(core_mhz=1000 * float(f), memory_mhz=None, wait_w=2 + 1.5 * float(f)) for f in edge_clock
            )
        ),
        server=Server(
            points=tuple(
                ServerPoint(core_mhz=2000 * float(f), memory_mhz=None, idle_w=40 + 20 * float(f)) for f in server_clock
            )
        ),
        cuts=(
            *(ProblemCut(name=f"block{c}", wires=_wires(float(crossing[c]), wires)) for c in range(cuts - 1)),
            ProblemCut(name="output", wires=(Wire(codec="none", uplink_bytes=0.0, downlink_bytes=0.0),)),
        ),
        variants=(
            Variant(
                name="eager-fp32",
                edge=SideTables(time_s=_rows(edge_s), busy_w=_rows(edge_w), time_std_s=_rows(0.03 * edge_s)),
                server=SideTables(time_s=_rows(server_s), busy_w=_rows(server_w), time_std_s=_rows(0.05 * server_s)),
            ),
        ),
    )


def _wires(size_bytes: float, count: int) -> tuple[Wire, ...]:
    offers = (
        Wire(codec="raw", uplink_bytes=size_bytes, downlink_bytes=4000.0),
        Wire(
            codec="u8",
            uplink_bytes=size_bytes / 4,
            downlink_bytes=4000.0,
            accuracy_loss=0.005,
            encode_s=0.0004,
            encode_w=1.0,
            decode_s=0.0001,
            decode_w=20.0,
        ),
    )
    return offers[:count]


def _rows(table: NDArray[np.float64]) -> Table:
    return tuple(map(tuple, table.tolist()))
