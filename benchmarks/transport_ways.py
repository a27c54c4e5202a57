"""What gRPC by itself takes, by how it is called: `python -m benchmarks.transport_ways`.

Bytes up, 8 bytes down, nothing around gRPC: streams and unary calls, asyncio or threads on either side, a Unix socket,
some of gRPC's options. Each way is timed in turns with the others, as gRPC waits by itself, *in place*: without its
EventEngine, whose threads wake those that wait, and in place on uvloop in place of asyncio's loop, in rounds that
alternate. Whether another way would serve the stream better is what it tells.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import importlib.metadata
import json
import multiprocessing as mp
import os
import platform
import queue
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio

from joulecut_core.documents import write_bytes
from joulecut_proto import event_loops
from joulecut_proto.channels import channel_options, server_options
from joulecut_proto.memory import keep_freed_memory
from joulecut_proto.waiting import IN_PLACE, VARIABLE

_RESULTS = Path(__file__).parent / "results" / "transport_ways.md"
_SIZES = {16: 200, 1 << 20: 50}
"""Bytes, and how often in a round."""
_ROUNDS = 6

Options = tuple[tuple[str, int], ...]
Way = Callable[[bytes], Awaitable[None]]
Run = Callable[[Coroutine[Any, Any, Any]], Any]
Times = dict[str, dict[str, list[float]]]
"""Seconds by way and bytes, which are keys of JSON."""

_WAITING: Mapping[str, tuple[str, Run]] = {
    "as it comes": ("", asyncio.run),
    "in place": (IN_PLACE, asyncio.run),
    "in place, uvloop": (IN_PLACE, event_loops.run),
}
"""Ways in which gRPC waits for sockets: what its environment says, and what event loop it is on."""
_REPLY = bytes(8)
_LARGER = (("grpc.http2.max_frame_size", 1 << 20), ("grpc.http2.write_buffer_size", 2 << 20))
_STREAM, _UNARY = "/benchmarks.Ways/Stream", "/benchmarks.Ways/Unary"


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description="Time gRPC by itself, called in several ways.")
    parser.add_argument("--out", type=Path, default=_RESULTS, help="the page to write")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="of each way of waiting")
    parser.add_argument("--one-round", choices=tuple(_WAITING), help="print one round's times as JSON")
    options = parser.parse_args()
    if options.one_round is not None:
        _, run = _WAITING[options.one_round]
        print(json.dumps(run(_round(run))))
        return
    load = os.getloadavg()[0]
    times: dict[str, list[Times]] = {waiting: [] for waiting in _WAITING}
    for _ in range(options.rounds):
        for waiting, rounds in times.items():
            environment = {**os.environ, VARIABLE: _WAITING[waiting][0]}
            command = [sys.executable, "-m", "benchmarks.transport_ways", "--one-round", waiting]
            done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True)  # noqa: S603
            rounds.append(json.loads(done.stdout))
    write_bytes(options.out, _page(times, load).encode())
    print(f"wrote {options.out}")


async def _round(run: Run) -> Times:
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        on_loop = partial(_serve_aio, run)
        plain, larger = _started(on_loop, "127.0.0.1:0", ()), _started(on_loop, "127.0.0.1:0", _LARGER)
        unix, threads = _started(on_loop, f"unix:{folder}/s", ()), _started(_serve_threads, "127.0.0.1:0", ())
        ways = {
            "asyncio stream": _aio_stream(plain, ()),
            "asyncio stream, a server of threads": _aio_stream(threads, ()),
            "asyncio stream, Unix socket": _aio_stream(unix, ()),
            "asyncio stream, frames of 1 MiB, writes of 2 MiB": _aio_stream(larger, _LARGER),
            "asyncio unary call": _aio_unary(plain),
            "stream in threads": _thread_stream(plain),
            "stream in threads, a server of threads": _thread_stream(threads),
            "unary call in threads, a server of threads": _thread_unary(threads),
        }
        times: Times = {name: {} for name in ways}
        for size_bytes, often in _SIZES.items():
            message = bytes(size_bytes)
            for _ in range(often):
                for name, way in ways.items():
                    start_s = time.perf_counter()
                    await way(message)
                    times[name].setdefault(str(size_bytes), []).append(time.perf_counter() - start_s)
        for process in mp.active_children():
            process.kill()
    return {name: {size: taken[len(taken) // 10 :] for size, taken in by.items()} for name, by in times.items()}


def _aio_stream(address: str, more: Options) -> Way:
    channel = grpc.aio.insecure_channel(address, options=(*channel_options(), *more))
    call: Any = cast(Any, channel).stream_stream(_STREAM)()

    async def ask(message: bytes) -> None:
        await call.write(message)
        await call.read()

    return ask


def _aio_unary(address: str) -> Way:
    call: Any = cast(Any, grpc.aio.insecure_channel(address, options=channel_options())).unary_unary(_UNARY)

    async def ask(message: bytes) -> None:
        await call(message)

    return ask


def _thread_stream(address: str) -> Way:
    channel: Any = grpc.insecure_channel(address, options=channel_options())
    sent: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    replies = channel.stream_stream(_STREAM)(iter(sent.get, b""))

    async def ask(message: bytes) -> None:
        sent.put(message)
        next(replies)

    return ask


def _thread_unary(address: str) -> Way:
    channel: Any = grpc.insecure_channel(address, options=channel_options())
    call = channel.unary_unary(_UNARY)

    async def ask(message: bytes) -> None:
        call(message)

    return ask


def _started(serve: Callable[[Connection, str, Options], None], address: str, more: Options) -> str:
    """A server in a process of its own; where it listens."""
    context = mp.get_context("spawn")
    ours, theirs = context.Pipe()
    context.Process(target=serve, args=(theirs, address, more), daemon=True).start()
    port: int = ours.recv()
    return address if address.startswith("unix:") else f"127.0.0.1:{port}"


def _serve_aio(run: Run, ports: Connection, address: str, more: Options) -> None:
    keep_freed_memory()

    async def stream(messages: AsyncIterator[bytes], context: Any) -> None:
        async for _ in messages:
            await context.write(_REPLY)

    async def unary(_: bytes, __: Any) -> bytes:
        return _REPLY

    async def serve() -> None:
        server = grpc.aio.server(options=(*server_options(secured=False), *more))
        server.add_generic_rpc_handlers((_handler(stream, unary),))
        port = server.add_insecure_port(address)
        await server.start()
        ports.send(port)
        await server.wait_for_termination()

    run(serve())


def _serve_threads(ports: Connection, address: str, more: Options) -> None:
    keep_freed_memory()

    def stream(messages: Iterator[bytes], _: Any) -> Iterator[bytes]:
        for _message in messages:
            yield _REPLY

    def unary(_: bytes, __: Any) -> bytes:
        return _REPLY

    server = grpc.server(ThreadPoolExecutor(8), options=(*server_options(secured=False), *more))
    server.add_generic_rpc_handlers((_handler(stream, unary),))
    port = server.add_insecure_port(address)
    server.start()
    ports.send(port)
    server.wait_for_termination()


def _handler(stream: Any, unary: Any) -> grpc.GenericRpcHandler:
    handlers: Any = {
        "Stream": grpc.stream_stream_rpc_method_handler(stream),
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
    }
    return grpc.method_handlers_generic_handler(_STREAM.split("/")[1], handlers)


def _page(times: dict[str, list[Times]], load: float) -> str:
    head = " | ".join(f"{size:,} B, {waiting}" for size in _SIZES for waiting in times)
    names = next(iter(times.values()))[0]
    lines = [
        "# gRPC by itself, called in several ways, measured on one host",
        "",
        (
            f"{dt.datetime.now(dt.timezone.utc).date().isoformat()}; {platform.machine()}, {os.cpu_count()} cores, "
            f"Python {platform.python_version()}, grpcio {importlib.metadata.version('grpcio')}, load {load:.1f} "
            "before the run; loopback, two processes. Made by `python -m benchmarks.transport_ways`."
        ),
        "",
        (
            "Bytes up, 8 bytes down; tenth percentile / median in milliseconds, each the median of "
            f"{len(next(iter(times.values())))} rounds. *As it comes*: threads of gRPC's EventEngine wait for sockets. "
            f"*In place*: {VARIABLE}={IN_PLACE}. *uvloop*: what says asyncio is on the event loop of uvloop "
            f"{importlib.metadata.version('uvloop')}. Agents are in place on uvloop."
        ),
        "",
        f"| way | {head} |",
        "|---|" + "---|" * (len(_SIZES) * len(times)),
    ]
    for name in names:
        cells = [_shown([each[name][str(size)] for each in rounds]) for size in _SIZES for rounds in times.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join((*lines, ""))


def _shown(rounds: list[list[float]]) -> str:
    tenth = statistics.median(sorted(each)[len(each) // 10] for each in rounds)
    return f"{tenth * 1e3:.3f} / {statistics.median(map(statistics.median, rounds)) * 1e3:.3f}"


if __name__ == "__main__":
    main()
