"""An application's connection to the edge-agent on its host.

with joulecut.connect("unix:/run/joulecut/edge.sock") as edge:
    answer = edge.infer(picture)  # numpy arrays in, numpy arrays out
    print(answer.outputs[0].argmax(), answer.ledger.joules)
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, cast

import grpc

from joulecut.connections.answers import CALL_S, REPLAN_S, Answer, Array, RequestWriter, answer_of
from joulecut.connections.places import place_of
from joulecut.connections.uninterrupted import uninterrupted
from joulecut_core.argument_types import expect_time_limit
from joulecut_core.errors import LinkError
from joulecut_proto.channels import channel_options
from joulecut_proto.convert_inference import (
    LOCAL_STATUS,
    METER_READINGS,
    READ_METERS_REQUEST,
    REPLAN_REPLY,
    REPLAN_REQUEST,
    infer_reply_from_wire,
    infer_request_to_wire,
)
from joulecut_proto.local_messages import LocalStatus, MeterReadings, ReadMetersRequest, ReplanReply, ReplanRequest
from joulecut_proto.status import error_from_infer, error_from_rpc
from joulecut_proto.v1 import local_pb2, local_pb2_grpc

__all__ = ["Answer", "Array", "Connection", "connect"]

_LOG = logging.getLogger(__name__)


class Connection:
    """Calls one edge-agent. Safe to use from several threads; close it, or use it as a context.

    A call that a signal's handler ends by an exception, KeyboardInterrupt for one, disturbs no other call; its request
    may be answered all the same, to nobody.
    """

    def __init__(self, address: str, *, timeout_s: float = CALL_S, insecure: bool = False) -> None:
        target = str(place_of(address, insecure=insecure))
        self._peer = f"edge-agent {target}"
        self._timeout_s = expect_time_limit("timeout_s", timeout_s)
        self._channel = grpc.insecure_channel(target, options=channel_options(connect_s=CALL_S))
        self._stub = cast(Any, local_pb2_grpc.LocalStub)(self._channel)
        self._writer = RequestWriter()
        self._closed = False

    def infer(self, *inputs: Array) -> Answer:
        """Answer one request; the arrays are the network's inputs, in order.

        Raises ContractError where they are not, or are more than the edge-agent takes, LinkError where it cannot be
        reached.
        """
        message = infer_request_to_wire(self._writer.write(inputs))
        try:
            # Not by way of `submit`: a callback that waits for it would wait for the thread that it runs on.
            reply = self._opened(lambda: self._stub.Infer(message, timeout=self._timeout_s))
        except grpc.RpcError as error:
            raise error_from_infer(cast(Any, error), peer=self._peer) from error
        return answer_of(infer_reply_from_wire(reply))

    def submit(self, *inputs: Array) -> Future[Answer]:
        """Start a request; the future gives what `infer` would return or raise, and cannot be cancelled.

        Its callbacks run on the one thread that brings all such answers: they may call `infer`, which holds the others
        up meanwhile, and must not wait for another future of the same connection.
        Raises at once what needs no agent to be known: ContractError for what cannot be sent,
        an element type or more than 64 MiB, LinkError on a closed connection.
        """
        message = infer_request_to_wire(self._writer.write(inputs))

        def begin() -> Future[Answer]:
            call = self._stub.Infer.future(message, timeout=self._timeout_s)
            answer: Future[Answer] = Future()
            answer.set_running_or_notify_cancel()
            call.add_done_callback(lambda done: self._finish(answer, done))
            return answer

        return cast("Future[Answer]", self._opened(begin))

    def status(self) -> LocalStatus:
        """What the edge-agent runs, and how."""
        request = local_pb2.GetStatusRequest()
        return LOCAL_STATUS.from_wire(self._call(self._stub.GetStatus, request, self._timeout_s))

    def replan(self, request: ReplanRequest) -> ReplanReply:
        """Plan again under the terms of `request`; a preview changes nothing.

        Raises LinkError without a server, ContractError for a policy that is none.
        Later plans keep those terms, and so does the edge where it is alone; terms that leave no choice at all,
        which get no assignment, change nothing.
        """
        return REPLAN_REPLY.from_wire(self._call(self._stub.Replan, REPLAN_REQUEST.to_wire(request), REPLAN_S))

    def read_meters(self, request: ReadMetersRequest, *, timeout_s: float = REPLAN_S) -> MeterReadings:
        """Both sides' energy meters at their first ticks from the given times on; waits until then."""
        message = READ_METERS_REQUEST.to_wire(request)
        within_s = expect_time_limit("timeout_s", timeout_s)
        return METER_READINGS.from_wire(self._call(self._stub.ReadMeters, message, within_s))

    def close(self) -> None:
        """Let go of the connection. Requests under way fail with LinkError."""
        self._closed = True
        uninterrupted(self._channel.close)

    def _finish(self, answer: Future[Answer], done: grpc.Future[local_pb2.InferReply]) -> None:
        try:
            self._settle(answer, done)
        except BaseException:  # noqa: BLE001 - this thread brings all answers; plain exceptions Python logs itself
            _LOG.exception("a callback of an answer may not end its thread")

    def _settle(self, answer: Future[Answer], done: grpc.Future[local_pb2.InferReply]) -> None:
        try:
            answer.set_result(answer_of(infer_reply_from_wire(done.result())))
        except grpc.RpcError as error:
            # It is the call itself, whose frames hold it.
            answer.set_exception(error_from_infer(cast(Any, error.with_traceback(None)), peer=self._peer))
        except Exception as error:  # noqa: BLE001 - who waits for the answer has to hear of it, whatever it is
            answer.set_exception(error)

    def _call(self, method: Callable[..., Any], request: object, timeout_s: float) -> Any:
        try:
            return self._opened(lambda: method(request, timeout=timeout_s))
        except grpc.RpcError as error:
            raise error_from_rpc(cast(Any, error), peer=self._peer) from error

    def _opened(self, start: Callable[[], Any]) -> Any:
        try:
            return uninterrupted(start)
        except ValueError as error:  # what grpc says of a channel that was closed
            if not self._closed:
                raise
            raise LinkError(f"{self._peer}: this connection is closed; connect again") from error

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connect(
    address: str = "unix:/run/joulecut/edge.sock", *, timeout_s: float = CALL_S, insecure: bool = False
) -> Connection:
    """A connection to the edge-agent at `address` ("unix:/path" or "host:port"); it is made with the first call.

    Where nobody listens at the default address, an agent that this user has started by hand is looked for.
    `timeout_s`: wall seconds that one request may take; the edge waits no longer for a server than they leave.
    `insecure`: `address` may be another host's, where inputs and answers go in plain text. Raises ConfigError where it
    is malformed, or not this host's, or where `timeout_s` leaves no time.
    """
    return Connection(address, timeout_s=timeout_s, insecure=insecure)
