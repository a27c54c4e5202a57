"""Handlers of a service's calls that read requests themselves, and refuse what is no message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from joulecut_core.errors import ContractError
from joulecut_proto.answering import Answering, Context


def add_handlers(server: grpc.aio.Server, service: ServiceDescriptor, handlers: dict[str, Any]) -> None:
    """Serve a service's calls, each by the handler of its name."""
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))


def reading(service: ServiceDescriptor, servicer: object) -> dict[str, Any]:
    """Handlers that refuse what is no message of its call: gRPC's own break off, with a traceback for each.

    A call that `servicer` has no method for gets none. Methods of streams write their replies to the call's context.
    """
    return {
        method.name: _read_first(method, getattr(servicer, method.name))
        for method in service.methods
        if hasattr(servicer, method.name)
    }


def unread(answer: Callable[[bytes, Context], Awaitable[Message]], reply: type[Message]) -> Any:
    """A handler that gets a request's bytes."""
    return grpc.unary_unary_rpc_method_handler(cast(Any, answer), response_serializer=reply.SerializeToString)


def _read_first(method: MethodDescriptor, answer: Any) -> Any:
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

    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(cast(Any, answered), response_serializer=reply.SerializeToString)
    return unread(cast(Any, answered), reply)
