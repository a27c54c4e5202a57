"""`pit` and `fp32-only`: precision and clock from the load (Nabavinejad, Hafez-Kolahi and Reda, IEEE CAL 18(2), 2019).

    doi 10.1109/LCA.2019.2942020, "Coordinated DVFS and precision control for deep neural networks"

Published: the server's load is watched; at high loads and tight arrivals the model runs in low precision and
the clock is raised; when there is slack it runs in full precision and the clock is lowered. Accuracy stays
around 99.5 % of full precision's. Open (only the abstract could be had): how load is measured, thresholds,
hysteresis, batches. Choices made here, in units of what a setting can sustain (`sustained_rates`):

    load over 0.85 of the setting's rate ─▶ at once: the cheapest clock that it fills to 0.65 at most
    a cheaper clock filled to 0.65 at most, two periods long ─▶ that one
    load over 0.7 of full precision's best rate ─▶ low precision; back below 0.5, two periods long

Moves down leave room for less than moves up ask for: under a constant load nothing flaps. A batch that would
be late at the setting runs at whatever setting is enough. Where a change of the clock takes a good part of what
a lone request can spare, each one loses requests: there the clock follows the load alone, and one that was raised
for a batch, where that fits, is the setting's from then on. `fp32-only` is all of this but the precision.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import BatchOutcome, Launch, QueuedRequest, Rest, ServerView
from joulecut_planner.serving.policies.accuracy_floor import AccuracyFloor
from joulecut_planner.serving.policies.arrival_rate import ArrivalRate
from joulecut_planner.serving.policies.deadlines import ROUNDING_S, DeadlinePolicy, batch_size, earliest_s, within
from joulecut_planner.serving.policies.dvfs_only import WINDOW_SLOS
from joulecut_planner.serving.policies.fixed import BATCHES_PER_SLO
from joulecut_planner.serving.policies.resting import SHARE_OF_SLACK
from joulecut_planner.serving.policies.sustained_rates import Setting, SustainedRates

_FULL, _ROOM = 0.85, 0.65
_HIGH_LOAD, _LOW_LOAD = 0.7, 0.5
_PATIENCE = 2
"""Periods for which a cheaper setting has to do."""
_WORTH = 0.98
"""A clock has to draw this much less to be worth a change."""


class Pit(DeadlinePolicy):
    """Variants that are not faster than full precision at the highest clock are never chosen."""

    def __init__(
        self,
        table: ServiceTable,
        *,
        accuracy_floor: float = 0.995,
        full_precision_only: bool = False,
        period_s: float | None = None,
        rejects_late: bool = True,
        counts_idle: bool = True,
    ) -> None:
        """`accuracy_floor` is a share of the reference's accuracy that the mean of all answers keeps.

        `period_s` None: 20 times what requests have. Raises ValueError for a floor beyond 0 to 1, or a period
        that is not above 0.
        """
        floor = AccuracyFloor(table, accuracy_floor)
        low = [] if full_precision_only else _faster(table)
        allowed = [v for v in low if floor.permits(v, 1)]
        super().__init__(
            "fp32-only" if full_precision_only else "pit", table, rejects_late=rejects_late, variants=(0, *allowed)
        )
        if period_s is not None and not period_s > 0.0:
            raise ValueError(f"period_s: {period_s}; expected more than 0")
        self._floor = floor
        self._low = low
        self._period_s = period_s
        self._rates = SustainedRates(self.costs, counts_idle=counts_idle)
        self._load = ArrivalRate(1.0)
        self.setting = Setting(0, self.costs.top)
        self._lone_s = self.fastest_s()[0]
        self._next_s = 0.0
        self._calm = 0

    def limit(self) -> int:
        """The largest batch that takes half of a request's time at the highest clock."""
        return within(self.seconds(self.setting.variant, self.costs.top), self.slo_s / BATCHES_PER_SLO)

    def arrived(self, request: QueuedRequest) -> None:
        """Count it."""
        super().arrived(request)
        self._load.window_s = self._period()
        self._load.arrived(request.arrival_s)
        self._rates.hold(self.slo_s)

    def decide(self, view: ServerView) -> Launch | Rest:
        """As any server, after a look at the load."""
        if self.slo_s < math.inf:
            self._watch(view.now_s, self._load.rate_hz(view.now_s))
        return super().decide(view)

    def order(self, now_s: float, waiting: Sequence[QueuedRequest], held: int) -> Launch | Rest:
        """Run what waits at the setting, or at one that is enough for those."""
        limit = self.limit()
        entry = self.entry(waiting, min(len(waiting), limit))
        variant = self.setting.variant
        if not self._floor.permits(variant, limit):
            variant = 0
        for candidate in (variant, *(v for v in self._low if v != variant and self._floor.permits(v, limit))):
            batch, in_time = batch_size(now_s, waiting, self.quickest_s(held, entry, candidate), limit)
            if in_time:
                left_s = earliest_s(waiting, batch) - now_s
                return self.launch(batch, candidate, self._point(candidate, batch, left_s, held, entry))
        return self.launch(
            min(len(waiting), limit),
            variant,
            max(held, self.setting.point) if self._changes_slowly() else self.costs.top,
        )

    def rest(self, now_s: float, held: int) -> Rest:
        """Hold the clock of the setting; look again after the period, should a cheaper one do by then."""
        if not self._next_s:
            return Rest(held)
        del now_s
        settled = self.setting == self._rates.cheapest(0, 0.0, _ROOM)
        return Rest(self.setting.point, None if settled else self._next_s)

    def completed(self, outcome: BatchOutcome) -> None:
        """Answers count towards the floor."""
        self._floor.answered(outcome.variant, outcome.batch)

    def _period(self) -> float:
        return WINDOW_SLOS * self.slo_s if self._period_s is None else self._period_s

    def _point(self, variant: int, batch: int, left_s: float, held: int, entry: int) -> int:
        """The setting's clock, or the first above it that leaves the batch, and who comes meanwhile, in time."""
        top = self.costs.top
        most_s = min(left_s, max(self.slo_s / BATCHES_PER_SLO, self.costs.time_s(variant, batch, top, entry)))
        for point in range(self.setting.point, top + 1):
            switch_s = self.table.switch_s if point != held else 0.0
            if self.costs.time_s(variant, batch, point, entry) + switch_s <= most_s + ROUNDING_S:
                return self._raised(point)
        if self._changes_slowly():
            return held
        staying_s = self.costs.time_s(variant, batch, held, entry)
        stays = staying_s <= self.costs.time_s(variant, batch, top, entry) + self.table.switch_s
        return held if stays else top

    def _changes_slowly(self) -> bool:
        """Whether a change of the clock takes more than a lone request can spare for it."""
        return self.table.switch_s > SHARE_OF_SLACK * (self.slo_s - self._lone_s)

    def _raised(self, point: int) -> int:
        """The clock to run a batch at: it stays, where changes are slow."""
        if point > self.setting.point and self._changes_slowly():
            self.setting, self._calm = Setting(self.setting.variant, point), 0
        return point

    def _watch(self, now_s: float, rate_hz: float) -> None:
        """More capacity at once, less after a while."""
        rates = self._rates
        load = rate_hz / rates.most_hz[0]
        if load > _HIGH_LOAD and self.setting.variant == 0 and self._low:
            self._move(self._low_variant(rate_hz), rate_hz)
        elif rate_hz > _FULL * rates.rate_hz(self.setting):
            self._move(self.setting.variant, rate_hz)
        if now_s < self._next_s:
            return
        self._next_s = now_s + self._period()
        variant = 0 if load < _LOW_LOAD else self.setting.variant
        better = rates.cheapest(variant, rate_hz, _ROOM)
        if better is not None and (
            variant != self.setting.variant
            or rates.power_w(better, rate_hz) < _WORTH * rates.power_w(self.setting, rate_hz)
        ):
            self._calm += 1
            if self._calm >= _PATIENCE:
                self.setting = better
                self._calm = 0
        else:
            self._calm = 0

    def _move(self, variant: int, rate_hz: float) -> None:
        self.setting = self._rates.cheapest(variant, rate_hz, _ROOM) or self._rates.quickest(variant)
        self._calm = 0

    def _low_variant(self, rate_hz: float) -> int:
        """The most accurate one that is not filled up, or the fastest."""
        most_hz, variants = self._rates.most_hz, self.table.variants
        enough = [v for v in self._low if rate_hz <= _FULL * most_hz[v]]
        if enough:
            return max(enough, key=lambda v: variants[v].accuracy)
        return max(self._low, key=lambda v: most_hz[v])


def _faster(table: ServiceTable) -> list[int]:
    """Variants other than the reference that are faster at the highest operating point."""
    times_s = [sum(unit[-1] for unit in variant.time_s[0]) for variant in table.variants]
    return [v for v in range(1, len(times_s)) if times_s[v] < times_s[0]]
