"""An edge that floods costs the others next to nothing; one that does not is never held back."""

from __future__ import annotations

import statistics

import pytest

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import QueuedRequest, RejectReason, ServingPolicy
from joulecut_planner.serving.fair_shares import FairShares, fair_share
from joulecut_planner.serving.joint.policy import JoulecutPolicy
from joulecut_planner.serving.policies.registry import POLICIES, PolicyOptions
from joulecut_planner.serving.simulation.event_loop import simulate
from joulecut_planner.serving.waiting_line import WaitingLine
from tests.planner.serving.closed_loop import waits_s
from tests.planner.serving.joint.solved import DECISIONS
from tests.planner.serving.tables import gpu_like

MOST = 1.2
"""Times the others' wait without the flood."""


def _policy(name: str, table: ServiceTable, *, slo_s: float) -> ServingPolicy:
    if name == "joulecut":
        return JoulecutPolicy(table, slo_s=slo_s, kept=DECISIONS)
    return POLICIES[name](table, PolicyOptions())


def asks(*edges: str) -> list[QueuedRequest]:
    return [QueuedRequest(number, 0.0, 1.0, edge=edge) for number, edge in enumerate(edges)]


@pytest.mark.parametrize(
    ("name", "largest"),
    [("joulecut", 8), *((name, size) for name in ("eali", "batching-only", "fixed") for size in (1, 4, 8, 32))],
)
def test_a_flood_does_not_raise_the_others_wait(name: str, largest: int) -> None:
    """Eight edges wait at most a fifth longer where the ninth has 16 in flight than where it has one."""
    table = gpu_like(units=2, points=4, batches=tuple(size for size in (1, 2, 4, 8, 16, 32) if size <= largest))
    slo_s = 0.05 if name == "joulecut" else 0.2

    def others_s(in_flight: int, seed: int) -> list[float]:
        policy = _policy(name, table, slo_s=slo_s)
        edges = {**{f"edge {number}": 1 for number in range(8)}, "ninth": in_flight}
        waited = waits_s(policy, edges, slo_s=slo_s, think_s=2e-3, until_s=1.0, seed=seed)
        return [wait for edge, waits in waited.items() if edge != "ninth" for wait in waits]

    def wait_s(in_flight: int) -> float:
        return statistics.fmean(wait for seed in (1, 2, 3) for wait in others_s(in_flight, seed))

    assert wait_s(16) <= MOST * wait_s(1)


@pytest.mark.parametrize("name", ["joulecut", "eali", "fixed"])
def test_equals_are_served_as_without_shares(name: str) -> None:
    """Eight edges with three in flight each: chance makes nobody a flood, and every request waits as it would."""
    table = gpu_like(units=2, points=4, batches=(1, 2, 4, 8))

    def waited(*, shared: bool) -> dict[str, list[float]]:
        policy = _policy(name, table, slo_s=0.05)
        edges = {f"edge {number}": 3 for number in range(8)}
        return waits_s(policy, edges, slo_s=0.05, think_s=0.05, until_s=0.5, shared=shared, seed=3)

    assert waited(shared=True) == waited(shared=False)


def test_equals_and_an_edge_alone_are_shown_whole() -> None:
    """Neither what one edge has while nobody else is there, nor what all have alike, is held back."""
    for edges in ("a" * 40, "abcd" * 6, "abcdefgh"):
        line = WaitingLine(100, batch_s=(1.0, 2.0, 3.0, 4.0))
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


def test_a_flood_rides_along_where_that_takes_next_to_no_time() -> None:
    """As many beyond its share as leave the batch a tenth longer at most, though all would fit in one."""
    for batch_s, count in (((1.0, 1.02, 1.04, 1.06, 1.08, 1.2, 1.3), 5), ((1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0), 2)):
        line = WaitingLine(100, batch_s=batch_s)
        for request in asks(*"aaaaaab"):
            line.add(request)
        assert [each.edge for each in line.shown()] == ["a"] * (count - 1) + ["b"]


def test_who_was_served_last_is_waited_for() -> None:
    """A flood that is by itself for a moment gets its share until the others have not come back for a batch."""
    line = WaitingLine(100, batch_s=(1.0, 2.0))
    for request in asks(*"baaaaaa"):
        line.add(request)
    assert [each.edge for each in line.take_first(2)] == ["b", "a"]
    assert not line.release()
    assert len(line.shown()) == 1
    line.take_first(1)
    assert line.shown() is line


@pytest.mark.parametrize("name", ["fixed", "eali"])
def test_those_behind_a_flood_s_share_are_decided_upon_too(name: str) -> None:
    """Where all that are shown are turned away, the next are shown at once: each request is answered or turned away."""
    table = gpu_like(units=2, points=4, batches=(1, 2))
    requests = [QueuedRequest(number, 0.0, 1e-4, edge="a" if number % 8 else "b") for number in range(80)]
    report = simulate(POLICIES[name](table, PolicyOptions()), requests)
    assert report.rejected == {RejectReason.LATE: 80}


def test_lower_priorities_hold_nobody_back() -> None:
    """Shares are among those of the same priority and above."""
    high = [QueuedRequest(number, 0.0, 1.0, edge="a", priority=1) for number in range(5)]
    low = [QueuedRequest(9, 0.0, 1.0, edge="b")]
    assert FairShares((1.0,)).shown([*high, *low], {"a": 5, "b": 1}) is None


def test_a_share_is_what_half_have() -> None:
    """Of an even number the lower half counts: two edges are no majority."""
    assert fair_share((31, 1)) == 1
    assert fair_share((16, *[1] * 8)) == 1
    assert fair_share((6, 6, 6, 9)) == 6


def test_a_batch_of_nobody_is_refused() -> None:
    """There is no share of it."""
    with pytest.raises(ValueError, match="a batch of one"):
        FairShares(())
