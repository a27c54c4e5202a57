"""What arrives next, from what has come: a rate over several horizons, and how much arrivals cluster.

    arrivals ─▶ counts that fade over 6 horizons ─▶ the longest horizon no shorter one contradicts ─▶ rate
            └─▶ counts of equal bins ─▶ variance over mean: 1 for Poisson, 0 for a beat, more for bursts

Each arrival costs a constant time, whatever came before. Long horizons give steady estimates while the load
is steady; when a shorter one disagrees by more than chance explains, it takes over: that is the burst, or
its end. Choosing the window by such tests is Lepski's method (Theory Probab. Appl. 35, 1991).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_HORIZONS = (1.5, 5.0, 16.0, 50.0, 160.0, 500.0)
"""In units of the base horizon."""
_TOLERATED_DEVIATIONS = 3.0
_BINS_REMEMBERED = 100.0
_PRIOR_ARRIVALS = 2.0
_REGULAR_VARIATION = 0.5
_FEWEST_GAPS = 30
_LONGEST_SILENCE = 5.0
"""In mean gaps between clusters: a random gap is longer in 7 of 1000 cases."""


@dataclass(frozen=True, slots=True)
class ArrivalForecast:
    """Arrivals of the next seconds: so many a second, and the variance of their count over its mean."""

    rate_hz: float
    dispersion: float

    def mean(self, duration_s: float) -> float:
        """Expected arrivals in a duration."""
        return self.rate_hz * duration_s

    def quantile(self, duration_s: float, share: float) -> int:
        """The count that is not exceeded with probability `share`, in (0, 1).

        Counts are negative binomial with the forecast's mean and dispersion; Poisson at a dispersion of at most 1.
        """
        if not 0.0 < share < 1.0:
            raise ValueError(f"share {share}; expected more than 0 and less than 1")
        mean = self.rate_hz * duration_s
        if mean <= 0.0:
            return 0
        excess = max(self.dispersion - 1.0, 0.0)
        # The recursion p[k + 1] / p[k] = (a + b k) / (k + 1) holds for both laws.
        if excess > 0.0:
            step, first = excess / self.dispersion, mean / self.dispersion
            log_probability = -mean / excess * math.log(self.dispersion)
        else:
            step, first, log_probability = 0.0, mean, -mean
        if log_probability < -600.0:
            return math.ceil(mean + 3.0 * math.sqrt(mean * (1.0 + excess)))
        probability = total = math.exp(log_probability)
        count = 0
        while total < share and (count < mean or probability > 1e-18):
            probability *= (first + step * count) / (count + 1)
            total += probability
            count += 1
        return count


class ArrivalMonitor:
    """Counts arrivals, and forecasts at any time. One that is told of late, behind newer ones, counts as the newest.

    `base_s` is the shortest time that matters, such as the deadline of a request: horizons are multiples of it.
    Until arrivals have been seen the forecast is `expected_hz`. Raises ValueError where they are not positive.
    """

    def __init__(self, base_s: float, expected_hz: float) -> None:
        if not (0.0 < base_s < math.inf and 0.0 < expected_hz < math.inf):
            raise ValueError(f"base_s, expected_hz: {base_s}, {expected_hz}; expected positive and finite")
        self._horizons_s = tuple(base_s * each for each in _HORIZONS)
        self._counts = [0.0] * len(_HORIZONS)
        self._expected_hz = expected_hz
        self._start_s: float | None = None
        self._last_s = 0.0
        self._seen = 0
        self._gap_s = 0.0
        self._gap_square = 0.0
        self._bin_s = base_s
        self._bin_end_s = 0.0
        self._in_bin = 0
        self._bin_weight = 0.0
        self._bin_mean = 0.0
        self._bin_change = 0.0
        self._last_bin: int | None = None

    def arrived(self, now_s: float) -> None:
        """One more has come."""
        if self._start_s is None:
            self._start_s = self._last_s = now_s
            self._bin_end_s = now_s + self._bin_s
        now_s = max(now_s, self._last_s)
        gap_s = now_s - self._last_s
        self._last_s = now_s
        for index, horizon_s in enumerate(self._horizons_s):
            self._counts[index] = self._counts[index] * math.exp(-gap_s / horizon_s) + 1.0
        self._seen += 1
        remembered = min(max(self._seen - 1, 1), _BINS_REMEMBERED)
        self._gap_s += (gap_s - self._gap_s) / remembered
        self._gap_square += (gap_s * gap_s - self._gap_square) / remembered
        if now_s >= self._bin_end_s:
            self._close_bins(now_s)
        self._in_bin += 1

    @property
    def last_s(self) -> float:
        """When the last one came; 0 before any."""
        return self._last_s

    @property
    def is_regular(self) -> bool:
        """Whether gaps hardly vary: arrivals keep a beat."""
        return self._seen > _FEWEST_GAPS and self.gap_variation < _REGULAR_VARIATION

    @property
    def gap_variation(self) -> float:
        """Standard deviation over mean of the last hundred or so gaps between arrivals; 0 before the second."""
        if self._gap_s <= 0.0:
            return 0.0
        return math.sqrt(max(self._gap_square - self._gap_s**2, 0.0)) / self._gap_s

    @property
    def dispersion(self) -> float:
        """Variance over mean of the counts in bins of `base_s`, over the last hundred or so; 1 before any.

        Of regular arrivals, whose gaps hardly vary: of counts in long bins, which is the gaps' variation squared.
        """
        if self.is_regular:
            return self.gap_variation**2
        if self._bin_weight < 0.1 or self._bin_mean <= 0.0:
            return 1.0
        # Half the squared difference of neighbours: a change of the load counts once, not ever after.
        # Few bins, or few arrivals, say little: a prior of ten Poisson bins, and of ten arrivals.
        known = self._bin_weight / (self._bin_weight + 0.1) * self._bin_mean / (self._bin_mean + 0.1)
        return 1.0 + known * (self._bin_change / (2.0 * self._bin_mean) - 1.0)

    def forecast(self, now_s: float) -> ArrivalForecast:
        """What to expect after `now_s`, which is not before the last arrival."""
        if self._start_s is None:
            return ArrivalForecast(self._expected_hz, 1.0)
        since_s, known_s = now_s - self._last_s, now_s - self._start_s
        dispersion = self.dispersion
        spread = max(dispersion, 1.0)
        rate_hz = 0.0
        tests: list[tuple[float, float]] = []
        for horizon_s, count in zip(self._horizons_s, self._counts, strict=True):
            faded = math.exp(-since_s / horizon_s) if since_s > 0.0 else 1.0
            # Seconds' worth of arrivals that the fading count holds, of those since the first.
            held_s = horizon_s * -math.expm1(-known_s / horizon_s)
            if not tests or held_s > 1.05 * tests[-1][1]:
                prior = _PRIOR_ARRIVALS * (1.0 - held_s / horizon_s)
                candidate_hz = (count * faded + prior) / (held_s + prior / self._expected_hz)
            else:
                break
            if any(
                abs(seen - candidate_hz * seen_s)
                > _TOLERATED_DEVIATIONS * math.sqrt(spread * candidate_hz * seen_s / 2.0) + 1.5
                for seen, seen_s in tests
            ):
                break
            rate_hz = candidate_hz
            tests.append((count * faded, held_s))
        if since_s > 0.0:
            # However much came before: a silence this long is out of the question at higher rates.
            rate_hz = min(rate_hz, _LONGEST_SILENCE * (spread + 1.0) / 2.0 / since_s)
        return ArrivalForecast(rate_hz, dispersion)

    def _close_bins(self, now_s: float) -> None:
        """Book the bin that is over and the empty ones behind it."""
        empty = int((now_s - self._bin_end_s) / self._bin_s)
        self._book(self._in_bin)
        if empty:
            self._book(0)
            faded = (1.0 - 1.0 / _BINS_REMEMBERED) ** (empty - 1)
            self._bin_weight = 1.0 - (1.0 - self._bin_weight) * faded
            self._bin_mean *= faded
            self._bin_change *= faded
        self._bin_end_s += self._bin_s * (empty + 1)
        self._in_bin = 0

    def _book(self, count: int) -> None:
        keep, change = 1.0 - 1.0 / _BINS_REMEMBERED, 0 if self._last_bin is None else count - self._last_bin
        self._bin_weight = self._bin_weight * keep + 1.0 / _BINS_REMEMBERED
        self._bin_mean = self._bin_mean * keep + count / _BINS_REMEMBERED
        self._bin_change = self._bin_change * keep + change * change / _BINS_REMEMBERED
        self._last_bin = count
