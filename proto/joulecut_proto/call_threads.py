"""The threads on which an agent makes calls that block, all started at once.

An event loop's own pool grows by a thread whenever two such calls meet, which may take days: what is a leak then, and
what is not? A full pool stays as it is.
"""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from joulecut_core.errors import ConfigError

_MOST = 32
_BEYOND_CORES = 4
"""As the pool of an event loop has by itself: such calls wait more than they compute."""
_PATIENCE_S = 60.0


def start_call_threads() -> int:
    """Give the running event loop a pool for `asyncio.to_thread` with all of its threads started; how many.

    Call once, before the first such call. The loop ends them. Raises ConfigError where the system allows fewer.
    """
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
    asyncio.get_running_loop().set_default_executor(pool)
    return count
