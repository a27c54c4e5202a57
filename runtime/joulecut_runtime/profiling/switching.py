"""How long a device takes to change its clock."""

from __future__ import annotations

from collections.abc import Sequence

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Lease
from joulecut_core.timing import Clock

MOVES = 8


def switching_time_s(lease: Lease, clock: Clock, points: Sequence[OperatingPoint], *, moves: int = MOVES) -> float:
    """Mean seconds until another of the points is in force: up and down, over short and long ways. 0 for one point."""
    if len(points) < 2:
        return 0.0
    steps = list(dict.fromkeys((points[-1], points[0], points[len(points) // 2])))
    lease.move(steps[-1])
    begin_s = clock.now_s()
    for move in range(moves):
        lease.move(steps[move % len(steps)])
    return (clock.now_s() - begin_s) / moves
