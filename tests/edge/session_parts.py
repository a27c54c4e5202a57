"""An edge session on virtual time: a quiet emulated device, the tiny network, and a server that is a fake."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceState
from joulecut_core.errors import LinkError
from joulecut_core.figures import FigureKind
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import OPTIMAL, Assignment, Breakdown, Plan
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.timing import ManualClock
from joulecut_edge.config import Radio
from joulecut_edge.offloading.edge_identity import EdgeIdentity
from joulecut_edge.peers.remote import RemoteReply, UnansweredError
from joulecut_edge.plans.active_plan import LOCAL_EPOCH, ActivePlan
from joulecut_edge.plans.local_tail import LocalTail
from joulecut_edge.requests.session import EdgeSession
from joulecut_proto.inference_messages import Origin
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_runtime.execution.part_runner import PartRunner
from joulecut_runtime.networks.network import Network
from joulecut_runtime.wires.codecs import codec
from joulecut_runtime.wires.measurement import lossless_wires
from tests.integration.tiny_network import tiny_network
from tests.integration.tiny_profiles import edge_profile
from tests.proto.fake_services import NO_PLAN
from tests.runtime.devices.device_files import quiet_file

LOW = OperatingPoint(core_mhz=100, memory_mhz=1000)
HIGH = OperatingPoint(core_mhz=400, memory_mhz=1000)

DOWNLINK_BYTES = 40
"""What the fake server says its replies took."""

LINK = LinkEstimate(uplink_bps=8e6, downlink_bps=16e6, rtt_s=0.002, uplink_w=2.0, downlink_w=1.0)


@dataclass(slots=True, kw_only=True)
class FakeRemote:
    """A server that computes the tail in no time but the seconds it reports; raises `failure` where one is set."""

    clock: ManualClock
    network: Network = field(default_factory=tiny_network)
    failure: Exception | None = None
    link_s: float = 0.01
    queue_s: float = 0.001
    decode_s: float = 0.002
    tail_s: float = 0.004
    seen: list[Assignment] = field(default_factory=list)
    sent: list[tuple[str, int]] = field(default_factory=list)
    timeouts_s: list[float] = field(default_factory=list)
    is_silent: bool = False
    """Answers nothing in the time that it is given."""
    origin: Origin = Origin.COMPUTED
    energy_j: float | None = 0.5
    figures: FigureKind = FigureKind.EMULATED
    reached: asyncio.Event | None = None
    may_answer: asyncio.Event | None = None
    state: DeviceState | None = None
    excused: int = 0

    async def finish(
        self,
        request_id: str,
        assignment: Assignment,
        encoded: Sequence[TensorFrame],
        *,
        timeout_s: float,
        attempt: int = 0,
    ) -> RemoteReply:
        self.sent.append((request_id, attempt))
        self.seen.append(assignment)
        self.timeouts_s.append(timeout_s)
        if self.reached is not None:
            self.reached.set()
        if self.may_answer is not None:
            await self.may_answer.wait()
        if self.is_silent:
            self.clock.advance_s(timeout_s)
            raise UnansweredError(f"no answer to {request_id} within {timeout_s:.3f} s")
        self.clock.advance_s(self.link_s + self.queue_s + self.decode_s + self.tail_s)
        if self.failure is not None:
            raise self.failure
        tensors = codec(assignment.codec).decode(encoded)
        part = self.network.whole if assignment.cut == 0 else self.network.tail(assignment.cut)
        return RemoteReply(
            outputs=part(tensors),
            queue_s=self.queue_s,
            decode_s=self.decode_s,
            tail_s=self.tail_s,
            energy_j=self.energy_j,
            uplink_bytes=sum(frame.size_bytes for frame in encoded),
            downlink_bytes=DOWNLINK_BYTES,
            figures=self.figures,
            origin=self.origin,
        )

    def excuse(self, attempts: int) -> None:
        self.excused += attempts

    async def device_state(self) -> DeviceState:
        if self.state is None:
            raise LinkError("this server does not tell how it runs")
        return self.state


def active_plan(
    cut: int | None,
    *,
    epoch: int = 1,
    wire: str = "raw",
    edge_clock: OperatingPoint | None = HIGH,
    wait_w: float = 6.0,
    period_s: float | None = None,
    deadline_s: float | None = None,
    tail: LocalTail | None = None,
    plan: Plan = NO_PLAN,
) -> ActivePlan:
    """A plan to cut there; None: everything on the edge."""
    table = tiny_network().table
    return ActivePlan(
        assignment=Assignment(
            epoch=LOCAL_EPOCH if cut is None else epoch,
            network_digest=table.digest,
            policy="local" if cut is None else "joint",
            cut=table.last if cut is None else cut,
            codec="none" if cut is None else wire,
            variant="eager-fp32",
            edge_clock=edge_clock,
            server_clock=None,
        ),
        plan=plan,
        offloads=cut is not None,
        wait_w=wait_w,
        period_s=period_s,
        link=None if cut is None else LINK,
        deadline_s=deadline_s,
        local_tail=tail,
    )


def planned(*, head_s: float, remote_s: float) -> Plan:
    """A plan of so many seconds on either side of the cut, the link's among the server's."""
    nothing = dict.fromkeys((field.name for field in fields(Breakdown)), 0.0)
    return replace(
        NO_PLAN,
        status=OPTIMAL,
        cut=2,
        cut_name="2",
        codec="raw",
        variant="eager-fp32",
        latency_s=head_s + remote_s,
        latency_bound_s=head_s + remote_s,
        energy_j=1.0,
        edge_energy_j=0.5,
        server_energy_j=0.5,
        breakdown=Breakdown(**{**nothing, "t_edge": head_s, "t_server": remote_s}),
    )


def tiny_identity() -> EdgeIdentity:
    """An edge with the tiny network, as servers hear of it."""
    network = tiny_network()
    return EdgeIdentity(
        name="edge",
        session_id="edge-1",
        slowdown=1.0,
        network=network,
        profile=edge_profile(),
        wires=lossless_wires(network.table),
        radio=Radio(),
    )


class Bench:
    """Everything a session needs; `close` at the end."""

    def __init__(self, *, local: ActivePlan | None = None, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock(1024.0)
        self.device = EmulatedDevice(quiet_file(), clock=self.clock)
        self.runner = PartRunner(tiny_network(), self.device)
        self.worker = DeviceWorker(self.clock)
        self.remote = FakeRemote(clock=self.clock)
        self.session = EdgeSession(self.runner, self.worker, self.clock, local or active_plan(None, edge_clock=LOW))

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.close()
        self.device.close()
