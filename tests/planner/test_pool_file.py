"""Pool files are read as strictly as fleets, with paths into servers, uplinks, routes and inner problems."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from joulecut_core.errors import ProblemError
from joulecut_core.fleets import Fleet
from joulecut_core.pools import Pool, pool_of
from joulecut_planner.fleet import solve_fleet
from joulecut_planner.fleet_file import fleet_document, fleet_plan_document, load_fleet, parse_fleet
from joulecut_planner.pool_file import parse_pool
from tests.architecture.tree import ROOT
from tests.planner.small_document import small_document

EXAMPLE = ROOT / "docs" / "examples" / "pool.json"


def pool_json() -> dict[str, Any]:
    """Two servers of two kinds and two edges alike, every field written out."""
    return {
        "schema": "joulecut.fleet/2",
        "servers": [
            {
                "name": name,
                "kind": kind,
                "server_utilisation": 0.5,
                "server_wait_s": 0.001,
                "server_idle_w_counts": True,
                "parked_w": 9.0,
                "may_park": True,
                "may_serve": True,
            }
            for name, kind in (("a", "large"), ("b", "small"))
        ],
        "uplinks": [{"name": "hall", "uplink_bps": 3e7}],
        "edges": [
            {
                "name": name,
                "problems": [{"kind": kind, "problem": small_document()} for kind in ("large", "small")],
                "uplink": "hall",
                "routes": [{"server": "b", "rtt_s": 0.01, "uplink_bps": 1e7, "downlink_bps": 2e7}],
            }
            for name in ("cam-1", "cam-2")
        ],
    }


def complaint(source: Any) -> str:
    """What parsing says."""
    with pytest.raises(ProblemError) as caught:
        parse_pool(source)
    return str(caught.value)


def test_every_field_arrives() -> None:
    """Names in the file are the names in the dataclasses."""
    pool = parse_pool(pool_json())
    server, edge = pool.servers[0], pool.edges[1]
    assert (server.name, server.kind, server.server_utilisation, server.server_wait_s) == ("a", "large", 0.5, 0.001)
    assert (server.server_idle_w_counts, server.parked_w, server.may_park, server.may_serve) == (True, 9.0, True, True)
    assert (pool.uplinks[0].name, pool.uplinks[0].uplink_bps) == ("hall", 3e7)
    assert [one.kind for one in edge.problems] == ["large", "small"]
    route = edge.routes[0]
    assert (edge.uplink, route.server, route.rtt_s, route.uplink_bps, route.downlink_bps) == (
        "hall",
        "b",
        0.01,
        1e7,
        2e7,
    )


def test_defaults_are_those_of_version_1() -> None:
    """A server of a name and a kind has version 1's bounds, parks and serves; edges share no uplink."""
    document = pool_json()
    document["servers"] = [{"name": "a", "kind": "large"}]
    del document["uplinks"]
    document["edges"] = [{"name": "cam", "problems": document["edges"][0]["problems"]}]
    pool = parse_pool(document)
    (server,), (edge,) = pool.servers, pool.edges
    assert (server.server_utilisation, server.server_wait_s, server.server_idle_w_counts) == (0.8, 0.0, False)
    assert (server.parked_w, server.may_park, server.may_serve) == (None, True, True)
    assert (edge.uplink, edge.routes, pool.uplinks) == (None, (), ())


def test_documents_come_back() -> None:
    """Writing and reading are inverse, through JSON text and through a file, whatever version it is."""
    pool = parse_pool(pool_json())
    assert parse_pool(json.dumps(fleet_document(pool), allow_nan=False)) == pool


def test_files_are_told_apart_by_their_schema(tmp_path: Path) -> None:
    """`load_fleet` gives a Fleet for version 1 and a Pool for version 2, and `solve_fleet` plans either."""
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps(pool_json()), encoding="utf-8")
    pool = load_fleet(path)
    assert isinstance(pool, Pool)
    assert fleet_plan_document(solve_fleet(pool))["schema"] == "joulecut.fleet_plan/2"
    first = {"schema": "joulecut.fleet/1", "edges": [{"name": "cam", "problem": small_document()}]}
    path.write_text(json.dumps(first), encoding="utf-8")
    fleet = load_fleet(path)
    assert isinstance(fleet, Fleet)
    assert fleet_plan_document(solve_fleet(fleet))["schema"] == "joulecut.fleet_plan/1"
    assert parse_fleet(first) == fleet
    with pytest.raises(ProblemError, match=r"expected 'joulecut\.fleet/1'"):
        parse_fleet(pool_json())


def test_version_1_translated_by_hand_is_pool_of() -> None:
    """The documented translation, field by field, is what `pool_of` does."""
    shared = {"uplink_bps": 2e7, "server_utilisation": 0.4, "server_wait_s": 0.002, "server_idle_w_counts": True}
    first = {"schema": "joulecut.fleet/1", "shared": shared, "edges": [{"name": "cam", "problem": small_document()}]}
    second = {
        "schema": "joulecut.fleet/2",
        "servers": [
            {"name": "server", "kind": "server", **{key: value for key, value in shared.items() if key != "uplink_bps"}}
        ],
        "uplinks": [{"name": "uplink", "uplink_bps": 2e7}],
        "edges": [
            {"name": "cam", "problems": [{"kind": "server", "problem": small_document()}], "uplink": "uplink"},
        ],
    }
    assert parse_pool(second) == pool_of(parse_fleet(first))


def test_the_example_is_a_pool_with_a_parked_server() -> None:
    """The document that the pages use can be planned, and shows what it is there to show."""
    pool = load_fleet(EXAMPLE)
    assert isinstance(pool, Pool)
    plan = solve_fleet(pool)
    assert {server.state.value for server in plan.servers} == {"serving", "parked"}


SERVER, EDGE = ("servers", 0), ("edges", 1)
PROBLEM = (*EDGE, "problems", 1)


@pytest.mark.parametrize(
    ("keys", "value", "start"),
    [
        (("schema",), None, "schema: None"),
        (("extra",), 1, "extra: unknown key"),
        (("servers",), {}, "servers: {}"),
        (("servers",), [], "servers: 0 of them; expected 1 to 4096"),
        (SERVER, 3, "servers[0]: 3 is not an object"),
        ((*SERVER, "colour"), "red", "servers[0].colour: unknown key"),
        ((*SERVER, "name"), 3, "servers[0].name: 3"),
        ((*SERVER, "name"), "b", "servers[1].name: 'b' again"),
        ((*SERVER, "name"), "gpu\ud800", "servers[0].name: 'gpu\\ud800'; expected a string that UTF-8 can carry"),
        ((*SERVER, "kind"), None, "servers[0].kind: None"),
        ((*SERVER, "server_utilisation"), 1.01, "servers[0].server_utilisation: 1.01"),
        ((*SERVER, "server_wait_s"), -1, "servers[0].server_wait_s: -1"),
        ((*SERVER, "server_idle_w_counts"), "yes", "servers[0].server_idle_w_counts: 'yes'"),
        ((*SERVER, "server_idle_w_counts"), False, "servers[0].parked_w: 9.0; expected null"),
        ((*SERVER, "parked_w"), -0.5, "servers[0].parked_w: -0.5"),
        ((*SERVER, "may_park"), 1, "servers[0].may_park: 1"),
        ((*SERVER, "may_serve"), None, "servers[0].may_serve: None"),
        ((*SERVER, "kind"), "huge", ""),
        (("uplinks",), 7, "uplinks: 7"),
        (("uplinks", 0, "uplink_bps"), 0, "uplinks[0].uplink_bps: 0"),
        (("uplinks", 0, "uplink_bps"), None, "uplinks[0].uplink_bps: None"),
        (("uplinks", 0, "name"), "yard", "edges[0].uplink: 'hall'; expected one of uplinks[]"),
        (("uplinks",), [{"name": "hall", "uplink_bps": 1e6}] * 2, "uplinks[1].name: 'hall' again"),
        (("edges",), [], "edges: 0 of them"),
        (("edges",), "cam", "edges: 'cam'"),
        ((*EDGE, "name"), "cam-1", "edges[1].name: 'cam-1' again"),
        ((*EDGE, "uplink"), 3, "edges[1].uplink: 3"),
        ((*EDGE, "problem"), {}, "edges[1].problem: unknown key; did you mean 'problems'?"),
        ((*EDGE, "problems"), [], "edges[1].problems: ()"),
        (PROBLEM, [], "edges[1].problems[1]: [] is not an object"),
        ((*PROBLEM, "kind"), "large", "edges[1].problems[1].kind: 'large' again"),
        (
            (*PROBLEM, "problem", "schema"),
            "joulecut.problem/2",
            "edges[1].problems[1].problem.schema: 'joulecut.problem/2'",
        ),
        ((*PROBLEM, "problem", "link", "rtt_s"), -1, "edges[1].problems[1].problem.link.rtt_s: -1"),
        ((*PROBLEM, "problem", "slo", "rate_hz"), None, "edges[1].problems[1].problem.slo.rate_hz: None"),
        ((*PROBLEM, "problem", "slo", "rate_hz"), 11, "edges[1].problems[1].problem.slo: not that of problems[0]"),
        ((*PROBLEM, "problem", "objective", "edge_weight"), 2, "edges[1].problems[1].problem.objective: not that"),
        ((*PROBLEM, "problem", "server", "points", 0, "idle_w"), 71, "edges[1].problems[1].problem.server.points: not"),
        ((*EDGE, "routes"), {}, "edges[1].routes: {}"),
        ((*EDGE, "routes", 0, "server"), "c", "edges[1].routes[0].server: 'c'; expected the name of one of servers[]"),
        ((*EDGE, "routes", 0, "rtt_s"), -1, "edges[1].routes[0].rtt_s: -1"),
        ((*EDGE, "routes", 0, "uplink_bps"), 0, "edges[1].routes[0].uplink_bps: 0"),
        ((*EDGE, "routes", 0, "hops"), 3, "edges[1].routes[0].hops: unknown key"),
        ((*EDGE, "routes"), [{"server": "b"}] * 2, "edges[1].routes[1].server: 'b' again"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(keys: tuple[str | int, ...], value: object, start: str) -> None:
    """Wrong types, ranges, keys, names and references; a kind that nobody has tables for is fine while it may park."""
    document = pool_json()
    owner: Any = document
    for key in keys[:-1]:
        owner = owner[key]
    owner[keys[-1]] = value
    if start:
        assert complaint(document).startswith(start)
    else:
        assert parse_pool(document).servers[0].kind == "huge"


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"kind": "huge", "parked_w": None}, "servers[0].parked_w: None; expected a finite number"),
        ({"kind": "huge", "may_park": False}, "servers[0].may_park: False; expected true: no edge has a problem"),
        ({"may_park": False, "may_serve": False}, "servers[0].may_park: False; expected true, or may_serve true"),
    ],
)
def test_servers_that_could_do_nothing(changes: dict[str, object], start: str) -> None:
    """A server parks or serves, and costs something that is known."""
    document = pool_json()
    document["servers"][0].update(changes)
    assert complaint(document).startswith(start)


def test_a_route_to_a_kind_without_a_problem() -> None:
    """An edge cannot be placed where it has no tables."""
    document = pool_json()
    document["edges"][1]["problems"].pop()
    assert complaint(document).startswith("edges[1].routes[0].server: 'b' is of kind 'small'; expected one of a kind")


@pytest.mark.parametrize("key", ["schema", "servers", "edges"])
def test_missing_keys(key: str) -> None:
    """What has no default must be there."""
    document = pool_json()
    del document[key]
    assert complaint(document).startswith(f"{key}: missing")


def test_keys_given_twice() -> None:
    """A duplicate key deep inside is named with its whole path."""
    text = json.dumps(pool_json()).replace('"rtt_s": 0.01', '"rtt_s": 0.01, "rtt_s": 0.02', 1)
    assert complaint(text).startswith("edges[0].routes[0].rtt_s: duplicate key")
