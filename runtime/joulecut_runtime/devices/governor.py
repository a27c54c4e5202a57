"""The stock governor of a board: what people run who lock no clock.

    no work for idle_down_s      -> the floor of the ladder (and its memory clock, where that falls too)
    ramp_step_s of work          -> one step up, to the top of the ladder

So a periodic job starts on a slow clock each time and takes longer than the same job back to back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from joulecut_core.clocks import OperatingPoint
from joulecut_runtime.devices.clock_policy import Block, Board, Pace, Passage
from joulecut_runtime.devices.device_tables import GovernorLaw
from joulecut_runtime.devices.timeline import Stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class Governed:
    """A ClockPolicy that climbs the ladder of the highest memory clock while there is work.

    `step` is its place on the ladder, `worked_s` the work since it got there, `idled_s` the time without work.
    """

    board: Board
    law: GovernorLaw
    ladder: tuple[OperatingPoint, ...]
    floor: OperatingPoint
    step: int = 0
    worked_s: float = 0.0
    idled_s: float = 0.0

    @classmethod
    def of(cls, board: Board, law: GovernorLaw, *, running_at_mhz: float = 0.0) -> Governed:
        """The governor as it finds a board that runs at a core clock and has just had work."""
        memory_mhz = board.table.top.memory_mhz
        ladder = tuple(point for point in board.table.points if point.memory_mhz == memory_mhz)
        floor_memory_mhz = law.idle_memory_mhz or memory_mhz
        floor = next(point for point in board.table.points if point.memory_mhz == floor_memory_mhz)
        reached = [step for step, point in enumerate(ladder) if point.core_mhz <= running_at_mhz]
        return cls(board=board, law=law, ladder=ladder, floor=floor, step=reached[-1] if reached else 0)

    def wanted(self, time_s: float) -> OperatingPoint:
        """The clocks it has climbed to, or the floor once it has idled for long enough."""
        del time_s
        return self.floor if self.idled_s >= self.law.idle_down_s else self.ladder[self.step]

    def highest(self, time_s: float) -> OperatingPoint:
        """The top of the ladder."""
        del time_s
        return self.ladder[-1]

    def idle(self, start_s: float, end_s: float, ceiling_mhz: float) -> Passage:
        """Waits at the clocks it has reached, then at the floor."""
        down_s = start_s + self.law.idle_down_s - self.idled_s
        stretches = []
        if start_s < down_s:
            stretches.append(self.board.waiting(self.ladder[self.step], min(down_s, end_s), ceiling_mhz))
        after = replace(self, idled_s=self.idled_s + end_s - start_s)
        if end_s > down_s:
            stretches.append(self.board.waiting(self.floor, end_s, ceiling_mhz))
            after = replace(after, step=0, worked_s=0.0, idled_s=max(after.idled_s, self.law.idle_down_s))
        return Passage(stretches=tuple(stretches), policy=after)

    def run(self, block: Block, start_s: float, pace: Pace) -> Passage:
        """Runs operation by operation; one that is caught by a step up goes on at the new clock."""
        stretches: list[Stretch] = []
        step, worked_s = self.step, self.worked_s
        began_s, time_s, energy_j = start_s, start_s, 0.0
        point = self.board.capped(self.ladder[step], pace.ceiling_mhz)
        for operation in block:
            left = 1.0
            while left > 0.0:
                cost = self.board.laws.operation_cost(operation, point)
                needed_s = left * cost.duration_s * pace.time_factor
                room_s = self.law.ramp_step_s - worked_s if step + 1 < len(self.ladder) else needed_s
                share = left if needed_s <= room_s else left * room_s / needed_s
                left -= share
                worked_s += min(needed_s, room_s)
                time_s += min(needed_s, room_s)
                energy_j += share * cost.energy_j * pace.time_factor * pace.power_factor
                if left > 0.0:
                    if time_s > began_s:
                        stretches.append(Stretch(end_s=time_s, power_w=energy_j / (time_s - began_s), point=point))
                    step, worked_s, began_s, energy_j = step + 1, 0.0, time_s, 0.0
                    point = self.board.capped(self.ladder[step], pace.ceiling_mhz)
        if time_s > began_s:
            stretches.append(Stretch(end_s=time_s, power_w=energy_j / (time_s - began_s), point=point))
        return Passage(stretches=tuple(stretches), policy=replace(self, step=step, worked_s=worked_s, idled_s=0.0))
