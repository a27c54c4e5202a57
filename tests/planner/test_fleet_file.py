"""Fleet files are read as strictly as problems, with paths that lead into the edge's own problem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from joulecut_core.errors import ProblemError
from joulecut_core.fleets import FleetPlan, RejectedEdge
from joulecut_core.plans import OPTIMAL
from joulecut_planner.fleet_file import fleet_document, fleet_plan_document, load_fleet, parse_fleet
from tests.planner.malformed_kinds import FLEET_KINDS, fleet_json
from tests.planner.small_document import small_document


def complaint(source: Any) -> str:
    """What parsing says."""
    with pytest.raises(ProblemError) as caught:
        parse_fleet(source)
    return str(caught.value)


def test_every_field_arrives() -> None:
    """Names in the file are the names in the dataclasses."""
    fleet = parse_fleet(fleet_json())
    assert [edge.name for edge in fleet.edges] == ["cam-1", "cam-2"]
    assert fleet.edges[1].problem.slo.rate_hz == 10.0
    assert fleet.shared.uplink_bps == 3e7
    assert fleet.shared.server_utilisation == 0.5
    assert fleet.shared.server_wait_s == 0.001
    assert fleet.shared.server_idle_w_counts is True


def test_shared_may_be_left_out() -> None:
    """It has only defaulted fields."""
    document = fleet_json()
    del document["shared"]
    assert parse_fleet(document).shared.server_utilisation == 0.8


def test_inner_problems_are_whole_ones() -> None:
    """Their own schema is asked for, too."""
    document = fleet_json()
    document["edges"][0]["problem"]["schema"] = "joulecut.problem/2"
    assert complaint(document) == "edges[0].problem.schema: 'joulecut.problem/2'; expected 'joulecut.problem/1'"
    del document["edges"][0]["problem"]["schema"]
    assert complaint(document) == "edges[0].problem.schema: missing; expected 'joulecut.problem/1'"


def test_a_problem_is_no_fleet() -> None:
    """What the file is comes before what is in it."""
    assert complaint(small_document()) == "schema: 'joulecut.problem/1'; expected 'joulecut.fleet/1'"


def test_documents_come_back() -> None:
    """`fleet_document` and `parse_fleet` are inverse, through JSON text and through a file."""
    fleet = parse_fleet(fleet_json())
    text = json.dumps(fleet_document(fleet), allow_nan=False)
    assert parse_fleet(text) == fleet


def test_files(tmp_path: Path) -> None:
    """A file is read; one that is missing, no JSON or no fleet is named."""
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps(fleet_json()), encoding="utf-8")
    assert load_fleet(path) == parse_fleet(fleet_json())
    with pytest.raises(ProblemError, match=r"nowhere\.json"):
        load_fleet(tmp_path / "nowhere.json")
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ProblemError, match=r"fleet\.json: not JSON"):
        load_fleet(path)
    path.write_text(json.dumps({**fleet_json(), "edges": 3}), encoding="utf-8")
    with pytest.raises(ProblemError, match=r"fleet\.json: edges: 3"):
        load_fleet(path)


@pytest.mark.parametrize(("keys", "value", "start"), FLEET_KINDS)
def test_what_is_wrong_is_named_with_its_path(keys: tuple[str | int, ...], value: object, start: str) -> None:
    """Wrong types, ranges, keys and names, in the fleet and in an edge's problem."""
    document = fleet_json()
    owner: Any = document
    for key in keys[:-1]:
        owner = owner[key]
    owner[keys[-1]] = value
    assert complaint(document).startswith(start)


@pytest.mark.parametrize("key", ["schema", "edges"])
def test_missing_keys(key: str) -> None:
    """What has no default must be there."""
    document = fleet_json()
    del document[key]
    assert complaint(document).startswith(f"{key}: missing")


@pytest.mark.parametrize("key", ["name", "problem"])
def test_missing_keys_of_an_edge(key: str) -> None:
    """Likewise inside an edge."""
    document = fleet_json()
    del document["edges"][1][key]
    assert complaint(document).startswith(f"edges[1].{key}: missing")


def test_keys_given_twice() -> None:
    """A duplicate key deep inside is named with its whole path."""
    text = json.dumps(fleet_json()).replace('"wait_w": 2.0', '"wait_w": 2.0, "wait_w": 2.0', 1)
    assert complaint(text).startswith("edges[0].problem.edge.points[0].wait_w: duplicate key")


def test_answers_as_json() -> None:
    """The contract's names, no more and no fewer; the schema first."""
    plan = FleetPlan(
        status=OPTIMAL,
        server_point=None,
        edges=(),
        power_w=0.0,
        lower_bound_w=0.0,
        gap=0.0,
        rejected=(RejectedEdge(name="cam-1", reason="too slow"),),
    )
    document = fleet_plan_document(plan)
    assert next(iter(document)) == "schema"
    assert set(document) == {
        *("schema", "status", "server_point", "edges", "power_w", "lower_bound_w", "gap", "rejected")
    }
    assert document["rejected"] == [{"name": "cam-1", "reason": "too slow"}]
    assert json.loads(json.dumps(document, allow_nan=False)) == document
