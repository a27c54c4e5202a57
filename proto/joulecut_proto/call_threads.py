"""The threads on which an agent makes calls that block, all started at once.

An event loop's own pool grows by a thread whenever two such calls meet, which may take days: what is a leak then, and
what is not? A full pool stays as it is.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager

from joulecut_core.errors import ConfigError, DeviceError, JoulecutError
from joulecut_core.programs import end_at_once

_LOG = logging.getLogger(__name__)

_MOST = 32
_BEYOND_CORES = 4
"""As the pool of an event loop has by itself: such calls wait more than they compute."""
_PATIENCE_S = 60.0
_ENDS_S = 8.0
"""Wall seconds that calls get to return at the end of a program."""


@asynccontextmanager
async def call_threads(*, ends_s: float = _ENDS_S) -> AsyncIterator[int]:
    """A pool for `asyncio.to_thread` of the running event loop, all of its threads started; gives their count.

    For all that a program does: leaving ends the process where a call has not returned within `ends_s` wall seconds,
    with the error that comes through or, without one, DeviceError's status. Loop and interpreter would wait for it as
    long as a driver hangs.

    Raises ConfigError where the system allows fewer threads.
    """
    pool, count = _started()
    asyncio.get_running_loop().set_default_executor(pool)
    failure: BaseException | None = None
    try:
        yield count
    except BaseException as error:
        failure = error
        raise
    finally:
        if not await _ends(pool, ends_s):
            _end_without(failure, ends_s)


def _started() -> tuple[ThreadPoolExecutor, int]:
    count = min(_MOST, (os.cpu_count() or 1) + _BEYOND_CORES)
    pool = ThreadPoolExecutor(max_workers=count, thread_name_prefix="call")
    together = threading.Barrier(count)
    try:
        for _ in range(count):
            # Each keeps its thread until all have one.
            pool.submit(together.wait, _PATIENCE_S)
    except RuntimeError as error:
        # Those that have one would keep this process for as long as they wait.
        together.abort()
        pool.shutdown(wait=False)
        raise ConfigError(
            f"{error}: this process may have fewer than {count} more, or no memory for them; raise its limit "
            "(ulimit -u, ulimit -v, TasksMax= of its service, --pids-limit of its container)"
        ) from error
    return pool, count


async def _ends(pool: ThreadPoolExecutor, ends_s: float) -> bool:
    """Whether all calls have returned within so many wall seconds; those that have not begun are dropped."""
    ended: Future[None] = Future()

    def wait() -> None:
        pool.shutdown(cancel_futures=True)
        ended.set_result(None)

    threading.Thread(target=wait, name="calls-end", daemon=True).start()
    waiting = asyncio.wrap_future(ended)
    await asyncio.wait({waiting}, timeout=ends_s)
    return waiting.done()


def _end_without(failure: BaseException | None, ends_s: float) -> None:
    if isinstance(failure, Exception) and not isinstance(failure, JoulecutError):
        _LOG.error("this program broke off", exc_info=failure)
    unanswered = DeviceError(
        f"a call to a driver or a disk has not returned within {ends_s:g} s of the end of all else: it hangs, see the "
        "kernel's log; what this program asked of it is unknown"
    )
    end_at_once(failure if isinstance(failure, JoulecutError) else unanswered)
