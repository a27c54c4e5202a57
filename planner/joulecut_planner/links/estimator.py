"""The uplink from real transfers: falls within two of them, rises as slowly as its bad moments are forgotten.

    transfer -> seconds per bit on the way up -> | the latest two      the better one of a spell: just now
                                                 | spells of half a second, each its median:
                                                 |   mean              for joules
                                                 |   high percentile   for deadlines

Everything is counted in seconds per bit, not in bits per second: what a plan takes and costs is a straight line in it,
so that its mean and its percentiles are the plan's own. The fixed cost of a crossing is taken off first; bytes that
take no longer than the round trip varies, when it was measured or by now, say no more than that the link is not slower
than that.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from joulecut_planner.links.delays import Delays
from joulecut_planner.links.outlook import LinkOutlook
from joulecut_planner.links.transfers import LinkBaseline, Transfer

_DOUBT = 2.0
"""Spreads of the round trip within which a way up cannot be told from none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatorOptions:
    """How quickly the estimate forgets. Raises ValueError where a value is out of range.

    `spell_s`: transfers within so long are one sample. `window_s`: how far back samples count, and without a transfer
    within it nothing is known; `least_spells`: so many count however old they are, where transfers are rare.
    `quantile`: of the samples' seconds per bit, what deadlines are kept for. `halving_s`: without a transfer for so
    long, the careful uplink is halved, and again after as long. `most_bps`: no link is taken for faster.
    """

    spell_s: float = 0.5
    window_s: float = 10.0
    least_spells: int = 4
    quantile: float = 0.8
    halving_s: float = 10.0
    most_bps: float = 10e9

    def __post_init__(self) -> None:
        if not 0.0 < self.spell_s <= self.window_s < math.inf:
            raise ValueError(f"spell_s {self.spell_s}, window_s {self.window_s}; expected 0 < spell_s <= window_s")
        if self.least_spells < 1:
            raise ValueError(f"least_spells {self.least_spells}; expected at least 1")
        if not 0.0 < self.quantile <= 1.0 or self.halving_s <= 0.0 or self.most_bps <= 0.0:
            raise ValueError(f"{self}; expected a quantile of at most 1, and times and bandwidths above 0")


@dataclass(frozen=True, slots=True)
class _Sample:
    time_s: float
    bits: float
    bit_s: float
    """Seconds per bit."""
    doubt_s: float = 0.0
    """What its way up cannot be told from, where it tells only what the link is not slower than."""


class LinkEstimator:
    """Fed with each transfer and probe in the order of time; asked before each request. Not thread-safe."""

    def __init__(self, baseline: LinkBaseline, options: EstimatorOptions | None = None) -> None:
        self.baseline = baseline
        self.options = options or EstimatorOptions()
        self._least_bit_s = 1.0 / self.options.most_bps
        self._spell: list[_Sample] = []
        self._spells: deque[_Sample] = deque()
        self._latest: deque[_Sample] = deque(maxlen=2)
        self._delays = Delays(_DOUBT * baseline.spread_s)

    def observe(self, transfer: Transfer) -> None:
        """Take one transfer, over or under way. One under way counts only where it is slower than all was of late.

        One without bytes tells of delays alone. What cannot have been is ignored: seconds below 0 or no number, an end
        before the latest one's.
        """
        bits = 8.0 * transfer.up_bytes
        if not transfer.is_possible or (self._latest and transfer.time_s < self._latest[-1].time_s):
            return
        known, way_up_s = self._just_now(), self.baseline.way_up_s(transfer)
        if transfer.is_over:
            self._delays.observe(transfer.time_s, bits, way_up_s)
        if bits <= 0.0:
            return
        delay_s = self._delays.longest_s
        # What is delayed is so by half of the longest, in the middle.
        bit_s, untold_s = (way_up_s - delay_s / 2.0) / bits, 0.0
        steady_s = _DOUBT * self.baseline.spread_s
        doubt_s = max(steady_s, delay_s)
        if way_up_s <= doubt_s:
            # So few bytes tell what the link is not slower than, and no more. A delay only ever adds to that.
            slowest_bit_s = (max(0.0, way_up_s) + steady_s) / bits
            bit_s = slowest_bit_s if known is None else min(known.bit_s, slowest_bit_s)
            # More bytes would tell more, unless the round trip itself is shorter by now.
            untold_s = doubt_s if way_up_s >= -steady_s else 0.0
        sample = _Sample(transfer.time_s, bits, max(self._least_bit_s, bit_s), untold_s)
        if transfer.is_over:
            self._take(sample)
        elif known is None or sample.bit_s > known.bit_s:
            # Nothing of it has arrived: the link is at least so slow, now, whatever it was before.
            self._take(sample)
            self._latest.append(sample)

    def outlook(self, now_s: float) -> LinkOutlook | None:
        """The link as it is now taken to be; None where nothing crossed it within the window."""
        recent = self._just_now()
        if recent is None or self._latest[-1].time_s < now_s - self.options.window_s:
            return None
        self._forget(now_s)
        spells = [*self._spells, _middle(self._spell)]
        slowest_first = sorted((each.bit_s for each in spells), reverse=True)
        count = len(slowest_first)
        place = count - min(count, math.ceil(self.options.quantile * count))
        age_s = max(0.0, now_s - self._latest[-1].time_s)
        aging = 2.0 ** (age_s / self.options.halving_s)
        careful_bit_s = max(slowest_first[place], recent.bit_s) * aging
        return LinkOutlook(
            samples_bps=tuple(1.0 / bit_s for bit_s in slowest_first),
            expected_bps=count / math.fsum(slowest_first),
            usual_bps=1.0 / slowest_first[count // 2],
            careful_bps=1.0 / careful_bit_s,
            recent_bps=1.0 / recent.bit_s,
            age_s=age_s,
            doubt_s=recent.doubt_s,
            delay_s=self._delays.longest_s,
            aging=aging,
        )

    def _take(self, sample: _Sample) -> None:
        if self._spell and sample.time_s - self._spell[0].time_s >= self.options.spell_s:
            self._spells.append(_middle(self._spell))
            self._spell = []
        self._spell.append(sample)
        self._latest.append(sample)
        self._forget(sample.time_s)

    def _just_now(self) -> _Sample | None:
        """Of the latest two the faster one: a single hiccup is no slow link, two in a row are.

        What is older than a spell says nothing of just now: where transfers are that rare, the latest counts alone.
        """
        since_s = self._latest[-1].time_s - self.options.spell_s if self._latest else 0.0
        fresh = (sample for sample in self._latest if sample.time_s >= since_s)
        return min(fresh, key=lambda sample: sample.bit_s, default=None)

    def _forget(self, now_s: float) -> None:
        oldest_s = now_s - self.options.window_s
        # The present spell is one of them.
        while len(self._spells) >= self.options.least_spells and self._spells[0].time_s < oldest_s:
            self._spells.popleft()


def _middle(samples: list[_Sample]) -> _Sample:
    """The median of seconds per bit, each sample weighed by its bits, at the time of the last one."""
    ordered = sorted(samples, key=lambda sample: sample.bit_s)
    half, seen = math.fsum(sample.bits for sample in samples) / 2.0, 0.0
    middle = ordered[-1]
    for sample in ordered:
        seen += sample.bits
        if seen >= half:
            middle = sample
            break
    return _Sample(samples[-1].time_s, middle.bits, middle.bit_s)
