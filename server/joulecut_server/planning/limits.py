"""What this server takes of planning requests: how large, how many at once, and how long."""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulecut_core.errors import ConfigError
from joulecut_proto.planning_messages import RequestSize

_COUNTS = ("objects", "table_entries", "clock_pairs", "choices", "edges", "solvers")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningLimits:
    """The `[planning]` table of a server-agent's TOML file. Raises ConfigError where a bound leaves nothing.

    `objects`, `table_entries`, `clock_pairs`, `choices`, `edges`: the most that one request may have
    (`RequestSize` says of what). A thread that solves cannot be stopped, so these bound what an
    answer can cost in time and memory even where nobody waits for it any more.
    `solvers`: requests solved at once. `waiting`: further ones that may wait for their turn.
    `solve_s`: seconds of the wall from a request's arrival to its answer; a caller's own deadline
    counts where it is nearer.
    """

    objects: int = 1_000_000
    table_entries: int = 8_000_000
    clock_pairs: int = 1_000_000
    choices: int = 50_000_000
    edges: int = 10_000
    solvers: int = 1
    waiting: int = 8
    solve_s: float = 30.0

    def __post_init__(self) -> None:
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ConfigError(f"planning.{name}: {getattr(self, name)}; expected at least 1")
        if self.waiting < 0:
            raise ConfigError(f"planning.waiting: {self.waiting}; expected at least 0")
        if not 0.0 < self.solve_s < math.inf:
            raise ConfigError(f"planning.solve_s: {self.solve_s}; expected a finite number of seconds above 0")

    @property
    def most(self) -> RequestSize:
        """The largest request that is read."""
        return RequestSize(
            edges=self.edges,
            objects=self.objects,
            table_entries=self.table_entries,
            clock_pairs=self.clock_pairs,
            choices=self.choices,
        )
