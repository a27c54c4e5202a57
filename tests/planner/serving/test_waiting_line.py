"""The line keeps its order, its bounds, and is fair between edges."""

from __future__ import annotations

import random
import sys

import pytest

from joulecut_core.serving import QueuedRequest
from joulecut_planner.serving.waiting_line import WaitingLine, urgency


def request(number: int, *, deadline_s: float = 1.0, edge: str = "", priority: int = 0) -> QueuedRequest:
    return QueuedRequest(number, 0.0, deadline_s, edge=edge, priority=priority)


def test_the_most_urgent_goes_first() -> None:
    """Priority, then deadline, then id, whatever the order of coming."""
    rng = random.Random(7)  # noqa: S311 - a test's choice
    drawn = [request(n, deadline_s=rng.randrange(4), priority=rng.randrange(3)) for n in range(60)]
    line = WaitingLine(100)
    assert all(line.add(each) is None for each in drawn)
    expected = sorted(drawn, key=lambda each: (-each.priority, each.deadline_s, each.id))
    assert list(line) == expected
    picked = rng.sample(drawn, 20)
    assert line.with_ids(each.id for each in picked) == sorted(picked, key=urgency)
    line.remove(picked)
    assert line.take_first(5) + list(line) == [each for each in expected if each not in picked]


def test_one_edge_never_has_more_than_its_places() -> None:
    """Its own least urgent request leaves, though the line has room; others are not touched."""
    line = WaitingLine(100, most_per_edge=2)
    assert line.add(request(0, edge="a", deadline_s=3.0)) is None
    assert line.add(request(1, edge="b", deadline_s=9.0)) is None
    assert line.add(request(2, edge="a", deadline_s=1.0)) is None
    leaving = line.add(request(3, edge="a", deadline_s=2.0))
    assert leaving is not None
    assert leaving.id == 0
    assert [each.id for each in line] == [2, 3, 1]


def test_a_flood_takes_nobody_elses_place() -> None:
    """However many requests one edge sends, what the others wait with stays."""
    line = WaitingLine(8)
    modest = [request(n, edge=f"edge {n}", deadline_s=9.0) for n in range(3)]
    for each in modest:
        line.add(each)
    left = [line.add(request(10 + n, edge="greedy", deadline_s=1.0)) for n in range(50)]
    assert all(each is None or each.edge == "greedy" for each in left)
    assert len(line) == 8
    assert set(modest) <= set(line)


def test_who_has_left_is_not_remembered() -> None:
    """A line that nobody asks for newcomers, as another network has the device, holds no more than those that wait."""
    line = WaitingLine(4)
    first = request(0, deadline_s=9.0)
    line.add(first)
    before = sys.getrefcount(first)
    for n in range(1, 5):
        line.add(request(n))
    assert list(line)[-1].id == 4
    assert sys.getrefcount(first) == before - 3, "in the line, by its id, and among those who came"
    assert [each.id for each in line.newcomers()] == [1, 2, 3, 4]


def test_an_id_waits_once() -> None:
    """Two requests of one id could not be told apart; once it has left, it may come again."""
    line = WaitingLine(8)
    line.add(request(4))
    with pytest.raises(ValueError, match="request 4 waits already"):
        line.add(request(4))
    line.remove(line.take_first(0) or line.with_ids((4,)))
    assert line.add(request(4)) is None


def test_who_does_not_wait_is_not_found() -> None:
    """Taking somebody out who is not there is a mistake of the caller."""
    line = WaitingLine(8)
    line.add(request(4))
    with pytest.raises(KeyError, match=r"\[5\] do not wait"):
        line.with_ids((4, 5))
    with pytest.raises(KeyError, match="request 5"):
        line.remove((request(5),))


@pytest.mark.parametrize(("most", "most_per_edge"), [(0, None), (4, 0)])
def test_room_for_nobody_is_refused(most: int, most_per_edge: int | None) -> None:
    """A line that holds nobody would turn everybody away."""
    with pytest.raises(ValueError, match="room for at least one"):
        WaitingLine(most, most_per_edge)
