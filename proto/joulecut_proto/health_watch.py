"""Follows what a server says of its own health, by the standard gRPC service for that."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, cast

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from joulecut_core.errors import LinkError
from joulecut_proto.status import error_from_rpc
from joulecut_proto.v1 import inference_pb2

INFERENCE_SERVICE = inference_pb2.DESCRIPTOR.services_by_name["Inference"].full_name
"""What a server that drains, or whose device is lost, no longer offers."""


async def serving_states(channel: grpc.aio.Channel, *, peer: str) -> AsyncGenerator[bool, None]:
    """Whether `peer` takes inference requests: at once, and again whenever that changes, until it is lost.

    A server without that service is taken to serve. Raises LinkError where it cannot be reached any more.
    """
    stub = cast(Any, health_pb2_grpc.HealthStub)(channel)
    call = stub.Watch(health_pb2.HealthCheckRequest(service=INFERENCE_SERVICE))
    try:
        async for reply in call:
            if reply is None:  # what gRPC makes of bytes that were damaged on the way
                raise LinkError(f"{peer}: an undecodable word on its health; damaged on the way")
            yield reply.status == health_pb2.HealthCheckResponse.SERVING
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
            raise error_from_rpc(error, peer=peer) from error
        yield True
    finally:
        call.cancel()
