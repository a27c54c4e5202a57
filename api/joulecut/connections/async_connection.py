"""An application's connection to the edge-agent on its host, for programs that live in an event loop.

async with await joulecut.connect_async("unix:/run/joulecut/edge.sock") as edge:
    answers = await asyncio.gather(*(edge.infer(picture) for picture in pictures))
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import TypeVar

from joulecut.connections.answers import CALL_S, REPLAN_S, Answer, Array, RequestWriter, answer_of
from joulecut.connections.places import place_of
from joulecut_core.argument_types import expect_time_limit
from joulecut_core.errors import LinkError
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import LocalClient
from joulecut_proto.local_messages import LocalStatus, MeterReadings, ReadMetersRequest, ReplanReply, ReplanRequest

R = TypeVar("R")


class AsyncConnection:
    """Calls one edge-agent from one event loop; `Connection`'s methods as coroutines.

    Make it inside the loop that uses it (`connect_async` does); close it, or use it as a context. A
    coroutine that is cancelled takes its request back: the edge-agent is told, and nobody waits for its answer.
    A process that is forked while one is open has none that answer, new ones neither, as gRPC's part of the event
    loop is not forked with it: use `Connection` there, or have processes spawned.
    """

    def __init__(self, address: str, *, timeout_s: float = CALL_S, insecure: bool = False) -> None:
        target = str(place_of(address, insecure=insecure))
        self._peer = f"edge-agent {target}"
        self._timeout_s = expect_time_limit("timeout_s", timeout_s)
        self._loop = asyncio.get_running_loop()
        self._channel = open_channel(target, connect_s=CALL_S, security=None)
        self._client = LocalClient(self._channel, peer=self._peer)
        self._writer = RequestWriter()
        self._closed = False

    async def infer(self, *inputs: Array) -> Answer:
        """Answer one request; the arrays are the network's inputs, in order. Any number may be under way at once.

        Raises ContractError where they are not, or are more than the edge-agent takes, LinkError where it cannot be
        reached.
        """
        request = self._writer.write(inputs)
        return answer_of(await self._answered(self._client.infer(request, timeout_s=self._timeout_s)))

    async def status(self) -> LocalStatus:
        """What the edge-agent runs, and how."""
        return await self._answered(self._client.status(timeout_s=self._timeout_s))

    async def replan(self, request: ReplanRequest) -> ReplanReply:
        """Plan again under the terms of `request`; a preview changes nothing.

        Raises LinkError without a server, ContractError for a policy that is none.
        Later plans keep those terms, and so does the edge where it is alone; terms that leave no choice at all,
        which get no assignment, change nothing.
        """
        return await self._answered(self._client.replan(request, timeout_s=REPLAN_S))

    async def read_meters(self, request: ReadMetersRequest, *, timeout_s: float = REPLAN_S) -> MeterReadings:
        """Both sides' energy meters at their first ticks from the given times on; waits until then."""
        within_s = expect_time_limit("timeout_s", timeout_s)
        return await self._answered(self._client.read_meters(request, timeout_s=within_s))

    async def close(self) -> None:
        """Let go of the connection. Requests under way fail with LinkError."""
        self._closed = True
        await self._channel.close()

    async def _answered(self, call: Coroutine[None, None, R]) -> R:
        if self._closed:
            call.close()
            raise self._is_closed()
        if asyncio.get_running_loop() is not self._loop:
            call.close()
            raise LinkError(f"{self._peer}: this connection is another event loop's; connect again in this one")
        task = asyncio.ensure_future(call)
        try:
            # It never raises what the task does, so a cancellation that ends it is the caller's own.
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            raise
        try:
            if task.cancelled():
                # What gRPC does to calls under way on a channel that is closed.
                raise self._is_closed()
            return task.result()
        finally:
            # An error keeps its frames. With the task in one, a connection that was closed would go on connecting.
            del task, call

    def _is_closed(self) -> LinkError:
        return LinkError(f"{self._peer}: this connection is closed; connect again")

    async def __aenter__(self) -> AsyncConnection:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def connect_async(
    address: str = "unix:/run/joulecut/edge.sock", *, timeout_s: float = CALL_S, insecure: bool = False
) -> AsyncConnection:
    """A connection of this event loop to the edge-agent at `address` ("unix:/path" or "host:port").

    It is made with the first call. Where nobody listens at the default address, an agent that this user has started
    by hand is looked for. `timeout_s`: wall seconds that one request may take; the edge waits no longer for a server
    than they leave. `insecure`: `address` may be another host's, where inputs and answers go in plain text. Raises
    ConfigError where it is malformed, or not this host's, or where `timeout_s` leaves no time.
    """
    return AsyncConnection(address, timeout_s=timeout_s, insecure=insecure)
