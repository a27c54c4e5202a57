"""The cheapest single clock for a batch in the time there is, counting the change from the clock held.

Cost is joules above those of resting meanwhile at `resting_w`: over a given stretch of time, what a device
draws in all is that plus a constant. With `resting_w` 0 it is the joules of the batch. It is at most the least
idle draw, so that no change of the clock pays by itself.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from joulecut_core.service_tables import ServiceTable
from joulecut_planner.serving.costs import ServiceCosts


@dataclass(frozen=True, slots=True)
class Way:
    """How to run a batch: seconds and cost, changes of the clock included, and the clocks of its units."""

    time_s: float
    cost_j: float
    points: tuple[int, ...]


def changing_j(table: ServiceTable, resting_w: float) -> list[float]:
    """The cost of a change to each operating point. Raises ValueError for a `resting_w` above the least idle draw."""
    if resting_w > min(table.idle_w):
        raise ValueError(f"resting_w: {resting_w}; expected at most the least idle draw, {min(table.idle_w)} W")
    return [table.switch_j + table.switch_s * (idle_w - resting_w) for idle_w in table.idle_w]


class OneClock:
    """Ways to run batches of one variant at one clock; indices are the table's."""

    def __init__(self, costs: ServiceCosts, variant: int = 0, *, resting_w: float = 0.0) -> None:
        """Raises ValueError for a `resting_w` above the least idle draw."""
        self._costs = costs
        self._variant = variant
        self._resting_w = resting_w
        self._switch_s = costs.table.switch_s
        self._switch_j = changing_j(costs.table, resting_w)
        self._stays: dict[tuple[int, int, int], Way] = {}
        self._fronts: dict[tuple[int, int], tuple[list[float], list[Way]]] = {}

    def cheapest(self, batch: int, within_s: float, held: int, entry: int = 0) -> Way | None:
        """The way of least cost that takes at most `within_s`; None where none does."""
        times_s, ways = self._front(batch, entry)
        count = bisect_right(times_s, within_s)
        found = ways[count - 1] if count else None
        staying = self.staying(batch, held, entry)
        if staying.time_s <= within_s and (found is None or staying.cost_j <= found.cost_j):
            return staying
        return found

    def fastest(self, batch: int, held: int, entry: int = 0) -> Way:
        """The quickest way."""
        changing, staying = self._front(batch, entry)[1][0], self.staying(batch, held, entry)
        return staying if staying.time_s <= changing.time_s else changing

    def staying(self, batch: int, point: int, entry: int = 0) -> Way:
        """Running at `point`, which is held already."""
        known = self._stays.get((batch, point, entry))
        if known is not None:
            return known
        time_s = self._costs.time_s(self._variant, batch, point, entry)
        cost_j = self._costs.energy_j(self._variant, batch, point, entry) - self._resting_w * time_s
        way = Way(time_s, cost_j, (point,) * (len(self._costs.table.units) - entry))
        self._stays[batch, point, entry] = way
        return way

    def _front(self, batch: int, entry: int) -> tuple[list[float], list[Way]]:
        """Ways that change the clock first and that no other such way beats, by rising time."""
        known = self._fronts.get((batch, entry))
        if known is not None:
            return known
        ways: list[Way] = []
        for point, switch_j in enumerate(self._switch_j):
            way = self.staying(batch, point, entry)
            ways.append(Way(way.time_s + self._switch_s, way.cost_j + switch_j, way.points))
        ways.sort(key=lambda each: (each.time_s, each.cost_j))
        front: list[Way] = []
        for way in ways:
            if not front or way.cost_j < front[-1].cost_j:
                front.append(way)
        self._fronts[batch, entry] = ([way.time_s for way in front], front)
        return self._fronts[batch, entry]
