"""How much longer than its bytes a crossing may take, where the round trip varies more than when it was measured.

    crossings of few bytes, one after the other -> by how much their seconds differ -> the middle of that

A link that falls differs once and then takes as long each time; a round trip that varies differs from one crossing to
the next. What the bytes of two crossings can explain, on whatever link explains most of it, is no delay.
"""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass
from itertools import pairwise, starmap

_CROSSINGS = 16
_DIFFERENCES = 6
"""So many at least: fewer may all be of one fall."""
_FEW_BITS = 8.0 * 512
"""More than these take long by themselves wherever a link is slow, and differ as it does."""
_REMEMBERED_S = 60.0
"""What is older says nothing of delays now, where all that crosses since is more."""
_NORMAL = 1.048
"""Standard deviation over the median difference of two, for a normal distribution."""
_ABOVE = 4.0
"""Spreads above the shortest way: delays only ever add to that, so their own middle lies well above it."""
_FAR = 4.0
"""Delays count where they are so many times what a way up cannot be told from as measured: less, draws differ by."""


@dataclass(frozen=True, slots=True)
class _Crossing:
    time_s: float
    bits: float
    way_up_s: float


class Delays:
    """Fed with each crossing that is over; not thread-safe.

    `steady_s`: what a way up cannot be told from, by the spread of the round trip as it was measured.
    """

    def __init__(self, steady_s: float) -> None:
        self._steady_s = steady_s
        self._telling: deque[_Crossing] = deque(maxlen=_CROSSINGS)
        self.longest_s = 0.0
        """What crossings of few bytes take at most, nearly always, over the round trip; 0 where it is as measured."""

    def observe(self, time_s: float, bits: float, way_up_s: float) -> None:
        """Take one crossing's bits, and its seconds without the round trip and the way down."""
        telling = self._telling
        # What took no time tells that it was not delayed, however much it was.
        if bits <= _FEW_BITS or way_up_s <= _FAR * self._steady_s:
            telling.append(_Crossing(time_s, bits, way_up_s))
        while telling and telling[0].time_s < time_s - _REMEMBERED_S:
            telling.popleft()
        self.longest_s = self._longest_s(list(telling))

    def _longest_s(self, telling: list[_Crossing]) -> float:
        if len(telling) <= _DIFFERENCES:
            return 0.0
        spread_s = _NORMAL * statistics.median(starmap(_unexplained_s, pairwise(telling)))
        longest_s = min(max(each.way_up_s for each in telling), _ABOVE * spread_s)
        return longest_s if longest_s > _FAR * self._steady_s else 0.0


def _unexplained_s(one: _Crossing, other: _Crossing) -> float:
    """By how much two crossings' seconds differ beyond what their bytes do, on whatever link explains most of it."""
    more_bits, longer_s = one.bits - other.bits, one.way_up_s - other.way_up_s
    if more_bits == 0.0:
        return abs(longer_s)
    slowest_bit_s = min(each.way_up_s / each.bits for each in (one, other) if each.bits > 0.0)
    bit_s = max(0.0, min(slowest_bit_s, longer_s / more_bits))
    return abs(longer_s - bit_s * more_bits)
