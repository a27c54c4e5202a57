"""Long work off the event loop: in order, bounded in number and time, dropped when nobody wants it."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest

from joulecut_core.errors import ProblemError
from joulecut_proto.planning_refusals import PlannerBusyError, SolveTimeError
from joulecut_proto.services import TimeLeft
from joulecut_server.planning.turns import Turns
from tests.fakes.threads import no_thread_left
from tests.server.gates import WAIT_S, Gate


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 2 * WAIT_S))


def made(*, threads: int = 1, waiting: int = 8, limit_s: float = WAIT_S) -> Turns:
    return Turns(name="test", threads=threads, waiting=waiting, limit_s=limit_s)


async def until_left(turns: Turns) -> None:
    """A thread gives its result away a moment before it gives its place back."""
    while turns.under_way:
        await asyncio.sleep(0)


def test_work_is_done_elsewhere_in_the_order_it_came() -> None:
    """One thread: one piece after the other, none on the event loop's own thread; answers go where they belong."""
    order: list[int] = []
    threads: set[int] = set()

    def work(number: int) -> int:
        order.append(number)
        threads.add(threading.get_ident())
        return 10 * number

    async def test() -> None:
        turns = made(waiting=20)
        answers = await asyncio.gather(*(turns.run(lambda _, n=number: work(n)) for number in range(20)))  # type: ignore[misc]
        assert answers == [10 * number for number in range(20)]
        turns.close()

    run(test())
    assert order == list(range(20))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_results_are_heard_of_in_the_order_they_were_made() -> None:
    """What a caller does with its result, such as taking the next epoch, it does in the order of arrival."""
    heard: list[int] = []

    async def test() -> None:
        turns = made(waiting=50)

        async def ask(number: int) -> None:
            await turns.run(lambda _: None)
            heard.append(number)

        await asyncio.gather(*map(ask, range(50)))
        turns.close()

    run(test())
    assert heard == list(range(50))


def test_as_many_at_once_as_there_are_threads() -> None:
    """Two threads: two stand in the gate together, the third one waits for its turn."""
    gate = Gate()

    async def test() -> None:
        turns = made(threads=2)
        asked = [asyncio.create_task(turns.run(lambda _: gate.pass_through())) for _ in range(3)]
        await gate.entered()
        await gate.entered()
        assert (turns.under_way, gate.passed) == (3, 0)
        gate.open()
        await asyncio.gather(*asked)
        await until_left(turns)
        turns.close()

    run(test())
    assert gate.passed == 3


def test_one_too_many_is_told_when_to_come_again() -> None:
    """Beyond those who wait nobody is taken: the refusal is at once and says the number and a time."""
    gate = Gate()

    async def test() -> None:
        turns = made(waiting=1)
        asked = [asyncio.create_task(turns.run(lambda _: gate.pass_through())) for _ in range(2)]
        await gate.entered()
        with pytest.raises(PlannerBusyError, match=r"2 requests are solved or wait, the most .*try again in about 1 s"):
            await turns.run(lambda _: gate.pass_through())
        gate.open()
        await asyncio.gather(*asked)
        await until_left(turns)
        assert await turns.run(lambda _: "room again") == "room again"
        turns.close()

    run(test())
    assert gate.passed == 2


def test_the_caller_that_has_had_the_least_is_next() -> None:
    """Nine long pieces of one caller: another's wait for the one that runs, not for the line, each in its own order."""
    gate, order = Gate(), list[str]()

    async def test() -> None:
        turns = made(waiting=20)
        first = asyncio.create_task(turns.run(lambda _: gate.pass_through(), who="flood"))
        await gate.entered()
        asked = [
            asyncio.create_task(turns.run(lambda _, name=name: order.append(name), who=name[:-1]))  # type: ignore[misc]
            for name in (*(f"flood{number}" for number in range(9)), "ann0", "ann1", "bob0")
        ]
        await asyncio.sleep(0)
        gate.open()
        await asyncio.gather(first, *asked)
        turns.close()

    run(test())
    assert set(order[:2]) == {"ann0", "bob0"}
    assert [name for name in order if name[:-1] == "flood"] == [f"flood{number}" for number in range(9)]
    assert order.index("ann0") < order.index("ann1")


def test_a_full_line_has_a_place_for_who_has_less_in_it() -> None:
    """Of whoever has most under way the newest gives way; with as much as anybody a caller is refused itself."""
    gate = Gate()

    async def test() -> None:
        turns = made(waiting=2)
        flood = [asyncio.create_task(turns.run(lambda _: gate.pass_through(), who="flood")) for _ in range(3)]
        await gate.entered()
        other = asyncio.create_task(turns.run(lambda _: "solved", who="ann"))
        with pytest.raises(PlannerBusyError, match="3 requests are solved or wait, the most"):
            await flood[2]
        assert turns.under_way == 3
        for who in ("flood", "ann"):
            with pytest.raises(PlannerBusyError):
                await turns.run(lambda _: None, who=who)
        gate.open()
        await asyncio.gather(*flood[:2])
        assert await other == "solved"
        await until_left(turns)
        turns.close()

    run(test())


def test_what_nobody_waits_for_is_not_begun() -> None:
    """A caller that leaves while it waits makes room at once, and its work is never done."""
    gate, begun = Gate(), threading.Event()

    async def test() -> None:
        turns = made(waiting=1)
        first = asyncio.create_task(turns.run(lambda _: gate.pass_through()))
        await gate.entered()
        second = asyncio.create_task(turns.run(lambda _: begun.set()))
        await asyncio.sleep(0)
        assert turns.under_way == 2
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert turns.under_way == 1
        gate.open()
        await first
        await turns.run(lambda _: None)
        turns.close()

    run(test())
    assert not begun.is_set()


def test_what_nobody_waits_for_is_not_kept() -> None:
    """Callers that ask and leave, over and over behind a long solve, leave no requests in memory."""
    gate = Gate()

    async def test() -> None:
        turns = made(waiting=1)
        first = asyncio.create_task(turns.run(lambda _: gate.pass_through()))
        await gate.entered()
        asked = Gate()
        request = weakref.ref(asked)
        second = asyncio.create_task(turns.run(lambda _, held=asked: held.pass_through()))  # type: ignore[misc]
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        del asked, second
        # The loop itself holds what it ran last.
        await asyncio.sleep(0)
        gc.collect()
        assert request() is None
        gate.open()
        await first
        turns.close()

    run(test())


class _Problem:
    """Something large that is planned for."""


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_over_is_let_go(fails: bool) -> None:
    """Problem and plan, before any garbage is collected: that counts objects, and one message may be all of a fleet."""
    kept: list[weakref.ref[_Problem]] = []

    def planned(problem: _Problem) -> _Problem:
        if fails:
            raise ProblemError("edges[0]: no such network")
        plan = _Problem()
        kept.extend((weakref.ref(problem), weakref.ref(plan)))
        return plan

    async def ask(turns: Turns) -> None:
        problem = _Problem()
        kept.append(weakref.ref(problem))
        await turns.run(lambda _: planned(problem))

    async def test() -> None:
        turns = made()
        with suppress(ProblemError):
            await ask(turns)
        turns.close()

    before = set(threading.enumerate())
    gc.disable()
    try:
        run(test())
        # They may still have it in their hands.
        for thread in set(threading.enumerate()) - before:
            thread.join(WAIT_S)
        assert [each() for each in kept] == [None] * len(kept)
    finally:
        gc.enable()


def test_what_runs_keeps_its_place_though_its_caller_left() -> None:
    """A thread cannot be stopped: otherwise callers that give up and ask again would pile work up without bound."""
    gate = Gate()

    async def test() -> None:
        turns = made(waiting=0)
        left = asyncio.create_task(turns.run(lambda _: gate.pass_through()))
        await gate.entered()
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        with pytest.raises(PlannerBusyError):
            await turns.run(lambda _: None)
        gate.open()
        await until_left(turns)
        assert await turns.run(lambda _: 1) == 1
        turns.close()

    run(test())


@pytest.mark.parametrize(
    ("limit_s", "caller_s", "complaint"),
    [
        (0.05, None, r"within 0.05 s, the limit of this server; ask for less"),
        (0.05, 60.0, r"within 0.05 s, the limit of this server"),
        (60.0, 0.1, r"within the 0.095 s that the caller left; allow more time"),
        (60.0, 0.0, r"within the 0 s that the caller left"),
    ],
)
def test_time_ends_with_what_to_do(limit_s: float, caller_s: float | None, complaint: str) -> None:
    """The nearer of both limits, a caller's with something kept for the way back; running or still waiting alike."""
    gate = Gate()

    async def test() -> None:
        turns = made(limit_s=limit_s)
        running = turns.run(lambda _: gate.pass_through(), caller_s=caller_s)
        waiting = turns.run(lambda _: gate.pass_through(), caller_s=caller_s)
        for error in await asyncio.gather(running, waiting, return_exceptions=True):
            with pytest.raises(SolveTimeError, match=complaint):
                raise error or AssertionError("an answer from behind a closed gate")
        gate.open()
        await until_left(turns)
        turns.close()

    run(test())
    assert gate.passed <= 1


def test_work_knows_how_much_time_is_left() -> None:
    """A solver that can end early is told what remains, the wait before its turn taken off."""

    def readings(left_s: TimeLeft) -> tuple[float, float]:
        return left_s(), left_s()

    async def test() -> None:
        turns = made(limit_s=50.0)
        first_s, second_s = await turns.run(readings)
        assert 0 < second_s <= first_s <= 50.0
        shorter_s, _ = await turns.run(readings, caller_s=10.0)
        assert shorter_s <= 9.5
        turns.close()

    run(test())


def test_errors_of_the_work_are_the_callers() -> None:
    """What a solver refuses a problem with arrives as it is, and the thread goes on."""

    def refuse(_: TimeLeft) -> None:
        raise ProblemError("link.rtt_s: -1")

    async def test() -> None:
        turns = made()
        with pytest.raises(ProblemError, match=r"link\.rtt_s: -1"):
            await turns.run(refuse)
        assert await turns.run(lambda _: 2) == 2
        turns.close()

    run(test())


def test_a_process_ends_though_work_does_not() -> None:
    """A server that is told to stop stops, whatever is being solved for a caller that gets no answer any more."""
    script = """
import asyncio, threading
from joulecut_proto.planning_refusals import SolveTimeError
from joulecut_server.planning.turns import Turns

async def main():
    turns = Turns(name="solve", threads=1, waiting=0, limit_s=0.05)
    try:
        await turns.run(lambda _: threading.Event().wait())
    except SolveTimeError:
        print("left", turns.under_way)
    turns.close()

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=WAIT_S)
    assert (done.returncode, done.stdout, done.stderr) == (0, "left 1\n", "")


def test_threads_end_with_their_owner() -> None:
    """An agent that starts and stops in one process leaves no threads behind."""

    async def test() -> None:
        turns = Turns(name="ending", threads=2, waiting=0, limit_s=WAIT_S)
        await turns.run(lambda _: None)
        mine = [thread for thread in threading.enumerate() if thread.name.startswith("ending-")]
        assert len(mine) == 2
        turns.close()
        for thread in mine:
            await asyncio.to_thread(thread.join, WAIT_S)
            assert not thread.is_alive()

    run(test())


def test_a_host_without_a_thread_at_first_plans_later() -> None:
    """Who asks in a bad moment is to come again, and is answered then."""

    async def test() -> None:
        turns = made(threads=2)
        with (
            no_thread_left(),
            pytest.raises(PlannerBusyError, match="no thread to plan in: can't start new thread"),
        ):
            await turns.run(lambda _: None)
        assert turns.under_way == 0
        assert await turns.run(lambda _: 1) == 1
        turns.close()

    run(test())
