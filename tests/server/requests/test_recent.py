"""Requests sent again: joined while they run, answered from what is kept, computed again only when that is told."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from joulecut_core.errors import ContractError, DeviceError
from joulecut_core.networks import TensorSpec
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.timing import ManualClock
from joulecut_proto.inference_messages import Origin, ReplyHeader, Request, RequestHeader
from joulecut_proto.tensors import WireTensor
from joulecut_server.limits import Limits
from joulecut_server.requests import recent
from joulecut_server.requests.recent import Answered, RecentRequests

HEADER = RequestHeader(
    session_id="s", request_id="r", epoch=1, network_digest="sha256:aa", cut=2, codec="raw", variant="fp32"
)
REQUEST = Request(header=HEADER, frames=(), checksum=7)
ENTRY_BYTES = 102_000
"""A little more than an answer of 100,000 bytes takes."""
AGAIN = replace(REQUEST, header=replace(HEADER, attempt=1, epoch=2, budget_s=0.5))


class Handmade:
    """A computation that ends when a test says so; `began` is past withdrawing."""

    def __init__(self, size_bytes: int = 0) -> None:
        self.began = False
        self._answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._frames: tuple[TensorFrame, ...] = ()
        if size_bytes:
            spec = TensorSpec(name="out", dtype="uint8", shape=(size_bytes,))
            self._frames = (TensorFrame(spec=spec, payload=bytes(size_bytes)),)

    async def answer(self) -> Answered:
        return await asyncio.shield(self._answer)

    def withdraw(self) -> bool:
        return not self.began and self._answer.cancel()

    def end(self, tail_s: float = 1.0) -> None:
        self._answer.set_result((ReplyHeader(request_id="r", current_epoch=1, tail_s=tail_s), self._frames))

    def fail(self, error: Exception) -> None:
        self._answer.set_exception(error)


class Desk:
    """Begins computations, and remembers them."""

    def __init__(self, limits: Limits) -> None:
        self.clock = ManualClock()
        self.recent = RecentRequests(limits, self.clock)
        self.works: list[Handmade] = []
        self.size_bytes = 0

    def ask(self, request: Request = REQUEST, owner: str = "") -> asyncio.Task[Answered | None]:
        def begin(_: Request) -> Handmade:
            self.works.append(Handmade(self.size_bytes))
            return self.works[-1]

        return asyncio.create_task(self.recent.answer(request, begin, owner=owner))

    async def answered(self, request: Request = REQUEST, owner: str = "") -> ReplyHeader:
        """Ask, compute where that is needed, and have the answer."""
        count, asking = len(self.works), self.ask(request, owner)
        await turn()
        if len(self.works) > count:
            self.works[-1].end(tail_s=float(len(self.works)))
        answered = await asking
        assert answered is not None
        return answered[0]


async def turn() -> None:
    """Let everything that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def at_desk(use: Callable[[Desk], Awaitable[None]], limits: Limits | None = None) -> None:
    async def run() -> None:
        await asyncio.wait_for(use(Desk(limits or Limits())), 20.0)

    asyncio.run(run())


def request(number: int, session_id: str = "s") -> Request:
    return replace(REQUEST, header=replace(HEADER, request_id=str(number), session_id=session_id))


def test_a_request_is_computed_once_however_often_it_comes() -> None:
    """The second time its answer is there, and says that it is the first one's; the epoch may have risen meanwhile."""

    async def use(desk: Desk) -> None:
        first = await desk.answered()
        again = await desk.answered(AGAIN)
        assert (first.origin, again.origin) == (Origin.COMPUTED, Origin.KEPT)
        assert again == replace(first, origin=Origin.KEPT)
        assert len(desk.works) == 1

    at_desk(use)


def test_nobody_gets_what_another_owner_was_answered() -> None:
    """A session's name may be somebody else's once it has ended: what was asked under it before shows nowhere."""

    async def use(desk: Desk) -> None:
        others = replace(REQUEST, checksum=8)
        assert (await desk.answered(owner="a")).origin is Origin.COMPUTED
        assert (await desk.answered(owner="b")).origin is Origin.COMPUTED
        assert (await desk.answered(others, owner="c")).origin is Origin.COMPUTED
        assert (await desk.answered(AGAIN, owner="a")).origin is Origin.KEPT
        assert len(desk.works) == 3

    at_desk(use)


def test_a_retry_joins_what_runs_and_gets_the_answer_alone() -> None:
    """It goes to whoever asked last: the stream that it came on first may be broken, and none is answered twice."""

    async def use(desk: Desk) -> None:
        first = desk.ask()
        await turn()
        again = desk.ask(AGAIN)
        await turn()
        assert await first is None
        desk.works[0].end()
        answered = await again
        assert answered is not None
        assert answered[0].origin is Origin.KEPT
        assert len(desk.works) == 1
        assert desk.recent.running == 0

    at_desk(use)


def test_work_that_runs_for_nobody_is_kept_for_a_retry() -> None:
    """Its stream has gone, its seconds are spent: they are not spent again."""

    async def use(desk: Desk) -> None:
        first = desk.ask()
        await turn()
        desk.works[0].began = True
        first.cancel()
        await turn()
        assert desk.recent.running == 1
        desk.works[0].end()
        await turn()
        assert (await desk.answered(AGAIN)).origin is Origin.KEPT
        assert len(desk.works) == 1

    at_desk(use)


def test_work_that_waits_for_nobody_is_dropped() -> None:
    """A killed edge leaves nothing behind that costs joules; its retry is the first computation."""

    async def use(desk: Desk) -> None:
        first = desk.ask()
        await turn()
        first.cancel()
        await turn()
        assert desk.recent.running == 0
        assert (await desk.answered(AGAIN)).origin is Origin.COMPUTED
        assert len(desk.works) == 2

    at_desk(use)


def test_a_retry_in_the_instant_in_which_work_is_dropped_is_begun_once() -> None:
    """The end of what was dropped, a moment later, does not take the retry out of sight of a third try."""

    async def use(desk: Desk) -> None:
        first = desk.ask()
        await turn()
        first.cancel()
        second = desk.ask(AGAIN)
        await turn()
        third = desk.ask(AGAIN)
        await turn()
        assert first.cancelled()
        assert len(desk.works) == 2
        desk.works[1].end()
        assert await second is None
        assert await third is not None
        assert desk.recent.running == 0

    at_desk(use)


def test_work_that_the_device_drops_leaves_nothing_that_a_retry_would_wait_for() -> None:
    """Who asked is told, and the next try is the first."""

    async def use(desk: Desk) -> None:
        first = desk.ask()
        await turn()
        assert desk.works[0].withdraw()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert desk.recent.running == 0
        assert (await desk.answered(AGAIN)).origin is Origin.COMPUTED

    at_desk(use)


def test_work_that_was_joined_is_not_dropped_when_the_first_asker_leaves() -> None:
    """The retry comes before the server notices that the old stream is broken."""

    async def use(desk: Desk) -> None:
        first = desk.ask()
        await turn()
        again = desk.ask(AGAIN)
        await turn()
        first.cancel()
        await turn()
        assert desk.recent.running == 1
        desk.works[0].end()
        assert await again is not None
        assert len(desk.works) == 1

    at_desk(use)


def test_who_leaves_in_the_instant_of_being_joined_takes_nothing_along() -> None:
    """The work waits still, and by then it is the retry's: its stream would otherwise never be answered."""

    async def use(desk: Desk) -> None:
        first = desk.ask()
        await turn()
        again = desk.ask(AGAIN)
        await asyncio.sleep(0)
        # It has been told that another one has joined, and has not heard it yet.
        first.cancel()
        await turn()
        desk.works[0].end()
        assert await again is not None
        assert first.cancelled()
        assert len(desk.works) == 1

    at_desk(use)


def test_a_failure_is_told_and_not_kept() -> None:
    """Nothing was computed, so the next try is the first."""

    async def use(desk: Desk) -> None:
        first = desk.ask()
        await turn()
        desk.works[0].fail(DeviceError("fallen off the bus"))
        with pytest.raises(DeviceError, match="off the bus"):
            await first
        assert (await desk.answered(AGAIN)).origin is Origin.COMPUTED

    at_desk(use)


def test_a_failure_that_nobody_waits_for_is_no_defect() -> None:
    """Its stream has gone meanwhile: nothing of it is left, and nothing is complained of."""

    async def use(desk: Desk) -> None:
        complaints: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
        first = desk.ask()
        await turn()
        desk.works[0].began = True
        first.cancel()
        await turn()
        desk.works[0].fail(DeviceError("fallen off the bus"))
        await turn()
        gc.collect()
        assert (desk.recent.running, complaints) == (0, [])

    at_desk(use)


def test_a_forgotten_answer_is_computed_again_and_says_so() -> None:
    """After its time by the agents' clock; never silently."""

    async def use(desk: Desk) -> None:
        await desk.answered()
        desk.clock.advance_s(2.9)
        assert (await desk.answered(AGAIN)).origin is Origin.KEPT
        desk.clock.advance_s(0.1)
        assert (await desk.answered(AGAIN)).origin is Origin.RECOMPUTED
        assert (await desk.answered(AGAIN)).origin is Origin.KEPT
        assert len(desk.works) == 2

    at_desk(use, Limits(kept_s=3.0))


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        (Limits(kept_answers=2), {"s": 2, "t": 2}),
        (Limits(kept_session_bytes=3 * ENTRY_BYTES), {"s": 3, "t": 3}),
        (Limits(kept_bytes=5 * ENTRY_BYTES), {"s": 1, "t": 4}),
        (Limits(kept_bytes=100_000), {"s": 0, "t": 0}),
        (Limits(kept_answers=0), {"s": 0, "t": 0}),
    ],
)
def test_what_is_kept_is_bounded(limits: Limits, kept: dict[str, int]) -> None:
    """In number and bytes, of a session and in all; the oldest go first."""

    async def use(desk: Desk) -> None:
        desk.size_bytes = 100_000
        for session_id in ("s", "t"):
            for number in range(4):
                await desk.answered(request(number, session_id))
        assert len(desk.recent) == sum(kept.values())
        assert 100_000 * len(desk.recent) <= desk.recent.kept_bytes <= ENTRY_BYTES * len(desk.recent)
        for session_id, count in kept.items():
            for number in range(4 - count, 4):
                assert (await desk.answered(request(number, session_id))).origin is Origin.KEPT

    at_desk(use, limits)


def test_what_is_remembered_of_forgotten_answers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ids that came last are known, and nothing is left of a session without answers, however many there were."""
    monkeypatch.setattr(recent, "_MOST_FORGOTTEN", 2)

    async def use(desk: Desk) -> None:
        for number in range(4):
            await desk.answered(request(number, f"s{number}"))
        assert len(desk.recent._kept_of) == 0
        origins = [(await desk.answered(request(number, f"s{number}"))).origin for number in (3, 2, 0)]
        assert origins == [Origin.RECOMPUTED, Origin.RECOMPUTED, Origin.COMPUTED]

    at_desk(use, Limits(kept_answers=0))


@pytest.mark.parametrize(
    "other",
    [
        replace(AGAIN, checksum=8),
        replace(AGAIN, header=replace(HEADER, cut=3)),
        replace(AGAIN, header=replace(HEADER, codec="fp16")),
    ],
)
def test_an_id_used_for_something_else_is_refused(other: Request) -> None:
    """While the first runs, and when it is kept: an answer is never given to another question."""

    async def use(desk: Desk) -> None:
        first = desk.ask()
        await turn()
        with pytest.raises(ContractError, match="request r was sent before with other content"):
            await desk.ask(other)
        desk.works[0].end()
        assert await first is not None
        with pytest.raises(ContractError, match="give each request an id of its own"):
            await desk.ask(other)
        assert len(desk.works) == 1

    at_desk(use)


def test_sessions_have_ids_of_their_own() -> None:
    """Two edges may number their requests alike."""

    async def use(desk: Desk) -> None:
        assert (await desk.answered(request(1, "s"))).origin is Origin.COMPUTED
        assert (await desk.answered(request(1, "t"))).origin is Origin.COMPUTED

    at_desk(use)


@pytest.mark.parametrize("long", ["name", "codec", "codec_header"])
def test_names_and_headers_count(long: str) -> None:
    """What a caller may make long without a byte of payload is part of what is kept, and given back with it."""

    async def use(desk: Desk) -> None:
        texts = {"name": "x", "codec": "raw", "codec_header": "", long: 50_000 * "x"}
        spec = TensorSpec(name=texts["name"], dtype="uint8", shape=(0,))
        header = texts["codec_header"].encode()
        tensors = (WireTensor(spec=spec, payload_bytes=0, codec=texts["codec"], codec_header=header),)
        for number in range(4):
            asked = request(number)
            await desk.answered(replace(asked, header=replace(asked.header, tensors=tensors)))
        assert len(desk.recent) == 2
        assert 100_000 <= desk.recent.kept_bytes <= 110_000
        desk.clock.advance_s(60.0)
        desk.recent.expire()
        assert desk.recent.kept_bytes == 0

    at_desk(use, Limits(kept_bytes=110_000))
