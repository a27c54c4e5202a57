"""How a server schedules its edges' requests."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.errors import ConfigError

POLICIES = ("fixed", "batching-only", "dvfs-only", "batchdvfs", "pit", "fp32-only", "eali", "joulecut")
"""Written down, since asking the planner loads it while somebody holds a key, or only wants to see a configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingOptions:
    """The `[serving]` table of a server-agent's TOML file. Raises ConfigError where a value leaves nothing to serve.

    `policy`: who decides what runs next. `slo_s`: seconds from a request's arrival at this server to its answer; a
    request's own budget counts where it is shorter. `tables`: service tables (`joulecut.service/1`), one for a
    network; a network without one is served by its profile, a request at a time. `accuracy_floor`: the accuracy
    that answers keep in the mean. `counts_idle`: whether what the device draws at rest is energy to save. `miss_share`:
    the share of requests that joulecut's policy may miss where that saves energy. `waiting`, `waiting_per_edge`: how
    many requests may wait for the device.
    """

    policy: str
    slo_s: float
    tables: tuple[str, ...] = ()
    accuracy_floor: float = 0.0
    counts_idle: bool = True
    miss_share: float = 0.0075
    waiting: int = 256
    waiting_per_edge: int = 16

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ConfigError(f"serving.policy: {self.policy[:40]!r}; expected one of {', '.join(POLICIES)}")
        if not 0.0 < self.slo_s < float("inf"):
            raise ConfigError(f"serving.slo_s: {self.slo_s}; expected a finite number of seconds above 0")
        if not 0.0 <= self.accuracy_floor <= 1.0:
            raise ConfigError(f"serving.accuracy_floor: {self.accuracy_floor}; expected 0 to 1")
        if not 0.0 < self.miss_share < 1.0:
            raise ConfigError(f"serving.miss_share: {self.miss_share}; expected more than 0 and less than 1")
        for name in ("waiting", "waiting_per_edge"):
            if getattr(self, name) < 1:
                raise ConfigError(f"serving.{name}: {getattr(self, name)}; expected at least 1")
