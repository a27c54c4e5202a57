"""Who is told of each request that applications send, answered or not."""

from __future__ import annotations

from typing import Protocol

from joulecut_core.ledgers import RequestLedger


class RequestObserver(Protocol):
    """Called on the event loop once for each request; must not take long."""

    def answered(self, ledger: RequestLedger) -> None:
        """The request has its answer."""
        ...

    def rejected(self) -> None:
        """The request got an error."""
        ...

    def abandoned(self) -> None:
        """Whoever sent the request waits for it no more."""
        ...


class Unobserved:
    """Nobody is told."""

    def answered(self, ledger: RequestLedger) -> None:
        """See `RequestObserver.answered`."""

    def rejected(self) -> None:
        """See `RequestObserver.rejected`."""

    def abandoned(self) -> None:
        """See `RequestObserver.abandoned`."""
