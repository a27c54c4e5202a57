"""What the inference stream's own code takes: `python -m benchmarks.transport_work`.

Both ends in one process, joined by queues in memory instead of gRPC: no network, no second process, no waiting. What is
counted is processor time, so that a busy host disturbs it little. A bare round trip through the same queues, whose
messages nobody reads, is taken off: what is left is what stream, headers, checksums and copies cost.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
import platform
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from joulecut_core.documents import write_bytes
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto.inference_messages import Reply, ReplyHeader, RequestHeader
from joulecut_proto.memory import keep_freed_memory
from joulecut_proto.streaming.streams import InferenceClientStream, InferenceServerStream
from joulecut_proto.tensor_arrays import frame_of

_RESULTS = Path(__file__).parent / "results" / "transport_work.md"
_SIZES = {16: 30, 100_000: 30, 1 << 20: 10, 16 << 20: 1}
"""Bytes, and how often in a round."""
_ROUNDS = 200
_WARM_UP = 20
_SMALL = (frame_of("y", np.zeros(8, dtype=np.uint8)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Seconds of processor time for a request and its reply: of both ends, and of the queues between them alone."""

    size_bytes: int
    stream_s: float
    queues_s: float


class _Queue:
    """One direction: what is written is read in order."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._waiting: asyncio.Future[None] | None = None

    async def write(self, message: bytes) -> None:
        """Give a message to the reader."""
        self._messages.append(message)
        if self._waiting is not None:
            self._waiting.set_result(None)
            self._waiting = None

    def __aiter__(self) -> _Queue:
        return self

    async def __anext__(self) -> bytes:
        while not self._messages:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._messages.popleft()


class _Channel:
    """Opens the client's end: what gRPC's channel and call are to it."""

    def __init__(self, up: _Queue, down: _Queue) -> None:
        self.write = up.write
        self._down = down

    def stream_stream(self, _: str) -> Callable[..., _Channel]:
        """The stub's way to the call."""
        return lambda **_: self

    def __aiter__(self) -> _Queue:
        return self._down


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description="Count the processor time of the inference stream's two ends.")
    parser.add_argument("--out", type=Path, default=_RESULTS, help="the page to write")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="of each size; the least disturbed one counts")
    options = parser.parse_args(argv)
    keep_freed_memory()
    load = os.getloadavg()[0]
    works = measured(options.rounds)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(options.out, document(works, options.rounds, load).encode())
    print(f"wrote {options.out}")


def measured(rounds: int) -> list[Work]:
    """The least of so many rounds, for each size."""
    return [asyncio.run(_work(size_bytes, often, rounds)) for size_bytes, often in _SIZES.items()]


async def _work(size_bytes: int, often: int, rounds: int) -> Work:
    ends = [_stream_ends(size_bytes), _queue_ends()]
    least_s = []
    for ask, tasks in ends:
        for _ in range(_WARM_UP):
            await ask()
        taken_s = []
        for _ in range(rounds):
            start_s = time.process_time()
            for _ in range(often):
                await ask()
            taken_s.append((time.process_time() - start_s) / often)
        least_s.append(min(taken_s))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return Work(size_bytes=size_bytes, stream_s=least_s[0], queues_s=least_s[1])


_Ends = tuple[Callable[[], Awaitable[object]], list["asyncio.Task[None]"]]


def _stream_ends(size_bytes: int) -> _Ends:
    up, down = _Queue(), _Queue()
    server = InferenceServerStream(up, down.write)
    client = InferenceClientStream(cast(Any, _Channel(up, down)), peer="the server")
    waiting: dict[str, asyncio.Future[Reply]] = {}
    payload = np.random.default_rng(1).integers(0, 255, size=size_bytes, dtype=np.uint8)
    frames: tuple[TensorFrame, ...] = (frame_of("x", payload),)

    async def serve() -> None:
        async for request in server.requests():
            await server.reply(ReplyHeader(request_id=request.header.request_id, current_epoch=1, tail_s=0.01), _SMALL)

    async def read() -> None:
        async for reply in client.replies():
            waiting.pop(reply.header.request_id).set_result(reply)

    async def ask() -> Reply:
        header = RequestHeader(
            session_id="edge-1",
            request_id=f"r/{next(numbers)}",
            epoch=1,
            network_digest="sha256:" + "0" * 64,
            cut=3,
            codec="raw",
            variant="fp32",
            budget_s=0.1,
        )
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        waiting[header.request_id] = answer
        await client.send(header, frames)
        return await answer

    numbers = iter(range(1 << 62))
    return ask, [asyncio.create_task(serve()), asyncio.create_task(read())]


def _queue_ends() -> _Ends:
    up, down = _Queue(), _Queue()
    waiting: list[asyncio.Future[bytes]] = []

    async def serve() -> None:
        async for message in up:
            await down.write(message)

    async def read() -> None:
        async for message in down:
            waiting.pop().set_result(message)

    async def ask() -> bytes:
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        waiting.append(answer)
        await up.write(b"")
        return await answer

    return ask, [asyncio.create_task(serve()), asyncio.create_task(read())]


def document(works: Sequence[Work], rounds: int, load: float) -> str:
    """The page of results."""
    lines = [
        "# Processor time of the inference stream's two ends, measured without a network",
        "",
        (
            f"{dt.datetime.now(dt.timezone.utc).date().isoformat()}; {platform.machine()}, {os.cpu_count()} cores, "
            f"Python {platform.python_version()}, load {load:.1f} before the run; one process. "
            "Made by `python -m benchmarks.transport_work`."
        ),
        "",
        (
            "A tensor up, 8 bytes down, checksums on, queues in memory in place of gRPC. Microseconds of processor "
            f"time for a request and its reply, both ends together, in the least disturbed of {rounds} rounds. "
            "*Queues*: a bare message there and back. *Of its own*: the difference. What gRPC and sockets cost comes "
            "on top: [transport](transport.md)."
        ),
        "",
        "| bytes | both ends | queues | of its own |",
        "|---|---|---|---|",
        *(
            f"| {each.size_bytes:,} | {each.stream_s * 1e6:.1f} | {each.queues_s * 1e6:.1f} "
            f"| {(each.stream_s - each.queues_s) * 1e6:.1f} |"
            for each in works
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
