"""Keeps a pool as it should be: as many servers as wanted, the silent replaced, the list of them true.

each look:  hear all ─▶ remove who has left ─▶ replace who is silent, broken or differs ─▶ grow or shrink ─▶ publish
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock
from joulecut_proto.server_list import ListedServer
from joulecut_server.pool.attention import Attention
from joulecut_server.pool.crew import Crew
from joulecut_server.pool.member import Member
from joulecut_server.pool.options import PoolOptions
from joulecut_server.pool.publishing import Publishing
from joulecut_server.pool.scaling import Scaling

_LOG = logging.getLogger(__name__)

LEAVING_S = 10.0
"""Wall seconds that a server may take to leave beyond those in which it drains."""


_STALL_S = 2.0
"""Wall seconds that a look may take: of a longer one the keeper was not there, and nobody was silent."""


class Keeper:
    """Looks after one pool. Used from one thread. `look` now and then; `close` until it says that nobody is left."""

    def __init__(
        self,
        options: PoolOptions,
        crew: Crew,
        publishing: Publishing,
        clock: Clock,
        *,
        name_of: Callable[[int], str],
        digest_of: Callable[[int], str],
        drain_s: float,
    ) -> None:
        """`name_of`: of the server in a seat; `digest_of`: of the configuration that it should have.

        `drain_s`: how long servers take to finish what they have.
        """
        self._options = options
        self._crew = crew
        self._publishing = publishing
        self._time = Attention(clock, longest_gap_s=options.look_s + _STALL_S)
        self._name_of = name_of
        self._digest_of = digest_of
        self._patience_s = drain_s + LEAVING_S
        self._scaling = Scaling(options)
        self._members: dict[int, Member] = {}
        self._until_s: dict[int, float] = {}
        self._renewed_s = self._time.now_s()
        self.wanted = options.min_servers

    @property
    def has_servers(self) -> bool:
        """Whether any are there, of this keeper or of the one before it."""
        return bool(self._crew.present())

    def look(self) -> None:
        """One look at all servers, and what follows from it."""
        self._hear()
        self._replace()
        self._renew()
        self._scale()
        self._publish()

    def close(self) -> bool:
        """Let all servers leave; whether nobody is left. To be called until then."""
        self._hear()
        self.wanted = 0
        for member in self._staying():
            self._leave(member)
        self._end_late()
        self._publish(closing=True)
        return not self._members

    def _hear(self) -> None:
        # Reports first: a crew learns by asking for them who has left.
        now_s, reports, present = self._time.now_s(), self._crew.reports(), self._crew.present()
        for number in present - self._members.keys():
            # It has survived the keeper before this one.
            self._members[number] = Member(number=number, name=self._name_of(number), since_s=now_s)
        for number, report in reports.items():
            if number in self._members:
                self._members[number].heard(report, now_s)
        for member in [each for each in self._staying() if each.number >= self._options.max_servers]:
            # The pool of the keeper before this one was larger.
            self._leave(member)
        for member in [each for each in self._staying() if each.is_draining and not each.is_renewing]:
            # Nobody here asked it to: the keeper before this one did, or its host is about to end.
            member.is_renewing = True
            self._let_go(member)
        for member in [each for each in self._members.values() if each.number not in present]:
            if member.is_leaving:
                _LOG.info("%s has left", member.name)
                del self._members[member.number]
                self._until_s.pop(member.number, None)
            elif member.is_renewing:
                member.replaced(now_s)
                self._until_s.pop(member.number, None)

    def _replace(self) -> None:
        now_s = self._time.now_s()
        self._end_late()
        present = self._crew.present()
        for member in self._staying():
            if member.is_renewing:
                continue
            if member.number in present and member.is_overdue(now_s, self._options.replace_after_s):
                complaint = "" if member.report is None else member.report.complaint
                _LOG.warning("%s is replaced: %s", member.name, complaint or "it does not answer")
                self._crew.end(member.number)
                member.replaced(now_s)
            elif member.number not in present:
                self._start(member)

    def _renew(self) -> None:
        """Let servers leave that were started with another configuration, one after the other.

        The next one waits until its forerunner's successor serves, though not for ever: its rules may be too wide.
        """
        now_s, staying = self._time.now_s(), list(self._staying())
        old = [
            each
            for each in staying
            if each.report and each.report.config_digest != self._digest_of(each.number) and not each.is_renewing
        ]
        is_whole = len(staying) >= self.wanted and all(each.takes_requests(now_s) for each in staying)
        if old and (is_whole or now_s - self._renewed_s >= self._options.replace_after_s):
            self._renewed_s = now_s
            text = "%s was started with another configuration, maybe other rules: it is renewed, and %d more are to be"
            _LOG.warning(text, old[0].name, len(old) - 1)
            old[0].is_renewing = True
            self._let_go(old[0])

    def _scale(self) -> None:
        now_s, staying = self._time.now_s(), list(self._staying())
        samples = [member.sample() for member in staying if member.takes_requests(now_s)]
        before = self.wanted
        self.wanted = self._scaling.wanted(samples, present=len(staying), now_s=now_s)
        if self.wanted != before:
            _LOG.info("%d servers wanted, %d there", self.wanted, len(staying))
        free = (number for number in range(self._options.max_servers) if number not in self._members)
        for _ in range(self.wanted - len(staying)):
            number = next(free, None)
            if number is None:
                return
            member = self._members[number] = Member(number=number, name=self._name_of(number), since_s=now_s)
            self._start(member)
        # Who serves nobody goes first.
        order = sorted(staying, key=lambda each: (each.takes_requests(now_s), each.sessions, -each.number))
        for member in order[: max(0, len(staying) - self.wanted)]:
            self._leave(member)

    def _staying(self) -> Iterator[Member]:
        return (member for member in tuple(self._members.values()) if not member.is_leaving)

    def _start(self, member: Member) -> None:
        try:
            self._crew.start(member.number)
        except DeviceError as error:
            _LOG.warning("%s cannot be started now: %s", member.name, error)

    def _leave(self, member: Member) -> None:
        _LOG.info("%s is to leave", member.name)
        is_going, member.is_leaving = member.is_renewing, True
        if not is_going:
            self._let_go(member)

    def _let_go(self, member: Member) -> None:
        self._until_s[member.number] = self._time.now_s() + self._patience_s
        # Before it says so itself: nobody new should come.
        self._publish(closing=self.wanted == 0)
        if member.number in self._crew.present():
            self._crew.leave(member.number)

    def _end_late(self) -> None:
        now_s = self._time.now_s()
        for number in [number for number, until_s in self._until_s.items() if now_s >= until_s]:
            _LOG.warning("%s did not leave in time: ended", self._members[number].name)
            self._until_s[number] = float("inf")
            self._crew.end(number)

    def _publish(self, *, closing: bool = False) -> None:
        now_s = self._time.now_s()
        members = sorted(self._members.values(), key=lambda each: each.number)
        listed = tuple(
            ListedServer(name=member.name, address=member.address) for member in members if member.takes_requests(now_s)
        )
        self._publishing.publish(
            listed, tuple(each.standing(now_s) for each in members), wanted=self.wanted, closing=closing
        )
