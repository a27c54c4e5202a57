"""What waiting, launching, changing the clock and giving up are worth: a semi-Markov decision process, solved.

State: the clock held, how many wait, and the age of the oldest. Actions: run all that wait, in one of the ways;
run as many as still can; hold another clock; let the oldest go; wait a step. Costs: joules, idle draw included, a
price per miss, and a small one per second of waiting, so that nobody waits for next to nothing. The answer
minimises the long-run cost a second while the load is as forecast; the load is believed to last for a while
only, so that a clock changes when that pays back within it.

Value iteration: one sweep values what follows a batch of any duration by the law of arrivals, then every launch,
then waiting from the oldest age backwards, which is exact within the sweep since ages only rise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.serving.joint.arrival_law import ArrivalLaw, age_after_loss
from joulecut_planner.serving.joint.ways import Ways

_MOST_SWEEPS = 60
_LAG = 4
"""Sweeps between two looks at those whom a launch leaves behind: they are few, and dear to value."""
_PRECISION = 2e-3
"""Sweeps end when the cost a second is known to this share."""


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
class Values:
    """The solution for one load; the arrays of decisions are what a policy looks up."""

    cost_w: float
    """Cost a second in the long run, prices included."""
    relative: Array
    """Shape (states, most + 1, ages): cost to go beyond that of the best free state."""
    settled: Array
    """The same where the clock stays for this step."""
    gains: Array
    """Shape (states, ways, sizes): value of running so many in this way."""
    waits: NDArray[np.bool_]
    """Shape (states, most + 1, ages): whether waiting is best."""
    switches: Indices
    """Shape (states, most + 1, ages): the state to change to, where that is best; else the own one."""


class ValueProblem:
    """Everything that does not depend on the load: solve it for one load after the other."""

    def __init__(self, ways: Ways, *, deadline_s: float, ages: int, most: int) -> None:
        self.ways = ways
        self.deadline_s = deadline_s
        self.ages = ages
        self.most = most
        self.step_s = deadline_s / ages
        states, _, sizes = ways.time_s.shape
        self.slack_s = deadline_s - self.step_s * np.arange(ages)
        self.order: Indices = np.argsort(ways.time_s, axis=1, kind="stable")
        """Shape (states, ways, sizes): ways by rising time."""
        self.sorted_s: Array = np.take_along_axis(ways.time_s, self.order, axis=1)
        fits = self.sorted_s[:, :, :, None] <= self.slack_s * (1.0 + 1e-12)
        self.fitting: Indices = fits.sum(axis=1)
        """Shape (states, sizes, ages): how many ways end in time."""
        in_steps = np.minimum(ways.time_s / self.step_s, float(ages))
        self.whole_steps: Indices = np.minimum(in_steps.astype(np.int64), ages - 1)
        self.part_step = in_steps - self.whole_steps
        self._prepare_partial_launches(states, sizes)
        switch_steps = ways.switch_s / self.step_s
        self.switch_whole = int(switch_steps)
        self.switch_part = switch_steps - self.switch_whole

    @property
    def steps(self) -> int:
        """How far the law of arrivals has to be followed."""
        return max(self.ages, self.switch_whole + 1)

    def solve(self, law: ArrivalLaw, prices: Prices, start: Values | None = None) -> Values:
        """The best decisions under a law of arrivals made for this problem's steps, ages and room."""
        states = len(self.ways.states)
        damping = float(np.exp(-self.step_s / prices.lasting_s))
        relative = np.zeros((states, self.most + 1, self.ages)) if start is None else start.relative.copy()
        idle_w = np.array(self.ways.idle_w)
        cost_w = float(idle_w.min()) if start is None else start.cost_w
        # Some seconds that pass between two visits of a free queue; where they are too few, the cost a second swings.
        visit_s = cycle_s = min(1.0 / law.rate_hz + self.deadline_s, prices.lasting_s)
        before = 0.0
        followed = law.occupied.reshape(len(law.occupied), -1)
        fading = damping ** np.arange(len(followed))
        switched = tuple(law.later(self.switch_whole + extra) for extra in (0, 1))
        sweep = _Sweep(self, law, prices, damping, fading, followed, switched, idle_w)
        settled = relative if start is None else start.settled
        for turn in range(_MOST_SWEEPS):
            if turn % _LAG == 0:
                seen, seen_w = relative, cost_w
                rest = self._rest(law.moves, relative)
            found = sweep.run(relative, settled, cost_w, rest)
            rise = float(found.relative[:, 0, 0].min())
            relative, settled = found.relative - rise, found.settled - rise
            cycle_s = min(cycle_s * 2.0, 6.0 * visit_s) if rise * before < 0.0 else cycle_s * 0.85
            before = rise
            cost_w += rise / cycle_s
            same = abs(cost_w - seen_w) < _PRECISION * cost_w and self._same(relative, seen, prices)
            if same and turn % _LAG == _LAG - 1:
                break
        found = sweep.run(relative, settled, cost_w, self._rest(law.moves, relative))
        return Values(cost_w, relative, settled, found.gains, found.waits, found.switches)

    def _same(self, one: Array, other: Array, prices: Prices) -> bool:
        """Whether values are as good as equal where queues are not about to overflow."""
        common = self.most // 2 + 1
        tolerance = 10.0 * _PRECISION * (prices.lone_j + np.abs(other[:, :common]))
        return bool((np.abs(one[:, :common] - other[:, :common]) <= tolerance).all())

    def _rest(self, moves: Array, relative: Array) -> Array:
        """The value of running as many as still can, as quickly as can be, but for its time; infinite elsewhere."""
        state, waiting, age = self.partial
        older = relative[state, :, self.left_age[self.partial]]
        worth = np.einsum("im,im->i", moves[self.partial_steps, self.left[self.partial]], older)
        launched = np.full(self.left.shape, np.inf)
        launched[state, waiting, age] = worth + self.partial_j
        return launched

    def _prepare_partial_launches(self, states: int, sizes: int) -> None:
        """For each (state, waiting, age): how many can still run at once, and how old the rest is afterwards."""
        shape = (states, self.most + 1, self.ages)
        runs: Indices = np.zeros(shape, dtype=np.int64)
        for waiting in range(1, self.most + 1):
            runs[:, waiting] = runs[:, waiting - 1]
            if waiting <= sizes:
                runs[:, waiting] = np.where(self.fitting[:, waiting - 1] > 0, waiting, runs[:, waiting])
        waiting = np.arange(self.most + 1)[None, :, None]
        age = np.arange(self.ages)[None, None, :]
        left = waiting - runs
        fastest = self.sorted_s[:, 0, :] / self.step_s
        takes = np.take_along_axis(fastest, np.maximum(runs - 1, 0).reshape(states, -1), axis=1).reshape(shape)
        takes = np.minimum(takes, float(self.ages))
        joules = np.take_along_axis(self.ways.energy_j, self.order, axis=1)[:, 0, :]
        joules = np.take_along_axis(joules, np.maximum(runs - 1, 0).reshape(states, -1), axis=1).reshape(shape)
        self.runs, self.left, self.takes_s = runs, left, takes * self.step_s
        aged = np.ceil(age * left / np.maximum(waiting, 1) + takes).astype(np.int64)
        self.left_age: Indices = np.minimum(aged, self.ages - 1)
        self.partial = np.nonzero((left > 0) & (runs > 0))
        self.partial_steps: Indices = np.minimum(np.ceil(takes).astype(np.int64), self.ages)[self.partial]
        self.partial_j: Array = joules[self.partial]
        self.after_loss: Indices = age_after_loss(waiting[0], age[0])


@dataclass(frozen=True, slots=True)
class _Found:
    relative: Array
    settled: Array
    """As `relative`, but the clock stays for this step: what follows a change, so that none follows the other."""
    gains: Array
    waits: NDArray[np.bool_]
    switches: Indices


@dataclass(frozen=True, slots=True)
class _Sweep:
    problem: ValueProblem
    law: ArrivalLaw
    prices: Prices
    damping: float
    fading: Array
    followed: Array
    switched: tuple[Array, ...]
    """From n waiting to m during a change of the clock, by age: in its whole steps, and in one more."""
    idle_w: Array

    def run(self, relative: Array, settled: Array, cost_w: float, partial: Array) -> _Found:
        problem, law, ways = self.problem, self.law, self.problem.ways
        step_s, miss_j = problem.step_s, self.prices.miss_j
        states, most, ages = len(ways.states), problem.most, problem.ages
        # occupied[s, k]: cost to go of a free queue that is left alone for k steps and then attended to.
        occupied = relative.reshape(states, -1) @ self.followed.T * self.fading
        occupied += miss_j * law.lost - cost_w * step_s * np.arange(len(law.lost))
        gains = self._gains(occupied)
        launches = self._launches(gains, partial - cost_w * problem.takes_s)
        losses = miss_j + np.take_along_axis(
            relative[:, np.maximum(np.arange(most + 1) - 1, 0)], problem.after_loss[None].repeat(states, 0), axis=2
        )
        staying = np.minimum(launches, losses)
        empty = occupied - self.fading * self.followed[:, 0] * relative[:, :1, 0]
        switches, target = self._switches(empty, settled, settled[:, 0, 0], cost_w)
        others = np.minimum(staying, switches)
        result, settling = others.copy(), staying.copy()
        waits = np.zeros(relative.shape, dtype=bool)
        waiting = (self.idle_w[:, None] + self.prices.waiting_w * np.arange(most + 1)) * step_s
        waiting += miss_j * law.spilled - cost_w * step_s
        back = self.damping * law.shift.swapaxes(1, 2)
        for age in range(ages - 2, -1, -1):
            wait = waiting + result[:, :, age + 1] @ back[age]
            waits[:, :, age] = wait < others[:, :, age]
            result[:, :, age] = np.minimum(wait, others[:, :, age])
            settling[:, :, age] = np.minimum(wait, staying[:, :, age])
        free = (self.idle_w - cost_w) * step_s + self.damping * result[:, 1:, 0] @ law.first[1:]
        free /= 1.0 - self.damping * law.first[0]
        changed, where = self._switches(empty, settling, free, cost_w)
        waits[:, 0, :] = (free <= changed[:, 0, 0])[:, None]
        result[:, 0, :] = np.minimum(free, changed[:, 0, 0])[:, None]
        settling[:, 0, :] = free[:, None]
        target[:, 0] = where[:, 0]
        switches[:, 0] = changed[:, 0]
        chosen = np.where(waits | (switches > np.where(np.arange(most + 1)[:, None] > 0, staying, np.inf)), np.arange(states)[:, None, None], target)
        return _Found(result, settling, gains, waits, chosen)

    def _gains(self, occupied: Array) -> Array:
        problem, ways = self.problem, self.problem.ways
        after = occupied[ways.end, problem.whole_steps]
        after = after + problem.part_step * (occupied[ways.end, problem.whole_steps + 1] - after)
        gains: Array = ways.energy_j + after
        return gains

    def _launches(self, gains: Array, partial: Array) -> Array:
        problem = self.problem
        states = len(problem.ways.states)
        best = np.minimum.accumulate(np.take_along_axis(gains, problem.order, axis=1), axis=1)
        fitting = problem.fitting
        whole = np.take_along_axis(best, np.maximum(fitting - 1, 0).transpose(0, 2, 1), axis=1)
        # whole[s, a, n - 1]: all n run.
        whole = np.where(fitting.transpose(0, 2, 1) > 0, whole, np.inf).transpose(0, 2, 1)
        padded = np.concatenate((np.full((states, 1, problem.ages), np.inf), whole), axis=1)
        runs = padded[np.arange(states)[:, None, None], problem.runs, np.arange(problem.ages)[None, None, :]]
        launches: Array = np.where(problem.left > 0, partial, runs)
        return launches

    def _switches(self, empty: Array, settled: Array, free: Array, cost_w: float) -> tuple[Array, Indices]:
        """The best value after a change of the clock, and to which state: each (states, most + 1, ages).

        `empty` is what follows some steps without attention where somebody has come, of shape (states, steps);
        `free`, of shape (states), where nobody has.
        """
        problem, ways = self.problem, self.problem.ways
        states = len(ways.states)
        own = np.broadcast_to(np.arange(states)[:, None, None], settled.shape)
        if states == 1:
            return np.full(settled.shape, np.inf), own.copy()
        shares = (1.0 - problem.switch_part, problem.switch_part)
        steps = (problem.switch_whole, problem.switch_whole + 1)
        after = np.zeros(settled.shape)
        alone = np.zeros(states)
        for step, share, switched in zip(steps, shares, self.switched, strict=True):
            if share > 0.0:
                reached = max(problem.ages - step, 0)
                # By age, then counts, then states.
                moved = switched[:reached] @ settled[:, :, problem.ages - reached :].transpose(2, 1, 0)
                after[:, :, :reached] += share * moved.transpose(2, 1, 0)
                after[:, :, reached:] = np.inf
                alone += share * (empty[:, step] + self.fading[step] * self.followed[step, 0] * free)
        held_w = self.idle_w[:, None] + self.prices.waiting_w * np.arange(problem.most + 1)
        after += (ways.switch_j + (held_w - cost_w) * ways.switch_s)[:, :, None]
        alone += ways.switch_j + self.idle_w * ways.switch_s
        # Where the change takes too long for those who wait, they are let go for it.
        lost = self.prices.miss_j * np.arange(problem.most + 1)
        after = np.minimum(after, (alone[:, None] + lost)[:, :, None])
        after[:, 0, :] = alone[:, None]
        # Changing to the clock held is waiting, and worse: nothing can be decided meanwhile.
        first, second = np.sort(after, axis=0)[:2]
        targets = np.argsort(after, axis=0)[:2]
        same = targets[0][None] == own
        return np.where(same, second[None], first[None]), np.where(same, targets[1][None], targets[0][None])
