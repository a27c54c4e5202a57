"""The plans that sessions were given, with what they were made from, for as long as the dashboard shows them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from joulecut_core.plans import Assignment, Plan
from joulecut_core.problems import Problem
from joulecut_planner.policies import PricedChoice
from joulecut_proto.planning_messages import SessionReply, SessionRequest
from joulecut_server.sessions.sessions import SessionBook

MOST_SESSIONS = 64
"""Sessions that are shown, the latest to plan; each keeps two problems, a few hundred kilobytes apiece."""
_PLANS_EACH = 2
"""The one in force, and the one that is about to take its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPlan:
    """One answer of the planner to one session. `number` tells it from all others.

    `priced`: the plan for the link as it was, at what the whole problem says that it costs.
    """

    number: int
    request: SessionRequest
    reply: SessionReply
    priced: PricedChoice
    plans: Mapping[int, tuple[Assignment, Plan]]
    """By epoch: the plan for the link as it was, and those for other uplinks."""

    @property
    def problem(self) -> Problem:
        """What plans of this session are priced by, whatever its policy believes."""
        return self.priced.problem

    @property
    def session_id(self) -> str:
        """Whose it is."""
        return self.request.session_id

    @property
    def own_epoch(self) -> int | None:
        """The epoch of the plan for the link as it was; None where no choice exists."""
        return None if self.reply.assignment is None else self.reply.assignment.epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPlan:
    """What a session runs, or is about to.

    `epoch`: whose plan is `plan`, that of the latest request where one came under this set. `in_force`: whether the
    edge has taken it up.
    """

    kept: KeptPlan
    epoch: int | None
    plan: Plan
    in_force: bool

    @property
    def follows_link(self) -> bool:
        """Whether the edge has left the plan for the link as it was for one of the others."""
        return self.epoch != self.kept.own_epoch

    @property
    def promised(self) -> Plan | None:
        """What the policy's own model promises of it; None where the policy has no model of its own."""
        return None if self.follows_link else self.kept.priced.promised


class KeptPlans:
    """Plans by session, the latest first out. Used from the event loop only."""

    def __init__(self, sessions: SessionBook, *, most: int = MOST_SESSIONS) -> None:
        self._sessions = sessions
        self._most = most
        self._made = 0
        self._kept: OrderedDict[str, deque[KeptPlan]] = OrderedDict()
        self._epochs: dict[str, int] = {}

    def planned(self, request: SessionRequest, reply: SessionReply, priced: PricedChoice) -> None:
        """A session was given a plan; previews are nobody's."""
        if request.preview:
            return
        self._made += 1
        plans: dict[int, tuple[Assignment, Plan]] = {}
        for band in reply.bands:
            if band.assignment is not None:
                plans[band.assignment.epoch] = (band.assignment, band.plan)
        if reply.assignment is not None:
            plans[reply.assignment.epoch] = (reply.assignment, priced.plan)
        kept = KeptPlan(number=self._made, request=request, reply=reply, priced=priced, plans=MappingProxyType(plans))
        self._kept.setdefault(request.session_id, deque(maxlen=_PLANS_EACH)).append(kept)
        self._kept.move_to_end(request.session_id)
        while len(self._kept) > self._most:
            session_id, _ = self._kept.popitem(last=False)
            self._epochs.pop(session_id, None)

    def requested(self, session_id: str, epoch: int) -> None:
        """A request of a session came under this epoch."""
        if session_id in self._kept:
            self._epochs[session_id] = epoch

    def shown(self) -> Iterator[ShownPlan]:
        """What sessions run, the latest to plan first; those that have ended are forgotten."""
        for session_id in [each for each in self._kept if each not in self._sessions]:
            del self._kept[session_id]
            self._epochs.pop(session_id, None)
        for session_id, kept in reversed(self._kept.items()):
            yield self._now(session_id, kept)

    def _now(self, session_id: str, kept: deque[KeptPlan]) -> ShownPlan:
        valid = {each.epoch for each in self._sessions.in_force(session_id)}
        for each in reversed(kept):
            if valid & each.plans.keys():
                latest = self._epochs.get(session_id)
                epoch = latest if latest is not None and latest in each.plans else each.own_epoch
                plan = each.priced.plan if epoch is None else each.plans[epoch][1]
                return ShownPlan(kept=each, epoch=epoch, plan=plan, in_force=True)
        newest = kept[-1]
        return ShownPlan(kept=newest, epoch=newest.own_epoch, plan=newest.priced.plan, in_force=False)
