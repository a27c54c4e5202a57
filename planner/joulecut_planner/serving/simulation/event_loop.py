"""A server in virtual time: one device, one network, any policy.

    arrivals ─▶ waiting line ─▶ policy ─▶ batch: unit after unit, clocks as the policy says ─▶ answers
                                    └──▶ rest: idle draw at the clock held

Time jumps from event to event: an arrival, the end of a unit, the end of a rest. A change of the clock
takes `switch_s`, during which the device draws its idle watts at the new clock. Deterministic.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from joulecut_core.serving import (
    BatchOutcome,
    Launch,
    QueuedRequest,
    Rejection,
    RejectReason,
    Rest,
    ServerView,
    ServingPolicy,
)
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.simulation.report import ServingReport, Tally
from joulecut_planner.serving.waiting_line import WaitingLine

ROUNDING_S = 1e-9
"""An answer this much after its deadline is in time: sums of durations round."""


class Activity(str, Enum):
    """What a device does for a while."""

    BUSY = "busy"
    IDLE = "idle"
    SWITCHING = "switching"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in which nothing changed. `variant` is -1 and `batch` 0 unless busy.

    `change_j`: joules of the change of the clock at its start, on top of `power_w`; where that takes no time, neither
    does the stretch.
    """

    start_s: float
    end_s: float
    activity: Activity
    point: int
    power_w: float
    variant: int = -1
    batch: int = 0
    change_j: float = 0.0


class Observer(Protocol):
    """Told of what happens, in order; for plots and ledgers."""

    def passed(self, span: Span) -> None:
        """A stretch of time is over."""
        ...

    def answered(self, request: QueuedRequest, end_s: float, variant: int) -> None:
        """A request got its answer."""
        ...

    def turned_away(self, request: QueuedRequest, now_s: float, reason: RejectReason) -> None:
        """A request was rejected."""
        ...


def simulate(
    policy: ServingPolicy,
    arrivals: Iterable[QueuedRequest],
    *,
    most_waiting: int = 1024,
    most_per_edge: int | None = None,
    observer: Observer | None = None,
) -> ServingReport:
    """Serve `arrivals`, in order of time, until each has been answered or turned away.

    The device starts idle at its highest operating point. `most_waiting` bounds the line, `most_per_edge` each
    edge's places in it. Raises ValueError for arrivals out of order or with an entry beyond the table, and where the
    policy breaks the rules of `joulecut_core.serving`: a batch, variant or clock beyond the table, an unknown
    request, a rest without end.
    """
    costs = ServiceCosts(policy.table)
    line = WaitingLine(most_waiting, most_per_edge, batch_s=costs.batch_s())
    return _Server(policy, costs, iter(arrivals), line, observer).run()


@dataclass(slots=True)
class _Server:
    policy: ServingPolicy
    costs: ServiceCosts
    arrivals: Iterator[QueuedRequest]
    line: WaitingLine
    observer: Observer | None
    tally: Tally = field(default_factory=Tally)
    now_s: float = 0.0
    point: int = field(init=False)
    seen: int = 0
    coming: QueuedRequest | None = None
    ahead: deque[QueuedRequest] = field(default_factory=deque)
    """Those behind `coming` that have been looked at already."""
    split: bool = False
    """Whether any request looked at so far enters behind the first unit."""
    legal: set[tuple[int, ...]] = field(default_factory=set)
    """Clocks of launches that were found to be of the table."""

    def __post_init__(self) -> None:
        self.point = self.costs.top

    def run(self) -> ServingReport:
        self.coming = self._next()
        while True:
            self._admit()
            for request in self.line.without_a_chance(self.now_s):
                self._count_out(request, RejectReason.OVERLOAD)
            if not self.line and self.coming is None:
                return self.tally.report(self.policy.name)
            decision = self.policy.decide(self._view())
            for rejection in decision.rejected:
                self._turn_away(rejection)
            if isinstance(decision, Launch):
                self._launch(decision)
            elif not self.line.has_newcomers():
                self._rest(decision)

    def _view(self) -> ServerView:
        for request in self.line.newcomers():
            self.policy.arrived(request)
        return ServerView(self.now_s, self.line.shown(), self.point, self.seen)

    def _admit(self) -> None:
        """Let in all that have arrived by now."""
        while self.coming is not None and self.coming.arrival_s <= self.now_s:
            request = self.coming
            self.seen += 1
            pushed_out = self.line.add(request)
            if pushed_out is not None:
                self._count_out(pushed_out, RejectReason.FULL)
            self.coming = self.ahead.popleft() if self.ahead else self._next(request.arrival_s)

    def _next(self, latest_s: float = 0.0) -> QueuedRequest | None:
        """One more of the arrivals, which is checked; `latest_s` is when the one before arrives."""
        request = next(self.arrivals, None)
        if request is None:
            return None
        if not latest_s <= request.arrival_s < math.inf:
            raise ValueError(
                f"request {request.id} arrives at {request.arrival_s} s, behind one of {latest_s} s; "
                "expected arrivals in order of time, from 0 on"
            )
        if request.entry:
            self.split = True
            if not 0 < request.entry < len(self.policy.table.units):
                raise ValueError(
                    f"request {request.id} enters at unit {request.entry}; "
                    f"expected 0 to {len(self.policy.table.units) - 1}"
                )
        return request

    def _look_ahead(self, until_s: float) -> None:
        """See all that arrive before `until_s`, without letting them in."""
        latest = self.ahead[-1] if self.ahead else self.coming
        while latest is not None and latest.arrival_s < until_s:
            latest = self._next(latest.arrival_s)
            if latest is not None:
                self.ahead.append(latest)

    def _turn_away(self, rejection: Rejection) -> None:
        try:
            (request,) = self.line.with_ids((rejection.id,))
        except KeyError as error:
            raise ValueError(
                f"policy {self.policy.name} turned away request {rejection.id}, which does not wait"
            ) from error
        self.line.remove((request,))
        self._count_out(request, rejection.reason)

    def _count_out(self, request: QueuedRequest, reason: RejectReason) -> None:
        self.tally.rejected[reason] = self.tally.rejected.get(reason, 0) + 1
        if self.observer is not None:
            self.observer.turned_away(request, self.now_s, reason)

    def _rest(self, rest: Rest) -> None:
        until_s = math.inf if rest.until_s is None else rest.until_s
        if not until_s > self.now_s:
            if rest.rejected:
                return
            raise ValueError(
                f"policy {self.policy.name} rests until {until_s} s at {self.now_s} s; expected a later time"
            )
        if self.coming is not None:
            until_s = min(until_s, self.coming.arrival_s)
        elif not self.line:
            return
        elif until_s == math.inf:
            raise ValueError(f"policy {self.policy.name} rests without end while {len(self.line)} requests wait")
        if rest.point != self.point:
            if not 0 <= rest.point <= self.costs.top:
                raise ValueError(
                    f"policy {self.policy.name} rests at operating point {rest.point}; expected 0 to {self.costs.top}"
                )
            self._switch(rest.point)
        if until_s > self.now_s:
            self._pass(until_s - self.now_s, Activity.IDLE, self.policy.table.idle_w[self.point])
            self.now_s = until_s

    def _switch(self, point: int) -> None:
        table = self.policy.table
        self.point = point
        self.tally.clock_changes += 1
        self._pass(table.switch_s, Activity.SWITCHING, table.idle_w[point], change_j=table.switch_j)
        self.now_s += table.switch_s

    def _launch(self, launch: Launch) -> None:
        members = self._members(launch)
        start_s, point = self.now_s, launch.points[0]
        costs, variant, before_j = self.costs, launch.variant, self.tally.busy_j
        if not self.split and launch.points.count(point) == len(launch.points):
            batch = len(members)
            time_s = costs.time_s(variant, batch, point)
            self._look_ahead(start_s + costs.table.switch_s + time_s)
            if not self.split:
                self._run(point, time_s, costs.energy_j(variant, batch, point), variant, batch)
                self._answer(members, variant, start_s, point, self.tally.busy_j - before_j)
                return
        running: list[QueuedRequest] = []
        for unit in range(min(request.entry for request in members), len(launch.points)):
            if start_s < self.now_s:
                members += self._joining(unit, len(members))
            running += [request for request in members if request.entry == unit]
            clock, row = launch.points[unit], len(running) - 1
            self._run(
                clock,
                costs.unit_s[variant][row][unit][clock],
                costs.unit_j[variant][row][unit][clock],
                variant,
                row + 1,
            )
        self._answer(running, variant, start_s, point, self.tally.busy_j - before_j)

    def _members(self, launch: Launch) -> list[QueuedRequest]:
        if launch.points not in self.legal:
            self._check_points(launch.points)
        if not 0 <= launch.variant < len(self.policy.table.variants):
            raise ValueError(
                f"policy {self.policy.name} launched variant {launch.variant}; "
                f"expected 0 to {len(self.policy.table.variants) - 1}"
            )
        if launch.ids:
            try:
                members = self.line.with_ids(launch.ids)
            except KeyError as error:
                raise ValueError(f"policy {self.policy.name} launched {error}") from error
            self.line.take(members)
        else:
            members = self.line.take_first(launch.batch)
        if not 1 <= len(members) == launch.batch <= self.costs.largest:
            raise ValueError(
                f"policy {self.policy.name} launched a batch of {launch.batch}, {len(members)} of them waiting; "
                f"expected 1 to {self.costs.largest}"
            )
        return members

    def _check_points(self, points: tuple[int, ...]) -> None:
        count = len(self.policy.table.units)
        if len(points) != count:
            raise ValueError(f"policy {self.policy.name}: {len(points)} clocks; expected {count}")
        if not 0 <= min(points) <= max(points) <= self.costs.top:
            raise ValueError(
                f"policy {self.policy.name} launched at operating points {points}; expected 0 to {self.costs.top}"
            )
        self.legal.add(points)

    def _joining(self, unit: int, batch: int) -> list[QueuedRequest]:
        """Who joins a batch that has got to `unit`, with places for `batch` taken."""
        if not self.split or batch >= self.costs.largest:
            return []
        self._admit()
        could = [request for request in self.line.shown() if request.entry == unit]
        if not could:
            return []
        count = min(self.policy.join(self._view(), unit, batch), len(could), self.costs.largest - batch)
        joining = could[: max(count, 0)]
        self.line.take(joining)
        return joining

    def _run(self, point: int, time_s: float, energy_j: float, variant: int, batch: int) -> None:
        """Compute at one clock, which is set first where another is held."""
        if point != self.point:
            self._switch(point)
        self._pass(time_s, Activity.BUSY, energy_j / time_s, variant, batch)
        self.now_s += time_s

    def _answer(self, members: list[QueuedRequest], variant: int, start_s: float, point: int, energy_j: float) -> None:
        end_s, tally, late = self.now_s, self.tally, 0
        latest_s = end_s - ROUNDING_S
        total_s = 0.0
        for request in members:
            response_s = end_s - request.arrival_s
            total_s += response_s
            tally.responses_s.append(response_s)
            late += latest_s > request.deadline_s
            if self.observer is not None:
                self.observer.answered(request, end_s, variant)
        tally.late += late
        tally.batches += 1
        tally.accuracy += self.policy.table.variants[variant].accuracy * len(members)
        count = len(members)
        self.policy.completed(BatchOutcome(start_s, end_s, count, variant, point, energy_j, total_s / count, late))

    def _pass(
        self,
        duration_s: float,
        activity: Activity,
        power_w: float,
        variant: int = -1,
        batch: int = 0,
        change_j: float = 0.0,
    ) -> None:
        """Book a stretch of time; `now_s` is still its start."""
        tally = self.tally
        if activity is Activity.BUSY:
            tally.busy_s += duration_s
            tally.busy_j += duration_s * power_w
        elif activity is Activity.IDLE:
            tally.idle_s += duration_s
            tally.idle_j += duration_s * power_w
        else:
            tally.switching_s += duration_s
            tally.switching_j += change_j + duration_s * power_w
        if self.observer is not None:
            self.observer.passed(
                Span(self.now_s, self.now_s + duration_s, activity, self.point, power_w, variant, batch, change_j)
            )
