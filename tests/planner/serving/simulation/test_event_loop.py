"""The simulated server does what its rules say, to the second and the joule."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.serving import Launch, QueuedRequest, Rejection, RejectReason, Rest, ServerView
from joulecut_planner.serving.simulation.event_loop import Activity, Span, simulate
from tests.planner.serving.scripted import Drawn, Eager
from tests.planner.serving.tables import drawn_table, gpu_like
from tests.thoroughness import examples

TABLE = replace(gpu_like(units=2, points=3, switch_s=0.002), switch_j=0.5)


class Log:
    """Everything that happened."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.answers: dict[int, float] = {}
        self.turned_away_at: dict[int, float] = {}

    def passed(self, span: Span) -> None:
        self.spans.append(span)

    def answered(self, request: QueuedRequest, end_s: float, variant: int) -> None:
        del variant
        assert request.id not in self.answers
        self.answers[request.id] = end_s

    def turned_away(self, request: QueuedRequest, now_s: float, reason: RejectReason) -> None:
        del reason
        assert request.id not in self.turned_away_at
        self.turned_away_at[request.id] = now_s


def requests(*arrivals_s: float, slo_s: float = 0.02, entry: int = 0) -> list[QueuedRequest]:
    return [
        QueuedRequest(index, arrival_s, arrival_s + slo_s, entry=entry) for index, arrival_s in enumerate(arrivals_s)
    ]


def total(table_row: tuple[tuple[float, ...], ...], point: int) -> float:
    return sum(unit[point] for unit in table_row)


def test_two_requests_one_after_the_other() -> None:
    """Idle until the first, busy, idle again: seconds and joules by hand."""
    variant = TABLE.variants[0]
    time_s = total(variant.time_s[0], 2)
    report = simulate(Eager(TABLE), requests(0.1, 0.3))
    assert (report.on_time, report.late, report.batches) == (2, 0, 2)
    assert report.busy_s == pytest.approx(2 * time_s)
    assert report.idle_s == pytest.approx(0.3 - time_s)
    assert report.idle_j == pytest.approx(TABLE.idle_w[2] * (0.3 - time_s))
    assert report.busy_j == pytest.approx(2 * variant.busy_w[0][0][2] * time_s)
    assert report.p50_s == pytest.approx(time_s)


def test_those_that_come_meanwhile_run_together() -> None:
    """The second batch holds both that came during the first, which is late for neither of them."""
    policy = Eager(TABLE)
    report = simulate(policy, requests(0.0, 0.001, 0.002))
    alone_s, pair_s = (total(TABLE.variants[0].time_s[k], 2) for k in (0, 1))
    assert [outcome.batch for outcome in policy.outcomes] == [1, 2]
    assert policy.outcomes[1].end_s == pytest.approx(alone_s + pair_s)
    assert policy.outcomes[1].mean_response_s == pytest.approx(alone_s + pair_s - 0.0015)
    assert report.mean_batch == 1.5


def test_a_change_of_clock_costs_time_and_energy() -> None:
    """Between units and from the clock held: two changes each way through, none while it stays."""
    report = simulate(Eager(TABLE, points=(0, 1)), requests(0.0, 1.0))
    assert report.clock_changes == 4
    assert report.switching_s == pytest.approx(4 * 0.002)
    assert report.switching_j == pytest.approx(4 * 0.5 + 0.004 * (TABLE.idle_w[0] + TABLE.idle_w[1]))


def test_late_answers_are_counted_late() -> None:
    """An answer after the deadline is late, one at the deadline is not."""
    time_s = total(TABLE.variants[0].time_s[0], 2)
    assert simulate(Eager(TABLE), requests(0.0, slo_s=time_s)).late == 0
    assert simulate(Eager(TABLE), requests(0.0, slo_s=time_s * 0.999)).late == 1


def test_a_request_joins_the_batch_at_its_unit() -> None:
    """One that enters behind the first unit waits for the running batch to get there, and shares its end."""
    first = QueuedRequest(0, 0.0, 1.0)
    second = QueuedRequest(1, 1e-4, 1.0, entry=1)
    earlier = QueuedRequest(2, 1e-4, 1.0, entry=0)
    log = Log()
    policy = Eager(TABLE, joins=True)
    simulate(policy, [first, second, earlier], observer=log)
    assert [outcome.batch for outcome in policy.outcomes] == [2, 1]
    assert log.answers[0] == log.answers[1] < log.answers[2]
    assert [span.batch for span in log.spans if span.activity is Activity.BUSY] == [1, 2, 1, 1]
    unit_s = TABLE.variants[0].time_s
    assert log.answers[0] == pytest.approx(unit_s[0][0][2] + unit_s[1][1][2])


def test_a_batch_of_mixed_entries_starts_at_the_lowest() -> None:
    """Those with a higher entry pay for no unit before it."""
    log = Log()
    simulate(Eager(TABLE), [QueuedRequest(0, 0.0, 1.0, entry=1), QueuedRequest(1, 0.0, 1.0)], observer=log)
    assert [span.batch for span in log.spans] == [1, 2]
    alone = Log()
    simulate(Eager(TABLE), [QueuedRequest(0, 0.0, 1.0, entry=1)], observer=alone)
    assert alone.answers[0] == pytest.approx(TABLE.variants[0].time_s[0][1][2])


class Joiner(Eager):
    """Lets everybody join, more than there is room for."""

    def join(self, view: ServerView, unit: int, batch: int) -> int:
        del view, unit, batch
        return 1000


def test_a_joined_batch_stays_within_the_table() -> None:
    """However many a policy lets in, the batch is of a listed size, and the rest wait."""
    small = gpu_like(units=2, points=2, batches=(1, 2))
    arrivals = [QueuedRequest(0, 0.0, 1.0), *(QueuedRequest(n, 1e-4, 1.0, entry=1) for n in range(1, 4))]
    policy = Joiner(small)
    simulate(policy, arrivals)
    assert [outcome.batch for outcome in policy.outcomes] == [2, 2]


class Restless(Eager):
    """Rests at another clock each time it is asked, until a time."""

    def decide(self, view: ServerView) -> Launch | Rest:
        if view.now_s >= 1.0:
            return super().decide(view)
        return Rest((view.point + 1) % 2, 1.0)


def test_a_rest_at_another_clock_goes_on_after_the_change() -> None:
    """A change that costs no time ends no rest: a policy that would change for ever is asked once."""
    table = gpu_like(units=2, points=3)
    report = simulate(Restless(table), requests(0.0, slo_s=2.0))
    assert report.clock_changes == 2
    assert report.idle_s == pytest.approx(1.0)


def test_each_edge_has_its_places() -> None:
    """The bound on an edge's places holds though the line has room."""
    flood = [QueuedRequest(index, 0.0, 1.0, edge="greedy") for index in range(10)]
    report = simulate(Eager(TABLE), [*flood, QueuedRequest(10, 0.0, 2.0, edge="modest")], most_per_edge=3)
    assert report.rejected == {RejectReason.FULL: 7}


def test_without_joining_it_waits_for_the_next_batch() -> None:
    """The policy decides whether anybody joins."""
    arrivals = [QueuedRequest(0, 0.0, 1.0, entry=1), QueuedRequest(1, 0.0, 1.0), QueuedRequest(2, 1e-4, 1.0, entry=1)]
    policy = Eager(TABLE)
    simulate(policy, arrivals)
    assert [outcome.batch for outcome in policy.outcomes] == [2, 1]


def test_a_full_line_pushes_out_the_edge_that_floods() -> None:
    """Of ten requests of one edge and one of another, all at once, the other's is served."""
    flood = [QueuedRequest(index, 0.0, 1.0, edge="greedy") for index in range(10)]
    log = Log()
    report = simulate(Eager(TABLE), [*flood, QueuedRequest(10, 0.0, 2.0, edge="modest")], most_waiting=4, observer=log)
    assert report.rejected == {RejectReason.FULL: 7}
    assert 10 in log.answers


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.sampled_from([2, 5, 100]))
def test_everything_adds_up(seed: int, count: int, most_waiting: int) -> None:
    """Whatever a policy does: each request ends once, time and energy are those of the spans, which leave no gap."""
    table, draw = drawn_table(seed), Drawn(drawn_table(seed), seed)
    gaps = [draw.rng.expovariate(150.0) for _ in range(count)]
    arrivals, now_s = [], 0.0
    for index, gap in enumerate(gaps):
        now_s += gap
        entry = draw.rng.choice((0, 0, 1, 2)) if seed % 2 else 0
        arrivals.append(QueuedRequest(index, now_s, now_s + 0.03, entry=entry, edge=draw.rng.choice("abc")))
    log = Log()
    report = simulate(draw, arrivals, most_waiting=most_waiting, observer=log)
    assert sorted([*log.answers, *log.turned_away_at]) == list(range(count))
    assert report.requests == count == report.on_time + report.late + sum(report.rejected.values())
    assert all(log.answers[r.id] > r.arrival_s for r in arrivals if r.id in log.answers)
    assert log.spans[0].start_s == 0.0
    for one, other in zip(log.spans, log.spans[1:], strict=False):
        assert other.start_s == pytest.approx(one.end_s, abs=1e-12)
    assert report.duration_s == pytest.approx(log.spans[-1].end_s)
    for activity, joules in ((Activity.BUSY, report.busy_j), (Activity.IDLE, report.idle_j)):
        spans = [span for span in log.spans if span.activity is activity]
        assert joules == pytest.approx(sum(span.power_w * (span.end_s - span.start_s) for span in spans))
    switching = [span for span in log.spans if span.activity is Activity.SWITCHING]
    drawn_j = sum(span.power_w * (span.end_s - span.start_s) for span in switching)
    assert report.switching_j == pytest.approx(drawn_j + report.clock_changes * table.switch_j)
    again = simulate(Drawn(table, seed), arrivals, most_waiting=most_waiting)
    assert again.requests == count


@settings(max_examples=examples(30), deadline=None)
@given(st.integers(0, 10_000))
def test_unit_by_unit_is_as_all_at_once(seed: int) -> None:
    """Requests that enter at the first unit fare the same whether or not others enter behind it, and never join."""
    draw = random.Random(seed)  # noqa: S311 - a test's choice
    # By the time the first of them comes, the one that enters behind is answered.
    table, arrivals, now_s = drawn_table(seed), [], 1.0
    for index in range(30):
        now_s += draw.expovariate(150.0)
        arrivals.append(QueuedRequest(index, now_s, now_s + 0.05))
    whole, by_unit = Log(), Log()
    simulate(Eager(table), arrivals, observer=whole)
    simulate(Eager(table), [QueuedRequest(99, 0.0, 1.0, entry=2), *arrivals], observer=by_unit)
    assert by_unit.answers.pop(99) < 1.0
    assert by_unit.answers == pytest.approx(whole.answers)


class Broken(Eager):
    """Breaks one rule."""

    def __init__(self, decision: Launch | Rest) -> None:
        super().__init__(TABLE)
        self.decision = decision

    def decide(self, view: ServerView) -> Launch | Rest:
        del view
        return self.decision


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        (Rest(2), "rests without end while 1 requests wait"),
        (Rest(2, 0.0), "expected a later time"),
        (Launch(2, 0, (2, 2)), "launched a batch of 2, 1 of them waiting"),
        (Launch(1, 0, (2,)), "1 clocks; expected 2"),
        (Launch(1, 0, (2, 2), (7,)), "requests \\[7\\] do not wait"),
        (Launch(1, 1, (2, 2)), "launched variant 1; expected 0 to 0"),
        (Launch(1, 0, (2, 3)), "expected 0 to 2"),
        (Launch(1, 0, (2, -1)), "expected 0 to 2"),
        (Launch(2, 0, (2, 2), (0, 0)), "launched a batch of 2, 1 of them waiting"),
        (Rest(3, 1.0), "rests at operating point 3; expected 0 to 2"),
        (Rest(2, float("inf")), "rests without end while 1 requests wait"),
        (Rest(2, float("nan")), "expected a later time"),
        (Rest(2, None, (Rejection(7, RejectReason.LATE),)), "turned away request 7, which does not wait"),
    ],
)
def test_a_policy_that_breaks_the_rules_is_told(decision: Launch | Rest, message: str) -> None:
    """A mistake in a policy ends in an error with its name, never in a wrong report or an endless loop."""
    with pytest.raises(ValueError, match=message):
        simulate(Broken(decision), requests(0.0))


@pytest.mark.parametrize("arrivals_s", [(0.2, 0.1), (-0.1,), (0.1, float("nan")), (float("inf"),)])
def test_arrivals_out_of_order_are_refused(arrivals_s: tuple[float, ...]) -> None:
    """Time does not run backwards, starts at 0 and comes to an end."""
    with pytest.raises(ValueError, match="in order of time"):
        simulate(Eager(TABLE), requests(*arrivals_s))


@pytest.mark.parametrize("entry", [2, -1])
def test_an_entry_beyond_the_table_is_refused(entry: int) -> None:
    """A request that enters at no unit would never run."""
    with pytest.raises(ValueError, match="expected 0 to 1"):
        simulate(Eager(TABLE), requests(0.1, entry=entry))
