"""An edge that floods costs the others next to nothing; one that does not is never held back."""

from __future__ import annotations

import random
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import QueuedRequest, Rejection, RejectReason, Rest, ServerView, ServingPolicy
from joulecut_planner.serving import fair_shares
from joulecut_planner.serving.fair_shares import FairShares, fair_share
from joulecut_planner.serving.joint.policy import JoulecutPolicy
from joulecut_planner.serving.policies.registry import POLICIES, PolicyOptions
from joulecut_planner.serving.simulation.event_loop import Span, simulate
from joulecut_planner.serving.waiting_line import WaitingLine
from tests.planner.serving.closed_loop import waits_s
from tests.planner.serving.joint.solved import few_loads
from tests.planner.serving.scripted import Eager
from tests.planner.serving.tables import gpu_like

MOST, MORE_S = 1.2, 2e-3
"""Times the others' wait without the flood, and seconds beyond: who waits for company has waits of their own."""


def _policy(name: str, table: ServiceTable, *, slo_s: float) -> ServingPolicy:
    if name == "joulecut":
        with few_loads():
            return JoulecutPolicy(table, slo_s=slo_s)
    return POLICIES[name](table, PolicyOptions())


def asks(*edges: str) -> list[QueuedRequest]:
    return [QueuedRequest(number, 0.0, 1.0, edge=edge) for number, edge in enumerate(edges)]


@pytest.mark.parametrize(
    ("name", "largest"),
    [(name, size) for name in ("joulecut", "eali", "batching-only", "fixed") for size in (1, 4)],
)
def test_a_flood_does_not_raise_the_others_wait(name: str, largest: int) -> None:
    """Where the ninth of nine edges has 4 or 16 in flight, eight wait hardly longer; it is served no less than they."""
    table = gpu_like(units=2, points=4, batches=tuple(size for size in (1, 2, 4, 8, 16, 32) if size <= largest))
    slo_s = 0.05 if name == "joulecut" else 0.2

    def waited_s(in_flight: int, seed: int) -> dict[str, list[float]]:
        policy = _policy(name, table, slo_s=slo_s)
        edges = {**{f"edge {number}": 1 for number in range(8)}, "ninth": in_flight}
        return waits_s(policy, edges, slo_s=slo_s, think_s=2e-3, until_s=1.0, seed=seed)

    def others_s(runs: list[dict[str, list[float]]]) -> list[float]:
        return [wait for waited in runs for edge, waits in waited.items() if edge != "ninth" for wait in waits]

    alone, *floods = ([waited_s(in_flight, seed) for seed in (1, 2, 3)] for in_flight in (1, 4, 16))
    for flooded in floods:
        assert statistics.fmean(others_s(flooded)) <= MOST * statistics.fmean(others_s(alone)) + MORE_S
        assert sum(len(waited["ninth"]) for waited in flooded) >= 0.9 * len(others_s(flooded)) / 8


def _missed(name: str, rates_hz: Mapping[str, float], *, slo_s: float, until_s: float) -> Missed:
    """What edges miss that send at random, so often a second, to a device of batches of up to eight."""
    rng = random.Random(7)  # noqa: S311 - a test's choice
    sent: list[tuple[float, str]] = []
    for edge, rate_hz in rates_hz.items():
        now_s = rng.expovariate(rate_hz)
        while now_s < until_s:
            sent.append((now_s, edge))
            now_s += rng.expovariate(rate_hz)
    requests = [
        QueuedRequest(number, at_s, at_s + slo_s, edge=edge) for number, (at_s, edge) in enumerate(sorted(sent))
    ]
    missed = Missed(requests)
    simulate(_policy(name, gpu_like(units=2, points=4, batches=(1, 2, 4, 8)), slo_s=slo_s), requests, observer=missed)
    return missed


class Missed:
    """How many of each edge's requests were late or refused."""

    def __init__(self, requests: Sequence[QueuedRequest]) -> None:
        self._sent = Counter(request.edge for request in requests)
        self._missed: Counter[str] = Counter()

    def share(self, edges: str) -> float:
        """Of all requests of edges whose names begin so."""
        missed, sent = (
            sum(n for edge, n in all_.items() if edge.startswith(edges)) for all_ in (self._missed, self._sent)
        )
        return missed / sent

    def passed(self, span: Span) -> None:
        pass

    def answered(self, request: QueuedRequest, end_s: float, variant: int) -> None:
        del variant
        self._missed[request.edge] += end_s > request.deadline_s

    def turned_away(self, request: QueuedRequest, now_s: float, reason: RejectReason) -> None:
        del now_s, reason
        self._missed[request.edge] += 1


@pytest.mark.parametrize("slo_s", [0.05, 0.1])
@pytest.mark.parametrize("name", ["joulecut", "eali", "batching-only"])
def test_unequal_edges_lose_nothing_while_the_device_can_serve_them(name: str, slo_s: float) -> None:
    """Forty, sixty or two hundred pictures a second beside five of others are no abuse: none is refused for it."""
    for heavy_hz, lights in ((40.0, 8), (60.0, 1), (200.0, 3)):
        rates_hz = {"heavy": heavy_hz, **{f"light {number}": 5.0 for number in range(lights)}}
        missed = _missed(name, rates_hz, slo_s=slo_s, until_s=10.0)
        assert missed.share("heavy") <= 0.01
        assert missed.share("light") <= 0.01


@pytest.mark.parametrize("name", ["joulecut", "eali", "batching-only"])
def test_who_asks_for_twice_the_device_costs_others_no_deadline(name: str) -> None:
    """Of what one edge sends beyond all that the device can do, the others notice longer batches, and nothing else."""
    rates_hz = {"heavy": 1100.0, **{f"light {number}": 10.0 for number in range(8)}}
    missed = _missed(name, rates_hz, slo_s=0.1, until_s=3.0)
    assert missed.share("light") <= 0.01
    assert missed.share("heavy") <= 0.45


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


def test_who_floods_takes_turns_with_the_others() -> None:
    """One of its requests, the newest, and none again before those who were not in that batch; order is by urgency."""
    line = WaitingLine(100)
    for request in asks(*"aaaaabc"):
        line.add(request)
    assert [each.id for each in line.shown()] == [4, 5, 6]
    assert [each.id for each in line.take_first(1)] == [4]
    assert [each.id for each in line.shown()] == [5, 6]
    line.take_first(1)
    assert [each.id for each in line.shown()] == [3, 6]


def _served(line: WaitingLine, edges: str) -> None:
    """One by one."""
    for number, edge in enumerate(edges):
        line.add(QueuedRequest(1000 + number, 0.0, 1.0, edge=edge))
        line.take_first(1)


@pytest.mark.parametrize(("before", "shown"), [("a" * 9, [2]), ("ab" * 30 + "a" * 40, [2]), ("a" * 8, [0, 1, 2])])
def test_who_was_served_much_more_lately_lets_others_go_first(before: str, shown: list[int]) -> None:
    """Two in the line are no flood; one after the other for long they are. A few may be chance."""
    line = WaitingLine(100)
    _served(line, before)
    for request in asks(*"aab"):
        line.add(request)
    assert [each.id for each in line.shown()] == shown


def test_with_one_in_the_line_too() -> None:
    """The one behind the one that ran counts: two in flight are two though only one ever waits."""
    line = WaitingLine(100)
    _served(line, "a" * 30)
    for request in asks(*"ab"):
        line.add(request)
    assert [each.edge for each in line.shown()] == ["b"]
    line.take_first(1)
    assert [each.edge for each in line.shown()] == ["a"]


def test_what_was_long_ago_is_forgotten() -> None:
    """Once the others have had as much, nobody is held back for what he had before."""
    line = WaitingLine(100)
    _served(line, "a" * 1000 + "ba" * 40)
    for request in asks(*"aab"):
        line.add(request)
    assert line.shown() is line


def test_who_is_away_is_no_measure() -> None:
    """Two that ask alike are equals, however little others asked for that are not there."""
    line = WaitingLine(100)
    _served(line, "cdefgh" + "ab" * 60)
    for request in asks(*"aabb"):
        line.add(request)
    assert line.shown() is line


def test_who_is_shown_of_a_flood_stays_shown() -> None:
    """Newer ones of its edge do not take its turn."""
    line = WaitingLine(100)
    for request in asks(*"aaaaabc"):
        line.add(request)
    assert [each.id for each in line.shown()] == [4, 5, 6]
    line.add(QueuedRequest(7, 0.0, 2.0, edge="a"))
    assert [each.id for each in line.shown()] == [4, 5, 6]


def test_policies_are_told_of_all_that_come() -> None:
    """In the order in which they came, held back or not; what is shown for the first time is decided upon at once."""
    line = WaitingLine(100, batch_s=(1.0, 2.0))
    for number, edge in enumerate("aaaaabc"):
        line.add(QueuedRequest(number, 0.0, 9.0 if number else 1.5, edge=edge))
    assert [each.id for each in line.newcomers()] == [0, 1, 2, 3, 4, 5, 6]
    assert [each.id for each in line.without_a_chance(1.0)] == [0]
    assert not line.has_newcomers()
    line.remove(line.shown())
    assert line.has_newcomers()
    assert line.newcomers() == []
    assert not line.has_newcomers()


def test_a_flood_fills_batches_and_takes_no_place() -> None:
    """As many are shown as find room beside the others, the newest, and be it its turn or not."""
    line = WaitingLine(100, batch_s=(1.0, 2.0, 3.0, 4.0))
    for request in asks(*"aaaaaabc"):
        line.add(request)
    assert [each.id for each in line.shown()] == [4, 5, 6, 7]
    line.take_first(4)
    line.add(QueuedRequest(10, 0.0, 1.0, edge="b"))
    assert [each.id for each in line.shown()] == [1, 2, 3, 10]
    line.add(QueuedRequest(11, 0.0, 1.0, edge="d"))
    assert [each.edge for each in line.shown()] == ["a", "a", "b", "d"]


def test_who_was_served_last_is_waited_for() -> None:
    """A flood that is by itself for a moment gets its share until the others have not come back for a batch."""
    line = WaitingLine(100)
    for request in asks(*"baaaaaa"):
        line.add(request)
    assert [each.edge for each in line.take_first(1)] == ["b"]
    assert len(line.shown()) == 1
    line.take_first(1)
    assert line.shown() is line


def test_those_behind_a_flood_s_share_are_decided_upon_too() -> None:
    """Where all that are shown are turned away, the next are shown at once: nobody is left in the line."""
    table = gpu_like(units=2, points=4, batches=(1, 2))

    class Refusing(Eager):
        def decide(self, view: ServerView) -> Rest:
            return Rest(view.point, None, tuple(Rejection(each.id, RejectReason.OVERLOAD) for each in view.waiting))

    requests = [QueuedRequest(number, 0.0, 1.0, edge="a" if number % 8 else "b") for number in range(80)]
    report = simulate(Refusing(table), requests)
    assert report.rejected == {RejectReason.OVERLOAD: 80}


def test_lower_priorities_hold_nobody_back() -> None:
    """Shares are among those of the same priority and above."""
    high = [QueuedRequest(number, 0.0, 1.0, edge="a", priority=1) for number in range(5)]
    low = [QueuedRequest(9, 0.0, 1.0, edge="b")]
    assert FairShares(1).shown([*high, *low], {"a": 5, "b": 1}) is None


def test_a_share_is_what_half_have() -> None:
    """Of an even number the lower half counts: two edges are no majority."""
    assert fair_share((31, 1)) == 1
    assert fair_share((16, *[1] * 8)) == 1
    assert fair_share((6, 6, 6, 9)) == 6


def test_edges_that_come_once_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without certificates knows edges by their sessions, of which a long life has any number."""
    monkeypatch.setattr(fair_shares, "_MOST_REMEMBERED", 100)
    shares = FairShares(4)
    for number in range(1000):
        shares.ran(asks(f"session-{number}"))
    assert len(shares._past) == len(shares._served) == 100


def test_a_batch_of_nobody_is_refused() -> None:
    """There is no share of it."""
    with pytest.raises(ValueError, match="a batch of one"):
        FairShares(0)
