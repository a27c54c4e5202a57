"""A connected server over real gRPC: answers find their requests, and whatever breaks ends as one kind of error."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from joulecut_core.errors import ContractError, JoulecutError, LinkError
from joulecut_core.timing import SystemClock
from joulecut_edge.peers.remote import RemoteFailedError, UnsentError
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_proto.inference_messages import Origin, ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_proto.services import InferenceService
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_runtime.wires.codecs import codec
from tests.edge.peers.connected_server import (
    EPOCH,
    PLAN,
    WAIT_S,
    Answering,
    Deaf,
    EveryEighth,
    LeavingAtTheFirst,
    Refusing,
    ask,
    with_server,
)
from tests.integration.tiny_network import pictures, tiny_network
from tests.proto.fake_services import STATE


def test_the_server_tells_how_its_device_runs() -> None:
    """What a slow tail is judged by crosses whole: clocks and throttle reasons as the server's device has them."""

    async def use(connection: ServerConnection) -> None:
        assert await connection.device_state() == STATE

    with_server(Answering(), use)


def test_answers_find_their_requests() -> None:
    """Answers may come in any order: nobody gets another one's answer."""
    sent = pictures(4)
    service = Answering(batch=4)

    async def use(connection: ServerConnection) -> None:
        replies = await asyncio.gather(
            *(ask(connection, picture, request_id=f"r{number}") for number, picture in enumerate(sent))
        )
        for picture, reply in zip(sent, replies, strict=True):
            assert torch.equal(reply.outputs[0], tiny_network().whole((picture,))[0])
            assert (reply.tail_s, reply.uplink_bytes, reply.downlink_bytes) == (0.25, 3072, 40)
        assert sorted(service.ids) == ["r0", "r1", "r2", "r3"]
        assert not connection._waiting, "what has its answer is not kept"
        assert (connection.heard.is_set(), connection.dropped) == (True, 0)

    with_server(service, use)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (ReplyStatus.STALE, ContractError),
        (ReplyStatus.INVALID, ContractError),
        (ReplyStatus.OVERLOADED, TurnedAwayError),
        (ReplyStatus.DRAINING, TurnedAwayError),
        (ReplyStatus.LATE, TurnedAwayError),
        (ReplyStatus.FAILED, RemoteFailedError),
    ],
)
def test_a_refusal_becomes_its_error(status: ReplyStatus, kind: type[JoulecutError]) -> None:
    """Each status a server may give is an error that the session knows what to do with; the stream goes on."""

    async def use(connection: ServerConnection) -> None:
        connection.newest_epoch = EPOCH + 1 if status is ReplyStatus.STALE else EPOCH
        for _ in range(2):
            with pytest.raises(kind, match="because") as refused:
                await ask(connection, pictures(1)[0])
            assert len(str(refused.value)) < 2000, "a server's words do not fill the log"
        assert not connection.lost.is_set()
        assert connection.leaving.is_set() is (status is ReplyStatus.DRAINING)

    with_server(Refusing(status), use)


@pytest.mark.parametrize(
    ("current_epoch", "newest_epoch", "is_over"),
    [
        (0, 0, True),
        (EPOCH - 1, 0, True),
        (EPOCH + 1, 0, False),
        (EPOCH + 1, EPOCH + 1, False),
        (EPOCH + 9, EPOCH, True),
        (EPOCH + 9, EPOCH - 1, True),
    ],
)
def test_a_server_that_refuses_the_newest_plan_is_joined_again(
    current_epoch: int, newest_epoch: int, is_over: bool
) -> None:
    """It forgot it, or has newer ones that this edge was not told of: it would refuse every request to come."""

    async def use(connection: ServerConnection) -> None:
        connection.newest_epoch = newest_epoch
        with pytest.raises(ContractError):
            await ask(connection, pictures(1)[0])
        assert connection.lost.is_set() is is_over

    with_server(Refusing(ReplyStatus.STALE, current_epoch=current_epoch), use)


@pytest.mark.parametrize(
    ("status", "is_lost"),
    [
        (ReplyStatus.STALE, True),
        (ReplyStatus.INVALID, True),
        (ReplyStatus.FAILED, True),
        (ReplyStatus.OVERLOADED, False),
        (ReplyStatus.LATE, False),
    ],
)
def test_a_server_of_which_nothing_can_be_used_is_joined_again(status: ReplyStatus, is_lost: bool) -> None:
    """Where requests fail under its own plan, another plan may do; not where it lacks room or time."""

    async def use(connection: ServerConnection) -> None:
        for count in range(1, 12):
            with pytest.raises(JoulecutError):
                await ask(connection, pictures(1)[0])
            assert connection.lost.is_set() is (is_lost and count >= 10)
            if connection.lost.is_set():
                break

    with_server(Refusing(status), use)


def test_failures_that_were_the_requests_own_are_none_of_the_server() -> None:
    """An application that sends what cannot be computed keeps no other one from the server."""

    async def use(connection: ServerConnection) -> None:
        for _ in range(24):
            with pytest.raises(RemoteFailedError):
                await ask(connection, pictures(1)[0])
            connection.excuse(1)
        assert not connection.lost.is_set()

    with_server(Refusing(ReplyStatus.FAILED), use)


def test_a_request_excuses_its_own_failures_alone() -> None:
    """What failed before it still counts, and nothing is forgiven in advance."""

    async def use(connection: ServerConnection) -> None:
        connection.excuse(5)
        for count in range(1, 12):
            with pytest.raises(RemoteFailedError):
                await ask(connection, pictures(1)[0])
            if count == 9:
                connection.excuse(1)
            assert connection.lost.is_set() is (count == 11)

    with_server(Refusing(ReplyStatus.FAILED), use)


@pytest.mark.parametrize(
    ("one", "other", "ends_there"), [("a", "a", True), ("a", "b", False), ("", "b", True), ("a", "", True)]
)
def test_where_a_connection_ends_is_what_servers_say(one: str, other: str, *, ends_there: bool) -> None:
    """Servers that do not tell their processes apart are taken to be one each."""

    async def test() -> None:
        sides = []
        for instance in (one, other):
            side = ServerConnection("127.0.0.1:9", session_id="edge-1", clock=SystemClock(), security=None)
            side._instance = instance
            sides.append(side)
        assert sides[0].ends_where(sides[1]) is ends_there
        assert [side.server for side in sides] == [one or "127.0.0.1:9", other or "127.0.0.1:9"]
        for side in sides:
            await side.close()

    asyncio.run(test())


def test_an_answer_ends_a_row_of_failures() -> None:
    """What fails now and then is no reason to leave."""

    async def use(connection: ServerConnection) -> None:
        for count in range(24):
            if count % 8:
                with pytest.raises(RemoteFailedError):
                    await ask(connection, pictures(1)[0])
            else:
                await ask(connection, pictures(1)[0])
        assert not connection.lost.is_set()

    with_server(EveryEighth(), use)


def test_an_application_that_gives_up_disturbs_nobody() -> None:
    """A cancelled request leaves no half of itself on the stream."""
    sent = pictures(2)

    async def use(connection: ServerConnection) -> None:
        impatient = asyncio.create_task(ask(connection, sent[0], request_id="impatient"))
        await asyncio.sleep(0)
        impatient.cancel()
        reply = await ask(connection, sent[1])
        assert torch.equal(reply.outputs[0], tiny_network().whole((sent[1],))[0])

    with_server(Answering(), use)


@pytest.mark.parametrize("service", [Deaf(stays=False), LeavingAtTheFirst()], ids=["at once", "mid-request"])
def test_a_server_that_leaves(service: InferenceService) -> None:
    """The end of the stream ends every request that waits, at once and as a lost link; so does asking after it."""

    async def use(connection: ServerConnection) -> None:
        waiting = [
            asyncio.create_task(ask(connection, picture, request_id=f"r{number}"))
            for number, picture in enumerate(pictures(3))
        ]
        for result in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(result, LinkError)
        await connection.lost.wait()
        with pytest.raises(UnsentError, match="was lost before r was sent"):
            await ask(connection, pictures(1)[0])

    with_server(service, use)


def test_closing_ends_what_waits() -> None:
    """An edge that lets go of a server leaves no request without an end."""

    async def use(connection: ServerConnection) -> None:
        waiting = asyncio.create_task(ask(connection, pictures(1)[0]))
        await asyncio.sleep(0)
        await connection.close()
        with pytest.raises(LinkError):
            await waiting

    with_server(Answering(batch=2), use)


def established(address: str) -> int:
    """Both ends of connections to a port of this host that are open now."""
    port = f":{int(address.rpartition(':')[2]):04X}"
    lines = [
        line.split() for table in ("tcp", "tcp6") for line in Path("/proc/self/net", table).read_text().splitlines()
    ]
    return sum(port in (local[-5:], remote[-5:]) for _, local, remote, state, *_ in lines if state == "01")


@pytest.mark.parametrize("is_greeted", [True, False])
def test_a_closed_connection_keeps_no_socket(is_greeted: bool) -> None:
    """Whoever still refers to it: a server that an edge has left, or not joined, would hold a connection for it."""

    async def use(connection: ServerConnection) -> None:
        if is_greeted:
            await connection.hello("edge", 1.0)
            await ask(connection, pictures(1)[0])
        else:
            with pytest.raises(ContractError):
                await connection.hello("edge", 8.0)
        assert established(connection.address) == 2
        await connection.close()
        while established(connection.address):
            await asyncio.sleep(0.001)

    with_server(Answering(), use)


def test_what_cannot_be_sent_fails_at_once() -> None:
    """Nothing of it is on its way that could be waited for, and the stream goes on."""

    async def use(connection: ServerConnection) -> None:
        encoded = codec("raw").encode((pictures(1)[0],))
        with pytest.raises(ContractError, match="epoch"):
            await connection.finish("r", replace(PLAN, epoch=1 << 64), encoded, timeout_s=WAIT_S)
        assert (await ask(connection, pictures(1)[0])).origin is Origin.COMPUTED
        assert not connection.lost.is_set()

    with_server(Answering(), use)


def test_a_reply_of_another_shape_is_refused() -> None:
    """What a server sends is decoded only where it is what this network answers."""
    with_server(Refusing(ReplyStatus.OK), _expect_refusal)


def test_a_reply_of_negative_joules_is_none() -> None:
    """Counters refuse to fall, and would once the answer is there: a lost server, so the edge answers by itself."""

    async def use(connection: ServerConnection) -> None:
        with pytest.raises(LinkError, match=r"lost before it answered r: server_energy_j: -0\.5; expected 0 to"):
            await ask(connection, pictures(1)[0])

    with_server(Refusing(ReplyStatus.OK, energy_j=-0.5), use)


async def _expect_refusal(connection: ServerConnection) -> None:
    with pytest.raises(RemoteFailedError, match="0 tensors arrived; expected 1"):
        await ask(connection, pictures(1)[0])


def test_another_emulated_time_is_refused() -> None:
    """Two sides that live in different times would add up seconds of different lengths."""

    async def use(connection: ServerConnection) -> None:
        assert (await connection.hello("edge", 1.0)).name == "gpu"
        with pytest.raises(ContractError, match="gpu runs with slowdown 1, this side with 8"):
            await connection.hello("edge", 8.0)

    with_server(Answering(), use)


def test_nothing_is_sent_before_a_network_is_agreed_on() -> None:
    """A request to a server that was never joined is a lost link, not a wrong answer."""

    async def use(connection: ServerConnection) -> None:
        connection.network = None
        with pytest.raises(LinkError, match="no network agreed on yet"):
            await ask(connection, pictures(1)[0])

    with_server(Answering(), use)


def test_an_echo_counts_the_servers_time_apart() -> None:
    """A probe reports what the server says it took beside what passed here."""

    async def use(connection: ServerConnection) -> None:
        sample = await connection.echo(1000, 2000)
        assert sample.server_s == 0.25
        assert sample.elapsed_s > 0

    with_server(Answering(), use)


def test_a_lost_server_is_asked_nothing_more() -> None:
    """A request that comes after the loss fails at once, so that it can go elsewhere."""

    async def use(connection: ServerConnection) -> None:
        connection.lost.set()
        with pytest.raises(LinkError, match="was lost before r was sent"):
            await ask(connection, pictures(1)[0])

    with_server(Answering(), use)


class _Origins:
    """Answers, and says that it is for a retry."""

    def __init__(self) -> None:
        self.headers: list[RequestHeader] = []

    async def serve(self, stream: InferenceServerStream) -> None:
        async for request in stream.requests():
            self.headers.append(request.header)
            outputs = tiny_network().whole(codec("raw").decode(request.frames))
            origin = Origin.KEPT if request.header.attempt else Origin.COMPUTED
            header = ReplyHeader(request_id=request.header.request_id, current_epoch=EPOCH, origin=origin)
            await stream.reply(header, codec("raw").encode(outputs))


def test_an_attempt_is_named_and_its_origin_told() -> None:
    """The server learns that it sees a request again, the edge whether the answer was computed for it."""
    service = _Origins()

    async def use(connection: ServerConnection) -> None:
        encoded = codec("raw").encode((pictures(1)[0],))
        for attempt, origin in enumerate((Origin.COMPUTED, Origin.KEPT)):
            reply = await connection.finish("r", PLAN, encoded, timeout_s=WAIT_S, attempt=attempt)
            assert reply.origin is origin
        assert [(header.request_id, header.attempt) for header in service.headers] == [("r", 0), ("r", 1)]
        assert service.headers[0].budget_s == pytest.approx(0.8 * WAIT_S)

    with_server(service, use)
