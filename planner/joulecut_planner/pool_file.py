"""Pools as JSON (contract `joulecut.fleet/2`), and their answers (`joulecut.fleet_plan/2`)."""

from __future__ import annotations

from collections.abc import Mapping

from joulecut_core.decoding import check_schema, decode, encode, keyed_object, listed, show
from joulecut_core.errors import ProblemError
from joulecut_core.identity import Same
from joulecut_core.pool_plans import PoolPlan
from joulecut_core.pools import MOST_EDGES, POOL_SCHEMA, KindProblem, Pool, PoolEdge, PoolServer, Route, Uplink
from joulecut_core.problems import Problem
from joulecut_core.strict_json import parse_strictly
from joulecut_planner.plan_file import plan_document
from joulecut_planner.problem_file import parse_problem_at, problem_document

_POOL_KEYS = ("schema", "servers", "uplinks", "edges")
_EDGE_KEYS = ("name", "problems", "uplink", "routes")
_PROBLEM_KEYS = ("kind", "problem")


def parse_pool(source: str | Mapping[str, object]) -> Pool:
    """The pool in JSON text or in an already parsed object. Raises ProblemError with the JSON path."""
    return decoded_pool(
        parse_strictly(source, ProblemError, "pool", path_first=True) if isinstance(source, str) else source
    )


def pool_document(pool: Pool) -> dict[str, object]:
    """The pool as the contract's JSON object; `parse_pool` gives it back."""
    written: dict[Same[Problem], dict[str, object]] = {}

    def document(problem: Problem) -> dict[str, object]:
        key = Same(problem)
        if key not in written:
            written[key] = problem_document(problem)
        return written[key]

    return {
        "schema": pool.schema,
        "servers": encode(pool.servers),
        "uplinks": encode(pool.uplinks),
        "edges": [
            {
                "name": edge.name,
                "problems": [{"kind": one.kind, "problem": document(one.problem)} for one in edge.problems],
                "uplink": edge.uplink,
                "routes": encode(edge.routes),
            }
            for edge in pool.edges
        ],
    }


def pool_plan_document(plan: PoolPlan) -> dict[str, object]:
    """The answer as the contract's JSON object."""
    document: dict[str, object] = encode(plan)
    edges = [
        {
            "name": edge.name,
            "server": edge.server,
            "kind": edge.kind,
            "plan": plan_document(edge.plan),
            "uplink_bps": edge.uplink_bps,
        }
        for edge in plan.edges
    ]
    return {"schema": plan.schema} | document | {"edges": edges}


def decoded_pool(document: object) -> Pool:
    """The pool in parsed JSON. Raises ProblemError with the JSON path."""
    check_schema(document, POOL_SCHEMA, ProblemError)
    top = keyed_object(document, _POOL_KEYS, required=("schema", "servers", "edges"), error=ProblemError)
    servers = listed(top["servers"], error=ProblemError, path="servers")
    uplinks = listed(top.get("uplinks", ()), error=ProblemError, path="uplinks")
    edges = listed(top["edges"], error=ProblemError, path="edges")
    if len(edges) > MOST_EDGES:
        raise ProblemError(f"edges: {len(edges)} of them; expected 1 to {MOST_EDGES}")
    return Pool(
        servers=tuple(
            decode(PoolServer, server, error=ProblemError, path=f"servers[{index}]")
            for index, server in enumerate(servers)
        ),
        uplinks=tuple(
            decode(Uplink, uplink, error=ProblemError, path=f"uplinks[{index}]") for index, uplink in enumerate(uplinks)
        ),
        edges=tuple(_edge(f"edges[{index}]", edge) for index, edge in enumerate(edges)),
    )


def _edge(path: str, document: object) -> PoolEdge:
    fields = keyed_object(document, _EDGE_KEYS, required=("name", "problems"), error=ProblemError, path=path)
    uplink = fields.get("uplink")
    if uplink is not None:
        uplink = _text(f"{path}.uplink", uplink)
    problems = listed(fields["problems"], error=ProblemError, path=f"{path}.problems")
    routes = listed(fields.get("routes", ()), error=ProblemError, path=f"{path}.routes")
    return PoolEdge(
        name=_text(f"{path}.name", fields["name"]),
        problems=tuple(_problem(f"{path}.problems[{place}]", one) for place, one in enumerate(problems)),
        uplink=uplink,
        routes=tuple(
            decode(Route, one, error=ProblemError, path=f"{path}.routes[{place}]") for place, one in enumerate(routes)
        ),
    )


def _problem(path: str, document: object) -> KindProblem:
    fields = keyed_object(document, _PROBLEM_KEYS, required=_PROBLEM_KEYS, error=ProblemError, path=path)
    return KindProblem(
        kind=_text(f"{path}.kind", fields["kind"]), problem=parse_problem_at(f"{path}.problem", fields["problem"])
    )


def _text(path: str, value: object) -> str:
    if not isinstance(value, str):
        raise ProblemError(f"{path}: {show(value)}; expected a string")
    return value
