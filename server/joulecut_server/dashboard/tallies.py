"""What each session was answered of late: how many, the server's seconds and joules, and refusals."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from statistics import fmean

from joulecut_core.figures import FigureKind
from joulecut_core.power_scopes import sum_kind
from joulecut_proto.inference_messages import ReplyHeader, ReplyStatus, RequestHeader

_MOST_SESSIONS = 4096
"""As many as a server has streams by default, at 4 kB each: one that is forgotten counts from nothing again."""
_WINDOW = 32
"""Answers that a mean is taken over: about a second of a busy edge."""


@dataclass(slots=True)
class _Tally:
    answered: int = 0
    refused: int = 0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    joules: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    figures: deque[FigureKind] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A session's answers up to now; the means are over the latest of one plan, None where there are none.

    `server_s`: queue, decoding and computing. `server_energy_j`: decoding and computing. `figures`: how all of these
    were obtained, an estimate where that differs.
    """

    answered: int
    refused: int
    server_s: float | None
    server_energy_j: float | None
    figures: FigureKind


NOTHING = Served(answered=0, refused=0, server_s=None, server_energy_j=None, figures=FigureKind.ESTIMATED)


class Tallies:
    """Counts replies by session. Used from the event loop only."""

    def __init__(self, *, most: int = _MOST_SESSIONS) -> None:
        self._most = most
        self._tallies: OrderedDict[str, _Tally] = OrderedDict()
        self.answered = 0
        """Requests answered, of all sessions."""
        self.refused = 0
        """Requests refused, of all sessions."""
        self.energy_j = 0.0
        """Joules of all that was computed, where the device tells them apart."""

    def replied(self, request: RequestHeader, reply: ReplyHeader) -> None:
        """See `ReplyObserver.replied`."""
        if reply.status is not ReplyStatus.OK:
            self.refused += 1
            # A session that was never planned may have any name: only known ones are counted by theirs.
            if request.session_id in self._tallies:
                self._tallies[request.session_id].refused += 1
            return
        self._of(request.session_id).answered += 1
        self.answered += 1

    def computed(self, request: RequestHeader, reply: ReplyHeader) -> None:
        """See `ReplyObserver.computed`."""
        tally = self._of(request.session_id)
        if tally.epoch != request.epoch:
            tally.seconds.clear()
            tally.joules.clear()
            tally.figures.clear()
            tally.epoch = request.epoch
        tally.figures.append(reply.figures)
        tally.seconds.append(reply.queue_s + reply.decode_s + reply.tail_s)
        if reply.server_energy_j is not None:
            tally.joules.append(reply.server_energy_j)
            self.energy_j += reply.server_energy_j

    def served(self, session_id: str, epoch: int | None) -> Served:
        """A session's answers; the means of another plan than `epoch`'s say nothing of that one."""
        tally = self._tallies.get(session_id)
        if tally is None:
            return NOTHING
        same = tally.epoch == epoch
        return Served(
            answered=tally.answered,
            refused=tally.refused,
            server_s=fmean(tally.seconds) if same and tally.seconds else None,
            server_energy_j=fmean(tally.joules) if same and tally.joules else None,
            figures=sum_kind(tally.figures) if tally.figures else NOTHING.figures,
        )

    def _of(self, session_id: str) -> _Tally:
        tally = self._tallies.setdefault(session_id, _Tally())
        self._tallies.move_to_end(session_id)
        if len(self._tallies) > self._most:
            self._tallies.popitem(last=False)
        return tally
