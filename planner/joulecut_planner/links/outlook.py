"""How fast a link is taken to be: on average, at worst, and just now."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOutlook:
    """Uplinks in bits per second.

    `samples_bps`: one for each spell of the window, rising. `expected_bps`: what the mean seconds of a bit come to, for
    joules; `usual_bps`: the median. `careful_bps`: what is kept all but seldom, for deadlines; lower the longer nothing
    was sent. `recent_bps`: the latest transfers alone, one bad one among good ones left out. `age_s`: since the latest
    of them. `doubt_s`: what their way up cannot be told from, where they tell only what the link is not slower than;
    else 0. `delay_s`: by how much longer than its bytes and the round trip a crossing may take by now; 0 where that
    varies as it did when it was measured. `aging`: by what `careful_bps` is lower for nothing but `age_s`.
    """

    samples_bps: tuple[float, ...]
    expected_bps: float
    usual_bps: float
    careful_bps: float
    recent_bps: float
    age_s: float
    doubt_s: float = 0.0
    delay_s: float = 0.0
    aging: float = 1.0

    def __str__(self) -> str:
        """For logs."""
        recent, usual, careful = (f"{1e-6 * bps:.3g}" for bps in (self.recent_bps, self.usual_bps, self.careful_bps))
        delay = f", {1e3 * self.delay_s:.3g} ms longer than measured" if self.delay_s else ""
        return f"{recent} Mbit/s, as a rule {usual}, to rely on {careful}{delay}"

    @classmethod
    def steady(cls, uplink_bps: float, *, samples: int = 1) -> LinkOutlook:
        """The outlook on a link that never changes."""
        return cls(
            samples_bps=(uplink_bps,) * samples,
            expected_bps=uplink_bps,
            usual_bps=uplink_bps,
            careful_bps=uplink_bps,
            recent_bps=uplink_bps,
            age_s=0.0,
        )
