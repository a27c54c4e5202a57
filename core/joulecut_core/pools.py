"""Many edges and many servers (contract `joulecut.fleet/2`): who is placed where is part of the plan.

Every quantity is SI; clocks are MHz. Field names are the same words in JSON and protobuf. The answer is in
`joulecut_core.pool_plans`.
"""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.decoding import show
from joulecut_core.errors import ProblemError
from joulecut_core.fleets import Fleet
from joulecut_core.problem_rules import take_own_numbers
from joulecut_core.problems import Problem

POOL_SCHEMA = "joulecut.fleet/2"

MOST_SERVERS = 4096
MOST_EDGES = 100_000
MOST_UPLINKS = 100_000
MOST_KINDS = 64
"""Sizes beyond which a document is refused: a pool is planned as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolServer:
    """One server of a pool: its kind, whose operating points the edges' problems list, and its own bounds.

    `server_utilisation`, `server_wait_s` and `server_idle_w_counts` are those of version 1, for this server.
    `parked_w` is its draw while it is parked; None stands for the least `idle_w` of its kind's points. It may
    park if `may_park`, and serve edges if `may_serve`.
    """

    name: str
    kind: str
    server_utilisation: float = 0.8
    server_wait_s: float = 0.0
    server_idle_w_counts: bool = False
    parked_w: float | None = None
    may_park: bool = True
    may_serve: bool = True

    def __post_init__(self) -> None:
        take_own_numbers(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplink:
    """An access point or cell: what it carries in all, in bits per second, for the edges that name it."""

    name: str
    uplink_bps: float

    def __post_init__(self) -> None:
        take_own_numbers(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindProblem:
    """An edge's problem on servers of one kind."""

    kind: str
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A server that an edge may be placed on, and what differs on the way there; None: as in the problem's link."""

    server: str
    rtt_s: float | None = None
    uplink_bps: float | None = None
    downlink_bps: float | None = None

    def __post_init__(self) -> None:
        take_own_numbers(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolEdge:
    """One edge: a whole problem for each kind of server that it may be placed on.

    `uplink` names the shared uplink that it sends through, None where it shares none. `routes` lists the
    servers that it may be placed on; empty: every server of a kind that it has a problem for.
    """

    name: str
    problems: tuple[KindProblem, ...]
    uplink: str | None = None
    routes: tuple[Route, ...] = ()

    def __post_init__(self) -> None:
        for name in ("problems", "routes"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A whole fleet problem of version 2. Raises ProblemError with the JSON path where a value does not fit.

    Every edge has a rate, names are unique, and all edges know the same operating points of each kind of server.
    """

    servers: tuple[PoolServer, ...]
    edges: tuple[PoolEdge, ...]
    uplinks: tuple[Uplink, ...] = ()
    schema: str = POOL_SCHEMA

    def __post_init__(self) -> None:
        from joulecut_core.pool_rules import check_pool  # noqa: PLC0415 - the rules are about these very classes

        if self.schema != POOL_SCHEMA:
            raise ProblemError(f"schema: {show(self.schema)}; expected {POOL_SCHEMA!r}")
        for name in ("servers", "edges", "uplinks"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        check_pool(self)


def pool_of(fleet: Fleet) -> Pool:
    """A fleet of version 1 as one of version 2 with the very same plans: one server, one uplink, one problem each."""
    shared = fleet.shared
    uplinks = () if shared.uplink_bps is None else (Uplink(name="uplink", uplink_bps=shared.uplink_bps),)
    return Pool(
        servers=(
            PoolServer(
                name="server",
                kind="server",
                server_utilisation=shared.server_utilisation,
                server_wait_s=shared.server_wait_s,
                server_idle_w_counts=shared.server_idle_w_counts,
            ),
        ),
        uplinks=uplinks,
        edges=tuple(
            PoolEdge(
                name=edge.name,
                problems=(KindProblem(kind="server", problem=edge.problem),),
                uplink=uplinks[0].name if uplinks else None,
            )
            for edge in fleet.edges
        ),
    )
