"""Clocks held by a lease: one point, and for a moment after a move the one before it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from joulecut_core.clocks import OperatingPoint
from joulecut_runtime.devices.clock_policy import Block, Board, Pace, Passage
from joulecut_runtime.devices.timeline import Stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A ClockPolicy that stays at `point`; until `settled_s` at `before`."""

    board: Board
    point: OperatingPoint
    before: OperatingPoint
    settled_s: float

    def wanted(self, time_s: float) -> OperatingPoint:
        """The held point, once it has settled."""
        return self.point if time_s >= self.settled_s else self.before

    def highest(self, time_s: float) -> OperatingPoint:
        """The point in force."""
        return self.wanted(time_s)

    def idle(self, start_s: float, end_s: float, ceiling_mhz: float) -> Passage:
        """Waits at the clocks in force."""
        stretches = []
        if start_s < self.settled_s:
            stretches.append(self.board.waiting(self.before, min(self.settled_s, end_s), ceiling_mhz))
        if end_s > self.settled_s:
            stretches.append(self.board.waiting(self.point, end_s, ceiling_mhz))
        return Passage(stretches=tuple(stretches), policy=self)

    def run(self, block: Block, start_s: float, pace: Pace) -> Passage:
        """Runs the whole block at the clocks in force when it starts."""
        point = self.board.capped(self.wanted(start_s), pace.ceiling_mhz)
        cost = self.board.laws.block_cost(block, point)
        if cost.duration_s <= 0.0:
            return Passage(stretches=(), policy=self)
        end_s = start_s + cost.duration_s * pace.time_factor
        stretch = Stretch(end_s=end_s, power_w=cost.power_w * pace.power_factor, point=point)
        return Passage(stretches=(stretch,), policy=self)

    def moved(self, point: OperatingPoint, *, now_s: float, settled_s: float) -> Held:
        """The policy after a move asked for at `now_s`."""
        return replace(self, point=point, before=self.wanted(now_s), settled_s=settled_s)
