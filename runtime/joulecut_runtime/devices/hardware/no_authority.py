"""Nobody here may set clocks: devices are measured at the clocks that their governor chooses."""

from __future__ import annotations

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import LeaseError
from joulecut_runtime.devices.hardware.authority import ClockGrant


class NoAuthority:
    """A ClockAuthority that refuses, with the reason and its remedy."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def grant(self, board: str, point: OperatingPoint, *, holder: str) -> ClockGrant:
        """Raises LeaseError."""
        raise LeaseError(f"{holder} cannot hold {board} at {point}: {self.reason}")

    def close(self) -> None:
        """Nothing was granted."""
