"""Work that is bounded ends with its time, and with whoever waits for it."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextlib import suppress

import pytest

from joulecut_core.time_limits import within


def test_what_comes_in_time_is_returned_and_what_is_raised_raised() -> None:
    """As without a limit."""

    async def give(value: int) -> int:
        await asyncio.sleep(0)
        return 10 // value

    assert asyncio.run(within(give(5), 60.0)) == 2
    with pytest.raises(ZeroDivisionError):
        asyncio.run(within(give(0), 60.0))


@pytest.mark.parametrize("limit_s", [0.01, 0.0, -1.0])
def test_what_takes_too_long_is_ended(limit_s: float) -> None:
    """It has had its say when the caller hears of it."""
    ended: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("cleaned up")

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(within(hang(), limit_s))
    assert ended == (["cleaned up"] if limit_s > 0.0 else [])  # without any time it does not begin


def test_a_cancellation_that_meets_the_result_is_heard() -> None:
    """A loop that waits like this ends; `asyncio.wait_for` of Python before 3.12 would go on with the result."""

    async def use() -> None:
        there = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(within(there, 60.0))
        await asyncio.sleep(0)
        there.set_result("result")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(use())


class _Held:
    """Something large that a failing coroutine has."""


def test_what_failed_is_let_go() -> None:
    """Its error, once heard, keeps nothing of it, before any garbage is collected: be it a tensor or a socket."""
    kept: list[weakref.ref[_Held]] = []

    async def fail() -> None:
        held = _Held()
        kept.append(weakref.ref(held))
        raise ValueError("failed")

    async def use() -> None:
        with suppress(ValueError):
            await within(fail(), 60.0)
        await asyncio.sleep(0)

    gc.disable()
    try:
        asyncio.run(use())
        assert kept[0]() is None
    finally:
        gc.enable()
