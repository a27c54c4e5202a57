"""A server from which nothing comes back in time: each request ends by itself, and the connection says so."""

from __future__ import annotations

import asyncio
import logging

import pytest
import torch

from joulecut_core.errors import LinkError
from joulecut_core.networks import TensorSpec
from joulecut_core.tensor_frames import TensorFrame
from joulecut_edge.peers.remote import UnansweredError
from joulecut_edge.peers.server_connection import ServerConnection
from tests.edge.peers.connected_server import PLAN, Answering, Deaf, ask, with_server
from tests.integration.tiny_network import pictures, tiny_network


async def arrived(connection: ServerConnection, service: Answering, count: int) -> None:
    """Wait until so many requests are there, given up or not: the next one's turn to be sent is at once."""
    while len(service.ids) < count:
        await asyncio.sleep(0.001)
    async with connection._sending:
        return


def test_a_server_that_takes_nothing_is_given_up_in_time() -> None:
    """A link that stalls in the middle of a tensor ends each request within its patience, and is not used for long."""
    large = TensorFrame(spec=TensorSpec(name="0", dtype="uint8", shape=(16 << 20,)), payload=bytes(16 << 20))

    async def use(connection: ServerConnection) -> None:
        for number in range(3):
            assert not connection.silent.is_set()
            with pytest.raises(UnansweredError, match=rf"did not answer r{number} within 0.100 s"):
                await connection.finish(f"r{number}", PLAN, (large,), timeout_s=0.1)
        assert connection.silent.is_set()

    with_server(Deaf(stays=True), use)


def test_a_server_that_is_silent_is_given_up_and_kept() -> None:
    """A request that was sent and not answered in time ends alone: others on the stream still get their answers."""
    sent, service = pictures(2), Answering(batch=2)

    async def use(connection: ServerConnection) -> None:
        with pytest.raises(UnansweredError, match=r"did not answer first within 0.050 s"):
            await ask(connection, sent[0], request_id="first", timeout_s=0.05)
        await arrived(connection, service, 1)
        reply = await ask(connection, sent[1])
        assert torch.equal(reply.outputs[0], tiny_network().whole((sent[1],))[0])
        assert not connection.lost.is_set()

    with_server(service, use)


def test_a_connection_on_which_nothing_comes_back_is_silent() -> None:
    """A link that stalls without breaking must not cost every request its patience until gRPC notices."""

    async def use(connection: ServerConnection) -> None:
        for _ in range(3):
            assert not connection.silent.is_set()
            with pytest.raises(LinkError, match="did not answer"):
                await ask(connection, pictures(1)[0], timeout_s=0.02)
        assert connection.silent.is_set()
        assert not connection.lost.is_set()

    with_server(Answering(batch=99), use)


def test_a_late_reply_ends_silence() -> None:
    """Whoever is slow lives."""
    service = Answering(batch=4)

    async def use(connection: ServerConnection) -> None:
        for number in range(3):
            with pytest.raises(LinkError, match="did not answer"):
                await ask(connection, pictures(1)[0], request_id=f"r{number}", timeout_s=0.02)
            await arrived(connection, service, number + 1)
        assert connection.silent.is_set()
        await ask(connection, pictures(1)[0], request_id="fourth")
        assert not connection.silent.is_set()
        while connection.dropped < 3:
            await asyncio.sleep(0.001)
        with pytest.raises(LinkError, match="did not answer"):
            await ask(connection, pictures(1)[0], request_id="fifth", timeout_s=0.02)
        assert not connection.silent.is_set(), "one in a row"

    with_server(service, use)


def test_who_ended_a_stream_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """An edge that leaves a server does not say that the server ended the stream."""

    async def use(connection: ServerConnection) -> None:
        await ask(connection, pictures(1)[0])

    with caplog.at_level(logging.INFO):
        with_server(Answering(), use)
    assert "left by this edge" in caplog.text
    assert "ended the stream" not in caplog.text


def test_what_is_given_up_before_its_turn_is_not_sent() -> None:
    """On a slow link the one before it is still on its way: nobody waits for this one any more."""
    service = Answering()

    async def use(connection: ServerConnection) -> None:
        async with connection._sending:
            with pytest.raises(UnansweredError):
                await ask(connection, pictures(1)[0], request_id="given up", timeout_s=0.02)
        await ask(connection, pictures(1)[0], request_id="next")
        assert service.ids == ["next"]

    with_server(service, use)


def test_a_late_reply_is_dropped_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever gave up is not answered any more, and the reply shows that the server lives; a server may send many."""
    sent, service = pictures(2), Answering(batch=2)

    async def use(connection: ServerConnection) -> None:
        with pytest.raises(UnansweredError):
            await ask(connection, sent[0], request_id="first", timeout_s=0.05)
        await arrived(connection, service, 1)
        await ask(connection, sent[1], request_id="second")
        while not connection.dropped:
            await asyncio.sleep(0.001)
        assert (connection.heard.is_set(), connection.dropped) == (True, 1)
        assert not connection.lost.is_set()

    with caplog.at_level(logging.INFO):
        with_server(service, use)
    assert "nobody waits for" not in caplog.text


def test_silence_must_last_before_it_counts() -> None:
    """Deadlines of milliseconds are missed in no time: a server that pauses for less than a second is not silent."""

    async def use(connection: ServerConnection) -> None:
        for number in range(4):
            with pytest.raises(UnansweredError):
                await ask(connection, pictures(1)[0], request_id=f"r{number}", timeout_s=0.001)
        assert not connection.silent.is_set()
        assert not connection.lost.is_set()

    with_server(Answering(batch=99), use, silence_s=60.0)


def test_silence_counts_from_the_first_request_of_a_row() -> None:
    """However short its requests' patience is, a server that answers none of them is given up once it has lasted."""
    silence_s = 0.3

    async def use(connection: ServerConnection) -> None:
        start_s = asyncio.get_running_loop().time()
        while not connection.silent.is_set():
            with pytest.raises(UnansweredError):
                await ask(connection, pictures(1)[0], timeout_s=0.02)
        assert asyncio.get_running_loop().time() - start_s >= silence_s

    with_server(Answering(batch=10_000), use, silence_s=silence_s)
