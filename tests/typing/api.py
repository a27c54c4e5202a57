"""A user's program as type checkers see it: checked, never run.

What stands here must go on type-checking under `mypy --strict` and pyright in applications.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import nn

import joulecut
from joulecut import (
    Answer,
    AsyncConnection,
    Connection,
    Network,
    Plan,
    Problem,
    Profile,
    connect,
    load_problem,
    plan,
    solve,
)
from joulecut_core.errors import ContractError, JoulecutError, LinkError
from joulecut_core.ledgers import RequestLedger
from joulecut_core.problems import Edge, EdgePoint, Link, ProblemCut, Server, ServerPoint, SideTables, Variant, Wire


def plans_from_a_file(path: Path) -> float | None:
    """Plan offline; an infeasible problem is an answer, not an exception."""
    problem: Problem = load_problem(path)
    best: Plan = plan(problem)
    same: Plan = solve(problem)
    if best.status != "optimal" or best.breakdown is None:
        return None
    cut: int | None = best.cut
    clock_mhz: float | None = None if best.edge_clock is None else best.edge_clock.core_mhz
    print(cut, clock_mhz, same.binding, best.breakdown.radio_j)  # noqa: T201 - a user's program
    return best.energy_j


def plans_from_tables() -> Plan:
    """Plan with an application's own tables; lists are taken for tuples nowhere in the types."""
    problem = Problem(
        link=Link(uplink_bps=2e7, downlink_bps=2e7, rtt_s=0.004),
        edge=Edge(points=(EdgePoint(core_mhz=612.0, memory_mhz=2133.0, wait_w=2.5),)),
        server=Server(points=(ServerPoint(core_mhz=1590.0, memory_mhz=None),)),
        cuts=(
            ProblemCut(name="input", wires=(Wire(codec="raw", uplink_bytes=150_528, downlink_bytes=4000),)),
            ProblemCut(name="output", wires=(Wire(codec="none", uplink_bytes=0, downlink_bytes=0),)),
        ),
        variants=(
            Variant(
                name="eager-fp32",
                edge=SideTables(time_s=((0.0,), (0.02,)), busy_w=((5.0,), (9.0,))),
                server=SideTables(time_s=((0.004,), (0.0,)), busy_w=((60.0,), (30.0,))),
            ),
        ),
    )
    return joulecut.plan(problem)


def sends_pictures(pictures: list[npt.NDArray[np.uint8]]) -> list[int]:
    """Ask a running edge-agent, one by one and many at once."""
    best: list[int] = []
    with connect("unix:/run/joulecut/edge.sock", timeout_s=5.0) as edge:
        first: Answer = edge.infer(pictures[0])
        ledger: RequestLedger = first.ledger
        joules: float = ledger.joules.edge_busy + ledger.joules.radio
        fell_back: bool = ledger.fallback
        assert joules >= 0 or fell_back
        futures: list[Future[Answer]] = [edge.submit(picture) for picture in pictures]
        best += [int(future.result().outputs[0].argmax()) for future in futures]
    return best


def brings_a_network(module: nn.Module, rows: list[npt.NDArray[np.float32]]) -> float | None:
    """From a module to a plan, and to an answer of two agents."""
    network: Network = joulecut.capture(module, rows[0], name="mine", fold=True)
    widest: int = max(row.size_bytes for row in network.cuts())
    edge: Profile = joulecut.profile(network, device="emulated:orin-nano-15w", side="edge", progress=_tell)
    server = joulecut.profile(network, device="emulated:t4", side="server", rates_hz=(10.0,))
    problem: Problem = joulecut.problem(
        edge=edge,
        server=server,
        wires=network.wires([(row,) for row in rows]),
        uplink_bps=2e7,
        latency_s=0.05,
        objective=joulecut.Objective(server_weight=0.0),
    )
    best = {row.name: row.plan.energy_j for row in joulecut.compare(problem)}
    with joulecut.emulate(network.save("bundle"), uplink_bps=2e7, latency_s=0.1, server="l4") as connection:
        answer: Answer = connection.infer(rows[0])
    return best["joint"] if answer.outputs[0].size + widest else None


def takes_them_for_something_else() -> None:
    """The lazily loaded names carry real types: each wrong use is an error, else its comment would be one too many."""
    edge: int = joulecut.connect("unix:/run/joulecut/edge.sock")  # type: ignore[assignment]
    best: str = joulecut.solve(joulecut.load_problem("problem.json"))  # type: ignore[assignment]
    print(edge, best)  # noqa: T201 - a user's program


def _tell(done: int, total: int, what: str) -> None:
    print(f"{done} of {total}: {what}")  # noqa: T201 - a user's program


async def asks_in_a_loop(rows: list[npt.NDArray[np.float32]]) -> list[Answer]:
    """Many requests under way in one event loop."""
    async with await joulecut.connect_async("unix:/run/joulecut/edge.sock", timeout_s=5.0) as edge:
        connection: AsyncConnection = edge
        return list(await asyncio.gather(*(connection.infer(row) for row in rows)))


def handles_errors(edge: Connection, tokens: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]) -> Answer | None:
    """Several inputs; one root for every error that joulecut raises on purpose."""
    try:
        return edge.infer(tokens, mask)
    except (ContractError, LinkError) as error:
        raise ValueError(str(error)) from error
    except JoulecutError:
        return None
