"""Requests without an answer: known while they last, waited for without those that come after."""

from __future__ import annotations

import asyncio

import pytest

from joulecut_edge.requests.under_way import UnderWay


def test_only_those_of_now_are_waited_for() -> None:
    """A connection may close when its own requests are over, however many new ones there are."""

    async def run() -> None:
        under_way = UnderWay()
        first, second = under_way.one(), under_way.one()
        first.__enter__()
        over = asyncio.create_task(under_way.over())
        await asyncio.sleep(0)
        second.__enter__()
        assert (len(under_way), over.done()) == (2, False)
        first.__exit__(None, None, None)
        await asyncio.wait_for(over, 10.0)
        assert len(under_way) == 1
        second.__exit__(None, None, None)
        assert len(under_way) == 0
        await under_way.over()

    asyncio.run(run())


def test_a_request_that_fails_is_over_too() -> None:
    """Whatever ends it."""

    async def run() -> None:
        under_way = UnderWay()
        with pytest.raises(ValueError, match="wrong"), under_way.one():
            raise ValueError("wrong")
        assert len(under_way) == 0

    asyncio.run(run())
