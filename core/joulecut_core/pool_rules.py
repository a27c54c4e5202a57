"""What a pool's numbers, names and references must keep (contract `joulecut.fleet/2`).

Every complaint is a ProblemError that starts with the JSON path: `servers[1].name: 'a' again; expected unique names`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from joulecut_core import pools
from joulecut_core.decoding import show
from joulecut_core.errors import ProblemError
from joulecut_core.problem_rules import NOT_NEGATIVE, POSITIVE, SHARE, check_number, check_text
from joulecut_core.problems import Problem, ServerPoint

if TYPE_CHECKING:
    from joulecut_core.pools import KindProblem, Pool, PoolEdge, PoolServer, Route

_FLAGS = ("server_idle_w_counts", "may_park", "may_serve")
_OWN = ("slo", "objective", "max_accuracy_loss", "edge")
"""What an edge has whatever server it is placed on."""


def check_pool(pool: Pool) -> None:
    """Raise ProblemError for the first value of `pool` that is out of range, of a wrong type, unknown or doubled."""
    _check_sizes(pool)
    for index, server in enumerate(pool.servers):
        _check_server(f"servers[{index}]", server)
    _check_unique("servers", (server.name for server in pool.servers))
    for index, uplink in enumerate(pool.uplinks):
        if not isinstance(cast(object, uplink), pools.Uplink):
            raise ProblemError(f"uplinks[{index}]: {show(uplink)}; expected a name and what it carries")
        check_text(f"uplinks[{index}].name", uplink.name)
        check_number(f"uplinks[{index}].uplink_bps", uplink.uplink_bps, POSITIVE)
    _check_unique("uplinks", (uplink.name for uplink in pool.uplinks))
    points: dict[str, tuple[ServerPoint, ...]] = {}
    kinds = {server.name: server.kind for server in pool.servers}
    uplinks = {uplink.name for uplink in pool.uplinks}
    for index, edge in enumerate(pool.edges):
        path = f"edges[{index}]"
        _check_problems(path, edge, points)
        if edge.uplink is not None and edge.uplink not in uplinks:
            raise ProblemError(
                f"{path}.uplink: {show(edge.uplink)}; expected one of uplinks[], or null where it shares none"
            )
        for place, route in enumerate(edge.routes):
            _check_route(f"{path}.routes[{place}]", route, edge, kinds)
        _check_unique(f"{path}.routes", (route.server for route in edge.routes), "server")
    _check_unique("edges", (edge.name for edge in pool.edges))
    _check_known_kinds(pool, points)


def _check_sizes(pool: Pool) -> None:
    for name, most, least in (
        ("servers", pools.MOST_SERVERS, 1),
        ("edges", pools.MOST_EDGES, 1),
        ("uplinks", pools.MOST_UPLINKS, 0),
    ):
        value: object = getattr(pool, name)
        if not isinstance(value, tuple):
            raise ProblemError(f"{name}: {show(value)}; expected a list")
        count = len(cast("tuple[object, ...]", value))
        if not least <= count <= most:
            raise ProblemError(f"{name}: {count} of them; expected {least} to {most}")


def _check_server(path: str, server: PoolServer) -> None:
    if not isinstance(cast(object, server), pools.PoolServer):
        raise ProblemError(f"{path}: {show(server)}; expected a server with a name and a kind")
    check_text(f"{path}.name", server.name)
    check_text(f"{path}.kind", server.kind)
    check_number(f"{path}.server_utilisation", server.server_utilisation, SHARE)
    check_number(f"{path}.server_wait_s", server.server_wait_s, NOT_NEGATIVE)
    for name in _FLAGS:
        value: object = getattr(server, name)
        if not isinstance(value, bool):
            raise ProblemError(f"{path}.{name}: {show(value)}; expected true or false")
    if server.parked_w is not None:
        check_number(f"{path}.parked_w", server.parked_w, NOT_NEGATIVE)
        if not server.server_idle_w_counts:
            raise ProblemError(
                f"{path}.parked_w: {server.parked_w}; expected null where "
                "server_idle_w_counts is false: it counts nowhere"
            )
    if not server.may_park and not server.may_serve:
        raise ProblemError(f"{path}.may_park: False; expected true, or may_serve true: a server parks or serves")


def _check_problems(path: str, edge: PoolEdge, points: dict[str, tuple[ServerPoint, ...]]) -> None:
    if not isinstance(cast(object, edge), pools.PoolEdge):
        raise ProblemError(f"{path}: {show(edge)}; expected a name and problems")
    check_text(f"{path}.name", edge.name)
    problems: object = edge.problems
    if not isinstance(problems, tuple) or not 1 <= len(edge.problems) <= pools.MOST_KINDS:
        raise ProblemError(
            f"{path}.problems: {show(problems)}; expected a list of 1 to {pools.MOST_KINDS}, each of another kind"
        )
    for place, one in enumerate(edge.problems):
        _check_problem(f"{path}.problems[{place}]", one, edge.problems[0], points)
    _check_unique(f"{path}.problems", (one.kind for one in edge.problems), "kind")
    if not isinstance(cast(object, edge.routes), tuple):
        raise ProblemError(f"{path}.routes: {show(edge.routes)}; expected a list")
    if edge.uplink is not None:
        check_text(f"{path}.uplink", edge.uplink)


def _check_problem(path: str, one: KindProblem, first: KindProblem, points: dict[str, tuple[ServerPoint, ...]]) -> None:
    if not isinstance(cast(object, one), pools.KindProblem) or not isinstance(cast(object, one.problem), Problem):
        raise ProblemError(f"{path}: {show(one)}; expected a kind and a problem")
    check_text(f"{path}.kind", one.kind)
    if one.problem.slo.rate_hz is None:
        raise ProblemError(f"{path}.problem.slo.rate_hz: None; expected a number above 0: every edge has a rate")
    for name in _OWN:
        mine, theirs = getattr(one.problem, name), getattr(first.problem, name)
        if mine is not theirs and mine != theirs:
            raise ProblemError(
                f"{path}.problem.{name}: not that of problems[0]; expected the same on every kind of server: "
                "it is the edge's own"
            )
    known = points.setdefault(one.kind, one.problem.server.points)
    if one.problem.server.points is not known and one.problem.server.points != known:
        raise ProblemError(
            f"{path}.problem.server.points: not those of the edges before it; "
            f"expected the same for every problem of kind {show(one.kind)}"
        )


def _check_route(path: str, route: Route, edge: PoolEdge, kinds: dict[str, str]) -> None:
    if not isinstance(cast(object, route), pools.Route):
        raise ProblemError(f"{path}: {show(route)}; expected a server's name and what differs on the way there")
    check_text(f"{path}.server", route.server)
    if route.server not in kinds:
        raise ProblemError(f"{path}.server: {show(route.server)}; expected the name of one of servers[]")
    if all(kinds[route.server] != one.kind for one in edge.problems):
        raise ProblemError(
            f"{path}.server: {show(route.server)} is of kind {show(kinds[route.server])}; "
            "expected one of a kind that this edge has a problem for"
        )
    for name, allowed in (("rtt_s", NOT_NEGATIVE), ("uplink_bps", POSITIVE), ("downlink_bps", POSITIVE)):
        value = getattr(route, name)
        if value is not None:
            check_number(f"{path}.{name}", value, allowed)


def _check_known_kinds(pool: Pool, points: dict[str, tuple[ServerPoint, ...]]) -> None:
    """Nobody knows the operating points of a server that no edge has a problem for: it can only be parked."""
    for index, server in enumerate(pool.servers):
        if server.kind in points:
            continue
        path, why = f"servers[{index}]", f"no edge has a problem of kind {show(server.kind)}"
        if not server.may_park:
            raise ProblemError(f"{path}.may_park: False; expected true: {why}")
        if server.server_idle_w_counts and server.parked_w is None:
            raise ProblemError(f"{path}.parked_w: None; expected a finite number of at least 0: {why}")


def _check_unique(path: str, names: Iterable[str], field: str = "name") -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            raise ProblemError(f"{path}[{index}].{field}: {show(name)} again; expected unique names")
        seen.add(name)
