"""The checker of histories finds what is planted, and finds nothing where nothing is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from joulecut_core.ledgers import FallbackReason, RequestJoules, RequestLedger, RequestSeconds
from joulecut_core.plans import Assignment
from joulecut_core.timing import ManualClock
from tests.chaos.history import History, Operation
from tests.chaos.history_checks import Kind, violations
from tests.chaos.site import logged_plans

EXPECTED = ((0.0, 1.0), (2.0, -1.0))
LAST = 3


def outputs(picture: int, *, off: float = 0.0) -> bytes:
    """The unsplit network's answer, or nearly."""
    exact = np.asarray(EXPECTED[picture], dtype=np.float32)
    return bytes((exact + np.float32(off)).tobytes())


def plan(epoch: int, cut: int = 1) -> Assignment:
    """What an edge has in force."""
    return Assignment(
        epoch=epoch,
        network_digest="d",
        policy="joint",
        cut=cut,
        codec="raw",
        variant="v",
        edge_clock=None,
        server_clock=None,
    )


def ledger(operation: Operation, epoch: int, cut: int = 1) -> RequestLedger:
    """What a sound split says of itself."""
    return RequestLedger(
        request_id=operation.request_id,
        epoch=epoch,
        cut=cut,
        codec="raw",
        served_by="split",
        fallback=False,
        seconds=RequestSeconds(tail=0.01, total=0.02),
        joules=RequestJoules(),
        attempts=1,
    )


class Story:
    """A history of eight requests under two plans, all well."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.history = History(self.clock.now_s)
        for epoch in (1, 2):
            self.see(epoch)
            for _ in range(4):
                operation = self.send()
                self.history.answer(operation, outputs(operation.picture), ledger(operation, epoch))
            self.see(epoch)

    def send(self) -> Operation:
        """A request, a second later."""
        self.clock.advance_s(1.0)
        number = len(self.history.operations)
        operation = self.history.begin(edge="e", life=0, request_id=f"r{number}", picture=number % 2)
        self.clock.advance_s(0.1)
        return operation

    def see(self, epoch: int, *, for_s: float = 0.0) -> None:
        """A plan is in force, or was when the edge was asked, `for_s` ago."""
        self.clock.advance_s(0.5)
        self.history.see("e", 0, plan(epoch), asked_s=self.clock.now_s() - for_s)

    def kinds(self) -> list[Kind]:
        """What is wrong with it."""
        return [one.kind for one in violations(self.history, EXPECTED, last_cut=LAST)]


@pytest.mark.parametrize("says", ["session x: planned epoch {}, {}; 3 for other uplinks", "epoch {} in force: {}"])
def test_plans_are_read_out_of_logs(says: str) -> None:
    """A plan that was in force too briefly to be seen counts as given, since agents log each."""
    first, second = plan(4), replace(plan(7, 2), codec="jpeg98")
    text = "\n".join(f"INFO somewhere: {says.format(one.epoch, one)} [request_id=a]" for one in (first, second))
    assert logged_plans(text) == {(one.epoch, one.cut, one.codec) for one in (first, second)}


def test_a_sound_history_is_sound() -> None:
    """Nothing is found where nothing is wrong."""
    assert Story().kinds() == []


def test_a_lost_request_is_found_unless_its_edge_was_killed() -> None:
    """No answer, with or without an error, is a loss; one that an edge took into its grave is excused."""
    story = Story()
    story.send()
    story.history.fail(story.send(), "boom")
    assert story.kinds() == [Kind.LOST, Kind.LOST]
    assert violations(story.history, EXPECTED, last_cut=LAST, excused=lambda operation: operation.number >= 8) == []


def test_a_second_answer_is_found() -> None:
    """Two answers to one request are a violation even where both are right; an answer and an error too."""
    story = Story()
    first, second = story.history.operations[-2:]
    story.history.answer(first, outputs(first.picture), ledger(first, 2))
    story.history.fail(second, "late")
    assert story.kinds() == [Kind.TWICE, Kind.TWICE]


@pytest.mark.parametrize("off", [1e-3, float("nan"), float("inf")])
def test_a_wrong_answer_is_found(off: float) -> None:
    """An answer that is not the unsplit network's, be it another picture's, a number off, or none."""
    story = Story()
    operation = story.send()
    story.history.answer(operation, outputs(operation.picture, off=off), ledger(operation, 2))
    other = story.send()
    story.history.answer(other, outputs(1 - other.picture), ledger(other, 2))
    short = story.send()
    story.history.answer(short, outputs(short.picture)[:4], ledger(short, 2))
    assert story.kinds() == [Kind.WRONG, Kind.WRONG, Kind.WRONG]


def test_a_stale_or_invented_plan_is_found() -> None:
    """An epoch that was replaced before the request was sent, one nobody gave, and one with another cut."""
    story = Story()
    for epoch, cut in ((1, 1), (7, 1), (2, 2)):
        operation = story.send()
        story.history.answer(operation, outputs(operation.picture), ledger(operation, epoch, cut))
    assert story.kinds() == [Kind.STALE, Kind.STALE, Kind.STALE]
    story.history.planned.add((7, 1, "raw"))
    assert story.kinds() == [Kind.STALE, Kind.STALE], "in force too briefly to be seen, but planned"


def test_a_request_may_keep_the_plan_it_was_sent_under() -> None:
    """A plan that changes while a request is under way leaves both allowed."""
    story = Story()
    operation = story.send()
    story.see(3)
    story.see(3)
    story.history.answer(operation, outputs(operation.picture), ledger(operation, 2))
    assert story.kinds() == []


@pytest.mark.parametrize("for_s", [0.6, 0.0])
def test_an_answer_may_overtake_what_the_edge_told_before(for_s: float) -> None:
    """An edge that was asked for its plan, changed it, and answered a request under the next one: in that order."""
    story = Story()
    operation = story.send()
    story.history.answer(operation, outputs(operation.picture), ledger(operation, 3))
    story.see(2, for_s=for_s)
    story.see(3)
    assert story.kinds() == ([] if for_s else [Kind.STALE])


def test_an_edge_may_have_been_alone_between_two_plans() -> None:
    """Its own plan, in force too briefly to be seen, is allowed where the plan changed, and only there."""
    story = Story()
    story.history.see("e", 0, plan(0, LAST), asked_s=story.clock.now_s())
    story.see(3)
    for epoch in (4, 4):
        operation = story.send()
        story.see(epoch)
        alone = replace(ledger(operation, 0, LAST), served_by="edge", attempts=0)
        story.history.answer(operation, outputs(operation.picture), alone)
    story.see(4)
    assert story.kinds() == [Kind.STALE]


def test_a_ledger_that_contradicts_itself_is_found() -> None:
    """Who served, whether that was a fallback, and why, must fit together."""
    lies = (
        {"request_id": "another"},
        {"served_by": "somebody"},
        {"fallback": True, "fallback_reason": FallbackReason.LOST},
        {"served_by": "edge", "fallback": True},
        {"fallback_reason": FallbackReason.LATE},
        {"served_by": "edge"},
        {"attempts": 0},
        {"attempts": 3},
        {"seconds": RequestSeconds(total=0.1)},
        {"served_by": "server"},
    )
    for lie in lies:
        story = Story()
        operation = story.history.operations[-1]
        told = replace(ledger(operation, 2), **lie)
        story.history.answers[operation.number] = [
            replace(story.history.answers[operation.number][0], ledger=told),
        ]
        assert set(story.kinds()) == {Kind.UNTRUE}, lie


def test_late_answers_are_counted_not_condemned() -> None:
    """An answer after the deadline is late, and not lost."""
    story = Story()
    operation = story.send()
    story.clock.advance_s(5.0)
    story.history.answer(operation, outputs(operation.picture), ledger(operation, 2))
    assert story.kinds() == []
    assert story.history.late(1.0) == [operation]
