"""Agents under half of the load they could bear, for long: do their memory, files and threads stay as they are?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.site import ChaosSite
from tests.chaos.storm import Load

_WINDOW = 0.2
"""Share of the samples at either end that are compared."""
_PAGE_BYTES = 4096
_SAMPLES = 100
_SETTLE_S = 180.0
_ESTIMATE_REQUESTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a process holds."""

    memory_bytes: int
    files: int
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What a process held after warming up and at the end: the most in a window of each."""

    name: str
    first: Sample
    last: Sample

    @property
    def memory_mb(self) -> float:
        """Growth in MB, 10⁶ bytes."""
        return (self.last.memory_bytes - self.first.memory_bytes) / 1e6

    @property
    def files(self) -> int:
        """Further file descriptors."""
        return self.last.files - self.first.files

    @property
    def threads(self) -> int:
        """Further threads."""
        return self.last.threads - self.first.threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """One soak: growth of each agent, and what was asked of them."""

    growths: Sequence[Growth]
    requests: int
    period_s: float


async def soak(site: ChaosSite, program: str, load: Load, *, warm_s: float, lasting_s: float) -> Soak:
    """One edge and one server, run by `program`, for so many seconds after a warm-up."""
    server = site.server(program=program)
    address = await server.start()
    edge = site.edge(address, deadline_s=load.deadline_s, wires=load.wires)
    await edge.start()
    loop = asyncio.get_running_loop()
    async with site.application(edge) as app:
        await app.offloading(_SETTLE_S)
        for _ in range(_ESTIMATE_REQUESTS):
            await app.ask()
        answers = [found[0].ledger.seconds for found in site.history.answers.values()]
        busiest_s = max(
            sum(one.head + one.encode for one in answers) / len(answers),
            sum(one.decode + one.tail for one in answers) / len(answers),
        )
        period_s = 2.0 * busiest_s
        streaming = asyncio.create_task(app.stream(round((warm_s + lasting_s) / period_s), period_s=period_s))
        await asyncio.sleep(warm_s)
        samples: dict[str, list[Sample]] = {server.name: [], edge.name: []}
        end_s = loop.time() + lasting_s
        while loop.time() < end_s:
            for agent in (server, edge):
                samples[agent.name].append(_sample(agent.pid))
            await asyncio.sleep(lasting_s / _SAMPLES)
        await streaming
    window = max(1, round(_WINDOW * _SAMPLES))
    return Soak(
        growths=[
            Growth(name=name, first=_most(found[:window]), last=_most(found[-window:]))
            for name, found in samples.items()
        ],
        requests=len(site.history.operations),
        period_s=period_s,
    )


def _sample(pid: int) -> Sample:
    process = Path("/proc") / str(pid)
    return Sample(
        memory_bytes=int((process / "statm").read_text().split()[1]) * _PAGE_BYTES,
        files=len(list((process / "fd").iterdir())),
        threads=len(list((process / "task").iterdir())),
    )


def _most(samples: Sequence[Sample]) -> Sample:
    return Sample(
        memory_bytes=max(one.memory_bytes for one in samples),
        files=max(one.files for one in samples),
        threads=max(one.threads for one in samples),
    )
