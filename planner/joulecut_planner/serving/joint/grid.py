"""The grid of states that decisions are valued on, and what about them does not depend on the load.

States: the clock held, how many wait, and the age of the oldest in steps of the deadline.
"""

from __future__ import annotations

import numpy as np

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.serving.joint.arrival_law import age_after_loss
from joulecut_planner.serving.joint.ways import Ways

_FOLLOWED = 8.0
"""Deadlines for which a change of the clock is followed: long before, as many are lost as come."""


class DecisionGrid:
    """`ages` steps of a deadline of `deadline_s`, with up to `most` requests that wait."""

    def __init__(self, ways: Ways, *, deadline_s: float, ages: int, most: int) -> None:
        self.ways = ways
        self.deadline_s = deadline_s
        self.ages = ages
        self.most = most
        self.step_s = deadline_s / ages
        self.states, _, sizes = ways.time_s.shape
        self.idle_w: Array = np.array(ways.idle_w)
        slack_s = deadline_s - self.step_s * np.arange(ages)
        self.order: Indices = np.argsort(ways.time_s, axis=1, kind="stable")
        """Shape (states, ways, sizes): ways by rising time."""
        self.sorted_s: Array = np.take_along_axis(ways.time_s, self.order, axis=1)
        fits = self.sorted_s[:, :, :, None] <= slack_s * (1.0 + 1e-12)
        self.fitting: Indices = fits.sum(axis=1)
        """Shape (states, sizes, ages): how many ways end in time."""
        in_steps = np.minimum(ways.time_s / self.step_s, float(ages))
        self.whole_steps: Indices = np.minimum(in_steps.astype(np.int64), ages - 1)
        self.part_step: Array = in_steps - self.whole_steps.astype(np.float64)
        """Shape (states, ways, sizes): what a batch takes beyond its whole steps."""
        switch_steps = ways.switch_s / self.step_s
        followed = min(switch_steps, _FOLLOWED * ages)
        self.switch_whole = int(followed)
        self.switch_part = followed - self.switch_whole
        self.switch_beyond_s = (switch_steps - followed) * self.step_s
        """Of a change, the time for which it is not followed."""
        self.runs = self._runs(sizes)
        """Shape (states, most + 1, ages): how many of those waiting can still run at once."""
        counts, age = np.arange(most + 1)[None, :, None], np.arange(ages)[None, None, :]
        self.left: Indices = counts - self.runs
        places = np.maximum(self.runs - 1, 0).reshape(self.states, -1)
        takes = np.take_along_axis(self.sorted_s[:, 0, :], places, axis=1).reshape(self.runs.shape)
        joules = np.take_along_axis(ways.energy_j, self.order, axis=1)[:, 0, :]
        joules = np.take_along_axis(joules, places, axis=1).reshape(self.runs.shape)
        takes = np.minimum(takes / self.step_s, float(ages))
        self.takes_s: Array = takes * self.step_s
        """Of the same shape: for how long they run at best."""
        aged = np.ceil(age * self.left / np.maximum(counts, 1) + takes).astype(np.int64)
        self.left_age: Indices = np.minimum(aged, ages - 1)
        """How old the oldest of those left behind is afterwards."""
        self._partial = np.nonzero((self.left > 0) & (self.runs > 0))
        """The states in which some run and some stay."""
        self.partial_steps: Indices = np.minimum(np.ceil(takes).astype(np.int64), ages)[self._partial]
        self.partial_left: Indices = self.left[self._partial]
        self._partial_j: Array = joules[self._partial]
        fewer = np.broadcast_to(np.maximum(counts[0] - 1, 0), (most + 1, ages))
        self.loss_places: Indices = (fewer * ages + age_after_loss(counts[0], age[0])).reshape(-1)
        """For each count and age, the place of what is left once the oldest is gone."""
        self.order_places: Indices = np.ravel_multi_index(
            (np.arange(self.states)[:, None, None], self.order, np.arange(sizes)), ways.time_s.shape
        )
        """Shape (states, ways, sizes): the places of the ways by rising time."""
        self.run_places = self._run_places()
        """Shape (states, most + 1, ages): the place of the slowest way in time by which all run; the end for none."""

    @property
    def steps(self) -> int:
        """How far the law of arrivals has to be followed."""
        return max(self.ages, self.switch_whole + 1)

    def partial_launches(self, behind: Array, relative: Array) -> Array:
        """The value of running as many as still can, as quickly as can be, but for its time; infinite elsewhere.

        `behind` are the law's moves of those left behind, for `partial_steps` and `partial_left`; `relative` the values
        of all states.
        """
        older = relative.transpose(0, 2, 1)[self._partial[0], self.left_age[self._partial]]
        launched = np.full(self.left.shape, np.inf)
        launched[self._partial] = np.einsum("im,im->i", behind, older) + self._partial_j
        return launched

    def _runs(self, sizes: int) -> Indices:
        runs: Indices = np.zeros((self.states, self.most + 1, self.ages), dtype=np.int64)
        for waiting in range(1, self.most + 1):
            runs[:, waiting] = runs[:, waiting - 1]
            if waiting <= sizes:
                runs[:, waiting] = np.where(self.fitting[:, waiting - 1] > 0, waiting, runs[:, waiting])
        return runs

    def _run_places(self) -> Indices:
        states, _, sizes = self.ways.time_s.shape
        state, age = np.arange(states)[:, None, None], np.arange(self.ages)[None, None, :]
        row = np.clip(self.runs, 1, sizes) - 1
        fitting = self.fitting[state, row, age]
        places = np.ravel_multi_index((state, np.maximum(fitting - 1, 0), row), self.ways.time_s.shape)
        return np.where((self.runs > 0) & (fitting > 0), places, self.ways.time_s.size)
