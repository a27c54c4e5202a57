"""One server of a pool as its keeper remembers it between two looks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from joulecut_server.pool.reports import ReplicaReport, ReplicaState
from joulecut_server.pool.scaling import Sample
from joulecut_server.pool.standing import ServerStanding
from joulecut_server.reporting.load import LoadReading

_HEARD_S = 5.0
"""Wall seconds: who has not answered for so long is not listed, and no longer counts for what it once said."""
_UNHEARD = 10
"""A cluster that grows by itself takes minutes to find a host."""
_RETRY_S = 5.0
"""Wall seconds until a first failed start is tried again, and twice as long each further time."""
_MOST_DOUBLINGS = 30
"""Far beyond any `replace_after_s`; a start that fails all day must not end the keeper."""
_LOOKS = 10
"""Load is the mean over so many looks: one look catches a request, or misses it."""


@dataclass(slots=True, kw_only=True)
class Member:
    """`since_s`: when it was last heard to start or serve, at first when it was started; of the keeper's clock.

    `is_leaving`: its seat is given up; `is_renewing`: it leaves too, and another one is to take its seat.
    """

    number: int
    name: str
    since_s: float
    is_leaving: bool = False
    is_renewing: bool = False
    lives: int = 0
    failures: int = 0
    report: ReplicaReport | None = None
    _heard_s: float = field(default=float("-inf"))
    _readings: deque[LoadReading] = field(default_factory=lambda: deque(maxlen=_LOOKS))

    def heard(self, report: ReplicaReport, now_s: float) -> None:
        """It has said something."""
        before = self.report
        if before is None or before.pid != report.pid:
            self.lives += 1
            self._readings.clear()
        if report.load is not None:
            self._readings.append(report.load)
        self.report = report
        self._heard_s = now_s
        if self._computes():
            self.failures = 0
        if report.state is ReplicaState.STARTING or self._computes():
            self.since_s = now_s

    def replaced(self, now_s: float) -> None:
        """It has gone, and another is to take its seat: what it said says nothing of that one."""
        self.failures += self._has_failed()
        self.is_renewing = False
        self.since_s = now_s
        self.report = None

    def is_heard(self, now_s: float) -> bool:
        """Whether it answers."""
        return now_s - self._heard_s < _HEARD_S

    def takes_requests(self, now_s: float) -> bool:
        """Whether edges should use it."""
        return not self._is_going and self.is_heard(now_s) and self._computes()

    def sample(self) -> Sample:
        """What it has to do."""
        readings = self._readings
        if not readings:
            return Sample(waiting=0.0, utilisation=0.0)
        elapsed_s = readings[-1].time_s - readings[0].time_s
        busy_s = readings[-1].busy_s - readings[0].busy_s
        return Sample(
            waiting=sum(reading.waiting for reading in readings) / len(readings),
            utilisation=min(1.0, max(0.0, busy_s / elapsed_s)) if elapsed_s > 0 else 0.0,
        )

    def is_overdue(self, now_s: float, replace_after_s: float) -> bool:
        """Whether another one should take its seat. One that has never been heard may still wait for its host."""
        patience_s = replace_after_s if self.lives else _UNHEARD * replace_after_s
        if self._has_failed():
            # It will not come back; what it failed by, as a port that is still taken, may soon be over.
            patience_s = min(replace_after_s, _RETRY_S * 2.0 ** min(self.failures, _MOST_DOUBLINGS))
        return now_s - self.since_s >= patience_s

    @property
    def is_draining(self) -> bool:
        """Whether it says that it finishes what it has, whoever asked it to."""
        return self.report is not None and self.report.state is ReplicaState.DRAINING

    @property
    def address(self) -> str:
        """Where edges reach it; empty where it has never served."""
        return "" if self.report is None else self.report.address

    @property
    def sessions(self) -> int:
        """Edges that it plans for."""
        return 0 if self.report is None or self.report.load is None else self.report.load.sessions

    def standing(self, now_s: float) -> ServerStanding:
        """What is known of it."""
        report = self.report
        load = None if report is None else report.load
        state = ReplicaState.STARTING if report is None else report.state
        return ServerStanding(
            name=self.name,
            state=ReplicaState.DRAINING if self._is_going else state,
            address=self.address,
            node="" if report is None else report.node,
            gpu="" if report is None else report.gpu,
            pid=None if report is None else report.pid,
            sessions=self.sessions,
            waiting=0 if load is None else load.waiting,
            utilisation=self.sample().utilisation,
            power_w=None if load is None else load.power_w,
            energy_j=None if load is None else load.energy_j,
            lives=self.lives,
            is_heard=self.is_heard(now_s),
            complaint="" if report is None else report.complaint,
        )

    @property
    def _is_going(self) -> bool:
        return self.is_leaving or self.is_renewing

    def _has_failed(self) -> bool:
        return self.report is not None and self.report.state is ReplicaState.FAILED

    def _computes(self) -> bool:
        report = self.report
        return (
            report is not None
            and report.state is ReplicaState.SERVING
            and report.load is not None
            and report.load.is_well
        )
