"""What a ledger says of an answer, and how sure it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.figures import FigureKind
from joulecut_core.ledgers import RequestLedger
from joulecut_core.links import LinkEstimate
from joulecut_core.timing import ManualClock
from joulecut_edge.peers.remote import RemoteReply
from joulecut_edge.requests.edge_waits import EdgeWaits
from joulecut_edge.requests.request import Request
from joulecut_edge.requests.request_ledgers import both, link_shares, split_ledger
from joulecut_runtime.execution.part_runner import HeadRun, Stage
from tests.edge.plans.test_estimates import planned
from tests.edge.session_parts import active_plan

REPLY = RemoteReply(
    outputs=(),
    queue_s=0.0,
    decode_s=0.002,
    tail_s=0.004,
    energy_j=0.5,
    wait_j=0.25,
    uplink_bytes=1000,
    downlink_bytes=100,
    figures=FigureKind.MEASURED,
)
METERED = Stage(time_s=0.01, energy_j=0.1)


def ledger_of(reply: RemoteReply) -> RequestLedger:
    """That of an answer to an edge whose own joules are measured."""
    run = HeadRun(tensors=(), encoded=(), head=METERED, encode=METERED)
    request = Request(request_id="r", sent_id="r/0", start_s=10.0, after_s=1.0, waited_before_s=0.0)
    return split_ledger(
        request,
        planned(active_plan(2)),
        run,
        reply,
        queue_s=0.0,
        sent_s=10.1,
        now_s=10.2,
        attempts=1,
        figures=FigureKind.MEASURED,
        waits=EdgeWaits(ManualClock()),
    )


def test_joules_that_both_sides_measured_are_measured() -> None:
    """The server's share of what it drew between batches is told beside its own."""
    ledger = ledger_of(REPLY)
    assert ledger.figures is FigureKind.MEASURED
    assert (ledger.joules.server, ledger.joules.server_wait) == (0.5, 0.25)


def test_a_server_without_a_meter_makes_an_estimate_of_the_whole() -> None:
    """Its seconds are priced at the plan's watts, whatever kind of meter it says that it has."""
    ledger = ledger_of(replace(REPLY, energy_j=None, wait_j=None))
    assert ledger.figures is FigureKind.ESTIMATED
    assert ledger.joules.server == pytest.approx(20.0 * 0.002 + 100.0 * 0.004)
    assert ledger.joules.server_wait == 0.0


def test_head_and_rest_are_one_sum() -> None:
    """A head that there was none of adds nothing; one that ran without a meter leaves the sum unknown."""
    rest = Stage(time_s=0.02, energy_j=0.3)
    assert both(Stage(), rest) == rest
    whole = both(METERED, rest)
    assert (whole.time_s, whole.energy_j or 0.0) == pytest.approx((0.03, 0.4))
    assert both(Stage(time_s=0.01), rest) == Stage(time_s=0.03)
    assert both(METERED, Stage(time_s=0.02)) == Stage(time_s=0.03)


def test_a_request_on_the_link_takes_both_ways_bytes_and_a_round_trip() -> None:
    """Shared out by what each way should take; in halves, and of unknown length, where the link was not measured."""
    link = LinkEstimate(uplink_bps=8e5, downlink_bps=8e4, rtt_s=0.02)
    up_share, link_s = link_shares(link, replace(REPLY, downlink_bytes=300))
    assert (up_share, link_s or 0.0) == pytest.approx((0.02 / 0.06, 0.06))
    assert link_shares(None, REPLY) == (0.5, None)
