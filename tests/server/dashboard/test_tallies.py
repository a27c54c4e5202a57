"""What sessions were answered of late."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.figures import FigureKind
from joulecut_core.plans import Assignment
from joulecut_proto.inference_messages import Origin, ReplyHeader, ReplyStatus
from joulecut_server.dashboard.tallies import NOTHING, Tallies
from tests.server.dashboard.rooms import SERVER_J, SERVER_S, answer, request_under

FIRST = Assignment(
    epoch=1,
    network_digest="sha256:0",
    policy="joint",
    cut=1,
    codec="raw",
    variant="fp32",
    edge_clock=None,
    server_clock=None,
)
SECOND = replace(FIRST, epoch=2)


def _answered(tallies: Tallies, assignment: Assignment, reply: ReplyHeader) -> None:
    tallies.computed(request_under(assignment), reply)
    tallies.replied(request_under(assignment), reply)


def test_means_are_of_one_plan() -> None:
    """What an old plan's requests took is not what the new one costs."""
    tallies = Tallies()
    _answered(tallies, FIRST, replace(answer(), server_energy_j=9.0, tail_s=7.0))
    assert tallies.served("edge-1", 2).server_energy_j is None
    for _ in range(3):
        _answered(tallies, SECOND, answer())
    served = tallies.served("edge-1", 2)
    assert served.server_energy_j == pytest.approx(SERVER_J)
    assert served.server_s == pytest.approx(SERVER_S)
    assert (served.answered, served.figures) == (4, FigureKind.EMULATED)
    assert tallies.energy_j == pytest.approx(9.0 + 3 * SERVER_J)


def test_a_mean_is_an_estimate_where_a_part_of_it_is() -> None:
    """A run too short to meter has joules of a table: one metered afterwards does not make the mean a measurement."""
    tallies = Tallies()
    for figures in (FigureKind.ESTIMATED, FigureKind.MEASURED):
        _answered(tallies, FIRST, replace(answer(), figures=figures))
    assert tallies.served("edge-1", 1).figures is FigureKind.ESTIMATED
    _answered(tallies, SECOND, replace(answer(), figures=FigureKind.MEASURED))
    assert tallies.served("edge-1", 2).figures is FigureKind.MEASURED


def test_refusals_and_kept_answers_cost_nothing() -> None:
    """A refused request has no joules; an answer that is sent again has been counted."""
    tallies = Tallies()
    _answered(tallies, FIRST, answer())
    tallies.replied(request_under(FIRST), answer(ReplyStatus.STALE))
    tallies.replied(request_under(FIRST), replace(answer(), origin=Origin.KEPT))
    served = tallies.served("edge-1", 1)
    assert (served.answered, served.refused) == (2, 1)
    assert (tallies.answered, tallies.refused) == (2, 1)
    assert tallies.energy_j == pytest.approx(SERVER_J)


def test_what_nobody_waited_for_has_cost_joules() -> None:
    """A request whose edge was gone when it was computed is no answer, but it took the device's seconds and joules."""
    tallies = Tallies()
    tallies.computed(request_under(FIRST), answer())
    served = tallies.served("edge-1", 1)
    assert served.answered == tallies.answered == 0
    assert served.server_energy_j == pytest.approx(SERVER_J)
    assert tallies.energy_j == pytest.approx(SERVER_J)


def test_a_large_fleet_is_counted() -> None:
    """Every session of a thousand, each of which answers once in a round of all, keeps its count."""
    tallies = Tallies()
    names = [f"edge-{number}" for number in range(1000)]
    for name in 2 * names:
        tallies.replied(request_under(FIRST, name), answer())
    assert {tallies.served(name, 1).answered for name in names} == {2}


def test_strangers_take_no_memory() -> None:
    """Refused requests of sessions that never were leave a count behind, and so do sessions beyond the bound."""
    tallies = Tallies(most=2)
    for name in ("x", "y", "z"):
        tallies.replied(request_under(FIRST, name), answer(ReplyStatus.STALE))
        assert tallies.served(name, 1) == NOTHING
    for name in ("a", "b", "c"):
        tallies.replied(request_under(FIRST, name), answer())
    assert tallies.served("a", 1) == NOTHING
    assert tallies.served("c", 1).answered == 1
    assert tallies.refused == 3
