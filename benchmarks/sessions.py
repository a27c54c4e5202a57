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
import itertools
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import grpc.aio
import torch

import joulecut_runtime.devices
from benchmarks.live_workplace import small
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Assignment
from joulecut_core.problems import Objective, Slo
from joulecut_core.timing import ScaledClock, SystemClock
from joulecut_proto.channels import channel_options
from joulecut_proto.clients import PlannerClient
from joulecut_proto.inference_messages import ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.planning_messages import SessionRequest
from joulecut_proto.streaming.streams import InferenceClientStream
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.networks.bundle import write_bundle
from joulecut_runtime.networks.network import Network
from joulecut_runtime.profiling.provision import provide_profile
from joulecut_runtime.profiling.store import ProfileStore
from joulecut_runtime.wires.codecs import codec
from joulecut_runtime.wires.measurement import lossless_wires
from joulecut_server.agent import run_agent
from joulecut_server.config import ServerConfig
from joulecut_server.serving.options import ServingOptions

EDGE = "emulated:orin-nano-super"
RAW = codec("raw")
PICTURE = torch.zeros((1, 3, 32, 32))
PLAN_S = 120.0
_SLO_S = 1.0
"""With a policy: several times what the line takes."""
_SLOW_T4 = """extends = "t4"
name = "slow-t4"

[launch]
basis = "assumed"
source = "slow on purpose: this machine computes far faster, so it never falls behind"
launch_s = 0.3e-3
"""


async def serve(folder: Path, serving: ServingOptions | None) -> None:
    """The server-agent, until it is stopped; `serving` schedules its requests."""
    await run_agent(
        ServerConfig(
            device=f"emulated:{folder / 'slow-t4.toml'}",
            bundles=(str(folder / "net"),),
            profiles=str(folder / "profiles"),
            state=str(folder),
            advertise=False,
            ready_file=str(folder / "ready"),
            serving=serving,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server-agent as the system sees it."""

    address: str
    pid: int

    @property
    def resident_bytes(self) -> int:
        """Memory it has in use."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize()

    @property
    def descriptors(self) -> int:
        """Files and sockets it has open."""
        return len(tuple(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def threads(self) -> int:
        """Threads it has."""
        return len(tuple(Path(f"/proc/{self.pid}/task").iterdir()))

    @property
    def cpu_s(self) -> float:
        """CPU seconds since its start."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def server_agent(folder: Path, serving: Sequence[str] = ()) -> AsyncIterator[tuple[Server, SessionRequest]]:
    """A server-agent in a process of its own, and what an edge asks it to plan; `serving`: options of `serve`."""
    network = Network(capture(small(), (PICTURE,), name="small"))
    write_bundle(network.graph, folder / "net")
    files = Path(joulecut_runtime.devices.__file__).parent / "files"
    shutil.copy(files / "t4.toml", folder)
    (folder / "slow-t4.toml").write_text(_SLOW_T4, encoding="utf-8")
    edge = provide_profile(
        network,
        open_device(EDGE, clock=SystemClock()),
        device_name=EDGE,
        seed=0,
        side="edge",
        clock=ScaledClock(1.0),
        store=ProfileStore(folder / "profiles"),
    )
    request = SessionRequest(
        session_id="",
        network_digest=network.table.digest,
        edge=edge,
        wires=lossless_wires(network.table),
        link=LinkEstimate(uplink_bps=1e9, downlink_bps=1e9, rtt_s=1e-4),
        slo=Slo(),
        objective=Objective(server_weight=0.0),
        max_accuracy_loss=0.0,
        policy="all-server",
    )
    command = [sys.executable, "-m", "benchmarks.sessions", "serve", str(folder), *serving]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)  # noqa: S603
    try:
        while not (folder / "ready").exists():
            if process.poll() is not None:
                raise SystemExit((folder / "log").read_text(encoding="utf-8"))
            await asyncio.sleep(0.1)
        ready = json.loads((folder / "ready").read_text(encoding="utf-8"))
        yield Server(address=ready["address"], pid=ready["pid"]), request
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


class Edge:
    """One edge: a connection of its own, a session, a stream."""

    _numbers = itertools.count()

    def __init__(self, server: Server, request: SessionRequest, name: str) -> None:
        self.name = name
        self.replies: list[ReplyHeader] = []
        self._request = replace(request, session_id=name)
        # Otherwise all edges of this process would share one connection.
        options = (*channel_options(), ("grpc.use_local_subchannel_pool", 1))
        self._channel = grpc.aio.insecure_channel(server.address, options=options)
        self._stream: InferenceClientStream | None = None
        self._assignment: Assignment | None = None
        self._waiting: dict[str, asyncio.Future[ReplyHeader]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def join(self, assignment: Assignment | None = None) -> Assignment:
        """Plan, unless under the session of another, and open the stream."""
        if assignment is None:
            planner = PlannerClient(self._channel, peer="server")
            reply = await planner.plan_session(self._request, timeout_s=PLAN_S)
            if reply.assignment is None:
                raise SystemExit("there is no plan with the server")
            assignment = reply.assignment
            await planner.activate(self.name, assignment.epoch, timeout_s=PLAN_S)
        self._assignment = assignment
        self._stream = InferenceClientStream(self._channel, peer="server", session_id=self.name)
        self._reading = asyncio.create_task(self._read(self._stream))
        return assignment

    async def ask(self) -> ReplyHeader:
        """Send one picture and wait for the reply."""
        if self._stream is None or self._assignment is None:
            raise SystemExit("join first")
        header = RequestHeader(
            session_id=self.name,
            request_id=str(next(self._numbers)),
            epoch=self._assignment.epoch,
            network_digest=self._assignment.network_digest,
            cut=self._assignment.cut,
            codec=self._assignment.codec,
            variant=self._assignment.variant,
        )
        # A refusal may be there before all of the request has left.
        answer: asyncio.Future[ReplyHeader] = asyncio.get_running_loop().create_future()
        self._waiting[header.request_id] = answer
        await self._stream.send(header, RAW.encode((PICTURE,)))
        reply = await answer
        self.replies.append(reply)
        return reply

    async def keep_asking(self, until_s: float, pause_s: float = 0.0) -> None:
        """One request after the other until the wall clock's `until_s`, with pauses between."""
        clock = SystemClock()
        while clock.now_s() < until_s:
            await self.ask()
            await asyncio.sleep(pause_s)

    async def close(self) -> None:
        """Leave."""
        if self._stream is not None and self._reading is not None:
            self._stream.cancel()
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._channel.close()

    async def _read(self, stream: InferenceClientStream) -> None:
        async for reply in stream.replies():
            self._waiting.pop(reply.header.request_id).set_result(reply.header)


async def _joined(edges: Sequence[Edge], at_once: int = 16) -> None:
    room = asyncio.Semaphore(at_once)

    async def join(edge: Edge) -> None:
        async with room:
            await edge.join()

    await asyncio.gather(*map(join, edges))


def _queue_ms(replies: Sequence[ReplyHeader]) -> tuple[float, float]:
    """Mean and 95th percentile."""
    answered = [reply.queue_s for reply in replies if reply.status is ReplyStatus.OK]
    return 1e3 * statistics.fmean(answered), 1e3 * statistics.quantiles(answered, n=20)[-1]


async def held(options: argparse.Namespace) -> None:
    """Memory, descriptors and CPU of idle sessions, and what busy ones notice of them."""
    with tempfile.TemporaryDirectory() as folder:
        async with server_agent(Path(folder)) as (server, request):
            busy = [Edge(server, request, f"busy-{number}") for number in range(options.busy)]
            await _joined(busy)
            idle: list[Edge] = []
            print("| idle | busy | memory MB | kB per idle | descriptors | threads | CPU, idle | CPU, busy | "
                  "requests/s | line p50 ms | refused |")  # fmt: skip
            print("|---|---|---|---|---|---|---|---|---|---|---|")
            before_bytes = 0
            for count in (0, options.idle):
                idle += [Edge(server, request, f"idle-{number}") for number in range(len(idle), count)]
                await _joined(idle)
                cpu_s = server.cpu_s
                await asyncio.sleep(options.seconds)
                idle_cpu = (server.cpu_s - cpu_s) / options.seconds
                # The busy ones' own memory is in use from their first requests on.
                if not count:
                    await _busy_for(busy, 2.0)
                    before_bytes = server.resident_bytes
                resident_bytes, cpu_s = server.resident_bytes, server.cpu_s
                await _busy_for(busy, options.seconds)
                busy_cpu = (server.cpu_s - cpu_s) / options.seconds
                replies = [reply for edge in busy for reply in edge.replies]
                answered = [reply.queue_s for reply in replies if reply.status is ReplyStatus.OK]
                each = f"{(resident_bytes - before_bytes) / count / 1e3:.1f}" if count else ""
                print(
                    f"| {count} | {len(busy)} | {resident_bytes / 1e6:.0f} | {each} | {server.descriptors} | "
                    f"{server.threads} | {idle_cpu:.1%} | {busy_cpu:.1%} | {len(answered) / options.seconds:.0f} | "
                    f"{1e3 * statistics.median(answered):.1f} | {len(replies) - len(answered)} |",
                    flush=True,
                )
            await asyncio.gather(*(edge.close() for edge in (*busy, *idle)))


async def _busy_for(edges: Sequence[Edge], seconds: float, pause_s: float = 0.0) -> None:
    for edge in edges:
        edge.replies.clear()
    until_s = SystemClock().now_s() + seconds
    await asyncio.gather(*(edge.keep_asking(until_s, pause_s) for edge in edges))


@dataclass(slots=True)
class Rounds:
    """What the others saw in all rounds of one kind."""

    replies: list[ReplyHeader] = field(default_factory=list)
    abuser: list[ReplyHeader] = field(default_factory=list)


async def abuser(options: argparse.Namespace) -> None:
    """What an edge with many requests in flight costs the others, in turns with one that has one."""
    with tempfile.TemporaryDirectory() as folder:
        async with server_agent(Path(folder), _serving_arguments(options)) as (server, request):
            print("| in the line by | one edge | the others: mean ms | p95 ms | answered | to the one | growth |")
            print("|---|---|---|---|---|---|---|")
            for by in ("session", "line") if options.policy is None else ("session",):
                numbers = range(options.others + 1)
                edges = [Edge(server, request, f"{by}-{number if by == 'session' else 0}") for number in numbers]
                assignment: Assignment | None = None
                for edge in edges:
                    joined = await edge.join(assignment)
                    assignment = joined if by == "line" else None
                *others, one = edges
                seen = {in_flight: Rounds() for in_flight in (1, *options.in_flight)}
                for _ in range(options.rounds):
                    for in_flight, rounds in seen.items():
                        one.replies.clear()
                        until_s = SystemClock().now_s() + options.seconds
                        pressing = [asyncio.create_task(one.keep_asking(until_s)) for _ in range(in_flight)]
                        await _busy_for(others, options.seconds, options.pause)
                        await asyncio.gather(*pressing)
                        rounds.replies += [reply for edge in others for reply in edge.replies]
                        rounds.abuser += one.replies
                fair_ms, _ = _queue_ms(seen[1].replies)
                for in_flight, rounds in seen.items():
                    mean_ms, p95_ms = _queue_ms(rounds.replies)
                    print(
                        f"| {by} | {in_flight} in flight | {mean_ms:.1f} | {p95_ms:.1f} | {len(rounds.replies)} | "
                        f"{len(rounds.abuser)} | {mean_ms / fair_ms - 1:+.1%} |",
                        flush=True,
                    )
                await asyncio.gather(*(edge.close() for edge in edges))


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
