"""Threads for calls that block."""

from __future__ import annotations

import asyncio
import threading

from joulecut_proto.call_threads import start_call_threads


def test_all_threads_are_there_from_the_start() -> None:
    """However many calls meet later, not one thread more: a soak can tell a leak from a pool that fills."""

    async def run() -> tuple[set[int], set[int], int]:
        before = set(_threads())
        count = start_call_threads()
        started = set(_threads()) - before
        meeting = threading.Barrier(count)
        used = set(await asyncio.gather(*(asyncio.to_thread(_meet, meeting) for _ in range(count))))
        await asyncio.gather(*(asyncio.to_thread(_meet, None) for _ in range(3 * count)))
        assert set(_threads()) - before == started
        return started, used, count

    started, used, count = asyncio.run(run())
    assert started == used
    assert len(started) == count
    assert not started & set(_threads())


def _threads() -> list[int]:
    return [each.ident or 0 for each in threading.enumerate()]


def _meet(meeting: threading.Barrier | None) -> int:
    if meeting is not None:
        meeting.wait(30.0)
    return threading.get_ident()
