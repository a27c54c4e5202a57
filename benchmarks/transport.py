"""What the inference stream costs: `python -m benchmarks.transport`.

    round trips   a tensor up, a small reply down: a raw socket, gRPC by itself, the stream, the stream over mutual TLS
    echo          the same with the tensor down again
    overlap       pipelined requests whose tails keep a server busy: the share of transfer that hides behind them
    crowding      small requests on one stream beside large ones

Two processes over loopback, the same bytes for all, taken in turns; the medians' ratio is what a host tells, the
milliseconds are its own. The raw socket sends a length and the bytes, receives into one buffer, checks nothing.
What gRPC by itself takes in other ways: `benchmarks.transport_ways`.

Most of a small round trip is the time in which cores wake that fell asleep meanwhile: round trips are timed a second
time with cores that are kept awake, as on a host that has something else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import importlib.metadata
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.awake_cores import awake_cores
from benchmarks.transport_peers import (
    ANSWER,
    BUSY,
    ECHO,
    REPLY_BYTES,
    BarePeer,
    RawPeer,
    StreamPeer,
    certificates,
    stream_peer,
)
from joulecut_core.documents import write_bytes
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto import event_loops
from joulecut_proto.memory import keep_freed_memory
from joulecut_proto.streaming.checksums import PayloadChecksum
from joulecut_proto.tensor_arrays import frame_of
from joulecut_proto.tensors import chunks_of
from joulecut_proto.waiting import IN_PLACE, VARIABLE

_RESULTS = Path(__file__).parent / "results"
_SIZES = {16: 600, 100_000: 400, 1 << 20: 200, 16 << 20: 40}
"""Bytes, and how often."""
_WARM_UP = 0.1
_IN_FLIGHT = 4
_ROUNDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrips:
    """Seconds of each way of one size."""

    size_bytes: int
    echo: bool
    awake: bool
    raw_s: list[float]
    bare_s: list[float]
    plain_s: list[float]
    tls_s: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapRound:
    """Seconds per request, measured one right after the other.

    `transfer_s`: what a round trip of the size takes longer than one of a few bytes, without tails. `tail_s`:
    pipelined requests of a few bytes, so the device's time alone. `alone_s`, `pipelined_s`: with tails, one at a time
    and several in flight.
    """

    transfer_s: float
    tail_s: float
    alone_s: float
    pipelined_s: float

    @property
    def hidden(self) -> float:
        """The share of transfer that does not show in a pipelined request's time."""
        return 1 - (self.pipelined_s - self.tail_s) / self.transfer_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What pipelining hides at one size, with tails as long as `round_trips` of that size."""

    size_bytes: int
    round_trips: float
    rounds: Sequence[OverlapRound]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowding:
    """Seconds of small round trips while large requests or replies go over the same stream."""

    what: str
    small_s: list[float]
    large_s: float


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description="Time the inference stream against a raw socket.")
    parser.add_argument("--out", type=Path, default=_RESULTS / "transport.md", help="the page to write")
    parser.add_argument("--quick", action="store_true", help="a tenth of the repetitions, seconds")
    options = parser.parse_args(argv)
    if VARIABLE not in os.environ:
        # As the agents call gRPC, which reads its environment as it is imported.
        as_agents = {**os.environ, VARIABLE: IN_PLACE}
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.transport", *sys.argv[1:]], as_agents)  # noqa: S606
    keep_freed_memory()
    load = os.getloadavg()[0]
    share = 0.1 if options.quick else 1.0
    with tempfile.TemporaryDirectory() as folder:
        trips, overlaps, crowds = event_loops.run(_measure(share, Path(folder)))
    page = _page(trips, overlaps, crowds, load)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(options.out, page.encode())
    print(page)


async def _measure(share: float, folder: Path) -> tuple[list[RoundTrips], list[Overlap], list[Crowding]]:
    async with AsyncExitStack() as stack:
        raw = stack.enter_context(RawPeer())
        plain, bare = await stack.enter_async_context(stream_peer(None))
        tls, _ = await stack.enter_async_context(stream_peer(certificates(folder)))
        trips = []
        for awake in (False, True):
            with awake_cores() if awake else nullcontext():
                trips += [
                    await timed_round_trips(
                        (raw, bare, plain, tls), size_bytes, max(3, round(share * often)), echo=echo, awake=awake
                    )
                    for echo in (False, True)
                    for size_bytes, often in _SIZES.items()
                ]
        overlaps = [
            await overlapped(
                plain,
                size_bytes,
                max(4, round(share * often)),
                round_trips=round_trips,
                rounds=max(1, round(share * _ROUNDS)),
            )
            for size_bytes, often in ((1 << 20, 100), (4 << 20, 40), (16 << 20, 20))
            for round_trips in (1.0, 2.0)
        ]
        crowds = [
            await _crowding(plain, what, max(5, round(share * 100))) for what in ("nothing", "requests", "replies")
        ]
    return trips, overlaps, crowds


async def timed_round_trips(
    peers: tuple[RawPeer, BarePeer, StreamPeer, StreamPeer], size_bytes: int, often: int, *, echo: bool, awake: bool
) -> RoundTrips:
    """One after the other, in turns: a busy moment of the host meets all of them."""
    raw, bare, plain, tls = peers
    frames = _tensor(size_bytes)
    payload, variant = memoryview(frames[0].payload), ECHO if echo else ANSWER
    ways: tuple[Callable[[], Awaitable[float]], ...] = (
        lambda: _at_once(raw.round_trip_s(payload, echo=echo)),
        lambda: bare.round_trip_s(payload, echo=echo),
        lambda: plain.round_trip_s(frames, variant),
        lambda: tls.round_trip_s(frames, variant),
    )
    times: tuple[list[float], ...] = ([], [], [], [])
    for _ in range(often):
        for way, taken in zip(ways, times, strict=True):
            taken.append(await way())
    warm = round(_WARM_UP * often)
    raw_s, bare_s, plain_s, tls_s = (taken[warm:] for taken in times)
    return RoundTrips(
        size_bytes=size_bytes, echo=echo, awake=awake, raw_s=raw_s, bare_s=bare_s, plain_s=plain_s, tls_s=tls_s
    )


async def _at_once(value: float) -> float:
    return value


async def overlapped(peer: StreamPeer, size_bytes: int, often: int, *, round_trips: float, rounds: int) -> Overlap:
    """A tail as long as a round trip is the hardest to hide behind: a shorter or longer one leaves room on one side.

    A round's first transfer has no tail to hide behind: one of `often` always shows.
    """
    large, small = _tensor(size_bytes), _tensor(REPLY_BYTES)
    taken = []
    for _ in range(rounds):
        large_s, small_s = [], []
        for _ in range(often):
            large_s.append(await peer.round_trip_s(large, ANSWER))
            small_s.append(await peer.round_trip_s(small, ANSWER))
        tail_s = round_trips * statistics.median(large_s)
        taken.append(
            OverlapRound(
                transfer_s=statistics.median(large_s) - statistics.median(small_s),
                tail_s=await _per_request_s([small] * often, peer, tail_s, in_flight=_IN_FLIGHT),
                alone_s=await _per_request_s([large] * often, peer, tail_s, in_flight=1),
                pipelined_s=await _per_request_s([large] * often, peer, tail_s, in_flight=_IN_FLIGHT),
            )
        )
    return Overlap(size_bytes=size_bytes, round_trips=round_trips, rounds=taken)


async def _per_request_s(
    requests: Sequence[Sequence[TensorFrame]], peer: StreamPeer, tail_s: float, *, in_flight: int
) -> float:
    room = asyncio.Semaphore(in_flight)

    async def ask(frames: Sequence[TensorFrame]) -> None:
        async with room:
            await peer.ask(frames, BUSY, tail_s)

    start_s = time.perf_counter()
    await asyncio.gather(*map(ask, requests))
    return (time.perf_counter() - start_s) / len(requests)


async def _crowding(peer: StreamPeer, what: str, often: int) -> Crowding:
    """Small round trips, one after the other, while a 16 MB request (or one with a 16 MB reply) is always under way."""
    large, small = _tensor(16 << 20), _tensor(16)
    large_s: list[float] = []
    over = what == "nothing"

    async def crowd() -> None:
        while not over:
            large_s.append(await peer.round_trip_s(large, ANSWER if what == "requests" else ECHO))

    crowding = asyncio.create_task(crowd())
    small_s = [await peer.round_trip_s(small, ANSWER) for _ in range(often)]
    over = True
    await crowding
    return Crowding(what=what, small_s=small_s, large_s=statistics.median(large_s) if large_s else 0.0)


def _tensor(size_bytes: int) -> tuple[TensorFrame, ...]:
    return (frame_of("x", np.random.default_rng(1).integers(0, 255, size=size_bytes, dtype=np.uint8)),)


def _checksum_s(size_bytes: int) -> float:
    """Of one pass by one side."""
    frames = _tensor(size_bytes)
    taken_s = []
    for _ in range(20):
        start_s = time.perf_counter()
        checksum = PayloadChecksum()
        for pieces in chunks_of(frames):
            checksum.take(*pieces)
        taken_s.append(time.perf_counter() - start_s)
    return statistics.median(taken_s)


def _page(trips: Sequence[RoundTrips], overlaps: Sequence[Overlap], crowds: Sequence[Crowding], load: float) -> str:
    today = dt.datetime.now(dt.timezone.utc).date().isoformat()
    lines = [
        "# The inference stream against a raw socket, measured on one host",
        "",
        (
            f"{today}; {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"grpcio {importlib.metadata.version('grpcio')}, load {load:.1f} before the run; loopback, two processes. "
            "Made by `python -m benchmarks.transport`."
        ),
        "",
        (
            "Checksums are always on. p50 / p90 in milliseconds; *ratio* is of the medians, and *least* of the fastest "
            "tenths, which others on the host disturb less. gRPC called in other ways: [there](transport_ways.md)."
        ),
        "",
        (
            "*Cores kept awake*: a process on each core spins where nobody else wants it (SCHED_IDLE). On an idle host "
            "a core falls asleep before the next message is there, and waking one of a virtual machine takes some "
            "tens of microseconds, several times in a round trip: a host with other work has the figures of this "
            "table, an idle one those of the other."
        ),
        "",
        *(
            line
            for echo, what in ((False, "A tensor up, 8 bytes down"), (True, "A tensor up and down again"))
            for awake, how in ((False, ""), (True, ", cores kept awake"))
            for line in _trip_table(what + how, [each for each in trips if (each.echo, each.awake) == (echo, awake)])
        ),
        "## One pass of the checksum",
        "",
        "| bytes | ms |",
        "|---|---|",
        *(f"| {size_bytes:,} | {_checksum_s(size_bytes) * 1e3:.3f} |" for size_bytes in _SIZES),
        "",
        "## Transfer behind tails",
        "",
        (
            f"Up to {_IN_FLIGHT} requests in flight on one stream; tails keep a device busy, in a server-agent's line "
            "for it, but no core. *hidden*: the share of the transfer that does not show in a pipelined request's "
            f"time. Medians of {len(overlaps[0].rounds)} rounds, and quartiles of the share; each round measures all "
            "columns one right after the other, and the first transfer of a round has no tail to hide behind."
        ),
        "",
        "| bytes | tail, round trips | tail ms | transfer ms | one at a time ms | pipelined ms | hidden | quartiles |",
        "|---|---|---|---|---|---|---|---|",
        *map(_overlap_row, overlaps),
        "",
        "## Small requests beside large ones on one stream",
        "",
        "16 bytes, one after the other, while 16 MiB go up all the time, or up and down again.",
        "",
        "| beside | small p50 / p90 ms | large p50 ms |",
        "|---|---|---|",
        *(f"| {each.what} | {_shown(each.small_s)} | {each.large_s * 1e3:.2f} |" for each in crowds),
        "",
    ]
    return "\n".join(lines)


def _overlap_row(overlap: Overlap) -> str:
    rounds = overlap.rounds
    tail, transfer, alone, pipelined = (
        f"{statistics.median(column) * 1e3:.2f}"
        for column in zip(
            *((each.tail_s, each.transfer_s, each.alone_s, each.pipelined_s) for each in rounds), strict=True
        )
    )
    hidden = [each.hidden for each in rounds]
    return (
        f"| {overlap.size_bytes:,} | {overlap.round_trips:g} | {tail} | {transfer} | {alone} | {pipelined} "
        f"| {statistics.median(hidden):.0%} | {_quantile(hidden, 0.25):.0%} to {_quantile(hidden, 0.75):.0%} |"
    )


def _trip_table(title: str, trips: Sequence[RoundTrips]) -> list[str]:
    return [
        f"## {title}",
        "",
        "| bytes | raw socket | gRPC by itself | ratio | stream | ratio | least | stream over mutual TLS | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
        *(
            f"| {each.size_bytes:,} | {_shown(each.raw_s)} "
            f"| {_shown(each.bare_s)} | {statistics.median(each.bare_s) / statistics.median(each.raw_s):.2f} "
            f"| {_shown(each.plain_s)} "
            f"| {statistics.median(each.plain_s) / statistics.median(each.raw_s):.2f} "
            f"| {_quantile(each.plain_s, 0.1) / _quantile(each.raw_s, 0.1):.2f} "
            f"| {_shown(each.tls_s)} | {statistics.median(each.tls_s) / statistics.median(each.raw_s):.2f} |"
            for each in trips
        ),
        "",
    ]


def _shown(times_s: Sequence[float]) -> str:
    return f"{statistics.median(times_s) * 1e3:.3f} / {_quantile(times_s, 0.9) * 1e3:.3f}"


def _quantile(times_s: Sequence[float], share: float) -> float:
    ordered = sorted(times_s)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


if __name__ == "__main__":
    main()
