"""gRPC waits for sockets in place, and knows the words that ask for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from joulecut_proto.waiting import IN_PLACE, VARIABLE, wait_in_place

_ROUND_TRIPS = 200
_COUNT = f"""
import asyncio
from pathlib import Path

from joulecut_proto.waiting import wait_in_place

print(wait_in_place())
import grpc
import grpc.aio

async def echo(messages, context):
    async for message in messages:
        await context.write(message)

def switches():
    "Of gRPC's own threads that it waits in by itself."
    threads = [each for each in Path("/proc/self/task").iterdir() if "event_engine" in (each / "comm").read_text()]
    return sum(int((each / "status").read_text().split("nonvoluntary")[0].split()[-1]) for each in threads)

async def main():
    server = grpc.aio.server()
    handlers = {{"Stream": grpc.stream_stream_rpc_method_handler(echo)}}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("tests.Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{{port}}") as channel:
        call = channel.stream_stream("/tests.Echo/Stream")()
        for often in (10, {_ROUND_TRIPS}):
            before = switches()
            for _ in range(often):
                await call.write(b"x")
                await call.read()
        print(switches() - before)
        call.cancel()
    await server.stop(None)

asyncio.run(main())
"""


def _counted(**environment: str) -> tuple[str, int]:
    """Whether gRPC was to wait in place, and how often its threads fell asleep in so many round trips."""
    kept = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", _COUNT], env={**kept, **environment}, capture_output=True, text=True, check=True
    )
    assert "Unknown experiment" not in done.stderr, f"this gRPC does not know {IN_PLACE}; take it out"
    said, counted = done.stdout.split()
    return said, int(counted)


def test_the_event_engines_threads_sleep_through_round_trips() -> None:
    """The setting does what it is for, with the gRPC that is installed; the environment's own word goes before it."""
    (said, in_place), (otherwise, as_it_comes) = _counted(), _counted(**{VARIABLE: ""})
    assert (said, otherwise) == ("True", "False")
    assert in_place < _ROUND_TRIPS < as_it_comes


def test_where_grpc_is_loaded_already_nothing_is_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    """gRPC has read its environment by then; the processes started from here are not to be changed either."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "grpc", sys)
    assert not wait_in_place()
    assert VARIABLE not in os.environ
