"""Which of two rehearsed policies should be in charge: the one there, until the other's lead is beyond doubt.

Costs are compared block by block of time: joules, and a price for each miss. Over the blocks remembered, which fade,
the other one takes over where the sum of the differences exceeds

    chance     three times the root of the sum of their squares; a lead as large as that is, where differences are as
               likely one way as the other, less likely than exp(-9/2), whatever their spread (Efron, JASA 64, 1969:
               self-normalised sums), and nine equal differences are enough for it
    changing   what it takes to put the other one in charge, and back again

so that equals do not take turns, a change of the clock pays back, and little is lost until a steady lead is seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulecut_planner.serving.joint.budget import MOST_OWED

_DEVIATIONS = 3.0
_THERE_AND_BACK = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContestRules:
    """How costs are counted, and for how long they are remembered."""

    block_s: float
    remembered_blocks: float
    tolerated_share: float
    tolerated_j: float
    """The price of a miss within the tolerated share of the requests, or of those that the budget may owe."""
    beyond_j: float
    """That of any other."""


class Contest:
    """Two contestants, 0 and 1, fed with what they draw and miss as requests come."""

    def __init__(self, rules: ContestRules) -> None:
        self._rules = rules
        self._end_s = math.inf
        """Of the block that is being filled."""
        self._block = _Block(0, [0.0, 0.0], [0, 0])
        self._asked = 0.0
        self._missed = [0.0, 0.0]
        self._seconds = 0.0
        self._difference_j = 0.0
        self._squares = 0.0

    def came(self, now_s: float, drawn: tuple[tuple[float, int], tuple[float, int]]) -> bool:
        """One more request, and the joules and misses of each since the last; whether that has ended a block."""
        block = self._block
        if math.isinf(self._end_s):
            self._end_s = now_s + self._rules.block_s
        block.asked += 1
        for contestant, (energy_j, missed) in enumerate(drawn):
            block.energy_j[contestant] += energy_j
            block.missed[contestant] += missed
        if now_s < self._end_s:
            return False
        self._close(now_s)
        return True

    def is_beaten(self, in_charge: int, changing_j: float, changing_s: float) -> bool:
        """Whether the other one leads by more than chance explains, and than a change there and back costs.

        `changing_j` and `changing_s` are those of the device's clock; who comes meanwhile counts as missed.
        """
        lead_j = self._difference_j if in_charge == 0 else -self._difference_j
        lost = changing_s * self._asked / self._seconds if self._seconds else 0.0
        once_j = changing_j + lost * self._rules.tolerated_j
        return lead_j > _DEVIATIONS * math.sqrt(self._squares) + _THERE_AND_BACK * once_j

    def _close(self, now_s: float) -> None:
        """Book the block, and the empty ones behind it."""
        rules, block = self._rules, self._block
        ended = 1 + int((now_s - self._end_s) / rules.block_s)
        kept = math.exp(-ended / rules.remembered_blocks)
        self._asked = kept * self._asked + block.asked
        self._seconds = kept * self._seconds + ended * rules.block_s
        first_j, other_j = (self._cost_j(contestant, kept) for contestant in (0, 1))
        difference_j = first_j - other_j
        self._difference_j = kept * self._difference_j + difference_j
        self._squares = kept * kept * self._squares + difference_j * difference_j
        self._end_s += ended * rules.block_s
        self._block = _Block(0, [0.0, 0.0], [0, 0])

    def _cost_j(self, contestant: int, kept: float) -> float:
        rules, energy_j, missed = self._rules, self._block.energy_j[contestant], self._block.missed[contestant]
        self._missed[contestant] = kept * self._missed[contestant] + missed
        tolerated = rules.tolerated_share * self._asked + MOST_OWED
        beyond = min(max(self._missed[contestant] - tolerated, 0.0), missed)
        return energy_j + rules.tolerated_j * (missed - beyond) + rules.beyond_j * beyond


@dataclass(slots=True)
class _Block:
    """What came, and what each has drawn and missed, in the block that is being filled."""

    asked: int
    energy_j: list[float]
    missed: list[int]
