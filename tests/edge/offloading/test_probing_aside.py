"""An edge whose cut sends too little to tell of its link asks the link between its requests, on virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from joulecut_core.timing import ManualClock
from joulecut_edge.peers.link_probe import EchoSample
from joulecut_planner import Problem
from tests.edge.offloading import test_replanning
from tests.edge.offloading.test_replanning import FAST_BPS, PROBLEM, Drive, run


def sending_little(problem: Problem) -> Problem:
    """Half a kB crosses the cut in the middle: its way up cannot be told from how much the round trip varies."""
    whole, middle, alone = problem.cuts
    return replace(
        problem,
        cuts=(
            replace(whole, wires=(replace(whole.wires[0], uplink_bytes=20_000.0),)),
            replace(middle, wires=(replace(middle.wires[0], uplink_bytes=500.0),)),
            alone,
        ),
    )


def test_a_plan_that_sends_little_is_left_once_the_link_is_well_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its requests cannot tell how fast the link is: probes between them do, and as many as at home."""
    monkeypatch.setattr(test_replanning, "PROBLEM", sending_little(PROBLEM))
    monkeypatch.setattr(ManualClock, "wall_s", lambda _, duration_s: duration_s)

    async def use(drive: Drive) -> None:
        edge = drive.edge
        await drive.requests(20)
        assert edge.active.assignment.cut == 0
        edge.server.uplink_bps = 2e5
        await drive.requests(30)
        assert edge.active.assignment.cut == 1
        edge.server.uplink_bps, edge.server.echoed = FAST_BPS, 0
        began_s = drive.clock.now_s()
        await drive.requests(150)
        assert edge.active.assignment.cut == 0
        assert 1 <= edge.server.echoed <= drive.clock.now_s() - began_s

    run(use)


def test_a_probe_beside_requests_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next look waits for it: a link that carries nothing any more is then taken for as slow as that."""
    monkeypatch.setattr(test_replanning, "PROBLEM", sending_little(PROBLEM))
    monkeypatch.setattr(ManualClock, "wall_s", lambda _, duration_s: 1e-3 * duration_s)

    async def never(up_bytes: int, down_bytes: int) -> EchoSample:
        await asyncio.Event().wait()
        raise AssertionError(up_bytes, down_bytes)

    async def use(drive: Drive) -> None:
        edge = drive.edge
        edge.server.uplink_bps = 2e5
        await drive.requests(30)
        monkeypatch.setattr(edge.server, "echo", never)
        edge.server.uplink_bps = FAST_BPS
        await drive.requests(10)
        assert drive.replanning.outlook is not None
        assert min(drive.replanning.outlook.samples_bps) < 2e5

    run(use)
