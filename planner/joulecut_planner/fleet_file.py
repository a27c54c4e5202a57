"""Fleet problems as JSON (contract `joulecut.fleet/1`), and their answers (`joulecut.fleet_plan/1`).

Files, documents and answers of version 2 (`joulecut_planner.pool_file`) are told apart by their schema.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from joulecut_core.argument_types import expect_path
from joulecut_core.decoding import check_schema, decode, encode, keyed_object, listed, show
from joulecut_core.documents import read_text
from joulecut_core.errors import ProblemError
from joulecut_core.fleets import FLEET_SCHEMA, Fleet, FleetEdge, FleetPlan, Shared
from joulecut_core.pool_plans import PoolPlan
from joulecut_core.pools import POOL_SCHEMA, Pool
from joulecut_core.strict_json import parse_strictly
from joulecut_planner.plan_file import plan_document
from joulecut_planner.pool_file import decoded_pool, pool_document, pool_plan_document
from joulecut_planner.problem_file import parse_problem_at, problem_document

_FLEET_KEYS = ("schema", "edges", "shared")
_EDGE_KEYS = ("name", "problem")


def load_fleet(path: str | os.PathLike[str]) -> Fleet | Pool:
    """The fleet in a file, of version 1 or 2 (a Pool), as its `schema` says.

    Raises ProblemError naming the file and the JSON path of the field that is wrong. TypeError for what is no path.
    """
    file = expect_path(
        "path", path, "of a joulecut.fleet/1 or /2 file; a JSON object goes to parse_fleet", error=ProblemError
    )
    document = parse_strictly(read_text(file, ProblemError), ProblemError, str(file))
    is_pool = isinstance(document, Mapping) and document.get("schema") == POOL_SCHEMA
    try:
        return decoded_pool(document) if is_pool else _decoded(document)
    except ProblemError as error:
        raise ProblemError(f"{file}: {error}") from error


def parse_fleet(source: str | Mapping[str, object]) -> Fleet:
    """The fleet of version 1 in JSON text or in an already parsed object. Raises ProblemError with the JSON path."""
    return _decoded(
        parse_strictly(source, ProblemError, "fleet", path_first=True) if isinstance(source, str) else source
    )


def fleet_document(fleet: Fleet | Pool) -> dict[str, object]:
    """The fleet as the contract's JSON object; `parse_fleet`, or `parse_pool` for version 2, gives it back."""
    if isinstance(fleet, Pool):
        return pool_document(fleet)
    return {
        "schema": fleet.schema,
        "shared": encode(fleet.shared),
        "edges": [{"name": edge.name, "problem": problem_document(edge.problem)} for edge in fleet.edges],
    }


def fleet_plan_document(plan: FleetPlan | PoolPlan) -> dict[str, object]:
    """The answer as the contract's JSON object."""
    if isinstance(plan, PoolPlan):
        return pool_plan_document(plan)
    document: dict[str, object] = encode(plan)
    edges = [
        {"name": edge.name, "plan": plan_document(edge.plan), "uplink_bps": edge.uplink_bps} for edge in plan.edges
    ]
    return {"schema": plan.schema} | document | {"edges": edges}


def _decoded(document: object) -> Fleet:
    check_schema(document, FLEET_SCHEMA, ProblemError)
    top = keyed_object(document, _FLEET_KEYS, required=("edges",), error=ProblemError)
    edges = listed(top["edges"], error=ProblemError, path="edges")
    shared = decode(Shared, top.get("shared", {}), error=ProblemError, path="shared")
    return Fleet(edges=tuple(_edge(f"edges[{index}]", edge) for index, edge in enumerate(edges)), shared=shared)


def _edge(path: str, document: object) -> FleetEdge:
    fields = keyed_object(document, _EDGE_KEYS, required=_EDGE_KEYS, error=ProblemError, path=path)
    name = fields["name"]
    if not isinstance(name, str):
        raise ProblemError(f"{path}.name: {show(name)}; expected a string")
    return FleetEdge(name=name, problem=parse_problem_at(f"{path}.problem", fields["problem"]))
