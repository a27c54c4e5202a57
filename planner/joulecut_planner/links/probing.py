"""When a link that carries nothing is asked how fast it is, and with how many bytes."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_planner.links.outlook import LinkOutlook

_DOUBTS = 3.0
"""Where the last told too little, the next one takes so many times its doubt: one of its size would tell no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOptions:
    """`every_s`: at the soonest. `share`: of all seconds, those that probes may take.

    `takes_s`: what one should take; longer where that tells too little. `latest_s`: after so long one is due
    however slow the link is, so that a link that is well again is found. Bytes of one probe are between `least_bytes`
    and `most_bytes`.
    """

    every_s: float = 1.0
    share: float = 0.01
    takes_s: float = 0.01
    latest_s: float = 10.0
    least_bytes: int = 1024
    most_bytes: int = 64 * 1024


class ProbePlan:
    """Says when the next probe is due. Real transfers are better than probes: with those that tell enough none is."""

    def __init__(self, options: ProbeOptions | None = None) -> None:
        self._options = options or ProbeOptions()
        self._ended_s: float | None = None
        self._took_s = 0.0

    def due_bytes(self, now_s: float, outlook: LinkOutlook | None) -> int | None:
        """How many bytes to send up now; None while no probe is due. Ask only where nothing else is under way."""
        options = self._options
        if outlook is not None and outlook.age_s < options.every_s and not outlook.doubt_s:
            return None
        size_bytes, takes_s = options.least_bytes, self._took_s
        if outlook is not None:
            fitting = max(options.takes_s, _DOUBTS * outlook.doubt_s) * outlook.recent_bps / 8.0
            size_bytes = int(min(options.most_bytes, max(options.least_bytes, fitting)))
            # One that waited for a link that carried nothing took no more of it than another.
            takes_s = min(takes_s, 8.0 * size_bytes / outlook.usual_bps)
        wait_s = min(options.latest_s, max(options.every_s, takes_s / options.share))
        return None if self._ended_s is not None and now_s < self._ended_s + wait_s else size_bytes

    def sent(self, now_s: float, took_s: float) -> None:
        """A probe ended at `now_s`, answered or not, `took_s` seconds after it began."""
        self._ended_s, self._took_s = now_s, took_s
