"""How a queue fills while the device is occupied: a chain over (waiting, age of the oldest), step by step.

Irregular arrivals come in clusters of geometric size at random times (a compound Poisson process): one number, the
variance of counts over their mean, leads from single arrivals to bursts. Regular ones come at gaps of a gamma law;
how many wait, and for how long the oldest has, then tells when to expect the next. Ages are counted in steps of
time; a request that becomes older than the last age is lost, and the next oldest of n waiting takes its place,
which is on average n - 1 nths as old.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from joulecut_planner.choices.grids import Array, Indices

REGULAR = 1.0 / 16.0
"""The dispersion of regular arrivals: gaps vary by a quarter of their mean."""
_FASTEST_REGULAR = 0.5
"""Arrivals per step, beyond which the chain cannot tell regular arrivals from others."""


@dataclass(frozen=True, slots=True)
class ArrivalLaw:
    """One rate and dispersion. Arrays run over counts 0..most and ages 0..ages - 1."""

    rate_hz: float
    first: Array
    """Shape (most + 1): the probability of so many arrivals in a step at a free queue; the last holds all beyond."""
    shift: Array
    """Shape (ages, most + 1, most + 1): from n waiting, the oldest so old, to m after a step's arrivals."""
    moves: Array
    """Shape (steps + 1, most + 1, most + 1): from n waiting to m after so many steps, whatever the ages."""
    spilled: Array
    """Shape (most + 1): expected arrivals in a step that find n waiting and no room."""
    occupied: Array
    """Shape (steps + 1, most + 1, ages): where a free queue is after so many steps; count 0 is at age 0."""
    lost: Array
    """Shape (steps + 1): requests lost on the way."""
    regular: bool

    def later(self, steps: int) -> Array:
        """Shape (ages, most + 1, most + 1): as `shift`, after so many steps; ages do not rise beyond the last."""
        if not self.regular:
            return np.broadcast_to(self.moves[steps], self.shift.shape)
        ages = len(self.shift)
        after = np.broadcast_to(np.eye(self.shift.shape[1]), self.shift.shape)
        for step in range(min(steps, ages) - 1, -1, -1):
            after = self.shift[np.minimum(np.arange(ages) + step, ages - 1)] @ after
        return after


def arrival_law(rate_hz: float, dispersion: float, *, step_s: float, most: int, ages: int, steps: int) -> ArrivalLaw:
    """The law of arrivals at a rate, with the chain followed for `steps` steps from a free queue.

    A dispersion of less than 1 is that of regular arrivals, `REGULAR`.
    """
    mean = rate_hz * step_s
    regular = dispersion < 1.0 and mean <= _FASTEST_REGULAR
    if regular:
        first = np.zeros(most + 1)
        first[:2] = math.exp(-mean), -math.expm1(-mean)
        shift = _regular_shift(mean, most, ages)
        moves = np.stack([_even_move(mean * step, most) for step in range(steps + 1)])
    else:
        first = _increments(mean, max(dispersion, 1.0), most)
        once = _move(first)
        shift = np.broadcast_to(once, (ages, *once.shape))
        moves = np.empty((steps + 1, *once.shape))
        moves[0] = np.eye(most + 1)
        for step in range(steps):
            moves[step + 1] = moves[step] @ once
    counts = np.arange(most + 1)
    # The last count of a draw stands for all beyond, who find no room either.
    drawn = mean if not regular else float(first @ counts)
    spilled = np.maximum(drawn - (_move(first) @ counts - counts), 0.0)
    occupied, lost = _follow(first, shift, spilled, steps)
    return ArrivalLaw(rate_hz, first, shift, moves, spilled, occupied, lost, regular)


def age_after_loss(waiting: int | Indices, age: int | Indices) -> Indices:
    """The age of the oldest of `waiting` once it has left."""
    left = np.maximum(np.asarray(waiting) - 1, 0)
    aged: Indices = (np.asarray(age) * left) // np.maximum(np.asarray(waiting), 1)
    return aged


def _increments(mean: float, dispersion: float, most: int) -> Array:
    """Counts of a Poisson number of clusters of geometric size (Polya-Aeppli), by Panjer's recursion."""
    size = (dispersion + 1.0) / 2.0
    clusters = mean / size
    sizes = np.zeros(most + 1)
    again = 1.0 - 1.0 / size
    sizes[1:] = (1.0 - again) * again ** np.arange(most)
    counts = np.zeros(most + 1)
    counts[0] = math.exp(-clusters)
    for count in range(1, most + 1):
        parts = np.arange(1, count + 1)
        counts[count] = clusters / count * float((parts * sizes[1 : count + 1] * counts[count - 1 :: -1]).sum())
    counts[most] += max(1.0 - float(counts.sum()), 0.0)
    return counts


def _move(increments: Array) -> Array:
    """Shape (most + 1, most + 1): from n to m after a draw of arrivals, none beyond the most."""
    most = len(increments) - 1
    move = np.zeros((most + 1, most + 1))
    for waiting in range(most + 1):
        room = most - waiting
        move[waiting, waiting:] = increments[: room + 1]
        move[waiting, most] += increments[room + 1 :].sum()
    return move


def _even_move(mean: float, most: int) -> Array:
    """As many arrivals as expected, rounded up or down."""
    increments = np.zeros(most + 1)
    whole = min(int(mean), most)
    share = mean - whole if whole < most else 0.0
    increments[whole] = 1.0 - share
    increments[min(whole + 1, most)] += share
    return _move(increments)


def _regular_shift(mean: float, most: int, ages: int) -> Array:
    """At most one arrival a step, at the hazard of the next when n have come since the oldest, and when it did."""
    from scipy.special import gammainc  # noqa: PLC0415 - every server-agent starts with this module, few need scipy

    shape = 1.0 / REGULAR
    age = np.arange(ages) + 0.5
    counts = np.arange(most + 2)[:, None]
    # At least so many have come behind the oldest by this age: gamma sums of the gaps.
    came = np.where(counts > 0, gammainc(np.maximum(counts, 1) * shape, shape * mean * age), 1.0)
    later = np.where(counts > 0, gammainc(np.maximum(counts, 1) * shape, shape * mean * (age + 0.1)), 1.0)
    exactly = came[:-1] - came[1:]
    coming = (later[1:] - came[1:]) / 0.1
    # Where so few, or so many, are out of the question: the next is overdue, or far off.
    overdue = np.arange(most + 1)[:, None] < mean * age
    hazard = np.where(exactly > 1e-9, coming / np.maximum(exactly, 1e-9), np.where(overdue, shape * mean, 0.0))
    chance = -np.expm1(-np.minimum(hazard, shape * mean))
    shift = np.zeros((ages, most + 1, most + 1))
    # `chance[n - 1]` is of n waiting: the oldest, and n - 1 behind it.
    for waiting in range(most):
        chances = chance[max(waiting - 1, 0)]
        shift[:, waiting, waiting], shift[:, waiting, waiting + 1] = 1.0 - chances, chances
    shift[:, most, most] = 1.0
    return shift


def _follow(first: Array, shift: Array, spilled: Array, steps: int) -> tuple[Array, Array]:
    ages, most = len(shift), len(first) - 1
    counts = np.arange(most + 1)
    occupied = np.zeros((steps + 1, most + 1, ages))
    lost = np.zeros(steps + 1)
    now = np.zeros((most + 1, ages))
    now[0, 0] = 1.0
    occupied[0] = now
    left_age = age_after_loss(counts, ages - 1)
    stays = left_age < ages - 1
    for step in range(1, steps + 1):
        free, now[0, 0] = now[0, 0], 0.0
        oldest = now[:, -1].copy()
        now[:, -1] = 0.0
        np.add.at(now, (counts[1:] - 1, left_age[1:]), np.where(stays[1:], oldest[1:], 0.0))
        free, now[0, 0] = free + now[0, 0], 0.0
        now[0] = 0.0
        after = np.zeros_like(now)
        # Where all ages move alike, one product does.
        moved = shift[0].T @ now if shift.strides[0] == 0 else np.einsum("anm,na->ma", shift, now)
        after[:, 1:] = moved[:, :-1]
        lost[step] = lost[step - 1] + oldest.sum() + float(spilled @ now.sum(axis=1)) + free * spilled[0]
        # Those who come to a free queue within a step are half a step old at its end.
        after[0, 0] += free * first[0]
        after[1:, 0] += free * first[1:] / 2.0
        after[1:, 1] += free * first[1:] / 2.0
        now = after
        occupied[step] = now
    return occupied, lost
