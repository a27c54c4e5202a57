"""Handlers of a service's calls that read requests themselves, and refuse what is no message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
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


def add_handlers(server: grpc.aio.Server, service: ServiceDescriptor, handlers: dict[str, Any]) -> None:
    """Serve a service's calls, each by the handler of its name."""
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))


def reading(service: ServiceDescriptor, servicer: object, arriving: Arriving | None) -> dict[str, Any]:
    """Handlers that refuse what is no message of its call: gRPC's own break off, with a traceback for each.

    `arriving`: None where only callers come who leave no halves of requests, which gRPC then takes in by itself.
    A call that `servicer` has no method for gets none. Methods of streams write their replies to the call's context.
    """
    return {
        method.name: _read_first(method, getattr(servicer, method.name), arriving)
        for method in service.methods
        if hasattr(servicer, method.name)
    }


def unread(
    name: str, answer: Callable[[bytes, Context], Awaitable[Message]], reply: type[Message], arriving: Arriving | None
) -> Any:
    """A handler of the call of that name, which gets a request's bytes."""
    if arriving is None:
        return grpc.unary_unary_rpc_method_handler(cast(Any, answer), response_serializer=reply.SerializeToString)
    taking = _taking_in(name, answer, arriving, reply())
    return grpc.stream_unary_rpc_method_handler(cast(Any, taking), response_serializer=reply.SerializeToString)


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


def _read_first(method: MethodDescriptor, answer: Any, arriving: Arriving | None) -> Any:
    message, reply = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    name = f"{method.containing_service.name}.{method.name}"

    async def read(content: bytes, context: Context) -> Message | None:
        try:
            return message.FromString(content)
        except DecodeError as error:
            async with Answering(context, name, contract_code=grpc.StatusCode.INVALID_ARGUMENT):
                raise ContractError(f"{len(content)} bytes that are no {method.input_type.name}") from error
        return None

    async def answered(content: bytes, context: Context) -> Message | None:
        request = await read(content, context)
        return None if request is None else await answer(request, context)

    if not method.server_streaming:
        return unread(name, cast(Any, answered), reply, arriving)
    if arriving is None:
        return grpc.unary_stream_rpc_method_handler(cast(Any, answered), response_serializer=reply.SerializeToString)
    taking = _taking_in(name, answered, arriving, None)
    return grpc.stream_stream_rpc_method_handler(taking, response_serializer=reply.SerializeToString)
