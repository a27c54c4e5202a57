"""A board before a server-agent's inside on virtual time, and a session that it shows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from joulecut_core.figures import FigureKind
from joulecut_core.plans import Assignment
from joulecut_core.problems import Slo
from joulecut_core.timing import ManualClock
from joulecut_proto.inference_messages import ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.security.identity import Identity
from joulecut_server.dashboard.board import Board
from joulecut_server.dashboard.parts import AgentParts
from tests.server.parts import REQUEST, Parts

SLO = Slo(latency_s=0.5, quantile=0.9, rate_hz=5.0)
SERVER_S, SERVER_J = 0.002, 0.03


class Room:
    """A board whose wall clock moves when told to."""

    def __init__(self, folder: Path) -> None:
        self.parts = Parts(folder)
        self.wall = ManualClock()
        self.owners: dict[str, Identity] = {}
        self.parts_of_agent = AgentParts(
            device=self.parts.device,
            clock=self.parts.clock,
            clocks=self.parts.clocks,
            networks=self.parts.networks,
            sessions=self.parts.sessions,
            planning=self.parts.planning,
            inference=self.parts.inference,
            watch=self.parts.watch,
            rules=lambda: None,
            owner_of=self.owners.get,
        )
        self.board = Board(self.parts_of_agent, name="gpu", wall=self.wall)
        self.parts.planning.planned = self.board.planned

    async def joined(self, session_id: str = "edge-1", *, policy: str = "joint") -> Assignment:
        """A session with its plan in force."""
        request = replace(REQUEST, policy=policy, session_id=session_id, slo=SLO)
        reply = await self.parts.planning.plan_session(request)
        assert reply.assignment is not None
        await self.parts.planning.activate(session_id, reply.assignment.epoch)
        return reply.assignment

    def answered(self, assignment: Assignment, *, session_id: str = "edge-1", times: int = 1) -> None:
        """Requests of a session were answered."""
        for _ in range(times):
            self.board.computed(request_under(assignment, session_id), answer())
            self.board.replied(request_under(assignment, session_id), answer())

    async def looked(self) -> dict[str, Any]:
        """A second later: what is published."""
        for clock in (self.wall, self.parts.clock):
            clock.advance_s(1.0)
        await self.board.look()
        return published(self.board)


def request_under(assignment: Assignment, session_id: str = "edge-1") -> RequestHeader:
    """A request's header."""
    return RequestHeader(
        session_id=session_id,
        request_id="r",
        epoch=assignment.epoch,
        network_digest=assignment.network_digest,
        cut=assignment.cut,
        codec=assignment.codec,
        variant=assignment.variant,
    )


def answer(status: ReplyStatus = ReplyStatus.OK) -> ReplyHeader:
    """A reply with what it took."""
    return ReplyHeader(
        request_id="r",
        current_epoch=1,
        status=status,
        decode_s=SERVER_S / 4,
        tail_s=3 * SERVER_S / 4,
        server_energy_j=SERVER_J,
        figures=FigureKind.EMULATED,
    )


def published(board: Board) -> dict[str, Any]:
    """The latest state, as readers get it."""
    state: dict[str, Any] = json.loads(board.published.state)
    return state


def in_room(folder: Path, use: Callable[[Room], Awaitable[None]]) -> None:
    """Run `use` with a board, and put everything away."""

    async def run() -> None:
        room = Room(folder)
        try:
            await asyncio.wait_for(use(room), 60.0)
        finally:
            room.board.close()
            room.parts.planning.close()
            room.parts.worker.close()
            room.parts.device.close()

    asyncio.run(run())
