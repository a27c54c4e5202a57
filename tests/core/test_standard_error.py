"""A log whose reader stops holds nobody up, and says afterwards what it lacks."""

from __future__ import annotations

import fcntl
import io
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from joulecut_core.standard_error import StandardErrorHandler

_SIZE_BYTES = 4096
_LINE = "x" * 100
_WHY = "whoever reads it had stopped, or its disk was full"


class Log:
    """A logger on one end of a small pipe, and whoever may read the other."""

    def __init__(self, read_end: int, stream: TextIO) -> None:
        self.handler = StandardErrorHandler(stream)
        self.handler.setFormatter(logging.Formatter("%(message)s"))
        self._read_end = read_end

    def tell(self, line: str) -> None:
        """One record."""
        self.handler.handle(logging.LogRecord("test", logging.WARNING, __file__, 0, "%s", (line,), None))

    def read(self) -> list[str]:
        """All lines that have come."""
        return os.read(self._read_end, 1 << 20).decode().splitlines()


@pytest.fixture(name="log")
def _log() -> Iterator[Log]:
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, _SIZE_BYTES)
    with os.fdopen(write_end, "w", encoding="utf-8") as stream:
        yield Log(read_end, stream)
    os.close(read_end)


@pytest.mark.timeout(60)
def test_a_reader_that_stops_holds_nobody_up(log: Log) -> None:
    """What has no room is left out: the agent that writes it goes on answering."""
    told = 10 * _SIZE_BYTES // len(_LINE)
    for _ in range(told):
        log.tell(_LINE)
    kept = log.read()
    assert 0 < len(kept) < told // 5
    log.tell("again")
    assert log.read() == [f"{told - len(kept)} lines of this log are lost: {_WHY}", "again"]
    log.tell("and again")
    assert log.read() == ["and again"]


@pytest.mark.timeout(60)
def test_lines_that_are_lost_are_told_of_in_the_format_of_the_log(log: Log) -> None:
    """A collector of objects gets one."""
    log.handler.setFormatter(logging.Formatter('{"level": "%(levelname)s", "message": "%(message)s"}'))
    for _ in range(_SIZE_BYTES // len(_LINE) + 1):
        log.tell(_LINE)
    log.read()
    log.tell("again")
    notice, again = map(json.loads, log.read())
    assert notice["level"] == "WARNING"
    assert notice["message"].endswith(_WHY)
    assert again["message"] == "again"


@pytest.mark.timeout(60)
def test_a_line_that_was_cut_off_takes_no_other_with_it(log: Log) -> None:
    """What is longer than the room there is may be there in part: the next line begins on a line of its own."""
    log.tell("y" * (3 * _SIZE_BYTES))
    (part,) = log.read()
    assert set(part) == {"y"}
    log.tell("again")
    assert log.read() == ["", f"1 lines of this log are lost: {_WHY}", "again"]


def test_a_long_line_is_whole_where_somebody_reads(tmp_path: Path) -> None:
    """A traceback is longer than a pipe takes at once."""
    with (tmp_path / "log").open("w+", encoding="utf-8") as stream:
        log = Log(-1, stream)
        log.tell("ü" * (5 * _SIZE_BYTES))
        log.tell("short")
        stream.seek(0)
        assert stream.read().splitlines() == ["ü" * (5 * _SIZE_BYTES), "short"]


def test_lines_that_a_full_disk_takes_none_of_are_told_of(tmp_path: Path) -> None:
    """As those that nobody reads: a log with a hole in it says so once there is room."""
    with (tmp_path / "log").open("w+", encoding="utf-8") as stream, Path("/dev/full").open("w") as full:
        log, kept = Log(-1, stream), os.dup(stream.fileno())
        log.tell("before")
        os.dup2(full.fileno(), stream.fileno())
        for _ in range(3):
            log.tell("while it is full")
        os.dup2(kept, stream.fileno())
        os.close(kept)
        log.tell("again")
        stream.seek(0)
        assert stream.read().splitlines() == ["before", f"3 lines of this log are lost: {_WHY}", "again"]


def test_what_is_no_stream_of_the_systems_is_written_to() -> None:
    """Whoever embeds a program may have put something else in its place."""
    stream = io.StringIO()
    Log(-1, stream).tell("here")
    assert stream.getvalue() == "here\n"
