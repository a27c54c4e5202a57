"""Whether the round trip that plans were made for was measured in a bad moment.

The uplink is followed by every crossing; the round trip is measured once, before the first plan. A host or link that
was busy just then makes it look long, and no plan at any uplink leaves home. Crossings tell: none is shorter than a
round trip.
"""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, replace

from joulecut_core.links import LinkEstimate

_CROSSINGS = 5
"""Their median counts, as when the link was measured: one lucky crossing proves nothing."""
_SHORTER = 1.5
"""How many times shorter it must be to be worth other plans; echoes differ by less from day to day."""
_NORMAL = 1.4826
"""Standard deviation over median absolute deviation, for a normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """A bound from above, in seconds, and how far crossings are from it."""

    rtt_s: float
    spread_s: float

    def on(self, link: LinkEstimate) -> LinkEstimate:
        """The link with this round trip."""
        return replace(link, rtt_s=self.rtt_s, latency_std_s=min(link.latency_std_s, self.spread_s))


class RoundTrips:
    """Fed with the seconds of each crossing, both ways together; not thread-safe."""

    def __init__(self) -> None:
        self._crossings_s: deque[float] = deque(maxlen=_CROSSINGS)

    def forget(self) -> None:
        """Another link from now on."""
        self._crossings_s.clear()

    def observe(self, link_s: float) -> None:
        """Take one crossing, which is over."""
        self._crossings_s.append(link_s)

    def shorter_than(self, link: LinkEstimate) -> RoundTrip | None:
        """The round trip that the latest crossings prove, where the link's is far longer; None where it may be true."""
        if len(self._crossings_s) < _CROSSINGS:
            return None
        rtt_s = statistics.median(self._crossings_s)
        if _SHORTER * rtt_s > link.rtt_s:
            return None
        spread_s = _NORMAL * statistics.median(abs(each - rtt_s) for each in self._crossings_s)
        return RoundTrip(rtt_s=rtt_s, spread_s=spread_s)
