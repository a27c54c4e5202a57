"""An edge whose round trip varies more than when it was measured does not take delays for slow bytes."""

from __future__ import annotations

import random

import pytest

from joulecut_core.timing import ManualClock
from joulecut_edge.peers.link_probe import EchoSample
from tests.edge.offloading import test_replanning
from tests.edge.offloading.test_probing_aside import sending_little
from tests.edge.offloading.test_replanning import FAST_BPS, PROBLEM, Drive, run

SLOW_BPS = 2e5
JITTER_S = 0.03


class Unsteady:
    """Makes each crossing of a drive take up to so much longer than the last one's way was."""

    def __init__(self, drive: Drive) -> None:
        self._drive, self._rtt_s = drive, drive.edge.server.rtt_s
        self._draws = random.Random(1)  # noqa: S311 - draws of a test
        self._echo = drive.edge.server.echo

    def vary(self) -> None:
        self._drive.edge.server.rtt_s = self._rtt_s + self._draws.uniform(0.0, JITTER_S)

    async def echo(self, up_bytes: int, down_bytes: int) -> EchoSample:
        self.vary()
        return await self._echo(up_bytes, down_bytes)

    async def requests(self, count: int) -> None:
        for _ in range(count):
            self.vary()
            await self._drive.requests(1)


@pytest.mark.parametrize("is_at_home", [False, True])
def test_delays_keep_no_edge_from_a_link_that_is_well_again(
    monkeypatch: pytest.MonkeyPatch, *, is_at_home: bool
) -> None:
    """Beside a plan that sends little, and at home, probes find it; while it is slow no larger plan is taken."""
    monkeypatch.setattr(test_replanning, "PROBLEM", sending_little(PROBLEM))
    monkeypatch.setattr(ManualClock, "wall_s", lambda _, duration_s: duration_s)

    async def use(drive: Drive) -> None:
        edge, unsteady = drive.edge, Unsteady(drive)
        monkeypatch.setattr(edge.server, "echo", unsteady.echo)
        await drive.requests(20)
        assert edge.active.assignment.cut == 0
        edge.server.uplink_bps = 2e3 if is_at_home else SLOW_BPS
        await unsteady.requests(40)
        for _ in range(60):
            await unsteady.requests(1)
            assert edge.active.assignment.cut == (2 if is_at_home else 1)
        edge.server.uplink_bps = FAST_BPS
        await unsteady.requests(150)
        assert edge.active.assignment.cut == 0
        changes = sum(drive.replanning.replans.values())
        edge.server.uplink_bps = SLOW_BPS
        await unsteady.requests(30)
        assert edge.active.assignment.cut > 0, "what has become slow is left all the same"
        assert sum(drive.replanning.replans.values()) <= changes + 2

    run(use)
