"""A server that dies in the middle of a stream of requests, comes back, and is stopped in good order."""

from __future__ import annotations

import signal
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from joulecut.connections.connection import Answer
from joulecut_core.timing import SystemClock
from tests.e2e.pair import (
    SPLIT,
    Packed,
    announced_address,
    log_of,
    restarted_server,
    running_pair,
    seconds_until,
)

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("started_warm")]

_PERIOD_S = 0.08
_BURST = 4
"""Requests sent at once before the server is killed, so that some are on their way when it dies."""
_BACK_S = 120.0
"""Within which a restarted server is used, on a busy host too; how soon it is, is a benchmark's matter."""


def test_no_request_is_lost_with_a_server(packed: Packed, tmp_path: Path) -> None:
    """Every request is answered once and rightly, fallbacks say so, a restarted server is used again.

    Nor does one that is stopped by Ctrl-C while requests come.
    """
    sent: list[tuple[int, Future[Answer]]] = []
    clock = SystemClock()

    with running_pair(packed, tmp_path) as (agents, edge):
        assignment = edge.replan(SPLIT).assignment
        assert assignment is not None
        assert 0 < assignment.cut < packed.network.table.last

        def send() -> Future[Answer]:
            picture = len(sent) % len(packed.pictures)
            future = edge.submit(packed.pictures[picture].pixels.numpy())
            sent.append((picture, future))
            return future

        def stream(requests: int) -> None:
            start_s = clock.now_s()
            for index in range(requests):
                clock.sleep_until_s(start_s + index * _PERIOD_S)
                send()

        def offloads() -> bool:
            status = edge.status()
            return status.server_connected and send().result(_BACK_S).ledger.served_by == "split"

        stream(10)
        assert sent[0][1].result(_BACK_S).ledger.served_by == "split"
        for _ in range(_BURST):
            send()
        address = announced_address(tmp_path, "server-agent")
        agents.server.kill()
        stream(10)
        assert not edge.status().server_connected
        served_alone = send().result(_BACK_S).ledger
        assert (served_alone.served_by, served_alone.fallback, served_alone.epoch) == ("edge", False, 0)

        with restarted_server(agents, address) as server:
            assert server.wait_ready(60.0) == address
            seconds_until(offloads, deadline_s=_BACK_S)
            with ThreadPoolExecutor(1) as stopper:
                stopping = stopper.submit(server.stop, by=signal.SIGINT)
                stream(20)
                assert stopping.result() == 0
        answers = [(picture, future.result(_BACK_S)) for picture, future in sent]
        counters = edge.status().counters
        assert "stopping on SIGINT" in log_of(tmp_path, "server-agent")
        assert "stopped; clocks restored" in log_of(tmp_path, "server-agent")

    for picture, answer in answers:
        assert int(answer.outputs[0].argmax()) == packed.answers[picture]
    ledgers = [answer.ledger for _, answer in answers]
    assert len({ledger.request_id for ledger in ledgers}) == len(sent)
    assert counters.requests == len(sent)
    assert counters.split + counters.local == len(sent)
    fallbacks = [ledger for ledger in ledgers if ledger.fallback]
    assert len(fallbacks) == counters.fallbacks
    assert fallbacks
    assert {ledger.served_by for ledger in fallbacks} == {"edge"}
    # The requests before the loss and after the return were split, under epochs that only rose.
    split = [ledger.epoch for ledger in ledgers if ledger.served_by == "split"]
    assert split[0] < split[-1]
    assert ledgers[-1].served_by == "edge"
