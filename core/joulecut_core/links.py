"""What an edge knows about its link to the server."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.figures import FigureKind
from joulecut_core.problem_rules import take_own_numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEstimate:
    """Bandwidths as payload sees them, the round trip of an empty request (server time excluded).

    `latency_std_s` is the standard deviation of a transfer's time. `uplink_w` and `downlink_w` are
    what the edge's radio draws on top of waiting while it sends or receives (0 where the edge's
    meter already contains it).
    """

    uplink_bps: float
    downlink_bps: float
    rtt_s: float
    latency_std_s: float = 0.0
    uplink_w: float = 0.0
    downlink_w: float = 0.0
    samples: int = 0
    figures: FigureKind = FigureKind.ESTIMATED

    def __post_init__(self) -> None:
        take_own_numbers(self)

    def __str__(self) -> str:
        up, down = self.uplink_bps / 1e6, self.downlink_bps / 1e6
        return f"{up:.5g} Mbit/s up, {down:.5g} down, {1e3 * self.rtt_s:.3g} ms round trip ({self.figures.value})"
