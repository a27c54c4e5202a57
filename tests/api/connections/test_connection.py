"""`joulecut.connect`: arrays in, arrays and ledgers out, every failure in its own branch of the errors."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import cast

import grpc
import numpy as np
import pytest
import torch

from joulecut.connections import connection
from joulecut.connections.answers import RequestWriter
from joulecut.connections.async_connection import AsyncConnection, connect_async
from joulecut.connections.connection import Answer, Array, Connection, connect
from joulecut_core.errors import ConfigError, ContractError, LinkError
from joulecut_core.problems import Objective
from joulecut_proto.local_messages import InferReply, ReadMetersRequest, ReplanRequest
from tests.api.fake_edge import CLASSES, STATUS, FakeLocal, picture, serving_edge
from tests.free_ports import free_port
from tests.proto.fake_services import NO_PLAN, PROBLEM


@pytest.fixture
def service() -> FakeLocal:
    """The endpoint's service."""
    return FakeLocal()


@pytest.fixture
def served(service: FakeLocal) -> Iterator[tuple[str, asyncio.AbstractEventLoop]]:
    """Where it is served, and its loop."""
    with serving_edge(service) as place:
        yield place


@pytest.fixture
def edge(served: tuple[str, asyncio.AbstractEventLoop]) -> Iterator[Connection]:
    """An open connection."""
    with connect(served[0], timeout_s=20.0) as opened:
        yield opened


def test_infer(edge: Connection) -> None:
    """The outputs as arrays of their own type and shape, with the request's ledger."""
    answer = edge.infer(picture(3))
    (scores,) = answer.outputs
    assert (scores.dtype.name, scores.shape) == ("float32", (1, CLASSES))
    assert int(scores.argmax()) == 3
    assert (answer.ledger.served_by, answer.ledger.joules.server) == ("split", 0.5)


def test_an_agent_that_stands_still_is_waited_for_as_long_as_the_call_says(tmp_path: Path) -> None:
    """One that is stopped, or has no core for a while, listens: a new connection gets as much time as an old one."""
    address = f"unix:{tmp_path / 'edge.sock'}"

    async def asked() -> None:
        async with await connect_async(address, timeout_s=3.0) as opened:
            await opened.infer(picture(3))

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address.removeprefix("unix:"))
        listener.listen()
        with connect(address, timeout_s=3.0) as opened:
            answer = opened.submit(picture(3))
            with pytest.raises(LinkError, match="did not answer in time"):
                asyncio.run(asked())
            with pytest.raises(LinkError, match="did not answer in time"):
                answer.result()


def test_the_default_is_where_a_users_own_agent_listens(
    service: FakeLocal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent started by hand is found without a word about where, by both kinds of connection."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "joulecut").mkdir()

    async def ask() -> str:
        async with await connect_async() as edge:
            return (await edge.status()).network

    with serving_edge(service, f"unix:{tmp_path}/joulecut/edge.sock"):
        with connect() as edge:
            assert edge.status().network == STATUS.network
        assert asyncio.run(ask()) == STATUS.network


def test_arrays_that_are_no_plain_block_of_memory(edge: Connection) -> None:
    """Strided views and big-endian arrays arrive as what they mean, not as what lies in memory."""
    wide = np.zeros((1, 3, 8, 16), np.uint8)
    wide[..., ::2] = 4
    assert int(edge.infer(wide[..., ::2]).outputs[0].argmax()) == 4
    assert int(edge.infer(np.full((1, 2), 2, ">i4")).outputs[0].argmax()) == 2


def test_a_callback_may_ask_for_another_answer(edge: Connection) -> None:
    """An application that goes on where an answer comes in: what it asks there does not wait for itself."""
    kinds: Future[int] = Future()
    first = edge.submit(picture(1))
    first.add_done_callback(lambda _: kinds.set_result(int(edge.infer(picture(2)).outputs[0].argmax())))
    assert kinds.result(10) == 2


def test_how_long_to_wait_may_be_any_number(served: tuple[str, asyncio.AbstractEventLoop]) -> None:
    """One of 32 bits is as long as it says, and an endless one ends nothing; none at all is refused at once."""
    for timeout_s in cast(tuple[float, ...], (np.float32(20.0), float("inf"))):
        with connect(served[0], timeout_s=timeout_s) as edge:
            assert int(edge.infer(picture(3)).outputs[0].argmax()) == 3
    with pytest.raises(ConfigError, match=r"timeout_s: 0\.0; expected seconds above 0"):
        connect(served[0], timeout_s=0.0)


def test_many_at_once(edge: Connection, service: FakeLocal, served: tuple[str, asyncio.AbstractEventLoop]) -> None:
    """Submitted requests are under way together; each future gets its own answer; no id is used twice."""
    loop = served[1]
    loop.call_soon_threadsafe(service.gate.clear)
    futures = [edge.submit(picture(kind)) for kind in range(CLASSES)]
    for _ in futures:
        assert service.waiting.acquire(timeout=10)
    assert not any(future.done() for future in futures)
    # Nobody can take back what is under way, so a late answer always has a place.
    assert not futures[0].cancel()
    loop.call_soon_threadsafe(service.gate.set)
    answers = [future.result(10) for future in futures]
    assert [int(answer.outputs[0].argmax()) for answer in answers] == list(range(CLASSES))
    assert sorted(answer.ledger.request_id for answer in answers) == sorted(service.requests)
    assert len(set(service.requests)) == CLASSES


def test_two_connections_never_share_an_id(
    edge: Connection, service: FakeLocal, served: tuple[str, asyncio.AbstractEventLoop]
) -> None:
    """Request ids are unique at the edge-agent, whoever sends."""
    edge.infer(picture(0))
    with connect(served[0]) as other:
        other.infer(picture(0))
    assert len(set(service.requests)) == 2


def test_a_refused_input(edge: Connection, service: FakeLocal) -> None:
    """The agent's ContractError arrives as one, from `infer` and through the future."""
    service.failure = ContractError("tensor 0 is float32[1]; expected uint8[1, 3, 8, 8]")
    with pytest.raises(ContractError, match=r"edge-agent 127\.0\.0\.1:\d+: tensor 0 is float32\[1\]"):
        edge.infer(np.zeros(1, np.float32))
    assert isinstance(edge.submit(picture(0)).exception(10), ContractError)


def test_a_callback_that_would_end_its_thread(
    edge: Connection, service: FakeLocal, served: tuple[str, asyncio.AbstractEventLoop]
) -> None:
    """That thread brings all answers: it logs what the callback raised, and brings the next."""
    served[1].call_soon_threadsafe(service.gate.clear)
    first, second = edge.submit(picture(1)), edge.submit(picture(2))
    first.add_done_callback(lambda _: sys.exit(3))
    served[1].call_soon_threadsafe(service.gate.set)
    assert [future.result(10).outputs[0].argmax() for future in (first, second)] == [1, 2]
    assert edge.submit(picture(3)).result(10).outputs[0].argmax() == 3


def test_a_reply_that_breaks_its_reader(edge: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong while an answer is read, who waits for it is told."""

    def broken(reply: InferReply) -> Answer:
        raise KeyError(reply.ledger.request_id)

    monkeypatch.setattr(connection, "answer_of", broken)
    assert isinstance(edge.submit(picture(0)).exception(10), KeyError)


def test_an_element_type_that_cannot_be_sent(edge: Connection, service: FakeLocal) -> None:
    """It is refused here, before anything is sent."""
    with pytest.raises(ContractError, match="input0: element type complex64"):
        edge.infer(np.zeros(1, np.complex64))
    assert service.requests == []


def test_what_is_no_array_of_numbers(edge: Connection, service: FakeLocal) -> None:
    """Masked values, rows of several lengths and a tensor that numpy cannot take are refused here, by name."""
    masked = np.ma.masked_array(np.ones((2, 2), dtype=np.float32), mask=[[True, False], [False, False]])
    for value, complaint in (
        (masked, "input0: 1 of 4 values are masked"),
        ([[1], [1, 2]], "input0: .* expected an array of numbers"),
        (torch.ones(2, requires_grad=True), "input0: .* expected an array of numbers"),
        (torch.ones(2, dtype=torch.bfloat16), "input0: .* expected an array of numbers"),
    ):
        with pytest.raises(ContractError, match=complaint):
            edge.submit(cast(Array, value))
    assert not service.requests


def test_a_broadcast_array_that_is_too_large_takes_no_memory(edge: Connection) -> None:
    """Its size is known before its numbers are laid out, which would take four tebibytes."""
    with pytest.raises(ContractError, match="inputs of 4398046511104 bytes; expected at most 67108864"):
        edge.infer(np.broadcast_to(np.float32(1.0), (1 << 20, 1 << 20)))


def test_more_than_can_be_sent(edge: Connection, service: FakeLocal) -> None:
    """It is refused here as well, with the bytes: no link is at fault, and no second try would help."""
    with pytest.raises(ContractError, match=r"^inputs of 67108865 bytes; expected at most 67108864"):
        edge.submit(picture(0), np.zeros((64 << 20) + 1 - picture(0).nbytes, np.uint8))
    # Names and headers count as well, which gRPC alone knows of.
    with pytest.raises(ContractError, match=r"a request of \d+ bytes; expected at most 67108864"):
        edge.infer(np.zeros(64 << 20, np.uint8))
    assert service.requests == []


def test_more_than_the_agent_takes(service: FakeLocal) -> None:
    """It is the caller's fault, not the link's, whichever connection it came by."""
    too_large = (
        r"edge-agent 127\.0\.0\.1:\d+: a request of \d+ bytes; expected at most 1024; send what its network takes"
    )

    async def ask(address: str) -> None:
        async with await connect_async(address) as edge:
            await edge.infer(np.zeros(1024, np.uint8))

    with serving_edge(service, limit_bytes=1024) as (address, _):
        with connect(address) as edge, pytest.raises(ContractError, match=too_large):
            edge.infer(np.zeros(1024, np.uint8))
        with pytest.raises(ContractError, match=too_large):
            asyncio.run(ask(address))


def test_a_slow_agent(service: FakeLocal, served: tuple[str, asyncio.AbstractEventLoop]) -> None:
    """`timeout_s` bounds a request; the error says who did not answer."""
    served[1].call_soon_threadsafe(service.gate.clear)
    with connect(served[0], timeout_s=0.2) as edge, pytest.raises(LinkError, match="did not answer in time"):
        edge.infer(picture(0))


def test_nobody_there() -> None:
    """Connecting is lazy: the first call says that nobody listens, and what to check."""
    with connect("127.0.0.1:1") as edge:
        with pytest.raises(LinkError, match=r"edge-agent 127\.0\.0\.1:1 cannot be reached.*check that it runs"):
            edge.infer(picture(0))
        with pytest.raises(LinkError, match="cannot be reached"):
            edge.status()


def test_nothing_goes_to_another_host_in_plain_text_unless_somebody_says_so() -> None:
    """Inputs may be pictures of people; both kinds of connection ask for the word."""
    for make in (connect, AsyncConnection):
        with pytest.raises(ConfigError, match=r"192.0.2.2:50777: without TLS .* edge's host or, .* insecure=True"):
            make("192.0.2.2:50777")
    connect("192.0.2.2:50777", insecure=True).close()


def test_a_malformed_address() -> None:
    """It is refused at once, with the forms that are understood."""
    with pytest.raises(ConfigError, match="expected host:port"):
        connect("edge.sock")


def test_closing(service: FakeLocal, served: tuple[str, asyncio.AbstractEventLoop]) -> None:
    """Requests under way fail rather than hang, and a closed connection says that it is closed."""
    served[1].call_soon_threadsafe(service.gate.clear)
    edge = connect(served[0])
    future = edge.submit(picture(0))
    assert service.waiting.acquire(timeout=10)
    edge.close()
    assert isinstance(future.exception(10), LinkError)
    for use in (lambda: edge.infer(picture(0)), edge.status):
        with pytest.raises(LinkError, match="this connection is closed; connect again"):
            use()
    edge.close()


def test_status_replan_and_meters(edge: Connection, service: FakeLocal) -> None:
    """The tools' calls reach the agent as they were made, and its answers come back whole."""
    assert edge.status() == STATUS
    request = ReplanRequest(policy="joint", objective=Objective(server_weight=0.0), preview=True)
    reply = edge.replan(request)
    assert (reply.assignment, reply.plan, reply.problem) == (None, NO_PLAN, PROBLEM)
    assert service.replans == [request]
    readings = edge.read_meters(ReadMetersRequest(edge_not_before_s=0.5))
    assert (readings.edge.energy_j, readings.server) == (2.0, None)
    assert service.meters == [ReadMetersRequest(edge_not_before_s=0.5)]


def test_each_connection_is_an_application() -> None:
    """Edges tell them apart by a name, which its requests' ids begin with."""
    first, second = RequestWriter(), RequestWriter()
    asked = [writer.write((np.zeros(1, dtype=np.float32),)) for writer in (first, first, second)]
    assert asked[0].application == asked[1].application != asked[2].application
    assert all(each.request_id.startswith(f"{each.application}-") for each in asked)


def test_a_call_that_failed_is_let_go() -> None:
    """Before any garbage is collected, and with it what it sent: an edge-agent may be away for long."""
    before = _calls()
    gc.disable()
    try:
        with connect(f"127.0.0.1:{free_port()}") as edge, pytest.raises(LinkError):
            edge.submit(np.zeros((1, 3, 8, 8), np.uint8)).result()
        assert not _calls() - before
    finally:
        gc.enable()


def _calls() -> set[int]:
    return {id(each) for each in gc.get_objects() if issubclass(type(each), grpc.RpcError)}
