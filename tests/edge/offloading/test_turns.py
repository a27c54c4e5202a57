"""Work within a stretch of quiet offloading."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextlib import suppress

from joulecut_core.errors import LinkError
from joulecut_edge.offloading.turns import unless
from tests.edge.offloading.test_given_up_renewals import FakeConnection


def test_work_that_failed_is_let_go() -> None:
    """Its error, once heard, keeps no connection that it had, before any garbage is collected."""
    kept: list[weakref.ref[FakeConnection]] = []

    async def fail() -> None:
        connection = FakeConnection("a:1")
        kept.append(weakref.ref(connection))
        raise LinkError("no answer")

    async def use() -> None:
        with suppress(LinkError):
            await unless(fail(), asyncio.Event())
        await asyncio.sleep(0)

    gc.disable()
    try:
        asyncio.run(use())
        assert kept[0]() is None
    finally:
        gc.enable()
