"""What the server knows of each edge: what it planned for, and which epochs it may send requests under.

Everything here can be rebuilt from the edge's next plan request, so a restarted server loses nothing
that matters; only the epoch counter is on disk.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass

from joulecut_core.errors import ContractError
from joulecut_core.plans import Assignment
from joulecut_planner import PolicyPlan
from joulecut_server.epochs import EpochCounter

_LOG = logging.getLogger(__name__)

_MOST_SESSIONS = 10_000
"""The longest silent ones are forgotten beyond this; they plan again when they come back."""


@dataclass(slots=True)
class _Session:
    proposed: Assignment | None = None
    active: Assignment | None = None
    previous: Assignment | None = None


class SessionBook:
    """Gives plans their epochs and remembers which are valid. Used from the event loop only."""

    def __init__(self, epochs: EpochCounter, *, most: int = _MOST_SESSIONS) -> None:
        self._epochs = epochs
        self._most = most
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def last_epoch(self) -> int:
        """The highest epoch handed out."""
        return self._epochs.last

    def propose(self, session_id: str, made: PolicyPlan, *, network_digest: str) -> Assignment | None:
        """An epoch for a plan made for an edge, which `activate` can put in force; None where no choice exists."""
        chosen = made.plan
        if chosen.cut is None or chosen.codec is None or chosen.variant is None:
            return None
        assignment = Assignment(
            epoch=self._epochs.next(),
            network_digest=network_digest,
            policy=made.policy.value,
            cut=chosen.cut,
            codec=chosen.codec,
            variant=chosen.variant,
            edge_clock=None if made.governed else chosen.edge_clock,
            server_clock=chosen.server_clock,
        )
        self._started(session_id).proposed = assignment
        _LOG.info("session %s: planned %s", session_id, assignment)
        return assignment

    def activate(self, session_id: str, epoch: int) -> Assignment:
        """Put a proposed epoch in force; the one before stays valid for requests already under way."""
        session = self._known(session_id)
        if session.active is not None and session.active.epoch == epoch:
            return session.active
        if session.proposed is None or session.proposed.epoch != epoch:
            offered = "none" if session.proposed is None else str(session.proposed.epoch)
            raise ContractError(
                f"epoch {epoch} of session {session_id} was never planned; proposed: {offered}: plan again"
            )
        session.previous, session.active, session.proposed = session.active, session.proposed, None
        return session.active

    def check(self, session_id: str, *, epoch: int, network_digest: str, cut: int, codec: str) -> Assignment:
        """The assignment that a request belongs to; raises ContractError where it is stale or was never given."""
        session = self._known(session_id)
        for assignment in (session.active, session.previous):
            if assignment is not None and assignment.epoch == epoch:
                expected = (assignment.network_digest, assignment.cut, assignment.codec)
                if expected != (network_digest, cut, codec):
                    raise ContractError(
                        f"request under epoch {epoch} for network {network_digest}, cut {cut}, codec {codec}; "
                        f"expected {expected[0]}, {expected[1]}, {expected[2]}: plan again"
                    )
                return assignment
        current = self.current_epoch(session_id)
        raise ContractError(
            f"epoch {epoch} is not in force for session {session_id}; the current one is {current}: plan again"
        )

    def current_epoch(self, session_id: str) -> int:
        """The epoch in force for a session; 0 where there is none."""
        session = self._sessions.get(session_id)
        return 0 if session is None or session.active is None else session.active.epoch

    def release(self, session_id: str) -> None:
        """Forget a session."""
        self._sessions.pop(session_id, None)

    def _known(self, session_id: str) -> _Session:
        """The session, heard of just now; an empty one that is not kept where there is none."""
        session = self._sessions.get(session_id)
        if session is None:
            return _Session()
        self._sessions.move_to_end(session_id)
        return session

    def _started(self, session_id: str) -> _Session:
        session = self._sessions.setdefault(session_id, _Session())
        self._sessions.move_to_end(session_id)
        while len(self._sessions) > self._most:
            self._sessions.popitem(last=False)
        return session
