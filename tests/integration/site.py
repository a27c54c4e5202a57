"""Both agents in one process: what they share on disk, their configurations, and an application that talks to them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from torch import Tensor

import joulecut_runtime.devices
from joulecut_core.energy import EnergyReading
from joulecut_core.problems import Objective
from joulecut_core.tensor_frames import RAW
from joulecut_core.wires import WireTable, load_wires, save_wires
from joulecut_edge.config import EdgeConfig, PlanningOptions
from joulecut_proto.agent_messages import AgentState
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient, LocalClient
from joulecut_proto.local_messages import (
    InferReply,
    InferRequest,
    LocalStatus,
    ReadMetersRequest,
    ReplanReply,
    ReplanRequest,
)
from joulecut_runtime.wires.codecs import codec
from joulecut_runtime.wires.measurement import measure_wires
from joulecut_server.config import ServerConfig
from tests.integration.tiny_network import pack_tiny, pictures, tiny_network
from tests.kept import kept

WAIT_S = 60.0
"""How long a test waits, in all, for what must happen; only a defect ever takes it."""

BATTERY = Objective(server_weight=0.0)
"""Only the edge's joules count: with it a split pays for a network of any size."""

_FILES = Path(joulecut_runtime.devices.__file__).parent / "files"
_SLOW = """extends = "{base}"
name = "slow-{base}"

[launch]
basis = "assumed"
source = "slow on purpose: this machine computes far faster, so it never falls behind"
launch_s = {launch_s}
"""
THIRSTY = """
[busy]
basis = "assumed"
source = "a hundred times what a waiting edge draws: a split pays however slow the link is on a busy host"
knee_w = 600
knee_mhz = 663
exponent = 1.5
stall_activity = 1.0
launch_activity = 1.0
"""
"""What makes an edge's device file one of a device that a split always relieves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Bundle, profiles and devices that both agents find on disk; `own` is a folder of one test."""

    shared: Path
    own: Path
    digest: str
    max_accuracy_loss: float = 1.0
    """Of its edges; 0.0 where answers are compared to the bit, for on a slow link a lossy codec would be planned.

    No measured codec is offered then: one that changed none of the few answers it was measured on may change another.
    """

    @property
    def bundle(self) -> Path:
        """The packed network."""
        return self.shared / "net"

    def device(self, base: str) -> str:
        """A shipped device made so slow that this machine keeps up with it in real time."""
        return f"emulated:{self.shared / f'slow-{base}.toml'}"

    def server(self) -> ServerConfig:
        """A server-agent on a port that the system chooses."""
        return ServerConfig(
            device=self.device("t4"),
            bundles=(str(self.bundle),),
            profiles=str(self.shared / "profiles"),
            state=str(self.own),
            name="gpu",
            advertise=False,
        )

    def edge(self, server: str) -> EdgeConfig:
        """An edge-agent for that server, reached over a Unix socket."""
        return EdgeConfig(
            device=self.device("orin-nano-super"),
            bundle=str(self.bundle),
            server=server,
            listen=f"unix:{self.own}/edge.sock",
            profiles=str(self.shared / "profiles"),
            wires=str(self.shared / "wires.json") if self.max_accuracy_loss else "",
            objective=BATTERY,
            max_accuracy_loss=self.max_accuracy_loss,
            policy="all-server",
            planning=PlanningOptions(follow_link=False),
        )

    def wires_at(self, cut: int, wire: str) -> str:
        """A table of measured wires that offers one cut and one codec alone."""
        table = _all_wires()
        chosen = tuple(each for each in table.wires if (each.cut, each.codec) == (cut, wire))
        assert chosen, f"{wire} was not measured at cut {cut}"
        path = self.own / f"wires-{cut}-{wire}.json"
        save_wires(replace(table, wires=chosen), path)
        return str(path)


def make_shared(folder: Path) -> str:
    """Write what all tests share; the network's digest."""
    for base, launch_s, more in (("orin-nano-super", 4e-3, THIRSTY), ("t4", 0.5e-3, "")):
        shutil.copy(_FILES / f"{base}.toml", folder)
        (folder / f"slow-{base}.toml").write_text(_SLOW.format(base=base, launch_s=launch_s) + more, encoding="utf-8")
    save_wires(_all_wires(), folder / "wires.json")
    return pack_tiny(folder / "net")


@cache
def _all_wires() -> WireTable:
    def measured() -> WireTable:
        return measure_wires(tiny_network(), [(picture,) for picture in pictures(4)], samples_from="seeded noise")

    return kept("tiny-wires.json", measured, write=save_wires, read=load_wires)


class Application:
    """Talks to an edge-agent as programs on its host do."""

    def __init__(self, client: LocalClient) -> None:
        self._client = client

    async def infer(self, picture: Tensor, request_id: str = "r") -> tuple[Tensor, InferReply]:
        """The network's answer, and the reply it came in."""
        request = InferRequest(request_id=request_id, tensors=codec(RAW).encode((picture,)))
        reply = await self._client.infer(request, timeout_s=WAIT_S)
        return codec(RAW).decode(reply.tensors)[0], reply

    async def status(self) -> LocalStatus:
        """What the edge runs, and how."""
        return await self._client.status(timeout_s=WAIT_S)

    async def replan(self, request: ReplanRequest) -> ReplanReply:
        """Plan again."""
        return await self._client.replan(request, timeout_s=WAIT_S)

    async def meter(self, not_before_s: float | None = None) -> EnergyReading:
        """The edge's energy counter at a tick."""
        request = ReadMetersRequest(edge_not_before_s=not_before_s)
        return (await self._client.read_meters(request, timeout_s=WAIT_S)).edge

    async def until(self, holds: Callable[[LocalStatus], bool]) -> LocalStatus:
        """The first status for which `holds` is true; the edge tells of changes only when asked."""
        while True:
            status = await self.status()
            if holds(status):
                return status
            await asyncio.sleep(0.01)

    async def offloading(self) -> LocalStatus:
        """Wait until a plan with the server is in force."""
        return await self.until(lambda status: status.assignment is not None and status.assignment.epoch > 0)


@asynccontextmanager
async def application(address: str) -> AsyncIterator[Application]:
    """An application connected to the edge-agent at `address`."""
    async with open_channel(address, security=None) as channel:
        yield Application(LocalClient(channel, peer="edge"))


async def server_state(address: str) -> AgentState:
    """A reading of the server-agent at `address`."""
    async with open_channel(address, security=None) as channel:
        return await AgentClient(channel, peer="server").state(timeout_s=WAIT_S)
