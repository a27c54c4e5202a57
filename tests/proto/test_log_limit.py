"""What callers can write into a log: bounded, and nothing left out without a word."""

from __future__ import annotations

import asyncio
import logging

import pytest

from joulecut_proto.log_limit import LogLimit

_LOG = logging.getLogger(__name__)


def test_a_flood_takes_few_lines_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Other kinds have their own lines; the number left out is told with the next minute."""
    times_s = [0.0]

    async def flood() -> None:
        limit = LogLimit(_LOG, now_s=lambda: times_s[0])
        for number in range(3000):
            limit.warn("bad", "bad %d", number)
        limit.warn("other", "other")
        assert caplog.messages == [*(f"bad {number}" for number in range(60)), "other"]
        times_s[0] = 60.0
        limit.warn("bad", "bad again")
        assert caplog.messages[61:] == ["bad: 2940 more in a minute, which only level DEBUG has", "bad again"]

    with caplog.at_level(logging.WARNING):
        asyncio.run(flood())


def test_a_flood_that_ends_is_counted_too(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody needs to come again for its number; level DEBUG has all of it."""
    monkeypatch.setattr("joulecut_proto.log_limit._PERIOD_S", 0.0)

    async def flood() -> None:
        limit = LogLimit(_LOG, now_s=lambda: -1.0)
        for number in range(61):
            limit.warn("bad", "bad %d", number)
        while not caplog.messages[-1].startswith("bad: 1 more in a minute"):
            await asyncio.sleep(0)

    with caplog.at_level(logging.DEBUG, __name__):
        asyncio.run(flood())
    assert [record.levelname for record in caplog.records if record.name == __name__][59:] == [
        "WARNING",
        "DEBUG",
        "WARNING",
    ]
