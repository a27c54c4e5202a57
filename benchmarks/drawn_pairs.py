"""Pairs of devices and networks drawn from a seed, with tables that follow the laws of measured boards.

    t_k(f) = a_k f^-b_k + c_k for each block        P(f) = p0 + p1 f + p3 f^3        f = clock / top clock

Shapes and sizes are those of docs/models.md: blocks differ in how much of them follows the clock, and
a third of the draw and more stays at the lowest one. No table of a real device is in here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.scenarios.cases import Goal
from joulecut_core.problems import (
    Edge,
    EdgePoint,
    Link,
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
from joulecut_planner import solve

UPLINKS_BPS = (5e6, 25e6, 100e6, 400e6)
DEADLINE_FACTORS = (1.1, 1.5, 2.5, 5.0)
"""Of the least T_q that any choice has."""

_Values = NDArray[np.float64]
_REPLY_BYTES = 4000.0
_NO_DEADLINE_KEPT_S = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Posed:
    """A problem, what the result table calls it, and whose joules count in it."""

    name: str
    goal: Goal
    problem: Problem


def drawn_problems(seeds: range) -> Iterator[Posed]:
    """Every pair over several uplinks, under several deadlines that some choice keeps if the rate allows."""
    for seed in seeds:
        goal, pair = _pair(np.random.default_rng(seed))
        for uplink_bps in UPLINKS_BPS:
            link = replace(pair.link, uplink_bps=uplink_bps, downlink_bps=2.0 * uplink_bps)
            linked = replace(pair, link=link)
            least_s = _least_bound_s(linked)
            for factor in DEADLINE_FACTORS:
                slo = replace(pair.slo, latency_s=factor * least_s)
                name = f"drawn {seed}, {uplink_bps / 1e6:g} Mbit/s, {factor:g} x least latency"
                yield Posed(name=name, goal=goal, problem=replace(linked, slo=slo))


def _least_bound_s(problem: Problem) -> float:
    hopeless = replace(problem, slo=replace(problem.slo, latency_s=_NO_DEADLINE_KEPT_S))
    least_s = solve(hopeless).latency_bound_s
    if least_s is None:
        raise ValueError("a drawn problem without any choice; expected every cut to be allowed")
    return least_s


def _pair(rng: np.random.Generator) -> tuple[Goal, Problem]:
    cuts = int(rng.integers(12, 41))
    edge_clock = np.linspace(0.25, 1.0, int(rng.integers(6, 17)))
    server_clock = np.linspace(0.2, 1.0, int(rng.integers(8, 31)))
    work = rng.lognormal(0.0, 0.8, cuts - 1)
    edge_s = _block_times(rng, work, edge_clock, whole_s=float(rng.uniform(0.015, 0.12)))
    server_s = _block_times(rng, work, server_clock, whole_s=float(rng.uniform(0.001, 0.008)))
    head_s = np.concatenate([np.zeros((1, edge_clock.size)), np.cumsum(edge_s, axis=0)])
    tail_s = np.concatenate([np.cumsum(server_s[::-1], axis=0)[::-1], np.zeros((1, server_clock.size))])
    edge_w = _draws(rng, edge_clock, static_w=(2.0, 4.0), linear_w=(0.0, 3.0), cubic_w=(3.0, 10.0))
    server_w = _draws(rng, server_clock, static_w=(35.0, 70.0), linear_w=(10.0, 60.0), cubic_w=(30.0, 200.0))
    edge_std, server_std = float(rng.uniform(0.01, 0.05)), float(rng.uniform(0.02, 0.08))
    goal = Goal.BATTERY if rng.random() < 0.5 else Goal.TOTAL
    idle_share = float(rng.choice([0.0, 0.2]))
    rate_hz = None if rng.random() < 0.3 else float(rng.uniform(0.1, 0.6) / head_s[-1, -1])
    return goal, Problem(
        slo=Slo(
            quantile=float(rng.choice([0.95, 0.99])), margin=str(rng.choice(["cantelli", "gaussian"])), rate_hz=rate_hz
        ),
        max_accuracy_loss=0.01,
        objective=replace(goal.objective, server_idle_share=idle_share),
        link=_link(rng),
        edge=Edge(
            points=tuple(
                EdgePoint(core_mhz=1000.0 * clock, memory_mhz=None, wait_w=0.6 * lowest_w)
                for clock, lowest_w in zip(edge_clock.tolist(), _waiting(edge_w).tolist(), strict=True)
            )
        ),
        server=Server(
            points=tuple(
                ServerPoint(core_mhz=2000.0 * clock, memory_mhz=None, idle_w=0.5 * lowest_w)
                for clock, lowest_w in zip(server_clock.tolist(), _waiting(server_w).tolist(), strict=True)
            )
        ),
        cuts=_cuts(rng, cuts),
        variants=(
            Variant(
                name="fp32",
                edge=_tables(head_s, edge_w, edge_std),
                server=_tables(tail_s, server_w, server_std),
            ),
        ),
    )


def _block_times(rng: np.random.Generator, work: _Values, clock: _Values, *, whole_s: float) -> _Values:
    """Seconds of each block at each clock; all of them at the top clock take `whole_s`."""
    still = rng.uniform(0.05, 0.5, work.size)[:, None]
    exponent = rng.uniform(0.7, 1.3, work.size)[:, None]
    blocks_s: _Values = (work / work.sum() * whole_s)[:, None] * ((1.0 - still) * clock**-exponent + still)
    return blocks_s


def _draws(
    rng: np.random.Generator,
    clock: _Values,
    *,
    static_w: tuple[float, float],
    linear_w: tuple[float, float],
    cubic_w: tuple[float, float],
) -> _Values:
    draws: _Values = rng.uniform(*static_w) + rng.uniform(*linear_w) * clock + rng.uniform(*cubic_w) * clock**3
    return draws


def _waiting(busy_w: _Values) -> _Values:
    """Holding a clock costs part of what computing at it does: mostly the static share."""
    waiting: _Values = 0.85 * busy_w.min() + 0.15 * busy_w
    return waiting


def _link(rng: np.random.Generator) -> Link:
    rtt_s = float(rng.choice([0.001, 0.004, 0.015]))
    radio_w = float(rng.choice([0.0, 0.8, 2.0]))
    return Link(
        uplink_bps=UPLINKS_BPS[0],
        downlink_bps=UPLINKS_BPS[0],
        rtt_s=rtt_s,
        latency_std_s=0.05 * rtt_s,
        uplink_w=radio_w,
        downlink_w=0.75 * radio_w,
    )


def _cuts(rng: np.random.Generator, cuts: int) -> tuple[ProblemCut, ...]:
    """The input as it is; then tensors that shrink on average, each raw or in 8 bits."""
    input_bytes = float(rng.choice([30_000.0, 150_528.0, 602_112.0]))
    shrinking = 800_000.0 * rng.lognormal(0.0, 0.7, cuts - 1) * np.geomspace(1.0, 0.02, cuts - 1)
    sizes = [input_bytes, *shrinking[1:].tolist()]
    inner = tuple(ProblemCut(name=f"block{index}", wires=_wires(size)) for index, size in enumerate(sizes))
    return (*inner, ProblemCut(name="output", wires=(Wire(codec="none", uplink_bytes=0.0, downlink_bytes=0.0),)))


def _wires(size_bytes: float) -> tuple[Wire, ...]:
    return (
        Wire(codec="raw", uplink_bytes=size_bytes, downlink_bytes=_REPLY_BYTES),
        Wire(
            codec="u8",
            uplink_bytes=size_bytes / 4.0,
            downlink_bytes=_REPLY_BYTES,
            accuracy_loss=0.005,
            encode_s=0.0003 + 1e-9 * size_bytes,
            encode_w=1.0,
            decode_s=0.0001,
            decode_w=20.0,
        ),
    )


def _tables(time_s: _Values, busy_w: _Values, spread: float) -> SideTables:
    watts = np.broadcast_to(busy_w, time_s.shape)
    return SideTables(time_s=_rows(time_s), busy_w=_rows(watts), time_std_s=_rows(spread * time_s))


def _rows(table: _Values) -> Table:
    return tuple(map(tuple, table.tolist()))
