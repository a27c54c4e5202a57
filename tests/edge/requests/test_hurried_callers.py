"""Callers who wait for less than the service level allows, or have none: answered in their own time."""

from __future__ import annotations

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.ledgers import FallbackReason
from joulecut_edge.plans.local_tail import LocalTail
from tests.edge.requests.test_deadlines import DEADLINE_S, HEAD_S, PICTURE, Transfers, with_deadline
from tests.edge.session_parts import HIGH, LOW, Bench, active_plan, planned


@pytest.mark.parametrize("deadline_s", [None, DEADLINE_S])
def test_a_caller_in_a_hurry_has_its_answer_in_time(deadline_s: float | None) -> None:
    """The edge begins its rest in the caller's time, hurries where only that is in time; the level says what missed."""
    seen: list[OperatingPoint] = []

    async def use(bench: Bench) -> None:
        plan = planned(head_s=HEAD_S, remote_s=0.1)
        tail = LocalTail(time_s=0.45, fastest_s=0.2, fastest=HIGH, clocks=((LOW, 0.45),))
        active = active_plan(2, deadline_s=deadline_s, tail=tail, plan=plan, edge_clock=LOW)
        await bench.session.switch(active, bench.remote)
        bench.remote.is_silent = True
        transfers = bench.session.transfers = Transfers()
        rest = bench.runner.rest

        def watched(*arguments: object) -> object:
            seen.append(bench.device.state().point)
            return rest(*arguments)  # type: ignore[arg-type]

        bench.runner.rest = watched  # type: ignore[assignment,method-assign]
        ledger = (await bench.session.infer("r", (PICTURE,), within_s=0.5)).ledger
        assert (ledger.fallback_reason, ledger.attempts) == (FallbackReason.LATE, 1)
        assert bench.remote.timeouts_s == [pytest.approx(0.5 - 0.2, abs=0.05)]
        assert ledger.seconds.total < 0.5
        assert bench.session.counters.missed == 0
        assert transfers.deadlines_s == [0.5]

    with_deadline(use)
    assert seen == [HIGH]


def test_a_caller_that_leaves_no_server_time_keeps_no_other_from_it() -> None:
    """Its misses are its own: those that come after it are sent as before, and the link is not taken for slower."""

    async def use(bench: Bench) -> None:
        transfers = bench.session.transfers = Transfers()
        bench.remote.is_silent = True
        for _ in range(5):
            await bench.session.infer("r", (PICTURE,), within_s=0.05)
        assert max(bench.remote.timeouts_s) <= 0.05
        assert transfers.seen == []
        bench.remote.is_silent = False
        assert (await bench.session.infer("r", (PICTURE,))).ledger.served_by == "split"

    with_deadline(use)
