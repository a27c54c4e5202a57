"""Who may set clocks for us: this process, the clock daemon, or nobody."""

from __future__ import annotations

from typing import Protocol

from joulecut_core.clocks import OperatingPoint


class ClockGrant(Protocol):
    """One board's clocks, ours until released. Safe to call from several threads."""

    def move(self, point: OperatingPoint) -> None:
        """Ask the board for another point.

        Raises ClockError where the board does not list it, LeaseError where the grant has ended
        (released, expired, or revoked: the clocks are restored already), DeviceError, at once, where
        whoever sets clocks is not there for now.
        """
        ...

    def release(self) -> None:
        """Restore what was there before. Safe to call twice."""
        ...


class ClockAuthority(Protocol):
    """Grants the clocks of boards, each to one holder at a time, and restores them whatever happens."""

    def grant(self, board: str, point: OperatingPoint, *, holder: str) -> ClockGrant:
        """The board's clocks at `point`. `holder` names us in logs and in the refusals others get.

        Raises LeaseError where somebody else holds the board or this user may not, ClockError where the
        point is not allowed, DeviceError where the board or the daemon is not there; each with the remedy.
        """
        ...

    def close(self) -> None:
        """Release every grant. Safe to call twice."""
        ...
