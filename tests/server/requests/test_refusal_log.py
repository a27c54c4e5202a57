"""What an edge sends neither floods the log nor writes lines of its own into it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from joulecut_core.errors import ContractError
from joulecut_proto.inference_messages import ReplyStatus, RequestHeader
from joulecut_proto.log_limit import LogLimit
from joulecut_server.requests import refusal_log
from joulecut_server.requests.refusal_log import RefusalLog

FORGED = "x\n2026-01-01 INFO joulecut_server.agent: all is well \x1b[31m" + 5000 * "y"
HEADER = RequestHeader(
    session_id="edge\r", request_id=FORGED, epoch=1, network_digest="sha256:00", cut=0, codec="raw", variant="fp32"
)


def logged(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Of refusals alone: the event loop logs too."""
    return [record for record in caplog.records if record.name == refusal_log.__name__]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What they say."""
    return [record.getMessage() for record in logged(caplog)]


def test_a_line_a_second_with_a_count(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand refusals are one line; the next second's line says how many there were."""
    caplog.set_level(logging.DEBUG)

    async def refused(times: int, log: RefusalLog) -> None:
        for _ in range(times):
            log.refused(HEADER, ReplyStatus.STALE, ContractError("plan again"))

    async def run() -> None:
        log = RefusalLog()
        await refused(1000, log)
        assert len(lines(caplog)) == 1
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: 1e9)
        await refused(1, log)
        await refused(1, RefusalLog())

    asyncio.run(run())
    counts = [text.rpartition("(and ")[2] for text in lines(caplog)]
    assert counts == ["0 more refused)", "999 more refused)", "0 more refused)"]


def test_a_stream_for_each_request_is_no_way_around_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All streams together have sixty lines a minute; level DEBUG has the others."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(refusal_log, "_LINES", LogLimit(logging.getLogger(refusal_log.__name__)))

    async def run() -> None:
        for _ in range(1000):
            RefusalLog().refused(HEADER, ReplyStatus.STALE, ContractError("plan again"))

    asyncio.run(run())
    levels = [record.levelno for record in logged(caplog)]
    assert (levels.count(logging.WARNING), levels.count(logging.DEBUG)) == (60, 940)


def test_what_the_edge_chose_is_shortened_and_quoted(caplog: pytest.LogCaptureFixture) -> None:
    """No new line, no escape of a terminal, no megabyte; refusals of a server under load are no warnings."""
    caplog.set_level(logging.DEBUG)

    async def run() -> None:
        RefusalLog().refused(HEADER, ReplyStatus.STALE, ContractError(FORGED))
        RefusalLog().refused(HEADER, ReplyStatus.OVERLOADED, ContractError(FORGED))

    asyncio.run(run())
    for text in lines(caplog):
        assert text.isprintable()
        assert len(text) < 700
    assert [record.levelno for record in logged(caplog)] == [logging.WARNING, logging.DEBUG]
