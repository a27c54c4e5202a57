"""A link that has left the range of all plans at hand is planned for, now and then."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.edge.offloading.test_replanning import FAST_BPS, Drive, run


@pytest.mark.parametrize("is_refused", [False, True])
def test_a_link_beyond_all_plans_is_planned_for_now_and_then(*, is_refused: bool) -> None:
    """Far faster than it was measured: the server is asked for plans around what it is now, once a minute at most."""

    async def use(drive: Drive) -> None:
        edge = drive.edge
        edge.is_refused = is_refused
        await drive.requests(50)
        assert (edge.expected, edge.asked_s) == ([], [])
        edge.server.uplink_bps = 18 * FAST_BPS
        await drive.requests(700)
        assert len(edge.asked_s) == 3
        assert min(later_s - sooner_s for sooner_s, later_s in pairwise(edge.asked_s)) >= 60.0
        assert [each.uplink_bps for each in edge.expected] == pytest.approx([18 * FAST_BPS] * 3, rel=0.1)
        assert edge.forgotten == (3 if is_refused else 0)
        assert drive.replanning.replans["range"] == 3

    run(use)


@pytest.mark.parametrize("is_home_slowest", [False, True])
def test_a_link_below_all_plans_is_planned_for_too(*, is_home_slowest: bool) -> None:
    """Far slower than it was measured: plans for it are asked for, but where the slowest at hand stays at home."""

    async def use(drive: Drive) -> None:
        edge, slow_bps = drive.edge, FAST_BPS / 100.0
        if not is_home_slowest:
            edge.bands = edge.bands[-1:]
        await drive.requests(50)
        edge.server.uplink_bps = slow_bps
        await drive.requests(700)
        if is_home_slowest:
            assert edge.asked_s == []
            return
        assert len(edge.asked_s) == 3
        assert min(later_s - sooner_s for sooner_s, later_s in pairwise(edge.asked_s)) >= 60.0
        assert [each.uplink_bps for each in edge.expected] == pytest.approx([slow_bps] * 3, rel=0.1)

    run(use)


def test_faster_plans_do_not_wait_for_their_turn_after_slower_ones() -> None:
    """What made a link slow may soon be over: plans for one far faster are asked for as soon as it is so."""

    async def use(drive: Drive) -> None:
        edge = drive.edge
        edge.bands = edge.bands[-1:]
        edge.server.uplink_bps = FAST_BPS / 100.0
        await drive.requests(100)
        assert len(edge.asked_s) == 1
        edge.server.uplink_bps = 18 * FAST_BPS
        await drive.requests(150)
        assert [each.uplink_bps for each in edge.expected[1:]] == pytest.approx([18 * FAST_BPS], rel=0.1)
        assert edge.asked_s[1] - edge.asked_s[0] < 60.0

    run(use)
