"""A server-agent and its many edges: idle ones held, busy ones served, one that asks for all of it.

    .venv/bin/python -m benchmarks.sessions held      2,000 idle sessions and 64 busy ones: memory, descriptors, CPU
    .venv/bin/python -m benchmarks.sessions abuser    what one edge with many requests in flight costs the others

The server-agent is a process of its own on an emulated T4 whose launches last longer than any real one's, so that a
host without a GPU keeps up. Seconds in the line and of requests are the server's; memory and CPU are measured.

What `abuser` compares: eight edges ask one request at a time. In one more place is, in turns, an edge that asks one at
a time like them, and an edge that always has more in flight, and asks again at once when one is refused. The requests
are the same, so the device time of one fair share is what the first of them takes; by how much the others' time in the
line grows with more in flight is what abuse costs. `line` is the control: all under one session, which is a line in
order of arrival.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from benchmarks.session_site import Edge, Server, serve, server_agent
from joulecut_core.plans import Assignment
from joulecut_core.timing import SystemClock
from joulecut_proto.inference_messages import ReplyHeader, ReplyStatus
from joulecut_server.serving.options import ServingOptions

_SLO_S = 1.0
"""With a policy: several times what the line takes."""


async def _joined(edges: Sequence[Edge], at_once: int = 16) -> None:
    room = asyncio.Semaphore(at_once)

    async def join(edge: Edge) -> None:
        async with room:
            await edge.join()

    await asyncio.gather(*map(join, edges))


def _answered(replies: Sequence[ReplyHeader]) -> list[ReplyHeader]:
    return [reply for reply in replies if reply.status is ReplyStatus.OK]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the server had in use beside so many idle sessions, and what it told the busy ones. CPU: of one core."""

    idle: int
    resident_bytes: int
    descriptors: int
    threads: int
    idle_cpu: float
    busy_cpu: float
    replies: Sequence[ReplyHeader]

    @property
    def refused(self) -> int:
        """Requests of the busy ones that were not computed."""
        return len(self.replies) - len(_answered(self.replies))


async def held(options: argparse.Namespace) -> None:
    """Memory, descriptors and CPU of idle sessions, and what busy ones notice of them."""
    with tempfile.TemporaryDirectory() as folder:
        async with server_agent(Path(folder)) as (server, request):
            busy, idle = (
                [Edge(server, request, f"{kind}-{number}") for number in range(count)]
                for kind, count in (("busy", options.busy), ("idle", options.idle))
            )
            rows = await holding(server, busy, idle, seconds=options.seconds)
    print("| idle | busy | memory MB | kB per idle | descriptors | threads | CPU, idle | CPU, busy | "
          "requests/s | line p50 ms | refused |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        line_s = [reply.queue_s for reply in _answered(row.replies)]
        more_bytes = row.resident_bytes - rows[0].resident_bytes
        each = f"{more_bytes / row.idle / 1e3:.1f}" if row.idle else ""
        print(
            f"| {row.idle} | {options.busy} | {row.resident_bytes / 1e6:.0f} | {each} | {row.descriptors} | "
            f"{row.threads} | {row.idle_cpu:.1%} | {row.busy_cpu:.1%} | {len(line_s) / options.seconds:.0f} | "
            f"{1e3 * statistics.median(line_s):.1f} | {row.refused} |"
        )


async def holding(
    server: Server, busy: Sequence[Edge], idle: Sequence[Edge], *, seconds: float, warm_s: float = 2.0
) -> tuple[Held, Held]:
    """The busy ones alone, and beside the idle ones; all join and leave here."""
    await _joined(busy)
    # The busy ones' own memory is in use from their first requests on.
    await _busy_for(busy, warm_s)
    alone = await _held(server, busy, 0, seconds)
    await _joined(idle)
    beside = await _held(server, busy, len(idle), seconds)
    await asyncio.gather(*(edge.close() for edge in (*busy, *idle)))
    return alone, beside


async def _held(server: Server, busy: Sequence[Edge], idle: int, seconds: float) -> Held:
    cpu_s = server.cpu_s
    await asyncio.sleep(seconds)
    idle_cpu = (server.cpu_s - cpu_s) / seconds
    resident_bytes, cpu_s = server.resident_bytes, server.cpu_s
    await _busy_for(busy, seconds)
    return Held(
        idle=idle,
        resident_bytes=resident_bytes,
        descriptors=server.descriptors,
        threads=server.threads,
        idle_cpu=idle_cpu,
        busy_cpu=(server.cpu_s - cpu_s) / seconds,
        replies=[reply for edge in busy for reply in edge.replies],
    )


async def _busy_for(edges: Sequence[Edge], seconds: float) -> None:
    for edge in edges:
        edge.replies.clear()
    until_s = SystemClock().now_s() + seconds
    await asyncio.gather(*(edge.keep_asking(until_s) for edge in edges))


@dataclass(slots=True)
class Rounds:
    """What the others, and the one that may ask for all, were told in all rounds of one kind."""

    replies: list[ReplyHeader] = field(default_factory=list)
    abuser: list[ReplyHeader] = field(default_factory=list)

    def turns(self, others: int) -> float:
        """How often the one was answered for each time that one of so many others was: 1 is its share."""
        return len(_answered(self.abuser)) * others / len(_answered(self.replies))

    def queue_ms(self) -> tuple[float, float]:
        """The others' mean and 95th percentile in the line."""
        line_s = [reply.queue_s for reply in _answered(self.replies)]
        return 1e3 * statistics.fmean(line_s), 1e3 * statistics.quantiles(line_s, n=20)[-1]


async def abuser(options: argparse.Namespace) -> None:
    """What an edge with many requests in flight costs the others, in turns with one that has one."""
    with tempfile.TemporaryDirectory() as folder:
        async with server_agent(Path(folder), _serving_arguments(options)) as (server, request):
            print("| in the line by | one edge | the others: mean ms | p95 ms | answered | to the one | growth |")
            print("|---|---|---|---|---|---|---|")
            for by in ("session", "line") if options.policy is None else ("session",):
                numbers = range(options.others + 1)
                edges = [Edge(server, request, f"{by}-{number if by == 'session' else 0}") for number in numbers]
                seen = await pressed(
                    edges,
                    one_line=by == "line",
                    in_flight=(1, *options.in_flight),
                    rounds=options.rounds,
                    seconds=options.seconds,
                    pause_s=options.pause,
                )
                fair_ms, _ = seen[1].queue_ms()
                for in_flight, rounds in seen.items():
                    mean_ms, p95_ms = rounds.queue_ms()
                    print(
                        f"| {by} | {in_flight} in flight | {mean_ms:.1f} | {p95_ms:.1f} | {len(rounds.replies)} | "
                        f"{len(rounds.abuser)} | {mean_ms / fair_ms - 1:+.1%} |",
                        flush=True,
                    )


async def pressed(
    edges: Sequence[Edge],
    *,
    in_flight: Sequence[int],
    rounds: int,
    seconds: float,
    pause_s: float = 0.0,
    one_line: bool = False,
) -> dict[int, Rounds]:
    """The last edge with so many in flight, in turns, beside the others, which join and leave here."""
    assignment: Assignment | None = None
    for edge in edges:
        joined = await edge.join(assignment)
        assignment = joined if one_line else None
    *others, one = edges
    seen = {count: Rounds() for count in in_flight}
    for _ in range(rounds):
        for count, told in seen.items():
            for edge in edges:
                edge.replies.clear()
            until_s = SystemClock().now_s() + seconds
            pressing = [asyncio.create_task(one.keep_asking(until_s)) for _ in range(count)]
            asking = [asyncio.create_task(edge.keep_asking(until_s, pause_s)) for edge in others]
            # From the first that has asked for the last time on, the line is another one.
            await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            told.replies += [reply for edge in others for reply in edge.replies]
            told.abuser += one.replies
            await asyncio.gather(*pressing, *asking)
    await asyncio.gather(*(edge.close() for edge in edges))
    return seen


def _add_serving(command: argparse.ArgumentParser) -> None:
    command.add_argument("--policy", help="schedule the requests by this one; by default they run in turn")
    command.add_argument("--waiting-per-edge", type=int, default=16, help="with a policy: of each edge's requests")


def _serving_arguments(options: argparse.Namespace) -> tuple[str, ...]:
    if options.policy is None:
        return ()
    return "--policy", options.policy, "--waiting-per-edge", str(options.waiting_per_edge)


def _serving(options: argparse.Namespace) -> ServingOptions | None:
    if options.policy is None:
        return None
    return ServingOptions(policy=options.policy, slo_s=_SLO_S, waiting_per_edge=options.waiting_per_edge)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("held")
    command.add_argument("--idle", type=int, default=2000)
    command.add_argument("--busy", type=int, default=64)
    command.add_argument("--seconds", type=float, default=20.0, help="wall seconds of each measurement")
    command.set_defaults(run=held)
    command = commands.add_parser("abuser")
    command.add_argument("--in-flight", type=int, nargs="+", default=[16], help="of that one edge, in turns")
    command.add_argument("--others", type=int, default=8, help="edges beside it")
    command.add_argument("--pause", type=float, default=0.0, help="seconds between an answer to these and their next")
    command.add_argument("--rounds", type=int, default=3)
    command.add_argument("--seconds", type=float, default=5.0, help="wall seconds of each round")
    _add_serving(command)
    command.set_defaults(run=abuser)
    command = commands.add_parser("serve")
    command.add_argument("folder", type=Path)
    _add_serving(command)
    command.set_defaults(run=lambda options: serve(options.folder, _serving(options)))
    options = parser.parse_args()
    torch.set_num_threads(1)
    asyncio.run(options.run(options))


if __name__ == "__main__":
    main()
