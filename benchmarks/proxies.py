"""What Envoy costs a request: `python -m benchmarks.proxies`.

    direct         edge ── mutual TLS ── server
    pass-through   edge ── mutual TLS, through Envoy ── server
    ended          edge ── mutual TLS ── Envoy ── mutual TLS ── server

The shipped configurations, one worker of Envoy, everything on one host over loopback. The ways are taken in turns, so
that what else the host does falls on all; the difference of the medians is what a request pays.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
import platform
import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import grpc.aio
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.fakes.certificates import Holder, TestAuthority
from tests.integration.envoy import MISSING, envoy, envoy_program

from benchmarks.transport_peers import ANSWER, StreamPeer, stream_server
from joulecut_core.documents import write_bytes
from joulecut_proto.channels import open_channel
from joulecut_proto.health_watch import INFERENCE_SERVICE
from joulecut_proto.security.channel_security import ChannelSecurity
from joulecut_proto.streaming.streams import InferenceClientStream
from joulecut_proto.tensor_arrays import frame_of

_RESULTS = Path(__file__).parent / "results"
_SIZES = {16: 1500, 100_000: 1000, 1 << 20: 300}
"""Bytes up, and how often."""
_WARM_UP = 0.1
_WAYS = ("direct", "pass-through", "ended")
_HOST = "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Seconds of one kind of request, by way."""

    what: str
    times_s: dict[str, list[float]]

    def cells(self) -> str:
        """As a line of a table: medians with ninetieth percentiles, differences and ratios of medians to `direct`."""
        direct_s = statistics.median(self.times_s["direct"])
        shown = []
        for way in _WAYS:
            taken_s = self.times_s[way]
            median_s = statistics.median(taken_s)
            shown.append(f"{median_s * 1e3:.3f} / {sorted(taken_s)[int(0.9 * len(taken_s))] * 1e3:.3f}")
            if way != "direct":
                shown.append(f"{(median_s - direct_s) * 1e3:+.3f} | {median_s / direct_s:.2f}")
        return f"| {self.what} | {' | '.join(shown)} |"


class _Way:
    """One way to the server: a stream, and calls of one message."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.stream = StreamPeer(InferenceClientStream(channel, peer="the server"))
        self._health = cast(Any, health_pb2_grpc.HealthStub)(channel)

    async def call_s(self) -> float:
        """A call of a few bytes."""
        start_s = perf_counter()
        await self._health.Check(health_pb2.HealthCheckRequest(service=INFERENCE_SERVICE))
        return perf_counter() - start_s


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description="Time requests through Envoy against direct ones.")
    parser.add_argument("--out", type=Path, default=_RESULTS / "proxies.md", help="the page to write")
    parser.add_argument("--quick", action="store_true", help="a tenth of the repetitions, seconds")
    options = parser.parse_args(argv)
    if envoy_program() is None:
        raise SystemExit(MISSING)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(_measure(Path(folder), 0.1 if options.quick else 1.0))
    page = _page(rows, load, os.getloadavg()[0])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(options.out, page.encode())
    print(page)


async def _measure(folder: Path, share: float) -> list[Row]:
    authority = TestAuthority(folder / "authority")
    edge = authority.issue("edge", "camera-1").security
    async with AsyncExitStack() as stack:
        port = stack.enter_context(stream_server(authority.issue("server", "gpu").security))
        ports = {"direct": port}
        for way, file in (("pass-through", "pass-through.yaml"), ("ended", "envoy.yaml")):
            own = folder / way
            _install(authority.issue("proxy", "front"), own / "tls")
            ports[way] = stack.enter_context(envoy(file, own, [f"127.0.0.1:{port}"], host=_HOST))
        ways = {way: await stack.enter_async_context(_way(ports[way], edge)) for way in _WAYS}
        rows = [await _row("call, a few bytes", {way: made.call_s for way, made in ways.items()}, round(share * 1500))]
        for size_bytes, often in _SIZES.items():
            frames = (frame_of("x", np.random.default_rng(1).integers(0, 255, size=size_bytes, dtype=np.uint8)),)
            asks = {way: partial(made.stream.round_trip_s, frames, ANSWER) for way, made in ways.items()}
            rows.append(await _row(f"stream, {size_bytes:,} bytes up", asks, max(10, round(share * often))))
    return rows


@asynccontextmanager
async def _way(port: int, security: ChannelSecurity) -> AsyncIterator[_Way]:
    async with open_channel(f"{_HOST}:{port}", security) as channel:
        way = _Way(channel)
        try:
            yield way
        finally:
            await way.stream.close()


async def _row(what: str, asks: Mapping[str, Callable[[], Awaitable[float]]], often: int) -> Row:
    times_s: dict[str, list[float]] = {way: [] for way in asks}
    for _ in range(often):
        for way, ask in asks.items():
            times_s[way].append(await ask())
    warm = round(_WARM_UP * often)
    return Row(what=what, times_s={way: taken_s[warm:] for way, taken_s in times_s.items()})


def _install(holder: Holder, folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, path in (("authority", holder.authority), ("certificate", holder.certificate), ("key", holder.key)):
        shutil.copy(path, folder / f"{name}.pem")


def _envoy_version() -> str:
    done = subprocess.run(  # noqa: S603 - the program that was measured
        [envoy_program() or "envoy", "--version"], capture_output=True, text=True, check=True
    )
    found = re.search(r"/(\d+\.\d+\.\d+)/", done.stdout)
    return "" if found is None else found[1]


def _page(rows: Sequence[Row], before: float, after: float) -> str:
    version = _envoy_version()
    return "\n".join(
        [
            "# What Envoy costs a request, measured on one host",
            "",
            (
                f"{dt.datetime.now(dt.timezone.utc).date().isoformat()}; {platform.machine()}, {os.cpu_count()} cores, "
                f"Python {platform.python_version()}, Envoy {version} with one worker, load {before:.1f} before and "
                f"{after:.1f} after the run; loopback, mutual TLS everywhere. Made by `python -m benchmarks.proxies`."
            ),
            "",
            (
                "p50 / p90 in milliseconds; *more* and *ratio* are of the medians, against direct. Replies are of 8 "
                "bytes. The ways were taken in turns."
            ),
            "",
            "| request | direct | pass-through | more ms | ratio | TLS ended | more ms | ratio |",
            "|---|---|---|---|---|---|---|---|",
            *(row.cells() for row in rows),
            "",
        ]
    )


if __name__ == "__main__":
    main()
