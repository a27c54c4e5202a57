"""What the server knows of each edge: what it planned for, and which epochs it may send requests under.

Plans come in sets: the one for the link as it is, and those for other uplinks that an edge may change to by itself.
Putting any of a set in force puts all of it in force, and the set before stays valid for requests under way.

Everything here can be rebuilt from the edge's next plan request, so a restarted server loses nothing
that matters; only the epoch counter is on disk.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ContractError
from joulecut_core.plans import OPTIMAL, Assignment, Plan
from joulecut_core.problems import Problem
from joulecut_planner import PolicyPlan
from joulecut_server.sessions.epochs import EpochCounter

_LOG = logging.getLogger(__name__)

_MOST_SESSIONS = 10_000
"""The longest silent ones are forgotten beyond this; they plan again when they come back."""


_PlanSet = dict[int, Assignment]
"""Assignments by epoch."""


@dataclass(slots=True)
class _Session:
    proposed: _PlanSet = field(default_factory=dict)
    active: _PlanSet = field(default_factory=dict)
    previous: _PlanSet = field(default_factory=dict)
    spare_losses: dict[int, float] = field(default_factory=dict)
    """By epoch, what a plan leaves of the loss of accuracy that the edge accepts."""


class SessionBook:
    """Gives plans their epochs and remembers which are valid. Used from the event loop only."""

    def __init__(self, epochs: EpochCounter, *, most: int = _MOST_SESSIONS) -> None:
        self._epochs = epochs
        self._most = most
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def __contains__(self, session_id: object) -> bool:
        return session_id in self._sessions

    @property
    def last_epoch(self) -> int:
        """The highest epoch handed out since the start; 0 before the first."""
        return self._epochs.last

    def propose(
        self,
        session_id: str,
        made: PolicyPlan,
        others: Sequence[Plan] = (),
        *,
        network_digest: str,
        max_accuracy_loss: float = 0.0,
    ) -> tuple[Assignment | None, ...]:
        """Epochs for a plan and for others that an edge may change to by itself, in this order; not in force yet.

        A session more may be one too many: see `forget_silent`.
        `max_accuracy_loss`: what the edge accepts; what plans leave of it, this server may spend.
        Plans that are carried out alike share one. None for a plan that is infeasible, all None where the first has no
        choice; the first may be infeasible, being the nearest there is.
        """
        choices = [_Carried.of(made.plan)]
        if choices[0] is None:
            return (None,) * (1 + len(others))
        choices += [_Carried.of(plan) if plan.status == OPTIMAL else None for plan in others]
        distinct = list(dict.fromkeys(choice for choice in choices if choice is not None))
        given = {
            choice: choice.assigned(epoch, made.policy.value, network_digest=network_digest)
            for epoch, choice in zip(self._epochs.take(len(distinct)), distinct, strict=True)
        }
        session = self._started(session_id)
        session.proposed = {each.epoch: each for each in given.values()}
        assignments = tuple(None if choice is None else given[choice] for choice in choices)
        kept = {**session.proposed, **session.active, **session.previous}
        session.spare_losses = {epoch: loss for epoch, loss in session.spare_losses.items() if epoch in kept}
        for assignment, plan in zip(assignments, (made.plan, *others), strict=True):
            if assignment is not None:
                session.spare_losses[assignment.epoch] = max(max_accuracy_loss - _loss(made.problem, plan), 0.0)
        first = assignments[0]
        planned = "nothing" if first is None else f"epoch {first.epoch}, {first}"
        _LOG.info("session %s: planned %s; %d for other uplinks", session_id, planned, len(distinct) - 1)
        return assignments

    def activate(self, session_id: str, epoch: int) -> Assignment:
        """Put the set of a proposed epoch in force; the one before stays valid for requests already under way."""
        session = self._known(session_id)
        if epoch not in session.active:
            if epoch not in session.proposed:
                offered = ", ".join(map(str, session.proposed)) or "none"
                raise ContractError(
                    f"epoch {epoch} of session {session_id} was never planned; proposed: {offered}: plan again"
                )
            session.previous, session.active, session.proposed = session.active, session.proposed, {}
        return session.active[epoch]

    def in_force(self, session_id: str) -> tuple[Assignment, ...]:
        """All assignments of the set in force for a session; none without one."""
        session = self._sessions.get(session_id)
        return () if session is None else tuple(session.active.values())

    def check(
        self, session_id: str, *, epoch: int, network_digest: str, cut: int, codec: str, variant: str
    ) -> Assignment:
        """The assignment that a request belongs to; raises ContractError where it is stale or was never given."""
        session = self._known(session_id)
        assignment = session.active.get(epoch) or session.previous.get(epoch)
        if assignment is None:
            current = self.current_epoch(session_id)
            raise ContractError(
                f"epoch {epoch} is not in force for session {session_id}; the current one is {current}: plan again"
            )
        expected = (assignment.network_digest, assignment.cut, assignment.codec, assignment.variant)
        if expected != (network_digest, cut, codec, variant):
            raise ContractError(
                f"request under epoch {epoch} for network {network_digest[:80]}, cut {cut}, codec {codec[:40]}, "
                f"variant {variant[:40]}; expected "
                f"{assignment.network_digest}, {assignment.cut}, {assignment.codec}, {assignment.variant}: plan again"
            )
        return assignment

    def spare_loss(self, session_id: str, epoch: int) -> float:
        """How much accuracy requests of an epoch can do without beyond what their plan costs; 0 where unknown."""
        session = self._sessions.get(session_id)
        return 0.0 if session is None else session.spare_losses.get(epoch, 0.0)

    def current_epoch(self, session_id: str) -> int:
        """The highest epoch of the set in force for a session, so that no valid epoch is above it; 0 without one."""
        session = self._sessions.get(session_id)
        return 0 if session is None else max(session.active, default=0)

    def is_superseded(self, session_id: str, epoch: int) -> bool:
        """Whether a set without this epoch is in force for a session."""
        session = self._sessions.get(session_id)
        return session is not None and bool(session.active) and epoch not in session.active

    def release(self, session_id: str) -> None:
        """Forget a session."""
        self._sessions.pop(session_id, None)

    def forget_silent(self) -> tuple[str, ...]:
        """Forget the longest silent sessions beyond the most that are kept; which, to give back what they hold."""
        surplus = max(len(self._sessions) - self._most, 0)
        return tuple(self._sessions.popitem(last=False)[0] for _ in range(surplus))

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
        return session


def _loss(problem: Problem, plan: Plan) -> float:
    """The accuracy that a plan's variant and wire cost."""
    variants = (each.accuracy_loss for each in problem.variants if each.name == plan.variant)
    crossed = () if plan.cut is None else problem.cuts[plan.cut].wires
    wires = (each.accuracy_loss for each in crossed if each.codec == plan.codec)
    return next(variants, 0.0) + next(wires, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Carried:
    """What distinguishes one assignment from another."""

    cut: int
    codec: str
    variant: str
    edge_clock: OperatingPoint | None
    server_clock: OperatingPoint | None

    @classmethod
    def of(cls, plan: Plan) -> _Carried | None:
        if plan.cut is None or plan.codec is None or plan.variant is None:
            return None
        return cls(
            cut=plan.cut,
            codec=plan.codec,
            variant=plan.variant,
            edge_clock=plan.edge_clock,
            server_clock=plan.server_clock,
        )

    def assigned(self, epoch: int, policy: str, *, network_digest: str) -> Assignment:
        return Assignment(
            epoch=epoch,
            network_digest=network_digest,
            policy=policy,
            cut=self.cut,
            codec=self.codec,
            variant=self.variant,
            edge_clock=self.edge_clock,
            server_clock=self.server_clock,
        )
