"""The edge's endpoint for applications and tools on its own host."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from joulecut_core.energy import EnergyReading
from joulecut_core.errors import ConfigError, ContractError, JoulecutError
from joulecut_core.networks import CutTable
from joulecut_core.spans import NO_TRACER, SpanKind, Tracer
from joulecut_core.tensor_frames import RAW
from joulecut_core.timing import Clock
from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.requests.request_observer import RequestObserver, Unobserved
from joulecut_edge.requests.request_spans import REQUEST, tell_ledger
from joulecut_edge.requests.session import EdgeSession
from joulecut_proto.call_refusals import CallRefusedError
from joulecut_proto.call_room import CallRoom
from joulecut_proto.channels import MESSAGE_LIMIT_BYTES
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
from joulecut_runtime.execution.device_reading import DeviceReading
from joulecut_runtime.execution.failed_computation import FailedComputationError
from joulecut_runtime.execution.fair_turns import DeviceBusyError
from joulecut_runtime.execution.part_runner import PartRunner
from joulecut_runtime.profiling.metering import MeterReader
from joulecut_runtime.wires.codecs import codec, decode_expected

_APPLICATION_BYTES = 128 << 20
"""Inputs and answers of one application's requests; gRPC holds answers that nobody reads, some three times each."""
_FEWEST, _MOST = 8, 512
_ROOM_BYTES = 1 << 20
"""Beside a request's inputs: names, shapes, and what else applications say."""
_MOST_TENSOR_BYTES = MESSAGE_LIMIT_BYTES - (256 << 10)
"""Of a request or an answer: the rest of a message is for names, shapes and the ledger."""
_TOO_WIDE = 2
"""Inputs of so many times the bytes are taken in, so that who sends float64 for float32 hears of element types."""


def request_room(table: CutTable) -> CallRoom:
    """Room for requests of this network that are under way: of one application, and four times as much for all.

    A request is under way until its answer is read.
    """
    request_bytes = sum(tensor.size_bytes for tensor in (*table.inputs, *table.outputs))
    each = min(_MOST, max(_FEWEST, _APPLICATION_BYTES // max(request_bytes, 1)))
    return CallRoom("requests", each=each, total=4 * each)


def most_bytes(table: CutTable) -> int:
    """The largest message that an edge of this network takes; gRPC takes in each before anybody has looked at it."""
    input_bytes = sum(tensor.size_bytes for tensor in table.inputs)
    return min(_TOO_WIDE * input_bytes + _ROOM_BYTES, MESSAGE_LIMIT_BYTES)


def expect_to_fit(table: CutTable) -> None:
    """Raise ConfigError where a request of this network, or its answer, is larger than a message may be."""
    for what, tensors in (("inputs", table.inputs), ("outputs", table.outputs)):
        size_bytes = sum(tensor.size_bytes for tensor in tensors)
        if size_bytes > _MOST_TENSOR_BYTES:
            raise ConfigError(
                f"network {table.network}: {what} of {size_bytes} bytes; an edge-agent takes and gives at most "
                f"{_MOST_TENSOR_BYTES} in one message: pack it with a smaller batch or size, or make {what} smaller "
                "inside it"
            )


class EdgeEndpoint:
    """Implements the Local service."""

    def __init__(
        self,
        runner: PartRunner,
        session: EdgeSession,
        offloading: Offloading,
        clock: Clock,
        slowdown: float,
        observer: RequestObserver | None = None,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self._tracer = tracer
        self._observer = observer or Unobserved()
        self._runner = runner
        self._meter = MeterReader(runner.device, clock)
        self._reading = DeviceReading(runner.device)
        self._session = session
        self._offloading = offloading
        self._slowdown = slowdown

    async def infer(self, request: InferRequest, *, caller_s: float | None = None) -> InferReply:
        """Answer one request, on whichever sides the plan in force says; `caller_s` as `LocalService` has it."""
        raw, table = codec(RAW), self._runner.network.table
        with self._tracer.span(
            REQUEST, kind=SpanKind.SERVER, network=table.network, request_id=request.request_id
        ) as span:
            try:
                inputs = decode_expected(raw, request.tensors, table.inputs)
                answer = await self._session.infer(
                    request.request_id,
                    inputs,
                    application=request.application,
                    within_s=None if caller_s is None else caller_s / self._slowdown,
                )
            except asyncio.CancelledError:
                self._observer.abandoned()
                raise
            except Exception as error:
                self._observer.rejected()
                if isinstance(error, DeviceBusyError):
                    # The device is well: whoever asks has to ask less at once.
                    raise CallRefusedError(str(error)) from error
                if isinstance(error, FailedComputationError):
                    # So is it here, and would be for the next who sends such numbers: they are the caller's.
                    raise ContractError(str(error)) from error
                raise
            self._observer.answered(answer.ledger)
            tell_ledger(span, answer.ledger)
            return InferReply(tensors=raw.encode(answer.outputs), ledger=answer.ledger)

    async def status(self) -> LocalStatus:
        """What runs, and how."""
        table = self._runner.network.table
        counters, drifts = self._session.counters, self._session.drift.counters
        return LocalStatus(
            network=table.network,
            network_digest=table.digest,
            inputs=table.inputs,
            outputs=table.outputs,
            server_connected=self._offloading.connection is not None,
            assignment=self._session.active.assignment,
            plan=self._session.active.plan,
            link=self._offloading.planning.link,
            counters=RequestCounters(
                requests=counters.requests,
                split=counters.split,
                local=counters.local,
                fallbacks=counters.fallbacks,
                throttle_drifts=drifts.throttle,
                model_drifts=drifts.model,
                link_drifts=drifts.link,
            ),
            device=await self._reading.soon(),
            device_info=self._runner.device.info,
            server_info=self._offloading.server_info,
            slowdown=self._slowdown,
        )

    async def replan(self, request: ReplanRequest) -> ReplanReply:
        """Plan again under the terms of the request; a preview changes nothing."""
        make = self._offloading.preview if request.preview else self._offloading.replan
        reply = await make(lambda wishes: wishes.changed_by(request))
        return ReplanReply(assignment=reply.assignment, plan=reply.plan, problem=reply.problem)

    async def read_meters(self, request: ReadMetersRequest) -> MeterReadings:
        """Both sides' meters at their first ticks from the given times on."""
        edge, server = await asyncio.gather(
            self._meter.read(request.edge_not_before_s),
            self._server_reading(request.server_not_before_s),
        )
        return MeterReadings(edge=replace(edge, busy_s=self._runner.busy_s), server=server)

    async def _server_reading(self, not_before_s: float | None) -> EnergyReading | None:
        connection = self._offloading.connection
        if connection is None:
            return None
        try:
            return await connection.read_meter(not_before_s)
        except JoulecutError:
            return None
