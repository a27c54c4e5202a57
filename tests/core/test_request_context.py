"""Whose request a piece of work is for, across threads and after its end."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from joulecut_core.request_context import (
    ForRequest,
    RequestContext,
    current_request,
    in_this_context,
    under_epoch,
)


def test_a_thread_works_for_who_asked() -> None:
    """Work that is wrapped knows its request in another thread; work that is not knows none."""
    with ThreadPoolExecutor(max_workers=1) as pool, ForRequest(RequestContext(request_id="r/1")) as context:
        assert pool.submit(in_this_context(current_request)).result() == context
        assert pool.submit(current_request).result() is None
    assert current_request() is None


def test_requests_at_once_do_not_mix() -> None:
    """Tasks that take turns each keep their own request and its epoch."""

    async def one(number: int) -> tuple[str, int | None]:
        with ForRequest(RequestContext(request_id=f"r/{number}")):
            await asyncio.sleep(0)
            under_epoch(number)
            await asyncio.sleep(0)
            request = current_request()
            assert request is not None
            return request.request_id, request.epoch

    async def all_of_them() -> list[tuple[str, int | None]]:
        return await asyncio.gather(*map(one, range(8)))

    assert asyncio.run(all_of_them()) == [(f"r/{number}", number) for number in range(8)]


def test_no_epoch_outside_a_request() -> None:
    """A plan that is taken outside any request leaves no trace."""
    under_epoch(3)
    assert current_request() is None
