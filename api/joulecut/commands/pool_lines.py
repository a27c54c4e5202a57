"""How a pool looks to programs: a line of JSON whenever it stands differently."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress

from joulecut_core.decoding import encode
from joulecut_server.pool import PoolStanding


class PoolLines:
    """Says each standing that differs from the last in who is there, in which state, and how many are wanted.

    Loads and watts differ at every look: `joulecut pool status --json` has them. `say` gets a line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._last: object = None

    def __call__(self, standing: PoolStanding) -> None:
        """Hear how the pool stands."""
        servers = [(each.name, each.state, each.address, each.is_heard, each.complaint) for each in standing.servers]
        now = (standing.wanted, servers)
        if now == self._last:
            return
        self._last = now
        # A reader that has gone away must not end a pool.
        with suppress(OSError):
            self._say(json.dumps(encode(standing)))
