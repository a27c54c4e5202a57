"""How long measurements say how far they are, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class ProgressSink(Protocol):
    """Told after each step of a long measurement."""

    def advance(self, done: int, total: int, what: str) -> None:
        """`done` of `total` steps are done; `what` names the last one in a few words."""
        ...


class Silence:
    """A sink that tells nobody."""

    def advance(self, done: int, total: int, what: str) -> None:
        """Nothing."""
        del done, total, what
