"""Who is told what single requests took on the link: what its estimate is made of."""

from __future__ import annotations

from typing import Protocol

from joulecut_planner.links import Transfer


class TransferObserver(Protocol):
    """Called on the event loop for each request that is sent; must not take long."""

    def began(self, request_id: str, *, time_s: float, up_bytes: int) -> None:
        """A request is being sent, from `time_s` on."""
        ...

    def ended(self, request_id: str) -> None:
        """Nobody waits for it any more, answered or not."""
        ...

    def transferred(self, transfer: Transfer, *, deadline_s: float | None = None) -> None:
        """A request was answered; or, where the transfer is not over, given up after so many seconds.

        `deadline_s`: what one that was given up might have taken in all; None without a deadline.
        """
        ...


class NoTransferObserver:
    """Nobody is told."""

    def began(self, request_id: str, *, time_s: float, up_bytes: int) -> None:
        """See `TransferObserver.began`."""

    def ended(self, request_id: str) -> None:
        """See `TransferObserver.ended`."""

    def transferred(self, transfer: Transfer, *, deadline_s: float | None = None) -> None:
        """See `TransferObserver.transferred`."""
