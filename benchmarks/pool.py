"""A pool of server-agents on Ray: one killed under load, and one added to it. `python -m benchmarks.pool`.

Real processes on one host, emulated devices. Edges ask without pause but a short one, every answer is held against the
unsplit network's. First three servers, of which one is killed; then one server, beside which the pool puts another one
because there is too much to do.

    lost       no answer                        fallback   answered by the edge, though the plan wanted a server
    wrong      not the network's own answer     recovery   from the kill until the server serves again, on its port
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import ray
import torch
from tests.integration.pool_site import RunningPool, running_pool, serving
from tests.integration.site import Application, Site, application, make_shared
from tests.integration.tiny_network import pictures, tiny_network

from joulecut_core.documents import write_bytes
from joulecut_edge import agent as edge_agent
from joulecut_server.pool import PoolStanding

_RESULTS = Path(__file__).parent / "results" / "pool.md"
_EDGES = 6
_LAUNCH_S = 6e-3
_PAUSE_S = 0.04
_WINDOW_S = 10.0
_POLL_S = 0.05
_PICTURE = pictures(1, seed=9)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answered request: when, after how long, and whether it was as it should be."""

    at_s: float
    latency_s: float
    is_right: bool
    is_fallback: bool


@dataclass(slots=True, kw_only=True)
class Load:
    """All edges' applications. `asked`: requests sent, answered or not."""

    edges: list[Application] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    asked: int = 0
    is_over: bool = False

    async def ask(self, app: Application, expected: torch.Tensor) -> None:
        """One edge's requests, one after the other."""
        while not self.is_over:
            start_s = time.perf_counter()
            self.asked += 1
            answer, reply = await app.infer(_PICTURE, f"r{self.asked}")
            end_s = time.perf_counter()
            self.answers.append(
                Answer(
                    at_s=end_s,
                    latency_s=end_s - start_s,
                    is_right=torch.equal(answer, expected),
                    is_fallback=reply.ledger.fallback,
                )
            )
            await asyncio.sleep(_PAUSE_S)

    def since(self, start_s: float, end_s: float = float("inf")) -> Sequence[Answer]:
        """Those answered in a stretch of time."""
        return [answer for answer in self.answers if start_s <= answer.at_s < end_s]


async def under_load(site: Site, pool: RunningPool, course: Course) -> Load:
    """A course of events while all edges ask."""
    load, expected = Load(), tiny_network().whole((_PICTURE,))[0]
    async with AsyncExitStack() as stack:
        tasks = []
        for number in range(_EDGES):
            name = f"camera-{number}"
            config = replace(site.edge(f"file:{pool.list_file}"), name=name, listen=f"unix:{site.own}/{name}.sock")
            edge = await stack.enter_async_context(edge_agent.serving(config))
            app = await stack.enter_async_context(application(edge))
            await app.offloading()
            load.edges.append(app)
            tasks.append(asyncio.create_task(load.ask(app, expected)))
        await course.run(pool, load)
        load.is_over = True
        await asyncio.gather(*tasks)
    return load


class Course:
    """What happens to a pool, and the lines of the results that say so."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def run(self, pool: RunningPool, load: Load) -> None:
        """Let it happen."""
        raise NotImplementedError


class Kill(Course):
    """One of three servers is killed."""

    async def run(self, pool: RunningPool, load: Load) -> None:
        """See the class."""
        await asyncio.sleep(_WINDOW_S)
        victim = max(serving(await pool.serving(3)), key=lambda each: each.sessions)
        assert victim.pid is not None
        killed_s = time.perf_counter()
        os.kill(victim.pid, signal.SIGKILL)
        back = await pool.until(
            lambda standing: any(each.name == victim.name and each.lives > victim.lives for each in serving(standing))
        )
        recovery_s = time.perf_counter() - killed_s
        [again] = [each for each in back.servers if each.name == victim.name]
        assert again.address == victim.address
        await asyncio.sleep(_WINDOW_S)
        around = load.since(killed_s, killed_s + 2.0)
        self.lines = [
            f"| edges of the killed server | {victim.sessions} of {_EDGES} |",
            f"| recovery on the same port | {recovery_s:.1f} s |",
            f"| slowest answer within 2 s of the kill | {1e3 * max(each.latency_s for each in around):.0f} ms |",
        ]


class Growth(Course):
    """A second server comes to the first."""

    async def run(self, pool: RunningPool, load: Load) -> None:
        """See the class."""
        before = await pool.serving(1)
        start_s = time.perf_counter()
        await asyncio.sleep(_WINDOW_S)
        first = _stretch(load, before, _now(pool), start_s)
        await pool.serving(2)
        served_s = time.perf_counter()
        await pool.until(lambda standing: all(each.sessions for each in serving(standing)))
        moved_s = time.perf_counter()
        await asyncio.sleep(2.0)
        there, start_s = _now(pool), time.perf_counter()
        await asyncio.sleep(_WINDOW_S)
        second = _stretch(load, there, _now(pool), start_s)
        shares = " and ".join(str(each.sessions) for each in _now(pool).servers)
        self.lines = [
            "| | one server | two servers |",
            "|---|---|---|",
            *(f"| {name} | {one} | {two} |" for (name, one), (_, two) in zip(first, second, strict=True)),
            "",
            f"Edges were on both {moved_s - served_s:.0f} s after the second one served; at the end {shares} of them.",
        ]


def _now(pool: RunningPool) -> PoolStanding:
    standing = pool.standing()
    assert standing is not None
    return standing


def _stretch(load: Load, before: PoolStanding, after: PoolStanding, start_s: float) -> list[tuple[str, str]]:
    """A stretch of time as rows: answers, latency, and the servers' joules for each answer."""
    now_s = time.perf_counter()
    answers = load.since(start_s, now_s)
    latencies_ms = 1e3 * np.array([answer.latency_s for answer in answers])
    at_first = {each.name: each.energy_j or 0.0 for each in before.servers}
    energy_j = sum((each.energy_j or 0.0) - at_first.get(each.name, 0.0) for each in after.servers)
    return [
        ("answers a second", f"{len(answers) / (now_s - start_s):.1f}"),
        ("latency p50, ms", f"{np.quantile(latencies_ms, 0.5):.0f}"),
        ("latency p95, ms", f"{np.quantile(latencies_ms, 0.95):.0f}"),
        ("servers' joules an answer, idle draw included", f"{energy_j / len(answers):.2f}"),
        ("servers busy", " and ".join(f"{each.utilisation:.0%}" for each in after.servers)),
    ]


def _summary(load: Load) -> list[str]:
    wrong = sum(not answer.is_right for answer in load.answers)
    fallbacks = sum(answer.is_fallback for answer in load.answers)
    return [
        f"| requests | {load.asked} |",
        f"| lost | {load.asked - len(load.answers)} |",
        f"| wrong | {wrong} |",
        f"| fallbacks | {fallbacks} |",
    ]


def _scope(load_average: float) -> list[str]:
    host = f"{os.cpu_count()} CPU cores of {platform.machine()} at a load average of {load_average:.0f}"
    versions = f"Python {platform.python_version()}, Ray {ray.__version__}"
    return [
        f"{datetime.now(timezone.utc):%Y-%m-%d}, {host}, {versions}. `python -m benchmarks.pool`.",
        "Ray, servers and edges are real processes on this one host; **devices are emulated** (a T4, an Orin Nano",
        "with slow launches, in real time): joules and utilisation come from the emulator, seconds from a host",
        f"that was shared with other work. {_EDGES} edges, all layers on the servers (policy `all-server`),",
        f"{1e3 * _PAUSE_S:.0f} ms between an answer and the next request.",
    ]


def _killed(site: Site) -> list[str]:
    course = Kill()
    with running_pool(site, servers=3, launch_s=_LAUNCH_S, options={"min_servers": 3}) as pool:
        asyncio.run(pool.serving(3))
        load = asyncio.run(under_load(site, pool, course))
    return ["## One of three servers killed (SIGKILL)", "", "| | |", "|---|---|", *_summary(load), *course.lines]


def _grown(site: Site) -> list[str]:
    course = Growth()
    options = {"min_servers": 1, "target_utilisation": 0.6, "grow_after_s": 2 * _WINDOW_S}
    with running_pool(site, servers=2, launch_s=_LAUNCH_S, options=options) as pool:
        asyncio.run(pool.serving(1))
        load = asyncio.run(under_load(site, pool, course))
    title = "## A second server added to the first, by the pool itself"
    return [title, "", *course.lines, "", "| | |", "|---|---|", *_summary(load)]


_PARTS = {"kill": _killed, "growth": _grown}


def main() -> None:
    """Run the parts and write their results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=sorted(_PARTS), default=list(_PARTS))
    parser.add_argument("--out", type=Path, default=_RESULTS)
    options = parser.parse_args()
    sections: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        shared, own = Path(folder) / "shared", Path(folder) / "own"
        shared.mkdir()
        own.mkdir()
        site = Site(shared=shared, own=own, digest=make_shared(shared))
        for part in options.parts:
            sections += ["", *_PARTS[part](site)]
            text = ["# A pool of server-agents on Ray", "", *_scope(os.getloadavg()[1]), *sections, ""]
            # What was seen so far is kept, whatever becomes of the next part.
            write_bytes(options.out, "\n".join(text).encode())


if __name__ == "__main__":
    main()
