"""Streams of edges that send on though asked to wait are read more slowly, in time that only the test moves."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from joulecut_proto.inference_messages import ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.streaming.pacing import Pace
from joulecut_proto.streaming.streams import InferenceServerStream
from tests.proto.streaming.stream_messages import iter_async, messages_of

T = TypeVar("T")

UNDER_WAY, MOST_S = 16, 0.1


class _Leaping(selectors.SelectSelector):
    """Nothing comes from outside: whoever waits is there at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now_s += timeout or 0.0
        return super().select(0.0)


def run(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """Its result, and how many seconds passed."""
    selector = _Leaping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now_s  # type: ignore[method-assign]
    try:
        return loop.run_until_complete(work), selector.now_s
    finally:
        loop.close()


def refusal(request_id: str, retry_after_s: float) -> ReplyHeader:
    status = ReplyStatus.OVERLOADED
    return ReplyHeader(request_id=request_id, current_epoch=0, status=status, retry_after_s=retry_after_s)


async def _come(pace: Pace, count: int, *, retry_after_s: float, after_s: float = 0.0, waited_s: float = 0.0) -> None:
    for _ in range(count):
        await asyncio.sleep(after_s)
        await pace.keep()
        pace.refused(refusal("r", retry_after_s), waited_s)


def test_who_heeds_is_never_slowed() -> None:
    """A request after the time that was asked for is looked at as it comes, however many were refused before."""

    async def come() -> None:
        await _come(Pace(), 100, retry_after_s=0.05, after_s=0.0501)

    _, passed_s = run(come())
    assert passed_s == pytest.approx(100 * 0.0501)


def test_what_was_under_way_is_refused_at_once() -> None:
    """An edge that pipelines cannot take back what it has sent when the first refusal reaches it."""

    async def come() -> None:
        await _come(Pace(), UNDER_WAY + 1, retry_after_s=10.0)

    assert run(come())[1] == 0.0


@pytest.mark.parametrize("retry_after_s", [0.02, MOST_S, 10.0])
def test_who_does_not_heed_is_read_at_the_pace_asked_for(retry_after_s: float) -> None:
    """A flood costs the server a few refusals a second; no stream stands still for long, whatever was asked for."""

    async def come() -> None:
        await _come(Pace(), UNDER_WAY + 1 + 50, retry_after_s=retry_after_s)

    assert run(come())[1] == pytest.approx(50 * min(retry_after_s, MOST_S))


def test_what_was_waited_counts() -> None:
    """A request that stood in the line before it was refused has spent its time there."""

    async def come() -> None:
        await _come(Pace(), UNDER_WAY + 1 + 50, retry_after_s=10.0, waited_s=0.07)

    assert run(come())[1] == pytest.approx(50 * 0.03)


def test_answers_and_other_refusals_leave_the_pace() -> None:
    """Only who finds no room is asked to come later."""

    async def come() -> None:
        pace = Pace()
        for status in (ReplyStatus.OK, ReplyStatus.STALE, ReplyStatus.LATE) * 30:
            await pace.keep()
            pace.refused(ReplyHeader(request_id="r", current_epoch=0, status=status, retry_after_s=1.0))

    assert run(come())[1] == 0.0


def test_time_makes_up_for_haste() -> None:
    """Each request that comes in time allows for another one before its time."""

    async def come() -> None:
        pace = Pace()
        await _come(pace, UNDER_WAY + 1, retry_after_s=0.05)
        await _come(pace, 5, retry_after_s=0.05, after_s=0.06)
        await _come(pace, 5, retry_after_s=0.05)

    assert run(come())[1] == pytest.approx(5 * 0.06)


def test_a_flood_through_a_stream() -> None:
    """Every request of it is answered, in turn, while the time goes by that it was asked for."""
    replies: list[bytes] = []
    messages = [message for number in range(UNDER_WAY + 1 + 30) for message in messages_of(f"r-{number}", 4)]

    async def write(message: bytes) -> None:
        replies.append(message)

    def refuse(of: RequestHeader) -> ReplyHeader:
        return refusal(of.request_id, 1.0)

    async def flood() -> None:
        stream = InferenceServerStream(iter_async(messages), write)
        stream.screen = refuse
        async for request in stream.requests():
            raise AssertionError(request)

    _, passed_s = run(flood())
    assert len(replies) == UNDER_WAY + 1 + 30
    assert passed_s == pytest.approx(30 * MOST_S)
