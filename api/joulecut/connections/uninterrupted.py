"""Work that no signal's handler cuts short: done by a thread beside the main one, where all handlers run.

gRPC holds its locks by code in Python, `threading.Condition`. An exception that a handler raises there,
KeyboardInterrupt first of all, leaves a channel locked for good: the calls of all other threads would hang,
whatever their time limits, and so would closing it.
"""

from __future__ import annotations

import _thread
import contextvars
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

R = TypeVar("R")

# A signal that comes after the interpreter's last look for one and before the wait for a lock begins does not wake
# that wait: it is seen when a wait ends.
_LOOK_EVERY_S = 0.25


def uninterrupted(work: Callable[[], R]) -> R:
    """What `work` returns or raises. The main thread can be interrupted meanwhile; the work goes on to its end."""
    if threading.current_thread() is not threading.main_thread():
        return work()
    done = _Work(work)
    try:
        # A `threading.Thread` waits for its start by such a lock itself.
        _thread.start_new_thread(contextvars.copy_context().run, (done.run,))
    except RuntimeError:  # no thread to be had in this moment, or an interpreter that exits
        return work()
    return done.result()


@dataclass(slots=True)
class _Work(Generic[R]):
    work: Callable[[], R]
    ended: _thread.LockType = field(default_factory=_thread.allocate_lock)
    found: list[R] = field(default_factory=list)
    raised: BaseException | None = None

    def __post_init__(self) -> None:
        self.ended.acquire()

    def run(self) -> None:
        try:
            self.found.append(self.work())
        except BaseException as error:  # noqa: BLE001 - who waits raises it, whatever it is
            self.raised = error
        finally:
            self.ended.release()

    def result(self) -> R:
        """Waits by a lock that an exception can leave at any moment."""
        while not self.ended.acquire(timeout=_LOOK_EVERY_S):
            pass
        error, self.raised = self.raised, None
        try:
            if error is not None:
                raise error
            return self.found.pop()
        finally:
            # Its traceback holds this frame: nothing of the call is to wait for the garbage collector.
            del error
