"""Who starts and ends a pool's servers: what its keeper needs of Ray, or of whatever else runs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from joulecut_server.pool.reports import ReplicaReport


class Crew(Protocol):
    """The servers by the number of their seat. None of its methods waits long for a server."""

    def present(self) -> frozenset[int]:
        """The seats that are taken, by servers that start, serve or drain; those of an earlier keeper may be any."""
        ...

    def start(self, number: int) -> None:
        """Take a seat. Raises DeviceError where the engine refuses for now; the next look tries again."""
        ...

    def reports(self) -> Mapping[int, ReplicaReport]:
        """What those say that answered since the last call; whoever is missing has not answered yet."""
        ...

    def leave(self, number: int) -> None:
        """Have a server finish what it has and give up its seat, which is taken until then."""
        ...

    def end(self, number: int) -> None:
        """Give up a seat at once, whatever its server does."""
        ...
