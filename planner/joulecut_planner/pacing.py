"""What a profile measured at a request rate against what its back-to-back and waiting figures say of that rate.

    P(rate) = P_wait + (P_busy - P_wait) * rate * T

A plan prices waiting at the draw that was measured idle at the held clock. Where a device naps between requests, or
does not fall asleep as fast as the formula has it, requests at a rate show it.
"""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.profiles import PacedMeasurement, Profile

_TOLERANCE = 0.05
"""Twice what windows of ten meter periods and some forty requests leave uncertain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PacedCheck:
    """One measurement at a rate, and what the profile's point at the same clock predicts for it."""

    paced: PacedMeasurement
    latency_s: float
    mean_w: float

    @property
    def agrees(self) -> bool:
        """Whether both predictions are within 5 % of what was measured."""
        return all(abs(ratio - 1.0) <= _TOLERANCE for ratio in (self.time_ratio, self.power_ratio))

    @property
    def time_ratio(self) -> float:
        """Measured over predicted seconds of a request."""
        return self.paced.latency_s / self.latency_s

    @property
    def power_ratio(self) -> float:
        """Measured over predicted mean draw; 1 where none is predicted."""
        return self.paced.mean_w / self.mean_w if self.mean_w > 0 else 1.0

    def __str__(self) -> str:
        """For a log line: where, and by how much."""
        return (
            f"{self.paced.rate_hz:g} Hz at {self.paced.requested}: {self.time_ratio:.2f} times the seconds and "
            f"{self.power_ratio:.2f} times the watts of back to back and waiting"
        )


def paced_checks(profile: Profile) -> tuple[PacedCheck, ...]:
    """Every measurement at a rate whose clock was also measured back to back.

    The draw is predicted for the seconds that requests took at the rate, so that a slow request does not count twice.
    """
    checks = []
    for paced in profile.paced:
        point = next((each for each in profile.points if each.requested.matches(paced.requested)), None)
        if point is not None:
            share = min(1.0, paced.rate_hz * paced.latency_s)
            mean_w = point.wait_w + (point.busy_w - point.wait_w) * share
            checks.append(PacedCheck(paced=paced, latency_s=point.whole_s, mean_w=mean_w))
    return tuple(checks)
