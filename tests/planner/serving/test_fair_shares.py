"""An edge that floods costs the others next to nothing; one that does not is never held back."""

from __future__ import annotations

import statistics

import pytest

from joulecut_core.serving import QueuedRequest
from joulecut_planner.serving.fair_shares import FairShares, fair_share
from joulecut_planner.serving.joint.policy import JoulecutPolicy
from joulecut_planner.serving.policies.registry import POLICIES, PolicyOptions
from joulecut_planner.serving.waiting_line import WaitingLine
from tests.planner.serving.closed_loop import waits_s
from tests.planner.serving.tables import gpu_like

SLO_S = 0.2
MOST = 1.2
"""Times the others' wait without the flood."""


def asks(*edges: str) -> list[QueuedRequest]:
    return [QueuedRequest(number, 0.0, 1.0, edge=edge) for number, edge in enumerate(edges)]


@pytest.mark.parametrize("name", ["joulecut", "eali", "batching-only", "fixed"])
@pytest.mark.parametrize("batches", [(1,), (1, 2, 4)])
def test_a_flood_does_not_raise_the_others_wait(name: str, batches: tuple[int, ...]) -> None:
    """Eight edges wait at most a fifth longer where the ninth has 16 in flight than where it has one."""
    table = gpu_like(units=2, points=4, batches=batches)

    def wait_s(in_flight: int) -> float:
        policy = JoulecutPolicy(table, slo_s=SLO_S) if name == "joulecut" else POLICIES[name](table, PolicyOptions())
        edges = {**{f"edge {number}": 1 for number in range(8)}, "ninth": in_flight}
        waited = waits_s(policy, edges, slo_s=SLO_S, think_s=2e-3, until_s=1.0)
        return statistics.fmean(wait for edge, waits in waited.items() if edge != "ninth" for wait in waits)

    assert wait_s(16) <= MOST * wait_s(1)


@pytest.mark.parametrize("name", ["joulecut", "eali", "fixed"])
def test_equals_are_served_as_without_shares(name: str) -> None:
    """Eight edges with three in flight each: chance makes nobody a flood, and every request waits as it would."""
    table = gpu_like(units=2, points=4, batches=(1, 2, 4))

    def waited(largest_batch: int) -> dict[str, list[float]]:
        policy = JoulecutPolicy(table, slo_s=0.05) if name == "joulecut" else POLICIES[name](table, PolicyOptions())
        edges = {f"edge {number}": 3 for number in range(8)}
        return waits_s(policy, edges, slo_s=0.05, think_s=0.05, until_s=0.5, largest_batch=largest_batch, seed=3)

    assert waited(4) == waited(1_000_000)


def test_equals_and_an_edge_alone_are_shown_whole() -> None:
    """Neither what one edge has while nobody else is there, nor what all have alike, is held back."""
    for edges in ("a" * 40, "abcd" * 6, "abcdefgh"):
        line = WaitingLine(100, largest_batch=4)
        for request in asks(*edges):
            line.add(request)
        assert line.shown() is line


def test_who_floods_waits_for_those_shown_with_it() -> None:
    """One of its requests at a time, then the others', unless the device has time left; order stays by urgency."""
    line = WaitingLine(100)
    for request in asks("a", "a", "a", "a", "a", "b", "c"):
        line.add(request)
    assert [each.id for each in line.shown()] == [0, 5, 6]
    assert [each.id for each in line.take_first(1)] == [0]
    assert [each.id for each in line.shown()] == [5, 6]
    assert line.release()
    assert [each.id for each in line.shown()] == [1, 5, 6]


def test_a_line_that_fits_one_batch_is_shown_whole() -> None:
    """Whoever floods runs with the others then, and holds nobody up."""
    line = WaitingLine(100, largest_batch=8)
    for request in asks(*"aaaaaaabb"[:8]):
        line.add(request)
    assert line.shown() is line


def test_lower_priorities_hold_nobody_back() -> None:
    """Shares are among those of the same priority and above."""
    high = [QueuedRequest(number, 0.0, 1.0, edge="a", priority=1) for number in range(5)]
    low = [QueuedRequest(9, 0.0, 1.0, edge="b")]
    assert FairShares(1).shown([*high, *low], {"a": 5, "b": 1}) is None


def test_a_share_is_an_even_part_or_what_half_have() -> None:
    """Of the batch or of the line, whichever is more, and never nothing."""
    assert fair_share((31, 1), 2, 32) == 16
    assert fair_share((16, *[1] * 8), 9, 4) == 1
    assert fair_share((6, 6, 6, 9), 4, 4) == 6


def test_a_batch_of_nobody_is_refused() -> None:
    """There is no share of it."""
    with pytest.raises(ValueError, match="at least one request"):
        FairShares(0)
