"""When each block of one execution ends on the emulated device, and what it draws until then."""

from __future__ import annotations

from dataclasses import dataclass, replace

from joulecut_runtime.devices.clock_policy import Block, ClockPolicy, Pace, Passage
from joulecut_runtime.devices.timeline import Stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBlock:
    """A block, how it is paced, when it starts, and how it passes."""

    block: Block
    pace: Pace
    start_s: float
    passage: Passage

    @property
    def end_s(self) -> float:
        """When it ends; at once where it takes no time."""
        return self.passage.stretches[-1].end_s if self.passage.stretches else self.start_s


class RunPlan:
    """Blocks on an absolute schedule: a host that is late at one of them can catch up at the next.

    Not thread-safe: its device locks.
    """

    def __init__(self, blocks: tuple[Block, ...], paces: tuple[Pace, ...], start_s: float, policy: ClockPolicy) -> None:
        self.start_s = start_s
        self.is_over = False
        """Set by the device once its timeline has passed the end."""
        self._blocks = _scheduled(list(zip(blocks, paces, strict=True)), start_s, policy)

    def __len__(self) -> int:
        return len(self._blocks)

    def end_of_s(self, index: int) -> float:
        """When a block ends."""
        return self._blocks[index].end_s

    @property
    def end_s(self) -> float:
        """When the whole ends."""
        return self._blocks[-1].end_s if self._blocks else self.start_s

    @property
    def energy_j(self) -> float:
        """Joules drawn from start to end."""
        start_s, energy_j = self.start_s, 0.0
        for stretch in self._stretches():
            energy_j += stretch.power_w * (stretch.end_s - start_s)
            start_s = stretch.end_s
        return energy_j

    def stretches_after(self, time_s: float) -> tuple[Stretch, ...]:
        """What is still to come at an instant."""
        return tuple(stretch for stretch in self._stretches() if stretch.end_s > time_s)

    def policy_at(self, time_s: float, otherwise: ClockPolicy) -> ClockPolicy:
        """The clock policy as the block in progress leaves it; `otherwise` where there is none."""
        begun = [planned for planned in self._blocks if planned.start_s <= time_s]
        return begun[-1].passage.policy if begun else otherwise

    def replan(self, now_s: float, policy: ClockPolicy, ceiling_mhz: float) -> None:
        """Let `policy` decide the clocks from the end of the block in progress, which runs on as it began."""
        begun = [planned for planned in self._blocks if planned.start_s <= now_s]
        rest = [
            (planned.block, replace(planned.pace, ceiling_mhz=ceiling_mhz)) for planned in self._blocks[len(begun) :]
        ]
        last = begun.pop()
        last = replace(last, passage=replace(last.passage, policy=policy))
        self._blocks = [*begun, last, *_scheduled(rest, last.end_s, policy)]

    def _stretches(self) -> list[Stretch]:
        return [stretch for planned in self._blocks for stretch in planned.passage.stretches]


def _scheduled(work: list[tuple[Block, Pace]], start_s: float, policy: ClockPolicy) -> list[PlannedBlock]:
    planned: list[PlannedBlock] = []
    for block, pace in work:
        passage = policy.run(block, start_s, pace)
        planned.append(PlannedBlock(block=block, pace=pace, start_s=start_s, passage=passage))
        start_s, policy = planned[-1].end_s, passage.policy
    return planned
