"""The event loop that agents run on."""

from __future__ import annotations

import asyncio

import pytest

from joulecut_core.errors import LinkError
from joulecut_proto import event_loops


def test_work_is_done_on_uvloop() -> None:
    """And what it comes to is handed on; the loop is gone then."""

    async def work() -> str:
        await asyncio.sleep(0)
        return type(asyncio.get_running_loop()).__module__.split(".")[0]

    assert event_loops.run(work()) == "uvloop"
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_errors_are_the_work_s_own() -> None:
    """What it has begun beside is cancelled."""
    ended = []

    async def beside() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def work() -> None:
        task = asyncio.create_task(beside())
        await asyncio.sleep(0)
        raise LinkError(f"lost, {task.done()}")

    with pytest.raises(LinkError, match="lost, False"):
        event_loops.run(work())
    assert ended == [True]
