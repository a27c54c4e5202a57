"""An edge-agent's endpoint that a test controls, served over a real connection from a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from joulecut_core.energy import EnergyReading
from joulecut_core.ledgers import RequestJoules, RequestLedger, RequestSeconds
from joulecut_core.networks import TensorSpec
from joulecut_core.plans import Assignment
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto.channels import MESSAGE_LIMIT_BYTES, bind, make_server
from joulecut_proto.local_messages import (
    InferReply,
    InferRequest,
    LocalStatus,
    MeterReadings,
    ReadMetersRequest,
    ReplanReply,
    ReplanRequest,
    RequestCounters,
)
from joulecut_proto.servicers import add_local
from joulecut_proto.tensor_arrays import array_of, frame_of
from tests.proto.fake_services import INFO, NO_PLAN, POINT, PROBLEM, STATE

SIDE = 8
CLASSES = 5
LEDGER = RequestLedger(
    request_id="",
    epoch=3,
    cut=1,
    codec="raw",
    served_by="split",
    fallback=False,
    seconds=RequestSeconds(total=0.02),
    joules=RequestJoules(edge_busy=0.1, edge_wait=0.02, radio=0.01, server=0.5),
)
STATUS = LocalStatus(
    network="tiny",
    network_digest="sha256:00",
    inputs=(TensorSpec(name="picture", dtype="uint8", shape=(1, 3, SIDE, SIDE)),),
    outputs=(TensorSpec(name="scores", dtype="float32", shape=(1, CLASSES)),),
    server_connected=False,
    assignment=None,
    plan=None,
    link=None,
    counters=RequestCounters(),
    device=STATE,
    device_info=INFO,
    server_info=None,
)
LOCAL = Assignment(
    epoch=0,
    network_digest="sha256:00",
    policy="local",
    cut=1,
    codec="none",
    variant="fp32",
    edge_clock=POINT,
    server_clock=None,
)


class FakeLocal:
    """A LocalService: class k of an input whose every element is k; requests wait while `gate` is closed."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = threading.Semaphore(0)
        self.failure: Exception | None = None
        self.statuses = [STATUS]
        self.requests: list[str] = []
        self.tensors: list[tuple[TensorFrame, ...]] = []
        self.replans: list[ReplanRequest] = []
        self.meters: list[ReadMetersRequest] = []

    async def infer(self, request: InferRequest, *, caller_s: float | None = None) -> InferReply:
        del caller_s
        self.requests.append(request.request_id)
        self.tensors.append(request.tensors)
        if self.failure is not None:
            raise self.failure
        self.waiting.release()
        await self.gate.wait()
        best = int(array_of(request.tensors[0]).reshape(-1)[0]) % CLASSES
        scores = np.eye(CLASSES, dtype=np.float32)[best : best + 1]
        ledger = replace(LEDGER, request_id=request.request_id)
        return InferReply(tensors=(frame_of("scores", scores),), ledger=ledger)

    async def status(self) -> LocalStatus:
        """The statuses in turn, the last one for good."""
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    async def replan(self, request: ReplanRequest) -> ReplanReply:
        self.replans.append(request)
        return ReplanReply(assignment=None, plan=NO_PLAN, problem=PROBLEM)

    async def read_meters(self, request: ReadMetersRequest) -> MeterReadings:
        self.meters.append(request)
        return MeterReadings(edge=EnergyReading(time_s=1.0, energy_j=2.0), server=None)


@contextmanager
def serving_edge(
    service: FakeLocal, address: str = "127.0.0.1:0", *, limit_bytes: int = MESSAGE_LIMIT_BYTES
) -> Iterator[tuple[str, asyncio.AbstractEventLoop]]:
    """The address of a running endpoint, and the loop that it lives in."""
    loop = asyncio.new_event_loop()
    server = None

    async def start() -> int:
        nonlocal server
        server = make_server(secured=False, limit_bytes=limit_bytes)
        add_local(server, service, room=None)
        port = bind(server, address, security=None)
        await server.start()
        return port

    async def stop() -> None:
        assert server is not None
        await server.stop(None)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        yield address if address.startswith("unix:") else f"127.0.0.1:{port}", loop
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def picture(kind: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """An input whose answer is class `kind`."""
    return np.full((1, 3, SIDE, SIDE), kind, np.uint8)
