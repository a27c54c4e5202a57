"""Handlers of a service's calls that read requests themselves, and refuse what is no message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any, TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from joulecut_core.errors import ContractError
from joulecut_proto.answering import Answering, Context
from joulecut_proto.arriving import Arriving

R = TypeVar("R")

SMALL_REQUEST_BYTES = 64 << 10
"""Where no more is asked for: requests are read on the event loop, which takes a second for 16 MiB of small parts."""


def add_handlers(server: grpc.aio.Server, service: ServiceDescriptor, handlers: dict[str, Any]) -> None:
    """Serve a service's calls, each by the handler of its name."""
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))


def reading(
    service: ServiceDescriptor,
    servicer: object,
    arriving: Arriving | None,
    *,
    most_bytes: int = SMALL_REQUEST_BYTES,
    large: Collection[str] = (),
) -> dict[str, Any]:
    """Handlers that refuse what is no message of its call: gRPC's own break off, with a traceback for each.

    `arriving`: None where only callers come who leave no halves of requests, which gRPC then takes in by itself.
    `most_bytes`: of a request, but of the calls that `large` names.
    A call that `servicer` has no method for gets none. Methods of streams write their replies to the call's context.
    """
    return {
        method.name: _read_first(
            method, getattr(servicer, method.name), arriving, None if method.name in large else most_bytes
        )
        for method in service.methods
        if hasattr(servicer, method.name)
    }


def unread(name: str, answer: Callable[[bytes, Context], Awaitable[Message | None]], arriving: Arriving | None) -> Any:
    """A handler of the call of that name, which gets a request's bytes."""

    async def packed(content: bytes, context: Context) -> bytes:
        reply = await answer(content, context)
        # Here, not by gRPC: until its caller has read it that would keep the message beside the bytes.
        return b"" if reply is None else reply.SerializeToString()

    if arriving is None:
        return grpc.unary_unary_rpc_method_handler(cast(Any, packed))
    return grpc.stream_unary_rpc_method_handler(_taking_in(name, packed, arriving, b""))


def _taking_in(name: str, answer: Callable[[bytes, Context], Awaitable[R]], arriving: Arriving, nothing: R) -> Any:
    """To gRPC these are calls with streams of requests: of others it takes the request in before anybody is asked.

    `nothing`: the reply that goes with a status alone.
    """

    async def answered(messages: AsyncIterator[bytes], context: Context) -> R:
        async with Answering(context, name):
            content = await arriving.request(messages, context)
            if content is not None:
                return await answer(content, context)
            # No refusal, of which the log would tell: most have left.
            context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
            context.set_details("the call ended without a request; expected one")
        return nothing

    return answered


def _read_first(method: MethodDescriptor, answer: Any, arriving: Arriving | None, most_bytes: int | None) -> Any:
    message, reply = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    name, asked = f"{method.containing_service.name}.{method.name}", method.input_type.name

    async def read(content: bytes, context: Context) -> Message | None:
        async with Answering(context, name, contract_code=grpc.StatusCode.INVALID_ARGUMENT):
            if most_bytes is not None and len(content) > most_bytes:
                raise ContractError(f"{asked}: {len(content)} bytes; expected at most {most_bytes}")
            try:
                return message.FromString(content)
            except DecodeError as error:
                raise ContractError(f"{len(content)} bytes that are no {asked}") from error
        return None

    async def answered(content: bytes, context: Context) -> Message | None:
        request = await read(content, context)
        return None if request is None else await answer(request, context)

    if not method.server_streaming:
        return unread(name, answered, arriving)
    if arriving is None:
        return grpc.unary_stream_rpc_method_handler(cast(Any, answered), response_serializer=reply.SerializeToString)
    taking = _taking_in(name, answered, arriving, None)
    return grpc.stream_stream_rpc_method_handler(taking, response_serializer=reply.SerializeToString)
