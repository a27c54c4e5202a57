"""The server's part of requests: checked against their plan's epoch, run on the device, answered once each.

    read request -> epoch, network, cut and codec those of the session? -> device worker: decode, tail -> reply

A stream's requests are read while earlier ones compute. A request that is stale, malformed or
refused is answered with the reason; only a broken frame ends the stream.
"""

from __future__ import annotations

import asyncio
import logging

from joulecut_core.errors import ConfigError, ContractError, DeviceError, JoulecutError, LinkError
from joulecut_core.tensor_frames import RAW, TensorFrame
from joulecut_proto.inference_messages import ReplyHeader, ReplyStatus, Request, RequestHeader
from joulecut_proto.streams import InferenceServerStream
from joulecut_runtime.codecs import codec
from joulecut_runtime.device_worker import DeviceWorker
from joulecut_runtime.part_runner import PartRunner, TailRun
from joulecut_server.served_network import ServedNetworks
from joulecut_server.sessions import SessionBook

_LOG = logging.getLogger(__name__)

_MOST_IN_FLIGHT = 16
"""Requests of one stream that wait or compute; beyond, reading stops, which pushes back on the edge."""


class ServerInference:
    """Implements the Inference service."""

    def __init__(self, networks: ServedNetworks, sessions: SessionBook, worker: DeviceWorker) -> None:
        self._networks = networks
        self._sessions = sessions
        self._worker = worker
        self._draining = False

    def drain(self) -> None:
        """Refuse new requests from now on; edges then run locally."""
        self._draining = True

    async def serve(self, stream: InferenceServerStream) -> None:
        """One edge's requests, until it ends its stream."""
        room = asyncio.Semaphore(_MOST_IN_FLIGHT)
        tasks: set[asyncio.Task[None]] = set()

        async def answer(request: Request) -> None:
            try:
                header, frames = await self._answer(request)
                await stream.reply(header, frames)
            except LinkError as error:
                _LOG.info("%s", error)
            finally:
                room.release()

        try:
            async for request in stream.requests():
                await room.acquire()
                task = asyncio.create_task(answer(request))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _answer(self, request: Request) -> tuple[ReplyHeader, tuple[TensorFrame, ...]]:
        header = request.header
        if self._draining:
            return self._refusal(header, ReplyStatus.DRAINING, LinkError("this server is stopping"))
        try:
            runner = self._admit(header)
        except ContractError as error:
            return self._refusal(header, ReplyStatus.STALE, error)
        try:
            wire = codec(header.codec)
            turn = await self._worker.run(lambda: runner.tail(header.cut, wire, request.frames))
        except (ContractError, ConfigError) as error:
            return self._refusal(header, ReplyStatus.INVALID, error)
        except DeviceError as error:
            return self._refusal(header, ReplyStatus.OVERLOADED, error)
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
        self, header: RequestHeader, status: ReplyStatus, error: JoulecutError
    ) -> tuple[ReplyHeader, tuple[TensorFrame, ...]]:
        _LOG.warning("request %s of %s: %s: %s", header.request_id, header.session_id, status.value, error)
        current = self._sessions.current_epoch(header.session_id)
        refused = ReplyHeader(request_id=header.request_id, current_epoch=current, status=status, message=str(error))
        return refused, ()


def _energy_j(run: TailRun) -> float | None:
    if run.decode.energy_j is None or run.tail.energy_j is None:
        return None
    return run.decode.energy_j + run.tail.energy_j
