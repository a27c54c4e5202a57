"""The server's part of requests, over a real stream: admitted or refused with a reason, answered once each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, cast

import pytest
import torch

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ContractError
from joulecut_core.tensor_frames import TensorFrame
from joulecut_planner import solve
from joulecut_proto.agent_messages import Echo, Hello, Side
from joulecut_proto.contract import CONTRACT_VERSION
from joulecut_proto.inference_messages import ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_proto.streaming.pacing import Pace
from joulecut_runtime.execution.part_runner import PartRunner
from joulecut_runtime.wires.codecs import Codec
from joulecut_server.served_network import ServedNetworks
from joulecut_server.serving.scheduler import Scheduler
from tests.integration.tiny_network import tiny_network
from tests.integration.tiny_profiles import server_profile
from tests.server.parts import PICTURE, RAW, REQUEST, TABLE, Parts, Talk, WaitingRunner, with_parts


def test_a_request_is_answered(tmp_path: Path) -> None:
    """The network's answer to the bit, with the server's own seconds and joules."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        before_j = parts.device.exact_energy_j
        reply = await talk.ask(assignment)
        assert torch.equal(RAW.decode(reply.frames)[0], tiny_network().whole((PICTURE,))[0])
        assert (reply.header.status, reply.header.current_epoch) == (ReplyStatus.OK, assignment.epoch)
        assert reply.header.tail_s > 0
        assert reply.header.server_energy_j == pytest.approx(parts.device.exact_energy_j - before_j, rel=0.1)

    with_parts(tmp_path, use)


def test_many_requests_are_answered_once_each(tmp_path: Path) -> None:
    """More requests than may be under way at once: each one is answered, none twice."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        ids = [f"r{number}" for number in range(40)]
        sending = asyncio.gather(*(talk.send(assignment, each) for each in ids))
        answered = [(await talk.reply()).header for _ in ids]
        await sending
        assert sorted(header.request_id for header in answered) == sorted(ids)
        # Sixteen may be under way, eight may wait for the device: some are told that there is no room.
        assert {header.status for header in answered} <= {ReplyStatus.OK, ReplyStatus.OVERLOADED}

    with_parts(tmp_path, use)


def test_what_does_not_fit_the_plan_is_refused_and_the_stream_goes_on(tmp_path: Path) -> None:
    """Wrong epoch, cut or tensors: each is refused in its own reply with what was expected, and others still run."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        stale = await talk.ask(replace(assignment, epoch=9))
        assert (stale.header.status, stale.header.current_epoch) == (ReplyStatus.STALE, 1)
        assert "epoch 9 is not in force for session edge-1; the current one is 1" in stale.header.message
        other_cut = await talk.ask(replace(assignment, cut=2))
        assert other_cut.header.status is ReplyStatus.STALE
        other_variant = await talk.ask(replace(assignment, variant="int8"))
        assert other_variant.header.status is ReplyStatus.STALE
        assert "variant int8; expected" in other_variant.header.message
        wrong = await talk.ask(assignment, tensors=(PICTURE[:, :, 1:],))
        assert wrong.header.status is ReplyStatus.INVALID
        assert "uint8[1, 3, 31, 32]; expected uint8[1, 3, 32, 32]" in wrong.header.message
        assert (await talk.ask(assignment)).header.status is ReplyStatus.OK

    with_parts(tmp_path, use)


class FailingRunner(PartRunner):
    """A device that runs out of memory."""

    def tail(self, cut: int, codec: Codec, encoded: Sequence[TensorFrame]) -> NoReturn:
        del cut, codec, encoded
        raise RuntimeError("CUDA out of memory")


def test_a_failed_computation_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The edge learns at once that nothing will come, without the server's inside in the message; the log tells it."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        served = next(iter(parts.networks))
        failing = FailingRunner(tiny_network(), parts.device)
        parts.inference._networks = ServedNetworks((replace(served, runner=failing),))
        reply = await talk.ask(assignment)
        assert reply.header.status is ReplyStatus.FAILED
        assert "memory" not in reply.header.message
        (line,) = [record for record in caplog.records if "out of memory" in record.getMessage()]
        assert line.exc_info is None

    with_parts(tmp_path, use)


def test_draining_answers_what_is_under_way_and_ends_the_stream(tmp_path: Path) -> None:
    """A server that stops lets go of its edges at once, so that they run locally, and loses no request it has."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        waiting = WaitingRunner(parts)
        parts.inference._networks = ServedNetworks((replace(next(iter(parts.networks)), runner=waiting),))
        await talk.send(assignment)
        await waiting.began.wait()
        parts.inference.drain()
        waiting.may_end.set()
        assert (await talk.reply()).header.status is ReplyStatus.OK
        with pytest.raises(StopAsyncIteration):
            await talk.reply()
        assert parts.clocks.leased is None

    with_parts(tmp_path, use)


def test_an_edge_that_vanishes_gives_its_clock_back(tmp_path: Path) -> None:
    """A killed edge must not leave the GPU at the clock it once asked for; others keep theirs."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        assert parts.clocks.leased == assignment.server_clock
        await talk.ask(assignment)
        talk.leave()
        while parts.clocks.leased is not None:
            await asyncio.sleep(0)
        with pytest.raises(ContractError, match="was never planned"):
            await parts.planning.activate("edge-1", assignment.epoch)

    with_parts(tmp_path, use)


def test_an_edge_that_came_back_keeps_its_clock(tmp_path: Path) -> None:
    """The end of an old stream says nothing about an edge that has planned again since."""

    async def use(parts: Parts, talk: Talk) -> None:
        await talk.ask(await parts.joined())
        again = await parts.joined()
        talk.leave()
        while parts.inference.streams:
            await asyncio.sleep(0)
        assert parts.clocks.leased == again.server_clock
        assert parts.sessions.current_epoch("edge-1") == again.epoch

    with_parts(tmp_path, use)


def test_an_edge_that_vanishes_before_its_first_request_gives_its_clock_back(tmp_path: Path) -> None:
    """Its stream said whose session it is for when it was opened; nothing need ever have come on it."""

    async def use(parts: Parts, talk: Talk) -> None:
        early = Talk(talk.channel, session_id="edge-1")
        while not parts.inference.streams:
            await asyncio.sleep(0)
        await parts.joined()
        assert parts.clocks.leased is not None
        early.leave()
        while parts.clocks.leased is not None:
            await asyncio.sleep(0)
        assert parts.sessions.in_force("edge-1") == ()

    with_parts(tmp_path, use)


def test_a_renewed_edge_keeps_its_session(tmp_path: Path) -> None:
    """The old one of two streams ends: what the other speaks for goes on, though no request came on it yet."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        await talk.ask(assignment)
        renewed = Talk(talk.channel, session_id="edge-1")
        while parts.inference.streams < 2:
            await asyncio.sleep(0)
        talk.leave()
        while parts.inference.streams > 1:
            await asyncio.sleep(0)
        assert parts.clocks.leased == assignment.server_clock
        assert (await renewed.ask(assignment)).header.status is ReplyStatus.OK

    with_parts(tmp_path, use)


def test_plans_lease_and_release_the_clock(tmp_path: Path) -> None:
    """The clock is held before `activate` answers; a plan without the server holds none; a preview holds nothing."""

    async def use(parts: Parts, talk: Talk) -> None:
        del talk
        preview = await parts.planning.plan_session(replace(REQUEST, policy="joint", preview=True))
        assert (preview.assignment, parts.sessions.last_epoch, parts.clocks.leased) == (None, 0, None)
        assert solve(preview.problem).energy_j == preview.plan.energy_j
        first = await parts.joined()
        assert first.server_clock == parts.clocks.leased == parts.device.state().point
        other = await parts.joined(policy="joint", session_id="edge-2")
        assert parts.clocks.leased == first.server_clock
        await parts.planning.release("edge-1")
        assert parts.clocks.leased == other.server_clock
        await parts.planning.release("edge-2")
        await parts.planning.release("nobody")
        assert parts.clocks.leased is None

    with_parts(tmp_path, use)


def test_planning_refuses_what_it_does_not_serve(tmp_path: Path) -> None:
    """An unknown network or policy is named with what there is."""

    async def use(parts: Parts, talk: Talk) -> None:
        del talk
        with pytest.raises(
            ContractError, match=f"network 'sha256:00' is not served here; expected one of: tiny {TABLE.digest}"
        ):
            await parts.planning.plan_session(replace(REQUEST, network_digest="sha256:00"))
        with pytest.raises(ContractError, match="policy 'best'; expected one of all-edge"):
            await parts.planning.plan_session(replace(REQUEST, policy="best"))
        assert parts.sessions.last_epoch == 0

    with_parts(tmp_path, use)


def test_a_server_reports_itself(tmp_path: Path) -> None:
    """Name, networks, clocks asked for, meter and echo: what an edge needs before it plans."""

    async def use(parts: Parts, talk: Talk) -> None:
        del talk
        hello = Hello(contract_version=CONTRACT_VERSION, name="edge", side=Side.EDGE, slowdown=2.0)
        reply = await parts.report.hello(hello)
        assert (reply.name, [network.digest for network in reply.networks]) == ("gpu", [TABLE.digest])
        with pytest.raises(ContractError, match="edge runs with slowdown 1, this side with 2"):
            await parts.report.hello(replace(hello, slowdown=1.0))
        point = OperatingPoint(core_mhz=600, memory_mhz=5001)
        parts.clocks.wish("a", point)
        state = await parts.report.state()
        assert (state.leased, state.device.point) == (point, point)
        assert await parts.report.profile(TABLE.digest) == server_profile()
        parts.runner.whole((PICTURE,))
        assert (await parts.report.read_meter(None)).busy_s == parts.runner.busy_s > 0
        echoed = await parts.report.echo(Echo(payload=b"abc", reply_bytes=7))
        assert (len(echoed.payload), echoed.server_s) == (7, 0.0)
        received: dict[str, int] = {}
        async for chunk in parts.report.bundle(TABLE.digest, {}):
            received[chunk.file] = received.get(chunk.file, 0) + len(chunk.data)
        assert received == {path.name: path.stat().st_size for path in (tmp_path / "net").iterdir()}

    with_parts(tmp_path, use)


class Door:
    """A scheduler at which every request is turned away, and that remembers as what it came."""

    def __init__(self) -> None:
        self.priorities: list[int] = []
        self.shares: list[object] = []

    def enter(self, header: RequestHeader, *_: object, **known: object) -> NoReturn:
        """Refuse it."""
        self.priorities.append(header.priority)
        self.shares.append(known["edge"])
        raise TurnedAwayError("not now", ReplyStatus.OVERLOADED, 0.5)


def test_a_request_stands_in_the_line_as_its_edge_may(tmp_path: Path) -> None:
    """What it asks for counts only as far as whoever guards the server allows: nobody goes first by saying so."""
    door = Door()

    async def use(parts: Parts, talk: Talk) -> None:
        parts.inference._scheduler = cast(Scheduler, door)
        assignment = await parts.joined()
        for priority in (-1, 2, 9):
            await talk.send(assignment, f"r{priority}", priority=priority)
            assert (await talk.reply()).header.status is ReplyStatus.OVERLOADED

    with_parts(tmp_path, use, priority_of=lambda session_id, asked: min(asked, {"edge-1": 2}[session_id]))
    assert door.priorities == [-1, 2, 2]


def test_who_ends_its_session_half_way_through_a_request_gains_nothing_by_it(tmp_path: Path) -> None:
    """Its rule and its share of the device are those of its header: at the last byte nobody owns the session."""
    door, owners = Door(), {"edge-1": "cam"}

    async def use(parts: Parts, talk: Talk) -> None:
        parts.inference._scheduler = cast(Scheduler, door)
        rest = await talk.begin(await parts.joined(), priority=1000)
        while not parts.inference.waiting:
            await asyncio.sleep(0)
        await parts.planning.release("edge-1")
        owners.clear()
        await rest()
        assert (await talk.reply()).header.status is ReplyStatus.OVERLOADED

    with_parts(
        tmp_path,
        use,
        share_of=lambda session_id: owners.get(session_id, session_id),
        priority_of=lambda session_id, asked: min(asked, 0) if session_id in owners else asked,
    )
    assert (door.priorities, door.shares) == ([0], ["cam"])


def test_a_refusal_of_the_line_sets_the_streams_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends on is slowed by refusals behind the door too, less the time that a request has waited there."""
    told: list[tuple[ReplyStatus, float]] = []

    def refused(self: Pace, refusal: ReplyHeader, waited_s: float = 0.0) -> None:
        del self
        told.append((refusal.status, refusal.retry_after_s))
        assert waited_s >= 0.0

    async def use(parts: Parts, talk: Talk) -> None:
        parts.inference._scheduler = cast(Scheduler, Door())
        await talk.send(await parts.joined(), "r")
        assert (await talk.reply()).header.retry_after_s == 0.5

    monkeypatch.setattr(Pace, "refused", refused)
    with_parts(tmp_path, use)
    assert told == [(ReplyStatus.OVERLOADED, 0.5)]
