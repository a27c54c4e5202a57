"""Single transfers over a link, and what is known of the link besides its uplink."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Bytes that crossed both ways and the seconds they took together, the other side's own time left out.

    `time_s`: when it ended. `is_over`: False for one that is still under way, `link_s` seconds after its beginning.
    """

    time_s: float
    up_bytes: float
    down_bytes: float
    link_s: float
    is_over: bool = True

    @property
    def is_possible(self) -> bool:
        """Whether its figures are finite, and bytes and seconds not below 0."""
        amounts = (self.up_bytes, self.down_bytes, self.link_s)
        return math.isfinite(self.time_s) and all(0.0 <= each < math.inf for each in amounts)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkBaseline:
    """What a probe of the whole link found: the round trip of nothing, its spread, and the way down.

    A transfer takes rtt_s + 8 * up_bytes / uplink + 8 * down_bytes / downlink_bps, give or take `spread_s`.
    Raises ValueError where a value is out of range.
    """

    rtt_s: float
    spread_s: float
    downlink_bps: float

    def __post_init__(self) -> None:
        if self.rtt_s < 0.0 or self.spread_s < 0.0 or self.downlink_bps <= 0.0:
            raise ValueError(f"{self}; expected seconds of at least 0 and a downlink above 0")

    def way_up_s(self, transfer: Transfer) -> float:
        """Seconds that its bytes took on the way up; not above 0 where the rest explains all of them."""
        return transfer.link_s - self.rtt_s - 8.0 * transfer.down_bytes / self.downlink_bps
