"""A fleet's pictures: parts that follow each other, bounds beside them, many shown without names."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from joulecut.reports.charts import Bars, Points
from joulecut.reports.figures.fleets import edges_chart, servers_chart, uplinks_chart
from joulecut.reports.fleet_facts import FleetFacts, facts_of_pool
from joulecut.reports.stills import Still, still
from joulecut_planner.pool import solve_pool
from tests.api.reports.small_fleets import RATE_HZ, small_pool


def facts() -> FleetFacts:
    """Of the small pool, planned."""
    return facts_of_pool(small_pool(), solve_pool(small_pool()))


def test_edges_lie_behind_each_other_on_their_server() -> None:
    """Each part begins where the last one ends; all of them are the server's load; a diamond marks the most."""
    (serving,) = (server for server in facts().servers if server.edges)
    panel = servers_chart([serving], kind="estimated").panels[0]
    parts = sorted(
        (start, value)
        for layer in panel.layers
        if isinstance(layer, Bars)
        for start, value in zip(layer.starts, layer.values, strict=True)
    )
    assert len(parts) == 2
    assert all(start + value == pytest.approx(later) for (start, value), (later, _) in pairwise(parts))
    assert sum(parts[-1]) == pytest.approx(100.0 * serving.plan.server_utilisation)
    (mark,) = (layer for layer in panel.layers if isinstance(layer, Points))
    assert mark.x == (80.0,)


def test_watts_are_of_requests_and_of_idling() -> None:
    """Together what the server draws."""
    servers = facts().servers
    requests, rest = servers_chart(servers, kind="estimated").panels[1].layers
    assert isinstance(requests, Bars)
    assert isinstance(rest, Bars)
    for work_w, rest_w, server in zip(requests.values, rest.values, servers, strict=True):
        assert work_w + rest_w == pytest.approx(server.plan.power_w)


def test_an_edges_watts_are_its_requests_joules() -> None:
    """By the rate, on the edge, the radio and the server."""
    edges = facts().edges
    layers = edges_chart(edges, kind="estimated").panels[0].layers
    total_w = sum(value for layer in layers if isinstance(layer, Bars) for value in layer.values)
    assert total_w == pytest.approx(sum(RATE_HZ * sum(edge.parts_j) for edge in edges))


def test_uplinks_show_what_they_carry() -> None:
    """30 Mbit/s, and no more taken."""
    panel = uplinks_chart(facts().uplinks, kind="estimated").panels[0]
    (mark,) = (layer for layer in panel.layers if isinstance(layer, Points))
    taken = sum(value for layer in panel.layers if isinstance(layer, Bars) for value in layer.values)
    assert mark.x == (30.0,)
    assert 0.0 < taken <= 30.0 + 1e-6


def test_many_servers_stand_without_names() -> None:
    """Bars stand, numbers below; beyond 400 edges a server's bar is whole, and the rest of the edges is left out."""
    one = next(server for server in facts().servers if server.edges)
    edge = one.edges[0]
    crowd = replace(one, edges=tuple(replace(edge, name=f"edge{number}") for number in range(9)))
    servers = [replace(crowd, plan=replace(crowd.plan, name=f"gpu{number}")) for number in range(50)]
    chart = servers_chart(servers, kind="estimated")
    assert not any(panel.sideways or panel.x.ticks for panel in chart.panels)
    bars = [layer for layer in chart.panels[0].layers if isinstance(layer, Bars)]
    assert sum(len(layer.places) for layer in bars) == 50
    assert "Only the 400 of 450" in edges_chart(crowd.edges * 50, kind="estimated").caption


def test_pictures_become_files() -> None:
    """Lying and standing, with an empty server among them."""
    for chart in (servers_chart(facts().servers, kind="estimated"), edges_chart(facts().edges, kind="estimated")):
        assert still(chart, Still.SVG).startswith(b"<?xml")
