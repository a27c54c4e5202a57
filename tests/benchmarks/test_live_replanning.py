"""What the live replays of links count and write."""

from __future__ import annotations

from dataclasses import replace

import pytest
from benchmarks.link_replay import Outcome
from benchmarks.live_replanning import SLO, Compared, Seen, document

from joulecut_core.ledgers import RequestJoules, RequestLedger, RequestSeconds

LEDGER = RequestLedger(
    request_id="r",
    epoch=1,
    cut=0,
    codec="raw",
    served_by="server",
    fallback=False,
    seconds=RequestSeconds(),
    joules=RequestJoules(edge_busy=1.0, edge_wait=0.5, encode=0.25, radio=0.25, server=9.0),
)


def seen() -> Seen:
    """Four requests in two seconds under plans 1, 2, 2, 1; the last by the edge, too late."""
    epochs = (1, 2, 2, 1)
    ledgers = tuple(replace(LEDGER, epoch=epoch) for epoch in epochs)
    deadline_s = SLO.latency_s or 0.0
    return Seen(
        taken_s=(0.1, 0.1, deadline_s, deadline_s + 0.01),
        ledgers=(*ledgers[:-1], replace(ledgers[-1], served_by="edge")),
        duration_s=2.0,
    )


def test_what_is_counted() -> None:
    """Changes between neighbours, answers after the deadline, the edge's joules alone."""
    found = seen()
    assert (found.miss_share, found.changes_per_s, found.offloaded) == (0.25, 1.0, 0.75)
    assert found.energy_j == pytest.approx(2.0)


def test_the_page_has_both_beside_each_other() -> None:
    """Live and replayed in rows that follow, in one unit each."""
    outcome = Outcome(requests=10, misses=1, finished_alone=2, offloaded=9, switches=3, duration_s=20.0, energy_j=1.5)
    page = document([Compared(recording="bus", mean_bps=3.6e6, live=seen(), replayed=outcome)], slowdown=2.0, load=1.0)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if "| bus" in line]
    assert rows == [
        ["bus", "3.6", "live", "4", "25.0%", "1.000", "2.000", "75%"],
        ["bus", "3.6", "replayed", "10", "10.0%", "0.150", "1.500", "70%"],
    ]
