"""Each moment in which the edge waits is paid for once, whatever requests are under way."""

from __future__ import annotations

import asyncio

import pytest

from joulecut_core.timing import ManualClock
from joulecut_edge.requests.edge_waits import EdgeWaits
from joulecut_runtime.execution.failed_computation import FailedComputationError
from tests.edge.session_parts import Bench, active_plan
from tests.integration.tiny_network import pictures

PICTURE = pictures(1)[0]


class Edge:
    """Seconds that go by while the device works, or while it does not; and requests that come and are answered."""

    def __init__(self, *, period_s: float | None = None) -> None:
        self.clock = ManualClock()
        self.waits = EdgeWaits(self.clock)
        self.period_s = period_s
        self.under_way = 0

    def comes(self) -> float:
        waited_s = self.waits.came(alone=self.under_way == 0, period_s=self.period_s)
        self.under_way += 1
        return waited_s

    def works(self, passed_s: float, *, took_s: float | None = None) -> None:
        said_s = passed_s if took_s is None else took_s
        self.waits.work(lambda: self.clock.advance_s(passed_s), took_s=lambda _: said_s)

    def pays(self, waited_before_s: float, *, busy_s: float = 1.0) -> float:
        self.under_way -= 1
        return self.waits.share_s(waited_before_s=waited_before_s, busy_s=busy_s, period_s=self.period_s)


def test_requests_one_after_the_other_pay_until_their_answers() -> None:
    """Nobody pays for the time in between."""
    edge, shares_s = Edge(), []
    for _ in range(3):
        request = edge.comes()
        edge.works(1.0)
        edge.clock.advance_s(2.0)
        shares_s.append(edge.pays(request))
        edge.clock.advance_s(10.0)
    assert shares_s == [2.0, 2.0, 2.0]


def test_requests_of_a_burst_pay_for_each_moment_once() -> None:
    """Four come at once, work one after the other for a second each, and are answered two seconds after that."""
    edge, shares_s = Edge(), []
    requests = [edge.comes() for _ in range(4)]
    edge.works(1.0)
    edge.works(1.0)
    for request in requests[:2]:
        edge.works(1.0)
        shares_s.append(edge.pays(request))
    edge.clock.advance_s(1.0)
    shares_s += [edge.pays(request) for request in requests[2:]]
    assert shares_s == [0.0, 0.0, 1.0, 0.0]


def test_answers_that_come_together_pay_for_no_time_at_work() -> None:
    """A server that computes a batch of eight answers all in one moment."""
    edge = Edge()
    requests = [edge.comes() for _ in range(8)]
    for _ in requests:
        edge.works(1.0)
    edge.clock.advance_s(3.0)
    assert [edge.pays(request) for request in requests] == [3.0] + [0.0] * 7


def test_a_request_that_overtakes_others_pays_for_its_own_time_only() -> None:
    """What was before it is for the one that has waited since then."""
    edge = Edge()
    slow = edge.comes()
    edge.clock.advance_s(3.0)
    fast = edge.comes()
    edge.clock.advance_s(1.0)
    assert edge.pays(fast) == 1.0
    edge.clock.advance_s(4.0)
    assert edge.pays(slow) == 7.0


def test_work_that_goes_on_while_another_is_answered() -> None:
    """Its time is paid for by nobody, neither now nor later; where the device says less, the rest was waiting."""
    edge = Edge()
    first, second = edge.comes(), edge.comes()
    edge.clock.advance_s(1.0)
    shares_s: list[float] = []

    def run() -> None:
        edge.clock.advance_s(2.0)
        shares_s.append(edge.pays(first))
        edge.clock.advance_s(2.0)

    edge.waits.work(run, took_s=lambda _: 3.0)
    assert [*shares_s, edge.pays(second)] == [1.0, 1.0]


def test_work_that_fails_was_work() -> None:
    """Its request has no ledger, and those beside it do not pay for the time."""
    edge = Edge()
    request = edge.comes()

    def fail() -> None:
        edge.clock.advance_s(2.0)
        raise FailedComputationError("of this request")

    with pytest.raises(FailedComputationError, match="of this request"):
        edge.waits.work(fail, took_s=lambda _: 0.0)
    edge.clock.advance_s(1.0)
    assert edge.pays(request) == 1.0


def test_what_those_without_an_answer_waited_is_nobodys() -> None:
    """A request that comes when none is under way pays for its own time."""
    edge = Edge()
    edge.comes()
    edge.clock.advance_s(5.0)
    edge.under_way = 0
    request = edge.comes()
    edge.clock.advance_s(1.0)
    assert edge.pays(request) == 1.0


def test_at_a_rate_each_pays_its_period_however_unevenly_answers_come() -> None:
    """An answer that is late or early shifts what its neighbours pay, and changes no sum."""
    edge, sum_s = Edge(period_s=1.0), 0.0
    for before_s in (0.5, 0.75, 0.25, 0.75, 0.25):
        edge.clock.advance_s(before_s)
        request = edge.comes()
        edge.works(0.25)
        edge.clock.advance_s(0.25)
        sum_s += edge.pays(request, busy_s=0.25)
    assert sum_s == pytest.approx(5 * 0.75)


def test_requests_that_come_faster_than_their_rate_share_the_time_there_is() -> None:
    """Twice as many as planned soon pay for a period between two; after a pause none pays for more than its own."""
    edge, shares_s = Edge(period_s=1.0), []
    for pause_s in (0.25,) * 8 + (60.0,):
        edge.clock.advance_s(pause_s)
        request = edge.comes()
        edge.works(0.25)
        shares_s.append(edge.pays(request, busy_s=0.25))
    assert shares_s[3:] == [0.25] * 5 + [0.75]


def test_ledgers_of_a_burst_add_up_to_what_the_edge_draws() -> None:
    """Eight requests at once are no eight waits: their seconds at work and waiting are those that have passed."""

    async def use() -> None:
        with Bench() as bench:
            await bench.session.switch(active_plan(2, wait_w=2.0), bench.remote)
            began_s = bench.clock.now_s()
            answers = await asyncio.gather(*(bench.session.infer(f"r{number}", (PICTURE,)) for number in range(8)))
            passed_s = bench.clock.now_s() - began_s
            ledgers = [answer.ledger for answer in answers]
            busy_s = sum(ledger.seconds.head + ledger.seconds.encode for ledger in ledgers)
            waiting_s = sum(ledger.joules.edge_wait for ledger in ledgers) / 2.0
            assert busy_s + waiting_s == pytest.approx(passed_s)

    asyncio.run(use())
