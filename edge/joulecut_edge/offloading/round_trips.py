"""Whether the round trip that plans were made for is still the link's.

The uplink is followed by every crossing; the round trip is measured once, before the first plan.

    measured in a bad moment  -> it looks long, no plan leaves home at any uplink: no crossing is shorter
    longer since, by its way  -> all that crosses passes for slow bytes, and none leaves home: echoes of nothing tell
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from joulecut_core.links import LinkEstimate

_CROSSINGS = 5
"""Their median counts, as when the link was measured: one lucky crossing proves nothing."""
_OTHER = 1.5
"""How many times shorter or longer it must be to be worth other plans; echoes differ by less from day to day."""
_NORMAL = 1.4826
"""Standard deviation over median absolute deviation, for a normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """In seconds, and how far those it was taken from are from it."""

    rtt_s: float
    spread_s: float

    def on(self, link: LinkEstimate) -> LinkEstimate:
        """The link with this round trip; a shorter one is no less steady than it was, a longer one no steadier."""
        steadier = min if self.rtt_s < link.rtt_s else max
        return replace(link, rtt_s=self.rtt_s, latency_std_s=steadier(link.latency_std_s, self.spread_s))


class RoundTrips:
    """Fed with the seconds of each crossing, and of echoes of nothing, both ways together; not thread-safe."""

    def __init__(self) -> None:
        self._crossings_s: deque[float] = deque(maxlen=_CROSSINGS)
        self._empty_s: deque[float] = deque(maxlen=_CROSSINGS)

    def forget(self) -> None:
        """Another link from now on."""
        self._crossings_s.clear()
        self._empty_s.clear()

    def observe(self, link_s: float, *, empty_s: float | None = None) -> None:
        """Take one crossing, which is over. `empty_s`: of an echo of nothing right after it, where there was one.

        Bytes that take longer than that tell of a slow link, whatever its round trip.
        """
        self._crossings_s.append(link_s)
        if empty_s is None or 2.0 * empty_s < link_s:
            self._empty_s.clear()
        else:
            self._empty_s.append(empty_s)

    def may_be_longer_than(self, link: LinkEstimate) -> bool:
        """Whether the latest echo of nothing took so much longer that the next ones are to prove it."""
        return bool(self._empty_s) and is_far_longer(self._empty_s[-1], link)

    def shorter_than(self, link: LinkEstimate) -> RoundTrip | None:
        """The round trip that the latest crossings prove, where the link's is far longer; None where it may be true."""
        found = _middle(self._crossings_s)
        return found if found is not None and _OTHER * found.rtt_s <= link.rtt_s else None

    def longer_than(self, link: LinkEstimate) -> RoundTrip | None:
        """That of the latest echoes of nothing, where the link's is far shorter; None where it may be true."""
        found = _middle(self._empty_s)
        return found if found is not None and found.rtt_s >= _OTHER * link.rtt_s else None


def is_far_longer(crossing_s: float, link: LinkEstimate) -> bool:
    """Whether a crossing took so much longer than the link's round trip that this may be a longer one by now."""
    return crossing_s >= _OTHER * link.rtt_s


def _middle(seconds: Sequence[float]) -> RoundTrip | None:
    """Their median; None where they are too few."""
    if len(seconds) < _CROSSINGS:
        return None
    rtt_s = statistics.median(seconds)
    return RoundTrip(rtt_s=rtt_s, spread_s=_NORMAL * statistics.median(abs(each - rtt_s) for each in seconds))
