"""How an agent tells that it serves, and how it learns that it should stop."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path

from joulecut_core.documents import write_bytes
from joulecut_core.errors import ConfigError

_LOG = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_READ_BYTES = 4096
_REFUSED_S = 1.0
"""Wall seconds after which an input that could not be read is looked at again."""


def announce_ready(path: Path | None, address: str) -> None:
    """Write `{"address": ..., "pid": ...}` to `path`, so that whoever started the agent learns its port.

    Raises ConfigError where it cannot be written.
    """
    _LOG.info("serving on %s", address)
    if path is None:
        return
    try:
        write_bytes(path, json.dumps({"address": address, "pid": os.getpid()}).encode())
    except OSError as error:
        raise ConfigError(f"ready file {path}: {error.strerror}; give a path this user may write to") from error


def forget_ready(path: Path | str | None) -> None:
    """Remove what a life before this one has written, which may have been killed: this one does not serve yet.

    Programs call it before what takes seconds to load, as whoever starts them begins to look at once. A pipe, on which
    somebody waits for an agent, stays.
    """
    with suppress(OSError):
        if path and Path(path).is_file():
            Path(path).resolve().unlink()


def input_that_ends() -> int:
    """Standard input as `serve_until_stopped` waits for its end.

    Raises ConfigError where it is closed, or of a kind whose end cannot be waited for.
    """
    # Where it was closed by whoever started us there is None, whatever the types say.
    descriptor = -1 if sys.stdin is None else sys.stdin.fileno()  # pyright: ignore[reportUnnecessaryComparison]
    mode = 0 if descriptor < 0 else os.fstat(descriptor).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or (stat.S_ISCHR(mode) and os.isatty(descriptor))):
        raise ConfigError(
            "--until-input-ends: standard input is closed, a file or /dev/null; expected a pipe, which ends with the "
            "program that started this one: give one, or leave the flag out"
        )
    return descriptor


def log_failure(task: asyncio.Task[None]) -> None:
    """A done callback of tasks that run as long as an agent: one that fails is told of at once, not at the end."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.error("a part of this agent has failed, and does nothing until it is started again", exc_info=error)


async def serve_until_stopped(
    serving: AbstractAsyncContextManager[str], ready_file: Path | None, *, ends_with: int | None = None
) -> None:
    """Enter `serving`, announce the address it gives, and leave it at the first SIGINT, SIGTERM or SIGHUP.

    A hang-up that somebody else hears, or that is ignored as under nohup, stays as it is.
    `ends_with`: a pipe's file descriptor whose end is such a signal too: whoever holds the other end cannot die and
    leave this running. A signal that comes while `serving` is still starting ends the start; what was opened is closed.
    """
    forget_ready(ready_file)
    stopping = asyncio.Event()
    started = asyncio.Event()

    async def serve() -> None:
        async with serving as address:
            started.set()
            announce_ready(ready_file, address)
            await stopping.wait()

    task = asyncio.create_task(serve())

    def stop(name: str) -> None:
        _LOG.info("stopping on %s", name)
        stopping.set()
        if not started.is_set():
            task.cancel()

    with _told(stop, ends_with):
        try:
            await task
        except asyncio.CancelledError:
            if not stopping.is_set():
                raise


@asynccontextmanager
async def for_long(serving: AbstractAsyncContextManager[str]) -> AsyncIterator[str]:
    """`serving`, where what its start has loaded is kept out of garbage collection from then on.

    For a process that does nothing else: a full collection over all of torch stops it for a tenth of a second and
    more, and would meet a request some day.
    """
    async with serving as address:
        gc.collect()
        gc.freeze()
        yield address


@contextmanager
def _told(stop: Callable[[str], None], ends_with: int | None) -> Iterator[None]:
    """Within the context, `stop` is called by signals and by the end of a pipe."""
    loop = asyncio.get_running_loop()
    again: asyncio.TimerHandle | None = None

    def watch(pipe: int) -> None:
        blocks = os.get_blocking(pipe)
        loop.add_reader(pipe, read, pipe)
        # uvloop takes that away, from all who share it: of a terminal, standard error and the shell to come.
        os.set_blocking(pipe, blocks)

    def read(pipe: int) -> None:
        nonlocal again
        try:
            is_over = not os.read(pipe, _READ_BYTES)
        except OSError:
            # In a terminal's background: what is typed there is another program's, and stays until that one takes it.
            loop.remove_reader(pipe)
            again = loop.call_later(_REFUSED_S, watch, pipe)
            return
        if is_over:
            loop.remove_reader(pipe)
            stop("the end of who started it")

    # The end of a terminal would end it anyhow, with clocks still held; under nohup it does not, and some hear it.
    hung_up = (signal.SIGHUP,) if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL else ()
    numbers = (*_SIGNALS, *hung_up)
    for number in numbers:
        loop.add_signal_handler(number, stop, number.name)
    if ends_with is not None:
        watch(ends_with)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
        if again is not None:
            again.cancel()
        if ends_with is not None:
            loop.remove_reader(ends_with)
