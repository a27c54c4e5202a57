"""Hosts that disagree about the time of day: nothing that is answered, planned or leased depends on it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from joulecut_core.ledgers import FallbackReason
from tests.chaos.agent_nursery import AgentNursery
from tests.chaos.scenario import SURELY_LATE_S, Pair, Setting, with_pair
from tests.chaos.wall_clock import COMPILER, NO_COMPILER, wall_clock

DAY_S = 86_400.0
_WAITS = """
import threading, time
from joulecut_core.signal_flag import SignalFlag
from joulecut_core.timing import is_set_within
for wait in (SignalFlag().wait, lambda limit_s: is_set_within(threading.Event(), limit_s)):
    begin_s = time.perf_counter()
    wait(0.05)
    print(time.perf_counter() - begin_s)
"""
pytestmark = pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)


@pytest.fixture(name="elsewhere")
def _elsewhere(tmp_path: Path) -> Iterator[AgentNursery]:
    """Agents three days ahead, on a clock that gains a minute each second."""
    with AgentNursery(wall_clock(tmp_path, shift_s=3 * DAY_S, drift=60.0)) as nursery:
        yield nursery


def test_the_clock_is_really_another(tmp_path: Path) -> None:
    """The control: a program under the library sees the other day, and the same monotonic clock."""
    told = subprocess.run(
        [sys.executable, "-c", "import time; print(time.time(), time.monotonic())"],
        env=dict(wall_clock(tmp_path, shift_s=3 * DAY_S)),
        capture_output=True,
        text=True,
        check=True,
    )
    wall_s, monotonic_s = map(float, told.stdout.split())
    assert wall_s - time.time() == pytest.approx(3 * DAY_S, abs=60.0)
    assert monotonic_s == pytest.approx(time.monotonic(), abs=60.0)


@pytest.mark.parametrize("shift_s", [-3 * DAY_S, 3 * DAY_S])
def test_waits_of_threads_follow_another_clock(tmp_path: Path, shift_s: float) -> None:
    """One that is short ends soon and not before its time, however this Python was built."""
    waited = subprocess.run(
        [sys.executable, "-c", _WAITS],
        env=dict(wall_clock(tmp_path, shift_s=shift_s)),
        capture_output=True,
        text=True,
        check=True,
        timeout=120.0,
    )
    assert all(float(duration_s) >= 0.05 for duration_s in waited.stdout.split())


def test_a_server_days_ahead_serves_as_any_other(
    shared: Path, nursery: AgentNursery, elsewhere: AgentNursery, tmp_path: Path
) -> None:
    """Requests are split, none is late or refused as such, though the server's clock runs away meanwhile."""

    async def scene(pair: Pair) -> None:
        begin = pair.sent
        for _ in range(30):
            await pair.splits_again()
        # A busy host may be late now and then.
        assert set(pair.reasons(begin)) <= {FallbackReason.LATE.value}
        assert all(0.0 <= ledger.seconds.up < SURELY_LATE_S for ledger in pair.ledgers(begin))
        pair.server.kill()
        await pair.stream(5)
        await pair.server.start()
        await pair.splits_again()

    with_pair(shared, nursery, tmp_path, scene, Setting(seed=41, servers=elsewhere))
