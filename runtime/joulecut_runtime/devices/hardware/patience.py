"""A thread that does what may block, so that nobody else has to wait for it for ever."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from joulecut_core.errors import DeviceError
from joulecut_core.timing import is_set_within

_LOG = logging.getLogger(__name__)

_T = TypeVar("_T")

TIMEOUT_S = 2.0
"""On the wall: a kernel file answers in milliseconds or its driver is stuck (seen with a wedged devfreq work queue)."""
OPENING_S = 30.0
"""On the wall, for finding what is there: a driver without persistence mode is loaded first, which takes seconds."""
_REMEDY = "the driver hangs, see the kernel's log"


class BlockedError(DeviceError):
    """A call to a kernel or a driver does not come back."""


class Patience:
    """Runs what asks a kernel or a driver, one call after the other in one thread. Safe to call from several threads.

    A call that blocks costs its caller `timeout_s` wall seconds, and everyone else nothing: they are refused at once
    until it returns. The thread never keeps the process alive. `doing`: what the calls do, for the refusal; `remedy`:
    what hangs, and what to do about it.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S, *, doing: str = "reading", remedy: str = _REMEDY) -> None:
        self._timeout_s, self._doing, self._remedy = timeout_s, doing, remedy
        self._jobs: queue.SimpleQueue[_Job[object] | None] = queue.SimpleQueue()
        self._stuck: _Job[object] | None = None
        threading.Thread(target=self._work, name="kernel-files", daemon=True).start()

    def run(
        self,
        name: str,
        function: Callable[[], _T],
        *,
        timeout_s: float | None = None,
        late: Callable[[_T], object] | None = None,
    ) -> _T:
        """What `function` returns or raises. Raises BlockedError where it, or one before it, blocks.

        `timeout_s`: another patience for this call. `late`: what to do, in the thread, with what it returns when its
        caller has given up.
        """
        timeout_s = self._timeout_s if timeout_s is None else timeout_s
        stuck = self._stuck
        if stuck is not None and not stuck.done.is_set():
            raise BlockedError(
                f"{self._doing} {stuck.name} still blocks; expected an answer within {timeout_s:g} s: {self._remedy}"
            )
        job: _Job[_T] = _Job(name, function, late)
        self._jobs.put(job)  # type: ignore[arg-type]
        if not is_set_within(job.done, timeout_s) and job.give_up():
            self._stuck = job  # type: ignore[assignment]
            raise BlockedError(
                f"{self._doing} {name} has blocked for {timeout_s:g} s; expected an answer in milliseconds: "
                f"{self._remedy}"
            )
        # One that could not be given up any more has ended: only its flag may still be on the way.
        is_set_within(job.done, timeout_s)
        return job.result()

    def close(self, last: Callable[[], object] | None = None) -> None:
        """Let the thread end after what it is doing, and after `last`, which nobody waits for. Safe to call twice."""
        if last is not None:
            self._jobs.put(_Job("the end", last, None))
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run()


def patiently(name: str, function: Callable[[], _T], timeout_s: float = TIMEOUT_S) -> _T:
    """One call with a Patience of its own. Raises BlockedError where it blocks for `timeout_s` seconds on the wall."""
    patience = Patience(timeout_s)
    try:
        return patience.run(name, function)
    finally:
        patience.close()


class _Job(Generic[_T]):
    """One call and what came of it."""

    def __init__(self, name: str, function: Callable[[], _T], late: Callable[[_T], object] | None) -> None:
        self.name = name
        self.done = threading.Event()
        self._function = function
        self._late = late
        self._settled = threading.Lock()
        """Taken once: by the call that ends, or by the caller who gives it up."""
        self._results: list[_T] = []
        self._error: Exception | None = None

    def run(self) -> None:
        """Make the call."""
        try:
            self._results.append(self._function())
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits
            self._error = error
        if not self._settled.acquire(blocking=False) and self._late is not None and self._results:
            try:
                self._late(self._results[0])
            except Exception:  # noqa: BLE001 - nobody is left to tell
                _LOG.exception("%s answered too late, and that could not be undone", self.name)
        self.done.set()

    def give_up(self) -> bool:
        """Wait no longer. False where the call has ended in this moment."""
        return self._settled.acquire(blocking=False)

    def result(self) -> _T:
        """What the call returned or raised."""
        if self._error is not None:
            raise self._error
        return self._results[0]
