"""The `[access]` table of a server-agent's TOML file."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from joulecut_core.errors import ConfigError
from joulecut_proto.inference_messages import HIGHEST_PRIORITY
from joulecut_proto.security.identity import Identity, Role

ANYTHING = "*"

_PATTERN = re.compile(r"[A-Za-z0-9._*?\[\]!-]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeRule:
    """What edges of certain names may do. Raises ConfigError where it names nobody, or leaves them nothing.

    `names`: of identities, `*` and `?` as in a shell. `networks`: names or digests; `"*"` for all. `rate_hz`,
    `plan_hz`: requests, and plans, a second of the agents' clock, for each identity; without one as many as the server
    can. `sessions`: how many one identity may have at a time; its longest silent one ends for one more, and stays away
    for a minute. `streams`: how many it may have open. `clock`: whether its plans may move the server's clock; without
    it they run at whatever clock the server has. `solver`: whether it may have problems of its own solved. `bundles`:
    whether it may fetch networks. `priority`: the highest that its requests have in the line; those that ask for more
    get this.
    """

    names: tuple[str, ...] = (ANYTHING,)
    networks: tuple[str, ...] = (ANYTHING,)
    rate_hz: float | None = None
    plan_hz: float | None = None
    sessions: int = 256
    streams: int = 16
    clock: bool = True
    solver: bool = True
    bundles: bool = True
    priority: int = 0

    def __post_init__(self) -> None:
        if not self.names or not self.networks:
            raise ConfigError("access.edges: names and networks must name somebody and something; '*' stands for all")
        for pattern in self.names:
            if not _PATTERN.fullmatch(pattern):
                raise ConfigError(
                    f"access.edges.names: {pattern[:80]!r}; expected a name, with * and ? for parts of it"
                )
        for name in ("rate_hz", "plan_hz"):
            rate = getattr(self, name)
            if rate is not None and not 0.0 < rate < math.inf:
                raise ConfigError(f"access.edges.{name}: {rate}; expected a finite number above 0, or no such key")
        for name in ("sessions", "streams"):
            if getattr(self, name) < 1:
                raise ConfigError(f"access.edges.{name}: {getattr(self, name)}; expected at least 1")
        if not 0 <= self.priority <= HIGHEST_PRIORITY:
            raise ConfigError(f"access.edges.priority: {self.priority}; expected 0 to {HIGHEST_PRIORITY}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessOptions:
    """Rules for edges; the first whose names fit an edge is its own, and one that fits none is refused.

    Operators may do everything but run requests, whatever the rules. `sites`: whose identities may call, over and above
    those of the server's own site.
    """

    edges: tuple[EdgeRule, ...] = ()
    sites: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for site in self.sites:
            # Checks the name as every identity's is.
            Identity(site=site, role=Role.EDGE, name="any")
