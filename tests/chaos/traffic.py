"""Applications that send requests at a steady pace, and a watcher of plans; both write into a history."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from torch import Tensor

from joulecut_core.errors import JoulecutError
from joulecut_core.tensor_frames import RAW, TensorFrame
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import LocalClient
from joulecut_proto.local_messages import InferRequest, LocalStatus
from joulecut_runtime.wires.codecs import codec
from tests.chaos.history import History, Operation

ANSWER_S = 60.0
"""How long an application waits; longer than anything that is promised."""
_STATUS_S = 30.0
_LOOK_S = 0.05


class Application:
    """One application of one life of an edge-agent."""

    def __init__(
        self, client: LocalClient, history: History, pictures: Sequence[Tensor], *, edge: str, life: int
    ) -> None:
        self._client = client
        self._history = history
        self._frames: list[tuple[TensorFrame, ...]] = [codec(RAW).encode((picture,)) for picture in pictures]
        self._edge = edge
        self._life = life
        self._under_way: set[asyncio.Task[None]] = set()
        self._sent = 0

    async def ask(self) -> None:
        """Send one request and record what comes of it."""
        await self._ask(self._begin())

    def send(self) -> asyncio.Task[None]:
        """The same without waiting; `settle` waits for all."""
        # Recorded before the task has its turn: an edge killed in between takes this request with it.
        task = asyncio.create_task(self._ask(self._begin()))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    def _begin(self) -> Operation:
        number, self._sent = self._sent, self._sent + 1
        request_id = f"{self._edge}.{self._life}.{number}"
        picture = number % len(self._frames)
        return self._history.begin(edge=self._edge, life=self._life, request_id=request_id, picture=picture)

    async def _ask(self, operation: Operation) -> None:
        request = InferRequest(request_id=operation.request_id, tensors=self._frames[operation.picture])
        try:
            reply = await self._client.infer(request, timeout_s=ANSWER_S)
        except JoulecutError as error:
            self._history.fail(operation, str(error))
        else:
            outputs = codec(RAW).decode(reply.tensors)[0].numpy().tobytes()
            self._history.answer(operation, outputs, reply.ledger)

    async def stream(self, requests: int, *, period_s: float) -> None:
        """So many requests, one each period, whether or not those before are answered; returns with the last sent."""
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        for index in range(requests):
            await asyncio.sleep(begin_s + index * period_s - loop.time())
            self.send()

    async def settle(self) -> None:
        """Wait for every answer."""
        while self._under_way:
            await asyncio.wait(tuple(self._under_way))

    async def status(self) -> LocalStatus:
        """What the edge tells of itself; the plan in force is recorded."""
        asked_s = self._history.now_s()
        status = await self._client.status(timeout_s=_STATUS_S)
        if status.assignment is not None:
            self._history.see(self._edge, self._life, status.assignment, asked_s=asked_s)
        return status

    @property
    def under_way(self) -> int:
        """Requests sent and not answered."""
        return len(self._under_way)

    async def watch(self, every_s: float) -> None:
        """Record the plan in force again and again, until cancelled."""
        while True:
            with contextlib.suppress(JoulecutError):
                await self.status()
            await asyncio.sleep(every_s)

    async def offloading(self, patience_s: float) -> float:
        """Wait until the edge has a plan with a server; the seconds it took. Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        while loop.time() < begin_s + patience_s:
            with contextlib.suppress(JoulecutError):
                status = await self.status()
                if status.server_connected and status.assignment is not None and status.assignment.epoch > 0:
                    return loop.time() - begin_s
            await asyncio.sleep(_LOOK_S)
        raise TimeoutError(f"{self._edge} does not offload after {patience_s} s")


@asynccontextmanager
async def applications(
    address: str, history: History, pictures: Sequence[Tensor], *, edge: str, life: int = 0, look_s: float = _LOOK_S
) -> AsyncIterator[Application]:
    """An application of the edge-agent at `address`, and a watcher of its plans; leaving awaits all answers."""
    async with open_channel(address, security=None) as channel:
        application = Application(LocalClient(channel, peer=edge), history, pictures, edge=edge, life=life)
        watching = asyncio.create_task(application.watch(look_s))
        try:
            yield application
            await application.settle()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
