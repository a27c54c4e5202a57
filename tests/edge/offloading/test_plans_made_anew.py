"""Plans that are asked for anew while the link goes to and fro."""

from __future__ import annotations

from typing import cast

from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.offloading.replanning import Replanning
from joulecut_edge.requests.session import EdgeSession
from joulecut_planner.switching import SwitchTerms
from tests.edge.offloading.test_replanning import FAST_BPS, PROBLEM, Drive, bands_of, run


def test_plans_made_anew_pay_for_no_change() -> None:
    """A link that goes to and fro would else change them the more often, the more often plans are asked for."""
    terms = SwitchTerms(hold_s=1.0, longest_hold_s=1.0, longest_return_s=1.0, change_s=1000.0, changes_ahead=2)

    async def use(drive: Drive) -> None:
        edge = drive.edge
        drive.replanning = Replanning(cast(EdgeSession, edge), cast(Offloading, edge), drive.clock, terms=terms)
        for turn in range(12):
            edge.server.uplink_bps = 2e4 if turn % 2 else FAST_BPS
            edge.bands = bands_of(PROBLEM)
            await drive.requests(100)
        assert 2 <= len(edge.adopted) <= 2 + 3

    run(use)
