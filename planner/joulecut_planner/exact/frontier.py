"""The candidates for the plan while a search runs: those that the contract's tie rule may still pick."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from joulecut_planner.choices.constraints import TOLERANCE
from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.choices.pricing import Choice


def with_ties(energy_j: float) -> float:
    """The largest energy that still counts as equal to `energy_j`."""
    return energy_j + TOLERANCE * abs(energy_j)


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A choice with its J and T_q."""

    choice: Choice
    energy_j: float
    bound_s: float


@dataclass(slots=True)
class Frontier:
    """Feasible choices that no other beats in both J and T_q, near the least J seen so far."""

    least_j: float = np.inf
    _kept: list[tuple[float, float, Choice]] = field(default_factory=list)

    def offer(self, energy_j: Array, bound_s: Array, indices: tuple[Indices | int, ...]) -> None:
        """Take feasible choices; `indices` are (cut, wire, variant, edge point, server point or -1), in their order.

        All arrays are flat and of one length.
        """
        if not energy_j.size:
            return
        self.least_j = min(self.least_j, float(energy_j.min()))
        near = (energy_j <= with_ties(self.least_j)).nonzero()[0]
        if near.size > 1:
            # By T_q, then index: one that costs no less than an earlier one can never be picked.
            near = near[np.lexsort((near, bound_s[near]))]
            cheapest_before = np.minimum.accumulate(energy_j[near])
            near = near[np.concatenate(([True], energy_j[near][1:] < cheapest_before[:-1]))]
        for index in near.tolist():
            self._kept.append((float(energy_j[index]), float(bound_s[index]), _choice(indices, index)))

    def take(self, priced: Priced) -> None:
        """Take one feasible choice."""
        self.least_j = min(self.least_j, priced.energy_j)
        self._kept.append((priced.energy_j, priced.bound_s, priced.choice))

    def best(self) -> Choice | None:
        """The contract's pick: within tolerance of the least J the lowest T_q, then the lowest indices."""
        tie = self.fastest(with_ties(self.least_j))
        return None if tie is None else tie.choice

    def fastest(self, ceiling_j: float) -> Priced | None:
        """The lowest T_q, then the lowest indices, among the choices kept of at most `ceiling_j` joules."""
        ties = [(bound_s, choice, energy_j) for energy_j, bound_s, choice in self._kept if energy_j <= ceiling_j]
        if not ties:
            return None
        bound_s, choice, energy_j = min(ties)
        return Priced(choice=choice, energy_j=energy_j, bound_s=bound_s)


@dataclass(slots=True)
class Nearest:
    """The choice of least T_q, then least J, then lowest indices, among those offered."""

    bound_s: float = np.inf
    _kept: list[tuple[float, float, Choice]] = field(default_factory=list)

    def offer(self, energy_j: Array, bound_s: Array, indices: tuple[Indices | int, ...]) -> None:
        """Take choices, at least one, as `Frontier.offer` does."""
        self.bound_s = min(self.bound_s, float(bound_s.min()))
        near = np.flatnonzero(bound_s == bound_s.min())
        index = int(near[energy_j[near].argmin()])
        self._kept.append((float(bound_s[index]), float(energy_j[index]), _choice(indices, index)))

    def best(self) -> Choice | None:
        """The nearest of all offered."""
        return self.nearest().choice if self._kept else None

    def nearest(self) -> Priced:
        """The nearest of those offered, at least one, with what it costs."""
        bound_s, energy_j, choice = min(self._kept)
        return Priced(choice=choice, energy_j=energy_j, bound_s=bound_s)


def _choice(indices: tuple[Indices | int, ...], index: int) -> Choice:
    cut, wire, variant, edge_point, server_point = (
        column if isinstance(column, int) else int(column[index]) for column in indices
    )
    return Choice(
        cut=cut,
        wire=wire,
        variant=variant,
        edge_point=edge_point,
        server_point=None if server_point < 0 else server_point,
    )
