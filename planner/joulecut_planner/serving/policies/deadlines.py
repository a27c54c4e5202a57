"""What any server does that must not be late, whatever its policy: the base of the policies of others.

Requests come in the order of their urgency, who cannot be in time even alone is turned away, and a batch
is as large as the deadlines of its members allow. Where they allow too little, so that those behind would
be lost as well, the batch is as large as its limit: some are late, the backlog goes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import (
    BatchOutcome,
    Launch,
    QueuedRequest,
    Rejection,
    RejectReason,
    Rest,
    ServerView,
)
from joulecut_planner.serving.costs import ServiceCosts

ROUNDING_S = 5e-10
"""What ends this much after its deadline is in time: sums of durations round."""
_SHORTEST_S = 1e-6
_RELAXATION = 1.01
"""How much longer the tightest service level may seem with each request that does not have it."""


class DeadlinePolicy(ABC):
    """A serving policy but for what it runs when; see `joulecut_core.serving.ServingPolicy`.

    `variants` are those it may run, the reference first. `rejects_late` False answers what is lost all the same.
    """

    def __init__(
        self, name: str, table: ServiceTable, *, rejects_late: bool = True, variants: Sequence[int] = (0,)
    ) -> None:
        self.name = name
        self.table = table
        self.costs = ServiceCosts(table)
        self.slo_s = math.inf
        """The shortest time to a deadline that requests have had lately."""
        self._rejects_late = rejects_late
        self._split = False
        self._seconds: dict[tuple[int, int, int], list[float]] = {}
        self._from_now_s: dict[tuple[int, int, int], list[float]] = {}
        self._alone_s = self._quickest_alone_s(variants)
        self._least_s = [
            [self._least_seconds(variant, entry) for entry in range(len(table.units))]
            for variant in range(len(table.variants))
        ]
        self._running: tuple[Launch, float] | None = None

    def arrived(self, request: QueuedRequest) -> None:
        """Remember how much time it has, and whether it enters behind the first unit."""
        slo_s = max(request.deadline_s - request.arrival_s, _SHORTEST_S)
        self.slo_s = min(slo_s, self.slo_s * _RELAXATION)
        if request.entry:
            self._split = True

    def decide(self, view: ServerView) -> Launch | Rest:
        """Turn away what is lost, and order the rest."""
        waiting = view.waiting
        if waiting and self._rejects_late:
            lost = self._lost(view)
            if lost:
                return self._without(lost, view)
        if not waiting:
            return self.rest(view.now_s, view.point)
        return self._started(self.order(view.now_s, waiting, view.point), waiting)

    def join(self, view: ServerView, unit: int, batch: int) -> int:
        """As many as leave everybody in time, those that run included."""
        if self._running is None:
            return 0
        launch, due_s = self._running
        could = [request for request in view.waiting if request.entry == unit]
        for count in range(min(len(could), self.limit() - batch), 0, -1):
            end_s = view.now_s + self._remaining_s(launch, unit, batch + count, view.point)
            due_with_s = min(due_s, *(request.deadline_s for request in could[:count]))
            if end_s <= due_with_s + ROUNDING_S:
                self._running = (launch, due_with_s)
                return count
        return 0

    def completed(self, outcome: BatchOutcome) -> None:
        """Nothing to learn."""
        del outcome

    @abstractmethod
    def order(self, now_s: float, waiting: Sequence[QueuedRequest], held: int) -> Launch | Rest:
        """What to do with the requests that wait, of which there is at least one; `held` is the clock."""

    @abstractmethod
    def limit(self) -> int:
        """The largest batch at present."""

    def rest(self, now_s: float, held: int) -> Rest:
        """What to do while nobody waits: hold the clock, unless a policy knows better."""
        del now_s
        return Rest(held)

    def seconds(self, variant: int, point: int, entry: int = 0) -> list[float]:
        """Seconds of batches of 1, 2, ... from unit `entry` on, at one clock."""
        key = (variant, point, entry)
        listed = self._seconds.get(key)
        if listed is None:
            listed = [self.costs.time_s(variant, batch, point, entry) for batch in self._sizes]
            self._seconds[key] = listed
        return listed

    def fastest_s(self, entry: int = 0) -> list[float]:
        """Seconds of batches of 1, 2, ... in full precision at the clock that is quickest for each."""
        return self._least_s[0][entry]

    def quickest_s(self, held: int, entry: int = 0, variant: int = 0) -> list[float]:
        """Seconds of batches of a variant from now: at the quickest clock, change included, or at the one held."""
        key = (variant, held, entry)
        listed = self._from_now_s.get(key)
        if listed is None:
            changed = [time_s + self.table.switch_s for time_s in self._least_s[variant][entry]]
            listed = [min(pair) for pair in zip(changed, self.seconds(variant, held, entry), strict=True)]
            self._from_now_s[key] = listed
        return listed

    def entry(self, waiting: Sequence[QueuedRequest], count: int) -> int:
        """Where a batch of the first `count` starts."""
        return min(request.entry for request in waiting[:count]) if self._split else 0

    def launch(self, batch: int, variant: int, point: int) -> Launch:
        """The first `batch` at one clock."""
        return Launch(batch, variant, (point,) * len(self.table.units))

    @property
    def _sizes(self) -> range:
        return range(1, self.costs.largest + 1)

    def _least_seconds(self, variant: int, entry: int) -> list[float]:
        """By batch size, at the clock that is quickest for it."""
        least_s: list[float] = self.costs.unit_time_s[variant][:, entry:].sum(axis=1).min(axis=1).tolist()
        return least_s

    def _quickest_alone_s(self, variants: Sequence[int]) -> list[list[float]]:
        """The least seconds that one request takes from each unit on, by the clock held before."""
        rows: list[list[float]] = []
        for entry in range(len(self.table.units)):
            times_s = np.array(
                [min(self.costs.time_s(v, 1, p, entry) for v in variants) for p in range(len(self.table.points))]
            )
            rows.append(np.minimum(times_s, times_s.min() + self.table.switch_s).tolist())
        return rows

    def _lost(self, view: ServerView) -> list[QueuedRequest]:
        """Who would be late even alone and at the highest clock."""
        waiting, now_s = view.waiting, view.now_s + self._alone_s[0][view.point] - ROUNDING_S
        first = waiting[0]
        if first.deadline_s >= now_s and first.priority == waiting[-1].priority:
            return []
        lost: list[QueuedRequest] = []
        for request in waiting:
            if request.deadline_s >= now_s:
                if request.priority == waiting[-1].priority:
                    break
            elif request.deadline_s < view.now_s + self._alone_s[request.entry][view.point] - ROUNDING_S:
                lost.append(request)
        return lost

    def _without(self, lost: Sequence[QueuedRequest], view: ServerView) -> Launch | Rest:
        gone = {request.id for request in lost}
        left = [request for request in view.waiting if request.id not in gone]
        again_s = self._least_s[0][0][min(max(len(left), 1), self.costs.largest) - 1]
        rejected = tuple(Rejection(request.id, RejectReason.LATE, again_s) for request in lost)
        if not left:
            return replace(self.rest(view.now_s, view.point), rejected=rejected)
        decision = self._started(self.order(view.now_s, left, view.point), left)
        if isinstance(decision, Rest):
            return replace(decision, rejected=rejected)
        ids = tuple(request.id for request in left[: decision.batch])
        return replace(decision, ids=ids, rejected=rejected)

    def _started(self, decision: Launch | Rest, waiting: Sequence[QueuedRequest]) -> Launch | Rest:
        """Remember a batch, should others want to join it."""
        if self._split and isinstance(decision, Launch):
            self._running = (decision, earliest_s(waiting, decision.batch))
        return decision

    def _remaining_s(self, launch: Launch, unit: int, batch: int, held: int) -> float:
        """Seconds of a running batch from `unit` on, changes of the clock included."""
        rows = self.costs.unit_s[launch.variant][batch - 1]
        points = launch.points[unit:]
        seconds = sum(rows[unit + k][point] for k, point in enumerate(points))
        return seconds + self.table.switch_s * sum(one != other for one, other in pairwise((held, *points)))


def earliest_s(waiting: Sequence[QueuedRequest], count: int) -> float:
    """The first deadline of the first `count`."""
    first = waiting[0]
    if count < 2 or waiting[count - 1].priority == first.priority:
        return first.deadline_s
    return min(request.deadline_s for request in waiting[:count])


def batch_size(
    now_s: float, waiting: Sequence[QueuedRequest], seconds: Sequence[float], limit: int
) -> tuple[int, bool]:
    """How many of those waiting to run now, up to `limit`, and whether they and those behind can be in time.

    `seconds` are those of batches of 1, 2, ... from now, changes of the clock included.
    """
    most = min(len(waiting), limit)
    fitting = most
    while fitting and now_s + seconds[fitting - 1] > earliest_s(waiting, fitting) + ROUNDING_S:
        fitting -= 1
    if fitting == most:
        return most, True
    if fitting:
        behind = min(len(waiting) - fitting, limit)
        end_s = now_s + seconds[fitting - 1] + seconds[behind - 1]
        if end_s <= waiting[fitting].deadline_s + ROUNDING_S:
            return fitting, True
    return most, False


def within(seconds: Sequence[float], time_s: float) -> int:
    """The largest batch that takes at most `time_s`; 1 where none does."""
    for batch in range(len(seconds), 1, -1):
        if seconds[batch - 1] <= time_s + ROUNDING_S:
            return batch
    return 1
