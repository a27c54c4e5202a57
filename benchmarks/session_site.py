"""A server-agent in a process of its own, and edges that talk to it: what `benchmarks.sessions` counts.

The server-agent has an emulated T4 whose launches last longer than any real one's, so that a host without a GPU keeps
up.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
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
from joulecut_proto.inference_messages import ReplyHeader, RequestHeader
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
    command = [sys.executable, "-m", "benchmarks.sessions", "serve", str(folder), *serving]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)  # noqa: S603
    try:
        request = _request(network, ProfileStore(folder / "profiles"))
        while not (folder / "ready").exists():
            if process.poll() is not None:
                raise SystemExit((folder / "log").read_text(encoding="utf-8"))
            await asyncio.sleep(0.1)
        ready = json.loads((folder / "ready").read_text(encoding="utf-8"))
        yield Server(address=ready["address"], pid=ready["pid"]), request
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _request(network: Network, store: ProfileStore) -> SessionRequest:
    edge = provide_profile(
        network,
        open_device(EDGE, clock=SystemClock()),
        device_name=EDGE,
        seed=0,
        side="edge",
        clock=ScaledClock(1.0),
        store=store,
    )
    return SessionRequest(
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


class Edge:
    """One edge: a connection of its own, a session, a stream."""

    _numbers = itertools.count()

    def __init__(self, server: Server, request: SessionRequest, name: str, picture: torch.Tensor = PICTURE) -> None:
        self.name = name
        self.replies: list[ReplyHeader] = []
        self._request = replace(request, session_id=name)
        self._frames = RAW.encode((picture,))
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
        await self._stream.send(header, self._frames)
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
