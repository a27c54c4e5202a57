"""How an agent tells that it serves and learns that it should stop."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from joulecut_core import lifecycle
from joulecut_core.errors import ConfigError
from joulecut_core.lifecycle import announce_ready, for_long, input_that_ends, log_failure, serve_until_stopped
from joulecut_proto import event_loops


def test_ready_file_tells_where_and_who(tmp_path: Path) -> None:
    """Whoever started an agent on port 0 reads its real address and process id."""
    announce_ready(tmp_path / "ready.json", "127.0.0.1:4711")
    assert json.loads((tmp_path / "ready.json").read_text(encoding="utf-8")) == {
        "address": "127.0.0.1:4711",
        "pid": os.getpid(),
    }


def test_ready_file_is_optional() -> None:
    """Without one, the log alone tells."""
    announce_ready(None, "127.0.0.1:4711")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_stop_and_handlers_are_put_back(number: signal.Signals, tmp_path: Path) -> None:
    """The agent serves until the signal, then leaves its context; the handlers from before are back."""
    left = []

    @asynccontextmanager
    async def serving() -> AsyncIterator[str]:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), number)
        yield "127.0.0.1:4711"
        left.append(json.loads((tmp_path / "ready.json").read_text(encoding="utf-8"))["address"])

    asyncio.run(serve_until_stopped(serving(), tmp_path / "ready.json"))
    assert left == ["127.0.0.1:4711"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGHUP) == signal.SIG_DFL


def test_under_nohup_the_end_of_a_terminal_ends_nothing() -> None:
    """Nor where somebody else hears it: a server-agent reads its rules again."""
    passed = []

    @asynccontextmanager
    async def serving() -> AsyncIterator[str]:
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0)
        passed.append(True)
        os.kill(os.getpid(), signal.SIGTERM)
        yield "127.0.0.1:4711"

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        asyncio.run(serve_until_stopped(serving(), None))
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert passed == [True]


def test_what_a_start_has_loaded_is_collected_no_more() -> None:
    """A full collection would stop an agent for a tenth of a second: from its start on there is little to look at."""

    @asynccontextmanager
    async def serving() -> AsyncIterator[str]:
        yield "127.0.0.1:4711"

    async def started() -> int:
        async with for_long(serving()) as address:
            assert address == "127.0.0.1:4711"
            return len(gc.get_objects())

    before = len(gc.get_objects())
    try:
        assert asyncio.run(started()) < before / 10
    finally:
        gc.unfreeze()


def test_a_signal_during_the_start_closes_what_was_opened(tmp_path: Path) -> None:
    """An agent that still profiles gives its device back and announces nothing."""
    closed = []

    @asynccontextmanager
    async def serving() -> AsyncIterator[str]:
        try:
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
            yield "never"
        finally:
            closed.append(True)

    asyncio.run(serve_until_stopped(serving(), tmp_path / "ready.json"))
    assert closed == [True]
    assert not (tmp_path / "ready.json").exists()


def test_a_ready_file_of_a_life_before_is_gone(tmp_path: Path) -> None:
    """Whoever waits for it after a kill -9 would take an agent that still profiles for one that serves."""
    ready = tmp_path / "ready.json"
    announce_ready(ready, "127.0.0.1:4711")

    @asynccontextmanager
    async def serving() -> AsyncIterator[str]:
        assert not ready.exists()
        os.kill(os.getpid(), signal.SIGTERM)
        yield "127.0.0.1:4712"

    asyncio.run(serve_until_stopped(serving(), ready))
    assert json.loads(ready.read_text(encoding="utf-8"))["address"] == "127.0.0.1:4712"


def test_an_error_at_the_start_is_not_swallowed() -> None:
    """What stops an agent from starting reaches the program."""

    @asynccontextmanager
    async def serving() -> AsyncIterator[str]:
        raise ConfigError("address in use")
        yield "never"

    with pytest.raises(ConfigError, match="address in use"):
        asyncio.run(serve_until_stopped(serving(), None))


def test_a_part_that_fails_is_told_of_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback; one that is cancelled, as all are at an agent's end, says nothing."""

    async def broken() -> None:
        raise OSError("no space left")

    async def run() -> None:
        tasks = [asyncio.create_task(part) for part in (broken(), asyncio.sleep(60.0))]
        for task in tasks:
            task.add_done_callback(log_failure)
        await asyncio.wait(tasks[:1])
        tasks[1].cancel()
        await asyncio.wait(tasks)

    asyncio.run(run())
    assert caplog.text.count("a part of this agent has failed") == 1
    assert "OSError: no space left" in caplog.text


def test_a_ready_file_may_be_a_pipe(tmp_path: Path) -> None:
    """On which whoever starts an agent waits; it is neither removed nor replaced."""
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    reading = os.open(ready, os.O_RDONLY | os.O_NONBLOCK)

    @asynccontextmanager
    async def serving() -> AsyncIterator[str]:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
        yield "127.0.0.1:4711"

    asyncio.run(serve_until_stopped(serving(), ready))
    with os.fdopen(reading, encoding="utf-8") as pipe:
        assert json.load(pipe)["address"] == "127.0.0.1:4711"
    assert ready.is_fifo()


def test_an_unwritable_ready_file_is_one_line(tmp_path: Path) -> None:
    """A path below a file is the caller's mistake, not a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"ready file .*/file/ready\.json: .*; give a path"):
        announce_ready(tmp_path / "file" / "ready.json", "127.0.0.1:4711")


def test_the_end_of_a_pipe_is_a_signal_too(tmp_path: Path) -> None:
    """Bytes in it are not; who started the agent may die in any way."""
    reading, writing = os.pipe()

    @asynccontextmanager
    async def serving() -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        os.write(writing, b"still here")
        loop.call_later(0.02, os.close, writing)
        yield "127.0.0.1:4711"
        ended.append(loop.time() - began_s[0])

    ended: list[float] = []
    began_s: list[float] = []

    async def run() -> None:
        began_s.append(asyncio.get_running_loop().time())
        await asyncio.wait_for(serve_until_stopped(serving(), tmp_path / "ready.json", ends_with=reading), 20.0)

    try:
        asyncio.run(run())
    finally:
        os.close(reading)
    assert ended[0] >= 0.02


def test_an_input_that_is_waited_for_stays_as_it_was(tmp_path: Path) -> None:
    """A terminal's is one with standard error and with the shell's own, whose programs fail where it does not block."""
    ends = socket.socketpair()

    @asynccontextmanager
    async def serving() -> AsyncIterator[str]:
        blocking.append(os.get_blocking(shared))
        asyncio.get_running_loop().call_soon(ends[1].close)
        yield "127.0.0.1:4711"

    blocking: list[bool] = []
    shared = os.dup(ends[0].fileno())
    try:
        event_loops.run(serve_until_stopped(serving(), tmp_path / "ready.json", ends_with=ends[0].fileno()))
        assert [*blocking, os.get_blocking(shared)] == [True, True]
    finally:
        os.close(shared)
        ends[0].close()


def test_an_input_that_cannot_be_read_now_is_read_later(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is typed at a terminal in whose background an agent runs neither ends it nor keeps it busy; the end does."""
    reading, writing = os.pipe()
    looks = 0

    def read(pipe: int, size_bytes: int) -> bytes:
        nonlocal looks
        looks += 1
        if looks < 3:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        content = really_read(pipe, size_bytes)
        if content:
            os.close(writing)
        return content

    @asynccontextmanager
    async def serving() -> AsyncIterator[str]:
        os.write(writing, b"typed")
        yield "127.0.0.1:4711"

    async def run() -> None:
        began_s = asyncio.get_running_loop().time()
        await asyncio.wait_for(serve_until_stopped(serving(), None, ends_with=reading), 20.0)
        # This loop's clock counts whole milliseconds, of which a difference of seconds is a hair less or more.
        assert round(1e3 * (asyncio.get_running_loop().time() - began_s)) >= 40

    really_read = os.read
    monkeypatch.setattr(lifecycle, "_REFUSED_S", 0.02)
    monkeypatch.setattr(os, "read", read)
    try:
        event_loops.run(run())
    finally:
        os.close(reading)
    assert looks == 4
    assert not caplog.records


def test_an_input_that_does_not_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service manager gives /dev/null where nobody says otherwise: that would be the end at once, or none ever."""
    (tmp_path / "file").touch()
    with Path(os.devnull).open() as nothing, (tmp_path / "file").open() as file:
        for given in (nothing, file, None):
            monkeypatch.setattr(sys, "stdin", given)
            with pytest.raises(ConfigError, match=r"--until-input-ends: .*; expected a pipe"):
                input_that_ends()
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading) as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        assert input_that_ends() == reading
