"""Each moment in which the edge waits is paid for once, whatever requests are under way."""

from __future__ import annotations

import asyncio

import pytest

from joulecut_edge.requests.edge_waits import EdgeWaits
from tests.edge.session_parts import Bench, active_plan
from tests.integration.tiny_network import pictures

PICTURE = pictures(1)[0]


def test_requests_one_after_the_other_pay_until_their_answers() -> None:
    """Nobody pays for the time in between."""
    waits = EdgeWaits()
    shares_s = [
        waits.share_s(start_s=start_s, now_s=start_s + 3.0, busy_s=1.0, period_s=None) for start_s in (5.0, 8.0, 20.0)
    ]
    assert shares_s == [2.0, 2.0, 2.0]


def test_requests_of_a_burst_pay_for_each_moment_once() -> None:
    """Four come at once, work one after the other for a second each, and are answered two seconds after that."""
    waits = EdgeWaits()
    shares_s = [waits.share_s(start_s=0.0, now_s=float(number + 3), busy_s=1.0, period_s=None) for number in range(4)]
    assert sum(shares_s) == 6.0 - 4.0


def test_answers_that_come_together_owe_what_the_first_has_paid() -> None:
    """Work in a time that an earlier answer paid for is taken off later ones, as long as they overlap."""
    waits = EdgeWaits()
    first_s, second_s, third_s = (
        waits.share_s(start_s=start_s, now_s=now_s, busy_s=1.0, period_s=None)
        for start_s, now_s in ((0.0, 4.0), (0.0, 4.0), (3.0, 8.0))
    )
    assert (first_s, second_s, third_s) == (3.0, 0.0, 2.0)
    assert waits.share_s(start_s=9.0, now_s=12.0, busy_s=1.0, period_s=None) == 2.0


def test_nothing_is_owed_once_nobody_was_under_way() -> None:
    """A request that comes after all answers pays for its own time, whatever those before owed."""
    waits = EdgeWaits()
    for _ in range(3):
        waits.share_s(start_s=0.0, now_s=4.0, busy_s=1.0, period_s=None)
    assert waits.share_s(start_s=4.0, now_s=7.0, busy_s=1.0, period_s=None) == 2.0


def test_at_a_rate_each_pays_its_period_however_unevenly_answers_come() -> None:
    """An answer that is late or early shifts what its neighbours pay, and changes no sum."""
    waits = EdgeWaits()
    shares_s = [
        waits.share_s(start_s=now_s - 0.5, now_s=now_s, busy_s=0.25, period_s=1.0)
        for now_s in (1.0, 2.25, 3.0, 4.25, 5.0)
    ]
    assert sum(shares_s) == pytest.approx(5 * 0.75)


def test_requests_that_come_faster_than_their_rate_share_the_time_there_is() -> None:
    """Twice as many as planned soon pay for a period between two; after a pause none pays for more than its own."""
    waits = EdgeWaits()
    shares_s = [
        waits.share_s(start_s=0.5 * number, now_s=0.5 * number + 0.25, busy_s=0.25, period_s=1.0)
        for number in range(1, 9)
    ]
    assert shares_s[3:] == [0.25] * 5
    assert waits.share_s(start_s=60.0, now_s=60.25, busy_s=0.25, period_s=1.0) == 0.75


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
