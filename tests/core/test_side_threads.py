"""Work that blocks for as long as others like keeps nobody: neither who waits for it, nor a program that ends."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from contextlib import suppress

import pytest

from joulecut_core.side_threads import aside


def test_what_it_comes_to_is_given_or_raised() -> None:
    """From a thread of its own, by the name it was given."""

    async def run() -> None:
        assert await aside(lambda: threading.current_thread().name, "asking") == "asking"
        with pytest.raises(ZeroDivisionError):
            await aside(lambda: 1 // 0, "failing")

    asyncio.run(run())


def test_whoever_ends_does_not_wait_for_it() -> None:
    """Its event loop closes at once, and its thread is one that a process does not wait for at its end."""
    ends, threads = threading.Event(), list[threading.Thread]()

    def hang() -> None:
        threads.append(threading.current_thread())
        ends.wait()

    async def run() -> None:
        hanging = aside(hang, "hanging")
        while not threads:
            await asyncio.sleep(0)
        hanging.cancel()

    try:
        asyncio.run(run())
        assert (threads[0].is_alive(), threads[0].daemon) == (True, True)
    finally:
        ends.set()
        threads[0].join()


class _Held:
    """Something large that failing work has."""


def test_what_failed_is_let_go() -> None:
    """Its error, once heard, keeps nothing of it, before any garbage is collected."""
    kept: list[weakref.ref[_Held]] = []

    def fail() -> None:
        held = _Held()
        kept.append(weakref.ref(held))
        raise ValueError("failed")

    async def run() -> None:
        with suppress(ValueError):
            await aside(fail, "failing")
        for thread in threading.enumerate():
            if thread.name == "failing":
                thread.join()
        await asyncio.sleep(0)

    gc.disable()
    try:
        asyncio.run(run())
        assert kept[0]() is None
    finally:
        gc.enable()
