"""Room for tensors: a stream that is full waits, a server that is full refuses, all is given back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from joulecut_core.errors import ContractError
from joulecut_proto.inference_messages import ReplyStatus
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_server.limits import Limits
from joulecut_server.requests.stream_room import Room


def with_room(limits: Limits, use: Callable[[Room], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(use(Room(limits)), 20.0))


@pytest.mark.parametrize("limits", [Limits(stream_tensor_bytes=10), Limits(in_flight=2)])
def test_a_full_stream_waits_until_it_has_room(limits: Limits) -> None:
    """By bytes as by number: the third request waits until one of the two before it has gone; other streams do not."""

    async def use(room: Room) -> None:
        mine, other = room.for_stream(), room.for_stream()
        first, second = await mine.place(5, "edge"), await mine.place(5, "edge")
        third = asyncio.create_task(mine.place(5, "edge"))
        elsewhere = await other.place(10, "edge")
        await asyncio.sleep(0)
        assert not third.done()
        second.let_go()
        place = await third
        assert (room.taken_bytes, room.requests) == (20, 3)
        for each in (first, place, elsewhere):
            each.let_go()
        assert (room.taken_bytes, room.requests, mine.places, other.places) == (0, 0, 0, 0)
        assert not room._shares, "who has nothing under way is not remembered"

    with_room(limits, use)


def test_who_waits_goes_by_the_limits_of_now() -> None:
    """Fewer places, or less room than it takes: a request that waited while the limits changed has no others."""

    async def use(room: Room) -> None:
        stream = room.for_stream()
        held = [await stream.place(5, "edge"), await stream.place(5, "edge")]
        waiting = asyncio.create_task(stream.place(5, "edge"))
        await asyncio.sleep(0)
        room.limits = Limits(in_flight=1)
        held.pop().let_go()
        await asyncio.sleep(0)
        assert not waiting.done()
        room.limits = Limits(stream_tensor_bytes=4)
        held.pop().let_go()
        with pytest.raises(ContractError, match="a request of 5 bytes; this server takes at most 4"):
            await waiting

    with_room(Limits(in_flight=2), use)


def test_a_full_server_refuses_with_a_time_to_come_back() -> None:
    """Other streams' bytes are not this one's to wait for: it is overload, and reading goes on."""

    async def use(room: Room) -> None:
        place = await room.for_stream().place(60, "edge")
        with pytest.raises(
            TurnedAwayError, match=r"60 bytes of tensors .* 50 more would be above its limit of 100"
        ) as no:
            await room.for_stream().place(50, "edge")
        assert no.value.status is ReplyStatus.OVERLOADED
        assert no.value.retry_after_s > 0
        place.let_go()
        await room.for_stream().place(50, "edge")

    with_room(Limits(tensor_bytes=100, stream_tensor_bytes=60), use)


def test_no_identity_takes_the_room_of_the_others() -> None:
    """However many streams it opens and however slowly it sends: its share is full, the others' is not."""

    async def use(room: Room) -> None:
        places = [await room.for_stream().place(30, "greedy") for _ in range(2)]
        with pytest.raises(TurnedAwayError, match=r"60 bytes of tensors of yours .* its limit of 60"):
            await room.for_stream().place(1, "greedy")
        (await room.for_stream().place(40, "modest")).let_go()
        places[0].let_go()
        (await room.for_stream().place(30, "greedy")).let_go()

    with_room(Limits(tensor_bytes=100, share_tensor_bytes=60, stream_tensor_bytes=60), use)


def test_what_can_never_fit_is_not_waited_for() -> None:
    """A request larger than its stream may ever hold would wait for good."""

    async def use(room: Room) -> None:
        with pytest.raises(ContractError, match="a request of 61 bytes; this server takes at most 60 on one stream"):
            await room.for_stream().place(61, "edge")

    with_room(Limits(stream_tensor_bytes=60), use)


def test_a_place_is_free_when_all_its_holders_have_let_go() -> None:
    """A computation that outlives its stream still holds the tensors."""

    async def use(room: Room) -> None:
        place = await room.for_stream().place(7, "edge")
        place.hold()
        place.let_go()
        assert room.taken_bytes == 7
        place.let_go()
        assert room.taken_bytes == 0

    with_room(Limits(), use)
