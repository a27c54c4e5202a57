"""One sweep of value iteration: every state's best action, given what the states after it are worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.serving.joint.arrival_law import ArrivalLaw
from joulecut_planner.serving.joint.grid import DecisionGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What else counts, in joules."""

    lone_j: float
    """A request that runs alone: the scale of the others."""
    miss_j: float
    waiting_w: float
    """A second that one request waits."""
    lasting_s: float
    """For how long a load is believed to stay."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep has found; the arrays are of shape (states, most + 1, ages) where not said."""

    relative: Array
    """Cost to go beyond that of the best free state."""
    settled: Array
    """The same where the clock stays for this step: what follows a change, so that none follows the other."""
    gains: Array
    """Shape (states, ways, sizes): the value of running so many in this way."""
    staying: Array
    """The value of running, or of letting the oldest go."""
    switches: Array
    """The value of the best change of the clock."""
    changes: Array
    """The value of a change to each state: the first index is where it leads."""
    free: Array
    """Shape (states): the value of staying at a free queue."""
    changed: Array
    """Shape (states): the value of the best change of the clock at a free queue."""
    changes_free: Array
    """Shape (states): the value of a change to each state there."""

    def decisions(self) -> tuple[NDArray[np.bool_], Indices]:
        """Whether waiting is best, and the state to change to where that is best; else the own one."""
        waits = self.relative < np.minimum(self.staying, self.switches)
        waits[:, 0] = (self.free <= self.changed)[:, None]
        target, changing = _whose(self.changes), self.switches > self.staying
        target[:, 0], changing[:, 0] = _whose(self.changes_free)[:, None], (self.changed > self.free)[:, None]
        own = np.arange(len(waits))[:, None, None]
        return waits, np.where(waits | changing, own, target)


class Sweep:
    """Sweeps under one law of arrivals."""

    def __init__(self, grid: DecisionGrid, law: ArrivalLaw, prices: Prices) -> None:
        self.grid = grid
        self.law = law
        self.prices = prices
        self._damping = float(np.exp(-grid.step_s / prices.lasting_s))
        """Per step: how surely the load is still as it was."""
        self._fading: Array = np.power(self._damping, np.arange(len(law.occupied), dtype=np.float64))
        self._followed = law.occupied.reshape(len(law.occupied), -1).T
        self._switched = tuple(law.later(grid.switch_whole + extra) for extra in (0, 1))
        """From n waiting to m during a change of the clock, by age: in its whole steps, and in one more."""
        self._shares = (1.0 - grid.switch_part, grid.switch_part)
        self._back: Array = np.ascontiguousarray(self._damping * law.shift.swapaxes(1, 2))

    def run(self, relative: Array, settled: Array, cost_w: float, partial: Array) -> Swept:
        """The values one step on; `partial` is what `DecisionGrid.partial_launches` makes of recent ones."""
        grid, law = self.grid, self.law
        step_s, miss_j = grid.step_s, self.prices.miss_j
        # occupied[s, k]: cost to go of a free queue that is left alone for k steps and then attended to.
        occupied = relative.reshape(grid.states, -1) @ self._followed * self._fading
        occupied += miss_j * law.lost - cost_w * step_s * np.arange(len(law.lost))
        empty = occupied - self._fading * self._followed[0] * relative[:, :1, 0]
        gains = self._gains(occupied)
        losses = miss_j + relative.reshape(grid.states, -1)[:, grid.loss_places].reshape(relative.shape)
        staying = np.minimum(self._launches(gains, partial - cost_w * grid.takes_s), losses)
        changes = self._changes(self._empty_changes(empty, settled[:, 0, 0], cost_w), settled, cost_w)
        switches = _least_of_others(changes)
        result, settling = self._waited(np.minimum(staying, switches), staying, cost_w)
        # A free queue stays so until somebody comes: the sum of a geometric series.
        free = (grid.idle_w - cost_w) * step_s + self._damping * result[:, 1:, 0] @ law.first[1:]
        free /= 1.0 - self._damping * law.first[0]
        changes_free = self._empty_changes(empty, free, cost_w)
        changed = _least_of_others(changes_free)
        result[:, 0] = np.minimum(free, changed)[:, None]
        settling[:, 0] = free[:, None]
        return Swept(result, settling, gains, staying, switches, changes, free, changed, changes_free)

    def _waited(self, others: Array, staying: Array, cost_w: float) -> tuple[Array, Array]:
        """The best of waiting and the others, and the same for those who stay.

        From the oldest age backwards: after a step of waiting, all ages are one higher, and already known.
        """
        grid, counts = self.grid, np.arange(self.grid.most + 1)
        waiting = (grid.idle_w[:, None] + self.prices.waiting_w * counts - cost_w) * grid.step_s
        waiting += self.prices.miss_j * self.law.spilled
        # Ages first, so that each step works on one piece of memory.
        both = np.empty((grid.ages, 2, *waiting.shape))
        both[:, 0], both[:, 1] = np.moveaxis(others, 2, 0), np.moveaxis(staying, 2, 0)
        wait = np.empty_like(waiting)
        for now, later, back in zip(both[-2::-1], both[:0:-1], self._back[-2::-1], strict=True):
            np.matmul(later[0], back, out=wait)
            np.add(wait, waiting, out=wait)
            np.minimum(wait, now, out=now)
        best, settling = both.transpose(1, 2, 3, 0).copy()
        return best, settling

    def _gains(self, occupied: Array) -> Array:
        grid, ways = self.grid, self.grid.ways
        after = occupied[ways.end, grid.whole_steps]
        after = after + grid.part_step * (occupied[ways.end, grid.whole_steps + 1] - after)
        gains: Array = ways.energy_j + after
        return gains

    def _launches(self, gains: Array, partial: Array) -> Array:
        grid = self.grid
        best = np.minimum.accumulate(gains.reshape(-1)[grid.order_places], axis=1)
        launches: Array = np.append(best, np.inf)[grid.run_places]
        return np.where(grid.left > 0, partial, launches)

    def _empty_changes(self, empty: Array, free: Array, cost_w: float) -> Array:
        """The value of a change to each state at a free queue.

        `empty` is what follows some steps without attention where somebody has come, of shape (states, steps);
        `free`, of shape (states), where nobody has.
        """
        grid, ways = self.grid, self.grid.ways
        values = ways.switch_j + ways.switch_s * grid.idle_w
        values = values + grid.switch_beyond_s * (self.law.rate_hz * self.prices.miss_j - cost_w)
        for step, share in enumerate(self._shares, start=grid.switch_whole):
            values = values + share * (empty[:, step] + self._fading[step] * self._followed[0, step] * free)
        return values

    def _changes(self, alone: Array, settled: Array, cost_w: float) -> Array:
        """The value of a change to each state, of shape (states, most + 1, ages).

        `alone` is that at a free queue.
        """
        grid, ways = self.grid, self.grid.ways
        if grid.states == 1:
            return np.full(settled.shape, np.inf)
        after = np.zeros(settled.shape)
        for extra, (share, switched) in enumerate(zip(self._shares, self._switched, strict=True)):
            if share > 0.0:
                reached = max(grid.ages - grid.switch_whole - extra, 0)
                # By age, then counts, then states.
                moved = switched[:reached] @ settled[:, :, grid.ages - reached :].transpose(2, 1, 0)
                after[:, :, :reached] += share * moved.transpose(2, 1, 0)
                after[:, :, reached:] = np.inf
        held_w = grid.idle_w[:, None] + self.prices.waiting_w * np.arange(grid.most + 1)
        after += (ways.switch_j + (held_w - cost_w) * ways.switch_s)[:, :, None]
        # Where the change takes too long for those who wait, they are let go for it.
        lost = self.prices.miss_j * np.arange(grid.most + 1)
        return np.minimum(after, (alone[:, None] + lost)[:, :, None])


def _least_of_others(values: Array) -> Array:
    """For each index of the first axis the least of the others' values; infinite for one alone.

    A change to the clock held is waiting, and worse: nothing can be decided meanwhile.
    """
    least = values.min(axis=0)
    first = values == least
    others: Array = np.where(first, np.where(first, np.inf, values).min(axis=0), least)
    return others


def _whose(values: Array) -> Indices:
    """Whose the least of the others' values is."""
    first = values.argmin(axis=0)
    same = np.arange(len(values)).reshape(-1, *(1,) * (values.ndim - 1)) == first
    whose: Indices = np.where(same, np.where(same, np.inf, values).argmin(axis=0), first)
    return whose
