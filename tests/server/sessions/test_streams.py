"""A session lives as long as a stream speaks for it, or one may still come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

import pytest

import joulecut_server.sessions.streams
from joulecut_planner import PlanningInputs, Policy, PolicyPlan, plan_policy
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_server.sessions.epochs import EpochCounter
from joulecut_server.sessions.sessions import SessionBook
from joulecut_server.sessions.streams import SessionStreams
from tests.integration.tiny_profiles import server_profile
from tests.proto.streaming.stream_messages import iter_async
from tests.server.parts import REQUEST

SOON_S = 0.001
LATE_S = 1000.0


@cache
def made() -> PolicyPlan:
    """A plan that has a choice."""
    return plan_policy(
        Policy.ALL_SERVER,
        PlanningInputs(
            edge=REQUEST.edge,
            server=server_profile(),
            wires=REQUEST.wires,
            link=REQUEST.link,
            slo=REQUEST.slo,
            objective=REQUEST.objective,
            max_accuracy_loss=0.0,
        ),
    )


class Ends:
    """Which sessions were ended."""

    def __init__(self, sessions: SessionBook) -> None:
        self._sessions = sessions
        self.ids: list[str] = []
        self.any = asyncio.Event()

    async def release(self, session_id: str) -> None:
        self._sessions.release(session_id)
        self.ids.append(session_id)
        self.any.set()


def in_force(sessions: SessionBook, session_id: str = "s") -> int:
    """A plan of a session put in force; its epoch."""
    assignment = sessions.propose(session_id, made(), network_digest=REQUEST.network_digest)[0]
    assert assignment is not None
    sessions.activate(session_id, assignment.epoch)
    return assignment.epoch


def stream(session_id: str | None = None, *, others: bool = False) -> InferenceServerStream:
    """One that announces a session, or does not; `others`: it may not say anything of it."""

    async def write(_: bytes) -> None:
        raise AssertionError

    made = InferenceServerStream(iter_async([]), write, session_id=session_id)
    if others:
        made.speaks_for = lambda _: False
    return made


Use = Callable[[SessionStreams, SessionBook, Ends], Awaitable[None]]


def with_streams(folder: Path, use: Use, *, unheard_s: float = LATE_S) -> None:
    """Run `use` on streams of one server."""

    async def run() -> None:
        sessions = SessionBook(EpochCounter(folder / "epoch"))
        ends = Ends(sessions)
        await use(SessionStreams(sessions, ends.release, unheard_s=unheard_s), sessions, ends)

    asyncio.run(run())


def test_a_session_that_no_stream_comes_for_ends(tmp_path: Path) -> None:
    """Killed after its plan was put in force and before anything else: its clock is free soon."""

    async def use(streams: SessionStreams, sessions: SessionBook, ends: Ends) -> None:
        in_force(sessions)
        streams.expect("s")
        await ends.any.wait()
        assert ends.ids == ["s"]

    with_streams(tmp_path, use, unheard_s=SOON_S)


def test_a_session_that_is_heard_of_in_time_is_waited_for_no_longer(tmp_path: Path) -> None:
    """Nothing comes of the wait for it, while another's that began later ends as it should."""

    async def use(streams: SessionStreams, sessions: SessionBook, ends: Ends) -> None:
        complaints: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
        for session_id in "st":
            in_force(sessions, session_id)
            streams.expect(session_id)
        streams.open(stream("s"))
        await ends.any.wait()
        assert (ends.ids, complaints) == (["t"], [])

    with_streams(tmp_path, use, unheard_s=SOON_S)


def test_a_session_that_is_put_in_force_again_is_waited_for_anew(tmp_path: Path) -> None:
    """The wait for its plan before this one is over with it: one end, and nothing goes wrong behind it."""

    async def use(streams: SessionStreams, sessions: SessionBook, ends: Ends) -> None:
        complaints: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
        for session_id in "sst":
            in_force(sessions, session_id)
            streams.expect(session_id)
        while len(ends.ids) < 2:
            ends.any.clear()
            await ends.any.wait()
        assert (ends.ids, complaints) == (["s", "t"], [])

    with_streams(tmp_path, use, unheard_s=SOON_S)


def test_a_stream_of_anothers_is_not_one_of_the_session(tmp_path: Path) -> None:
    """It neither keeps a session whose edge is gone, nor ends one by leaving."""

    async def use(streams: SessionStreams, sessions: SessionBook, ends: Ends) -> None:
        foreign = stream("s", others=True)
        streams.open(foreign)
        in_force(sessions)
        streams.expect("s")
        await ends.any.wait()
        in_force(sessions)
        await streams.close(foreign)
        assert ends.ids == ["s"]

    with_streams(tmp_path, use, unheard_s=SOON_S)


def test_a_session_with_a_silent_stream_stays(tmp_path: Path) -> None:
    """An idle camera keeps its plan; the timer is not even set, whatever comes first."""

    async def use(streams: SessionStreams, sessions: SessionBook, ends: Ends) -> None:
        first, second = stream("s"), stream()
        streams.open(first)
        epoch = in_force(sessions)
        streams.expect("s")
        assert not streams._expected
        await streams.close(first)
        assert ends.ids == ["s"]
        epoch = in_force(sessions)
        streams.expect("s")
        assert streams._expected
        streams.open(second)
        streams.heard(second, "s", epoch)
        assert not streams._expected

    with_streams(tmp_path, use)


def test_the_last_of_its_streams_ends_a_session(tmp_path: Path) -> None:
    """Two connections of one edge, one after the other or side by side, in either order."""

    async def use(streams: SessionStreams, sessions: SessionBook, ends: Ends) -> None:
        for order in ((0, 1), (1, 0)):
            both = (stream("s"), stream())
            epoch = in_force(sessions)
            for each in both:
                streams.open(each)
                streams.heard(each, "s", epoch)
            await streams.close(both[order[0]])
            assert ends.ids == []
            await streams.close(both[order[1]])
            assert ends.ids == ["s"]
            ends.ids.clear()

    with_streams(tmp_path, use)


def test_an_edge_that_planned_again_and_vanished_ends_too(tmp_path: Path) -> None:
    """The old plan's stream says nothing of the new one's; a stream for that must come, or it is over."""

    async def use(streams: SessionStreams, sessions: SessionBook, ends: Ends) -> None:
        old = stream()
        streams.open(old)
        streams.heard(old, "s", in_force(sessions))
        in_force(sessions)
        await streams.close(old)
        assert ends.ids == []
        await ends.any.wait()
        assert ends.ids == ["s"]

    with_streams(tmp_path, use, unheard_s=SOON_S)


def test_a_session_that_ended_meanwhile_is_let_alone(tmp_path: Path) -> None:
    """Released, and planned again for later: an old timer must not end that."""

    async def use(streams: SessionStreams, sessions: SessionBook, ends: Ends) -> None:
        in_force(sessions)
        streams.expect("s")
        sessions.release("s")
        sessions.propose("s", made(), network_digest=REQUEST.network_digest)
        while streams._expected:
            await asyncio.sleep(SOON_S)
        assert (ends.ids, len(sessions)) == ([], 1)

    with_streams(tmp_path, use, unheard_s=SOON_S)


def test_sessions_that_are_over_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One stream on which sessions come and go for weeks takes no more and more memory."""
    monkeypatch.setattr(joulecut_server.sessions.streams, "_MOST_SPOKEN_FOR", 3)

    async def use(streams: SessionStreams, sessions: SessionBook, ends: Ends) -> None:
        each = stream()
        streams.open(each)
        streams.heard(each, "s", in_force(sessions))
        for number in range(20):
            streams.heard(each, f"over-{number}", 1)
        assert len(streams._speaking) <= 3
        await streams.close(each)
        assert "s" in ends.ids

    with_streams(tmp_path, use)
