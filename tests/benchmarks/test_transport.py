"""The stream against a raw socket and behind tails, few repetitions of `benchmarks/transport.py`: ratios, no seconds.

The levels are 2 times a raw socket's time for 16 MiB, and 80 % of transfers hidden. On a host whose cores others want
too a stream of several threads loses more than a socket with one at each end, so that the bounds are wider here. What
they tell apart is the stream as it is, 1.3 to 2.5, from one that copies, joins or waits where it need not (a naive one
took 14 times as long), and transfers that go on behind tails from such as wait for them, which hide nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from statistics import median

from benchmarks.transport import OverlapRound, RoundTrips, overlapped, timed_round_trips
from benchmarks.transport_peers import RawPeer, stream_peer

from joulecut_proto import event_loops

LARGE_BYTES, PIPELINED_BYTES = 16 << 20, 4 << 20
MOST_TIMES_RAW = 4.0
LEAST_HIDDEN = 0.5
OFTEN, PIPELINED, MORE = 8, 10, 3
"""Where the first measurement is beyond the bound, so many times as much is taken, and the median is of all."""


def test_a_large_tensor_takes_few_times_a_raw_socket_s_time() -> None:
    """The median of 16 MiB up and a few bytes down, in turns with a raw socket."""

    async def measured() -> float:
        async with AsyncExitStack() as stack:
            raw = stack.enter_context(RawPeer())
            plain, bare = await stack.enter_async_context(stream_peer(None))

            async def trips(often: int) -> RoundTrips:
                return await timed_round_trips((raw, bare, plain, plain), LARGE_BYTES, often, echo=False, awake=False)

            found = [await trips(OFTEN)]
            if _times_raw(found) > MOST_TIMES_RAW:
                found.append(await trips(MORE * OFTEN))
            return _times_raw(found)

    assert event_loops.run(measured()) <= MOST_TIMES_RAW


def _times_raw(found: list[RoundTrips]) -> float:
    plain, raw = ([second for trips in found for second in part(trips)] for part in _PARTS)
    return median(plain) / median(raw)


_PARTS: tuple[Callable[[RoundTrips], list[float]], ...] = (lambda trips: trips.plain_s, lambda trips: trips.raw_s)


def test_transfers_hide_behind_tails_where_requests_are_pipelined() -> None:
    """Of 4 MiB behind tails of two round trips most of a transfer's time does not show in a request's."""

    async def measured() -> float:
        async with stream_peer(None) as (peer, _):

            async def rounds(count: int) -> list[OverlapRound]:
                taken = await overlapped(peer, PIPELINED_BYTES, PIPELINED, round_trips=2.0, rounds=count)
                return list(taken.rounds)

            found = await rounds(3)
            if median(each.hidden for each in found) < LEAST_HIDDEN:
                found += await rounds(3 * MORE)
            return median(each.hidden for each in found)

    assert event_loops.run(measured()) >= LEAST_HIDDEN
