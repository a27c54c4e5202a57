"""One network's requests and the policy that decides about them.

    event loop      admit ──▶ waiting line ◀── take, join     device thread
                              arrivals     ──▶ policy

The line is shared under a lock that is held for microseconds; the policy belongs to the device thread alone,
sees what waits as it was a moment ago, and may think without anybody waiting for it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ConfigError
from joulecut_core.service_tables import rank
from joulecut_core.serving import BatchOutcome, Launch, QueuedRequest, Rest, ServerView, ServingPolicy
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.waiting_line import WaitingLine, urgency
from joulecut_runtime.execution.batch_runner import BatchRunner
from joulecut_server.serving.lag import Lag
from joulecut_server.serving.options import ServingOptions
from joulecut_server.serving.ticket import Ticket
from joulecut_server.serving.unit_map import UnitMap

Urgency = tuple[int, float, int]

_ROUNDING = 1e-9
"""Of accuracies, which are shares of some hundred answers."""
_MOST_RESERVE = 0.1
"""Of the usual deadline is kept free at most for batches that take longer than the table says."""
_BELIEVED_S = 10.0
"""Without a batch, after which those that took longer than the table says turn nobody away any more."""
_MOST_PASSED = 1024
"""Who was turned away at the door while other networks kept the device: enough to know the load by."""
_LEAST_URGENT: Urgency = (1 << 31, float("inf"), 0)


class NetworkLane:
    """What waits for one network, and what its policy says. Which methods belong to which thread is said at each."""

    def __init__(self, runner: BatchRunner, policy: ServingPolicy, options: ServingOptions) -> None:
        """Raises ConfigError where the policy's table is not of this network and device."""
        self.runner = runner
        self.policy = policy
        self.table = policy.table
        self.costs = ServiceCosts(policy.table)
        self.units = UnitMap(policy.table, runner.network.table)
        self.points = tuple(map(runner.device.clock_table.find, policy.table.points))
        if self.table.network != runner.network.table.network:
            raise ConfigError(f"a service table of {self.table.network} for {runner.network.table.network}")
        variants = range(len(policy.table.variants))
        points = range(len(policy.table.points))
        self._losses = tuple(self.table.variants[0].accuracy - each.accuracy for each in self.table.variants)
        self._alone_s = [
            [min(self.costs.time_s(variant, 1, point, entry) for point in points) for variant in variants]
            for entry in range(len(policy.table.units))
        ]
        self._most_reserve_s = _MOST_RESERVE * options.slo_s
        self.overrun = Lag(self._most_reserve_s)
        """By how much batches take longer than the table says; the device thread's, others read it."""
        self._overran_s = 0.0
        self._lock = threading.Lock()
        self._line = WaitingLine(options.waiting, options.waiting_per_edge, batch_s=self.costs.batch_s())
        self._tickets: dict[int, Ticket] = {}
        self._passed: deque[QueuedRequest] = deque(maxlen=_MOST_PASSED)
        self._seen = 0

    def __len__(self) -> int:
        return len(self._line)

    def alone_s(self, entry: int, spare_loss: float) -> float:
        """The least seconds that a request takes from a unit on, in a precision that it can do with; any thread."""
        return min(seconds for variant, seconds in enumerate(self._alone_s[entry]) if self._serves(variant, spare_loss))

    def suited(self, launch: Launch, tickets: Sequence[Ticket]) -> Launch:
        """The launch in a precision that every request in it can do with, as quick as the policy meant it; any thread.

        Policies do not know what single edges can do without. Where another precision is needed it is the fastest that
        suits all, and each unit gets the lowest clock at which that takes no longer, or the highest there is.
        """
        spare_loss = min(ticket.spare_loss for ticket in tickets)
        if self._serves(launch.variant, spare_loss):
            return launch
        top, row = self.costs.top, len(tickets) - 1
        allowed = (variant for variant in range(len(self._losses)) if self._serves(variant, spare_loss))
        variant = min(allowed, key=lambda each: sum(unit[top] for unit in self.costs.unit_s[each][row]))
        meant = self.costs.unit_s[launch.variant][row]
        points = tuple(
            next((point for point, seconds in enumerate(unit) if seconds <= meant[index][launch.points[index]]), top)
            for index, unit in enumerate(self.costs.unit_s[variant][row])
        )
        return replace(launch, variant=variant, points=points)

    def held(self, point: OperatingPoint | None) -> int:
        """The operating point held, as the table counts: the nearest, the highest before any was held; any thread."""
        if point is None:
            return self.costs.top
        memory_mhz, core_mhz = rank(point)

        def distance(index: int) -> tuple[float, float]:
            other_memory_mhz, other_core_mhz = rank(self.points[index])
            return abs(other_memory_mhz - memory_mhz), abs(other_core_mhz - core_mhz)

        return min(range(len(self.points)), key=distance)

    def backlog_s(self) -> float:
        """About how long the device is busy with what waits, at its best; any thread."""
        full = self.costs.largest
        whole, rest = divmod(len(self._line), full)
        seconds = whole * self.costs.fastest(0, full).time_s
        return seconds + (self.costs.fastest(0, rest).time_s if rest else 0.0)

    def enter(self, ticket: Ticket) -> Ticket | None:
        """Let a request in; returns the one that had to leave for it, perhaps itself. Event loop."""
        with self._lock:
            self._seen += 1
            self.runner.entries.add(ticket.cut)
            self._tickets[ticket.request.id] = ticket
            leaving = self._line.add(ticket.request)
            return None if leaving is None else self._tickets.pop(leaving.id)

    def pass_by(self, request: QueuedRequest) -> None:
        """A request that was turned away at the door has arrived all the same. Event loop."""
        with self._lock:
            self._seen += 1
            self._passed.append(request)

    def urgency(self) -> Urgency:
        """How urgent the most urgent request is that may run next; any thread."""
        with self._lock:
            shown = self._line.shown()
            return urgency(shown[0]) if shown else _LEAST_URGENT

    def first_deadline_s(self) -> float:
        """When the first of those that wait is late; any thread."""
        with self._lock:
            return min((request.deadline_s for request in self._line), default=float("inf"))

    def has_newcomers(self) -> bool:
        """Whether any may run next now that the policy has not been shown. Device thread."""
        with self._lock:
            return self._line.has_newcomers()

    def without_a_chance(self, now_s: float) -> list[Ticket]:
        """Remove those that their edge's share held back for too long. Device thread."""
        with self._lock:
            return self._found(request.id for request in self._line.without_a_chance(now_s))

    def passed_over(self, now_s: float) -> list[Ticket]:
        """Remove those that would be late even alone and at once, though nobody decided about them. Device thread."""
        with self._lock:
            waiting = tuple(self._tickets.values())
        return self.take(
            ticket.request.id
            for ticket in waiting
            if ticket.request.deadline_s < now_s + self.alone_s(ticket.request.entry, ticket.spare_loss)
        )

    def decide(self, now_s: float, point: int) -> tuple[Launch | Rest, list[Ticket]]:
        """The policy's decision, and the requests that it launches. Device thread.

        Raises ValueError where the policy breaks the rules of `joulecut_core.serving`.
        """
        view = self._look(now_s, point)
        decision = self.policy.decide(view)
        if isinstance(decision, Rest):
            return decision, []
        self._check(decision)
        rejected = {rejection.id for rejection in decision.rejected}
        first = (request.id for request in view.waiting if request.id not in rejected)
        return decision, self._launched(decision.ids or tuple(islice(first, decision.batch)))

    def joining(self, now_s: float, point: int, cut: int, batch: int, variant: int) -> list[Ticket]:
        """Those who join a batch of `batch` that has got to `cut` in a precision. Device thread."""
        if cut not in self.runner.entries or batch >= self.costs.largest or not self._line:
            return []
        view = self._look(now_s, point)
        could = [request.id for request in view.waiting if self._may_join(request, cut, variant)]
        if not could:
            return []
        count = self.policy.join(view, self.units.unit_of(cut), batch)
        return self._launched(could[: max(min(count, self.costs.largest - batch), 0)])

    def take(self, ids: Iterable[int]) -> list[Ticket]:
        """Remove requests that will not run; those that have left meanwhile are not among them. Any thread."""
        with self._lock:
            taken = self._found(ids)
            self._line.remove(ticket.request for ticket in taken)
            return taken

    def take_all(self) -> list[Ticket]:
        """Empty the line. Any thread."""
        return self.take(tuple(self._tickets))

    def completed(self, outcome: BatchOutcome) -> None:
        """Tell the policy of a batch that has ended. Device thread."""
        self.policy.completed(outcome)

    def overran(self, delay_s: float, now_s: float) -> None:
        """A batch has ended so much later than the table says. Device thread."""
        self._overran_s = now_s
        self.overrun.observed(delay_s)

    def doubt_overrun(self, now_s: float) -> None:
        """Somebody was turned away: where no batch has run for long, what is kept free may be why. Any thread.

        Only batches show that batches are in time again.
        """
        if self.overrun.seconds and now_s - self._overran_s > _BELIEVED_S:
            self.overrun = Lag(self._most_reserve_s)

    def _launched(self, ids: Iterable[int]) -> list[Ticket]:
        """As `take`, of requests that run now."""
        with self._lock:
            taken = self._found(ids)
            self._line.take(ticket.request for ticket in taken)
            return taken

    def _found(self, ids: Iterable[int]) -> list[Ticket]:
        return [ticket for each in ids if (ticket := self._tickets.pop(each, None)) is not None]

    def _look(self, now_s: float, point: int) -> ServerView:
        with self._lock:
            arrived = [*self._passed, *self._line.newcomers()]
            self._passed.clear()
            waiting = tuple(self._line.shown())
            seen = self._seen
        for request in sorted(arrived, key=_by_id):
            self.policy.arrived(request)
        return ServerView(now_s, waiting, point, seen)

    def _may_join(self, request: QueuedRequest, cut: int, variant: int) -> bool:
        ticket = self._tickets.get(request.id)
        return ticket is not None and ticket.cut == cut and self._serves(variant, ticket.spare_loss)

    def _serves(self, variant: int, spare_loss: float) -> bool:
        """Whether a precision costs no more accuracy than there is to spare; the captured one costs none."""
        return self._losses[variant] <= spare_loss + _ROUNDING or variant == 0

    def _check(self, launch: Launch) -> None:
        fits = (
            0 <= launch.variant < len(self.table.variants)
            and len(launch.points) == len(self.table.units)
            and 0 <= min(launch.points) <= max(launch.points) <= self.costs.top
            and 1 <= launch.batch <= self.costs.largest
            and (not launch.ids or len(launch.ids) == launch.batch)
        )
        if not fits:
            raise ValueError(f"policy {self.policy.name} launched {launch}; expected a batch within its service table")


def _by_id(request: QueuedRequest) -> int:
    return request.id
