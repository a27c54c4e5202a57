"""The server's part of requests: checked against their plan's epoch, run on the device, answered once each.

    read request -> epoch, network, cut and codec those of the session? -> device worker: decode, tail -> reply

A stream's requests are read while earlier ones compute. A request that is stale, malformed or
refused is answered with the reason; only a broken frame ends the stream.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from joulecut_core.errors import ConfigError, ContractError, DeviceError, JoulecutError, LinkError
from joulecut_core.tensor_frames import RAW, TensorFrame
from joulecut_proto.inference_messages import ReplyHeader, ReplyStatus, Request, RequestHeader
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_proto.streams import InferenceServerStream
from joulecut_runtime.codecs import codec
from joulecut_runtime.device_worker import DeviceWorker
from joulecut_runtime.part_runner import PartRunner, TailRun
from joulecut_server.served_network import ServedNetworks
from joulecut_server.serving.scheduler import Scheduler
from joulecut_server.sessions import SessionBook

_LOG = logging.getLogger(__name__)

_LEVELS = {ReplyStatus.LATE: logging.DEBUG, ReplyStatus.OVERLOADED: logging.DEBUG}
"""Refusals that a server under load gives by the thousand."""
_MOST_IN_FLIGHT = 16
"""Requests of one stream that wait or compute; beyond, reading stops, which pushes back on the edge."""


class ServerInference:
    """Implements the Inference service."""

    def __init__(
        self,
        networks: ServedNetworks,
        sessions: SessionBook,
        worker: DeviceWorker,
        release: Callable[[str], Awaitable[None]],
        scheduler: Scheduler | None = None,
    ) -> None:
        """`release` ends a session whose edge has left without a word. `scheduler`: None runs requests as they come."""
        self._networks = networks
        self._sessions = sessions
        self._worker = worker
        self._release = release
        self._scheduler = scheduler
        self.observe: Callable[[ReplyHeader], None] = _unobserved
        """Told of each reply, refusals too, on the event loop; must not take long."""
        self._draining = asyncio.Event()
        self._heard: dict[str, tuple[InferenceServerStream, int]] = {}

    def drain(self) -> None:
        """Refuse new requests from now on and end streams once theirs are answered; edges then run locally."""
        self._draining.set()

    async def serve(self, stream: InferenceServerStream) -> None:
        """One edge's requests, until it ends its stream or this server drains."""
        answering: set[asyncio.Task[None]] = set()
        reading = asyncio.create_task(self._read(stream, answering))
        draining = asyncio.create_task(self._draining.wait())
        try:
            await asyncio.wait({reading, draining}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
            reading.cancel()
            await asyncio.gather(*answering)
        finally:
            for task in (reading, draining, *answering):
                task.cancel()
            await self._forget(stream)

    async def _read(self, stream: InferenceServerStream, answering: set[asyncio.Task[None]]) -> None:
        room = asyncio.Semaphore(_MOST_IN_FLIGHT)

        async def answer(request: Request) -> None:
            try:
                header, frames = await self._answer(stream, request)
                self.observe(header)
                await stream.reply(header, frames)
            except LinkError as error:
                _LOG.info("%s", error)
            finally:
                room.release()

        async for request in stream.requests():
            await room.acquire()
            task = asyncio.create_task(answer(request))
            answering.add(task)
            task.add_done_callback(answering.discard)

    async def _forget(self, stream: InferenceServerStream) -> None:
        """An edge that vanished must not hold the clock; one that came back and planned again must keep it."""
        for session_id, (heard_on, epoch) in tuple(self._heard.items()):
            if heard_on is stream:
                del self._heard[session_id]
                if self._sessions.current_epoch(session_id) in (0, epoch):
                    await self._release(session_id)

    async def _answer(
        self, stream: InferenceServerStream, request: Request
    ) -> tuple[ReplyHeader, tuple[TensorFrame, ...]]:
        header = request.header
        if self._draining.is_set():
            return self._refusal(header, ReplyStatus.DRAINING, LinkError("this server is stopping"))
        try:
            runner = self._admit(header)
        except ContractError as error:
            return self._refusal(header, ReplyStatus.STALE, error)
        self._heard[header.session_id] = (stream, header.epoch)
        try:
            if self._scheduler is None:
                return await self._run_now(runner, request)
            return await self._run_scheduled(self._scheduler, request)
        except TurnedAwayError as error:
            return self._refusal(header, error.status, error, retry_after_s=error.retry_after_s)
        except (ContractError, ConfigError) as error:
            return self._refusal(header, ReplyStatus.INVALID, error)
        except DeviceError as error:
            return self._refusal(header, ReplyStatus.OVERLOADED, error)
        except RuntimeError as error:  # what torch raises, out of memory among it
            _LOG.error("request %s of %s failed", header.request_id, header.session_id, exc_info=error)
            return self._refusal(header, ReplyStatus.FAILED, DeviceError("the server's log has the details"))

    async def _run_now(self, runner: PartRunner, request: Request) -> tuple[ReplyHeader, tuple[TensorFrame, ...]]:
        """As soon as those that came before are done."""
        header, wire = request.header, codec(request.header.codec)
        turn = await self._worker.run(lambda: runner.tail(header.cut, wire, request.frames))
        run = turn.result
        reply = ReplyHeader(
            request_id=header.request_id,
            current_epoch=self._sessions.current_epoch(header.session_id),
            queue_s=turn.queue_s,
            decode_s=run.decode.time_s,
            tail_s=run.tail.time_s,
            server_energy_j=_energy_j(run),
            figures=runner.device.info.figures,
        )
        return reply, codec(RAW).encode(run.outputs)

    async def _run_scheduled(
        self, scheduler: Scheduler, request: Request
    ) -> tuple[ReplyHeader, tuple[TensorFrame, ...]]:
        """When and with whom the serving policy says."""
        header = request.header
        served = await scheduler.answer(header, codec(header.codec), request.frames, edge=header.session_id)
        reply = ReplyHeader(
            request_id=header.request_id,
            current_epoch=self._sessions.current_epoch(header.session_id),
            queue_s=served.queue_s,
            decode_s=served.decode_s,
            tail_s=served.tail_s,
            server_energy_j=served.energy_j,
            server_wait_j=served.wait_j,
            figures=served.figures,
        )
        return reply, codec(RAW).encode(served.outputs)

    def _admit(self, header: RequestHeader) -> PartRunner:
        self._sessions.check(
            header.session_id,
            epoch=header.epoch,
            network_digest=header.network_digest,
            cut=header.cut,
            codec=header.codec,
        )
        return self._networks.find(header.network_digest).runner

    def _refusal(
        self, header: RequestHeader, status: ReplyStatus, error: JoulecutError, *, retry_after_s: float = 0.0
    ) -> tuple[ReplyHeader, tuple[TensorFrame, ...]]:
        _LOG.log(
            _LEVELS.get(status, logging.WARNING),
            "request %s of %s: %s: %s",
            header.request_id,
            header.session_id,
            status.value,
            error,
        )
        current = self._sessions.current_epoch(header.session_id)
        refused = ReplyHeader(
            request_id=header.request_id,
            current_epoch=current,
            status=status,
            message=str(error),
            retry_after_s=retry_after_s,
        )
        return refused, ()


def _unobserved(header: ReplyHeader) -> None:
    """Nobody is told of replies."""


def _energy_j(run: TailRun) -> float | None:
    if run.decode.energy_j is None or run.tail.energy_j is None:
        return None
    return run.decode.energy_j + run.tail.energy_j
