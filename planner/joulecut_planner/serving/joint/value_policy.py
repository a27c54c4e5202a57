"""Serving by what each decision is worth: when to run how many, at which clocks, in which precision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

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
from joulecut_planner.serving.forecast import ArrivalForecast, ArrivalMonitor
from joulecut_planner.serving.joint.beat import BEAT, margin_gaps
from joulecut_planner.serving.joint.budget import MOST_OWED, MissBudget
from joulecut_planner.serving.joint.decisions import LoadDecisions
from joulecut_planner.serving.joint.limits import batch_s
from joulecut_planner.serving.joint.loads import STRICTEST, Loads, loads_of
from joulecut_planner.serving.joint.overload import best_batch, by_priority, hopeless, slowest_pace_s
from joulecut_planner.serving.policies.accuracy_floor import AccuracyFloor

_ROUNDING_S = 1e-10
_SHORTEST_WAIT_S = 1e-7
_EXPECTED_LOAD = 0.3
"""Of the capacity, until arrivals say otherwise."""
_LEAST_STRICT = (STRICTEST + 1) // 2
"""Where a single change of the clock costs more misses than can be saved up and owed."""
_CREDIT_CHANGES = 50.0
"""Changes of the clock for whose time there has to be credit before a variant below the floor is used again."""


class ValuePolicy:
    """Decides by the values of waiting and running under the forecast load; see `joint.values`.

    What waits is never left beyond its last start that is in time, and what cannot be in time is turned away.
    Options are those of `JoulecutPolicy`; the draw at rest counts as the table has it. Raises ValueError as that does.
    """

    name = "values"

    def __init__(
        self,
        table: ServiceTable,
        *,
        slo_s: float,
        accuracy_floor: float = 0.0,
        miss_share: float = 0.0075,
        kept: Path | None = None,
    ) -> None:
        if not 0.0 < slo_s < math.inf:
            raise ValueError(f"slo_s: {slo_s}; expected positive and finite seconds")
        reference = table.variants[0].accuracy
        if not 0.0 <= accuracy_floor <= reference:
            raise ValueError(f"accuracy_floor: {accuracy_floor}; expected 0 to the reference's accuracy, {reference}")
        self.table = table
        self._floor = AccuracyFloor(table, accuracy_floor / reference if reference else 0.0)
        self._worst = min(range(len(table.variants)), key=lambda variant: table.variants[variant].accuracy)
        every = tuple(range(len(table.variants)))
        good = tuple(variant for variant in every if table.variants[variant].accuracy >= accuracy_floor)
        self._full = loads_of(table, slo_s, every, kept=kept)
        states = None if self._full.ways.free else self._full.ways.states
        self._good = self._full if good == every else loads_of(table, slo_s, good, states, kept=kept)
        self._use(self._full)
        self._slo_s = slo_s
        self._costs = ServiceCosts(table)
        self._states = {point: state for state, point in enumerate(self._ways.states)}
        self.monitor = ArrivalMonitor(slo_s, _EXPECTED_LOAD * self.loads.capacity_hz)
        self._budget = MissBudget(miss_share, STRICTEST)
        self._plain = True
        """Whether all requests so far enter at the first unit with equal priority: the line is by deadline."""
        self._tightest_s = math.inf
        """The first deadline in the running batch, where its members enter, and how it runs."""
        self._entries: list[int] = []
        self._running: Launch | None = None
        self._clears = False
        """Whether a line that was longer than the values know is being cleared at the quickest clock."""
        self._changed_s = -math.inf
        """When a change of the clock is over that was made for those who wait: something else comes first then."""

    @property
    def period_s(self) -> float:
        """The control period: how often the resting clock is looked at again while nothing comes."""
        return self.loads.period_s

    def arrived(self, request: QueuedRequest) -> None:
        """Count it."""
        self.monitor.arrived(request.arrival_s)
        self._budget.asked()
        if request.priority or request.entry:
            self._plain = False

    def completed(self, outcome: BatchOutcome) -> None:
        """Count who was late, and how accurate the answers are."""
        self._running = None
        self._floor.answered(outcome.variant, outcome.batch)
        if outcome.late:
            self._budget.missed(outcome.late)

    def lost(self, count: int) -> None:
        """So many were turned away by somebody else's decision."""
        self._budget.missed(count)

    def decide(self, view: ServerView) -> Launch | Rest:
        """Run, wait, hold another clock, or turn somebody away."""
        now_s, waiting = view.now_s, view.waiting
        forecast = self.monitor.forecast(now_s)
        if self._good is not self._full:
            self._use(self._permitted())
        load = self.loads.at(forecast, self._strictness(forecast.rate_hz))
        state = self._state(view.point)
        if state < 0:
            # Somebody else has set the clock.
            return self._change(view, -1 - state)
        if not waiting:
            return self._rest_empty(now_s, load, state)
        if self._is_overlong(len(waiting)):
            return self._work_off(view, load, state, forecast.rate_hz)
        return self._attend(view, load, state, forecast)

    def join(self, view: ServerView, unit: int, batch: int) -> int:
        """As many as the running batch can take at `unit` with everybody in time."""
        del batch
        launch = self._running
        if launch is None:
            return 0
        joining = 0
        for request in view.waiting:
            if len(self._entries) == self._limits.sizes:
                break
            if request.entry == unit:
                tightest_s = min(self._tightest_s, request.deadline_s)
                entries = [max(entry, unit) for entry in (*self._entries, unit)]
                time_s = batch_s(self._costs, launch.variant, launch.points, entries, view.point)
                if view.now_s + time_s > tightest_s + _ROUNDING_S:
                    break
                joining += 1
                self._tightest_s = tightest_s
                self._entries.append(unit)
        return joining

    def _attend(self, view: ServerView, load: LoadDecisions, state: int, forecast: ArrivalForecast) -> Launch | Rest:
        """Decide for those who wait."""
        now_s, waiting = view.now_s, view.waiting
        count = len(waiting)
        slack_s = self._slack_s(waiting, now_s)
        fitting = self._limits.fitting(state, count, slack_s)
        rescue = self._limits.rescue(state, count)
        age = self._age(slack_s)
        shown = min(count, self.loads.most)
        if rescue.time_s <= slack_s:
            until = int(load.until[state, shown, age])
            due_s = self._due_s(load, state, slack_s, count, now_s, forecast.rate_hz) if fitting else now_s
            if due_s > now_s + _SHORTEST_WAIT_S:
                return Rest(self._ways.rest[state] if self._ways.free else view.point, due_s)
            if until > age:
                wait_s = min(
                    slack_s - self._slo_s + until * self.loads.grid.step_s, slack_s - _ROUNDING_S - rescue.time_s
                )
                if wait_s > _SHORTEST_WAIT_S:
                    return Rest(self._ways.rest[state] if self._ways.free else view.point, now_s + wait_s)
        target = int(load.switches[state, shown, age])
        if fitting:
            # Ages are rounded up; what fits in truth may be worth more than what the rounded age allows.
            way = int(load.chosen[state, count - 1, fitting - 1])
            if (
                target == state
                or now_s <= self._changed_s
                or load.gains[state, way, count - 1] <= load.relative[state, shown, age]
                # Between two steps of its grid the load's values may hope for a change that is too slow for some.
                or self._lost_to_change(view, target)
            ):
                return self._launch(view, state, load, waiting, (), self._pace_s((), count, forecast.rate_hz))
        elif rescue.time_s <= slack_s:
            target = rescue.state
        if target != state:
            return self._change(view, target)
        return self._crowded(view, state, load, forecast.rate_hz)

    def _is_overlong(self, count: int) -> bool:
        """Whether more wait than the values know, or such a line is cleared until one batch can take those left."""
        self._clears = self._clears and count > self._limits.sizes
        # Some overtake others where priorities differ: their line is longer than it looks.
        known = self.loads.most if self._plain else self.loads.most // 2
        # Where changes are free, the pace of each batch is all there is to decide.
        return not self._ways.free and (self._clears or count > known)

    def _work_off(self, view: ServerView, load: LoadDecisions, state: int, rate_hz: float) -> Launch | Rest:
        """Run full batches at the clock held, while that leaves time to change it later, else at the quickest.

        To the values any longer line is the longest that they know: they change its clock back and forth in vain.
        Where some overtake others nobody's time is known: such a line is cleared at once.
        """
        size, quickest = self._limits.sizes, self._limits.quickest_state
        if not self._clears:
            left_s = [request.deadline_s - view.now_s - self._ways.switch_s for request in view.waiting]
            pace_s = min(*left_s[:size], slowest_pace_s(left_s[size:], size))
            self._clears = not self._plain or self._limits.quickest_s(state, size) > pace_s
        if self._clears and state != quickest:
            return self._change(view, quickest)
        return self._crowded(view, state, load, rate_hz)

    def _due_s(
        self, load: LoadDecisions, state: int, slack_s: float, count: int, now_s: float, rate_hz: float
    ) -> float:
        """Until when to wait for the next, where arrivals keep a beat; now where they do not, or it is no use."""
        variation = self.monitor.gap_variation
        if not (self._plain and self.monitor.is_regular and variation < BEAT):
            return now_s
        due_s = self.monitor.last_s + (1.0 + margin_gaps(variation)) / rate_hz
        usual_j = self.loads.foreseen_j(load, rate_hz)
        if count >= self.loads.beats.batch(state, rate_hz, variation, usual_j):
            return now_s
        return due_s if self._limits.fitting(state, count + 1, slack_s - (due_s - now_s)) else now_s

    def _permitted(self) -> Loads:
        """All variants while there is credit for a batch of the worst; only the good ones until there is enough again.

        Enough is a batch, or a stretch that is worth a change of the clock there and back: the two may be at odds.
        """
        batch = self._full.limits.sizes
        if self.loads is self._full:
            enough = batch
        else:
            enough = max(batch, math.ceil(_CREDIT_CHANGES * self._ways.switch_s * self._full.capacity_hz))
        return self._full if self._floor.permits(self._worst, enough) else self._good

    def _use(self, loads: Loads) -> None:
        self.loads = loads
        self._limits, self._ways = loads.limits, loads.ways

    def _crowded(self, view: ServerView, state: int, load: LoadDecisions, rate_hz: float) -> Launch | Rest:
        """Not all that wait can run in one batch."""
        now_s, waiting, limits = view.now_s, view.waiting, self._limits
        per_request_s = 1.0 / self.loads.capacity_hz
        if self._plain:
            slacks_s = [request.deadline_s - now_s + _ROUNDING_S for request in waiting]
            choice = best_batch(load, limits, state, slacks_s, rate_hz, self.loads.grid.step_s)
            members = waiting[choice.let_go : choice.let_go + choice.size] if choice else ()
            let_go, behind = (
                (waiting[: choice.let_go], waiting[choice.let_go + choice.size :]) if choice else ((), waiting)
            )
        else:
            members, let_go = by_priority(waiting, limits, state, now_s), ()
            running = {request.id for request in members}
            behind = [request for request in waiting if request.id not in running]
        if not members:
            return self._too_slow(view, state)
        busy_s = limits.quickest_s(state, len(members))
        gone = (
            *(Rejection(request.id, RejectReason.OVERLOAD, busy_s) for request in let_go),
            *hopeless(behind, limits, now_s, busy_s, per_request_s),
        )
        self._budget.missed(len(gone))
        leaving = {each.id for each in gone}
        staying_s = [each.deadline_s - now_s for each in behind if each.id not in leaving]
        return self._launch(view, state, load, members, gone, self._pace_s(staying_s, len(members), rate_hz))

    def _pace_s(self, behind_s: Sequence[float], size: int, rate_hz: float) -> float:
        """The most a batch may take for the sake of those behind it; no time at all where more come than can be served.

        Values are not exact there: they would save joules on who is served while others are lost.
        """
        if rate_hz > self.loads.capacity_hz:
            return 0.0
        return slowest_pace_s(behind_s, size, 0.0 if self._plain else rate_hz)

    def _change(self, view: ServerView, target: int) -> Rest:
        """Hold another clock, and turn away whom that takes too long for."""
        self._changed_s = view.now_s + max(self.table.switch_s, _SHORTEST_WAIT_S) + _ROUNDING_S
        gone = self._lost_to_change(view, target)
        self._budget.missed(len(gone))
        return Rest(self._ways.states[target], view.now_s + max(self.table.switch_s, _SHORTEST_WAIT_S), gone)

    def _lost_to_change(self, view: ServerView, target: int) -> tuple[Rejection, ...]:
        """Those who would be late even alone and at once after a change to another clock."""
        limits = self._limits
        ends_s = view.now_s + self.table.switch_s + limits.quickest_s(target, 1) - _ROUNDING_S
        return tuple(
            Rejection(request.id, RejectReason.LATE, self.table.switch_s)
            for request in view.waiting
            if request.deadline_s < ends_s - limits.saved_s(request.entry, 1)
        )

    def _too_slow(self, view: ServerView, state: int) -> Rest:
        """Nobody can be in time at the clock held: change it where that helps, else turn all away."""
        rescue = self._limits.rescue(state, 1)
        if rescue.state != state:
            return self._change(view, rescue.state)
        gone = tuple(Rejection(request.id, RejectReason.LATE, rescue.time_s) for request in view.waiting)
        self._budget.missed(len(gone))
        return Rest(view.point, None, gone)

    def _launch(
        self,
        view: ServerView,
        state: int,
        load: LoadDecisions,
        members: Sequence[QueuedRequest],
        gone: tuple[Rejection, ...],
        pace_s: float,
    ) -> Launch | Rest:
        """Run these in the way of highest worth that ends in time; fewer of them where none does.

        It takes `pace_s` at most where that can be, else as little as possible.
        """
        if self._plain:
            size = len(members)
            within_s = min(members[0].deadline_s - view.now_s, pace_s) + _ROUNDING_S
            fitting = self._limits.fitting(state, size, within_s) or 1
            way = int(load.chosen[state, size - 1, fitting - 1])
            ids = tuple(request.id for request in members) if gone else ()
            self._tightest_s, self._entries = members[0].deadline_s, [0] * size
        else:
            size, way = self._way_for_mixed(view, state, load, members, pace_s)
            if not size:
                late = Rejection(members[0].id, RejectReason.LATE, self._limits.quickest_s(state, 1))
                self._budget.missed(1)
                return Rest(view.point, view.now_s + _SHORTEST_WAIT_S, (late, *gone))
            ids = tuple(request.id for request in members[:size])
            self._tightest_s = min(request.deadline_s for request in members[:size])
            self._entries = [request.entry for request in members[:size]]
        self._running = Launch(size, self._ways.variants[way], self._ways.points_of(state, way, size), ids, gone)
        return self._running

    def _way_for_mixed(
        self, view: ServerView, state: int, load: LoadDecisions, members: Sequence[QueuedRequest], pace_s: float
    ) -> tuple[int, int]:
        """How many of the first can run in time, each from its entry on, and in which way; 0 where not even one."""
        for size in range(len(members), 0, -1):
            entries = [request.entry for request in members[:size]]
            within_s = min(request.deadline_s for request in members[:size]) - view.now_s + _ROUNDING_S
            quickest_s, quickest = math.inf, -1
            for way in load.by_worth(state, size):
                variant, points = self._ways.variants[way], self._ways.points_of(state, way, size)
                time_s = batch_s(self._costs, variant, points, entries, view.point)
                if time_s <= min(within_s, pace_s):
                    return size, way
                if time_s < quickest_s:
                    quickest_s, quickest = time_s, way
            if quickest_s <= within_s:
                return size, quickest
        return 0, 0

    def _strictness(self, rate_hz: float) -> int:
        """How dear a miss is, 0 to `STRICTEST`; never cheap where one change of the clock spends the whole budget."""
        strictness = self._budget.strictness
        spends_all = rate_hz * self._ways.switch_s > 2.0 * MOST_OWED
        return max(strictness, _LEAST_STRICT) if spends_all else strictness

    def _rest_empty(self, now_s: float, load: LoadDecisions, state: int) -> Rest:
        target = int(load.switches[state, 0, 0])
        lasting = target == state and self.loads.is_least(load)
        return Rest(self._ways.rest[target], None if lasting else now_s + self.period_s)

    def _slack_s(self, waiting: Sequence[QueuedRequest], now_s: float) -> float:
        """Seconds in which a batch of all that wait has to end, had it to run all units."""
        if self._plain:
            return waiting[0].deadline_s - now_s + _ROUNDING_S
        members = waiting[: self._limits.sizes]
        saved_s = self._limits.saved_s(min(request.entry for request in members), len(members))
        return min(request.deadline_s for request in members) - now_s + saved_s + _ROUNDING_S

    def _age(self, slack_s: float) -> int:
        """The age in steps of a request of this slack, rounded up."""
        age = math.ceil((self._slo_s - slack_s) / self.loads.grid.step_s - 1e-6)
        return min(max(age, 0), self.loads.grid.ages - 1)

    def _state(self, point: int) -> int:
        """The clock state of an operating point; of one that none holds, -1 less the next higher."""
        if self._ways.free:
            return 0
        state = self._states.get(point)
        if state is None:
            states = self._ways.states
            return -1 - next(each for each, held in enumerate(states) if held > point)
        return state
