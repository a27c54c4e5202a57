"""A thread that does what may block, so that nobody else has to wait for it for ever."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from joulecut_core.errors import DeviceError
from joulecut_core.timing import is_set_within

_T = TypeVar("_T")

TIMEOUT_S = 2.0
"""On the wall: a kernel file answers in milliseconds or its driver is stuck (seen with a wedged devfreq work queue)."""


class BlockedError(DeviceError):
    """A call to a kernel or a driver does not come back."""


class Patience:
    """Runs what asks a kernel or a driver, one call after the other in one thread. Safe to call from several threads.

    A call that blocks costs its caller `timeout_s` wall seconds, and everyone else nothing: they are refused at once
    until it returns. The thread never keeps the process alive. `doing`: what the calls do, for the refusal.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S, *, doing: str = "reading") -> None:
        self._timeout_s, self._doing = timeout_s, doing
        self._jobs: queue.SimpleQueue[_Job[object] | None] = queue.SimpleQueue()
        self._stuck: _Job[object] | None = None
        threading.Thread(target=self._work, name="kernel-files", daemon=True).start()

    def run(self, name: str, function: Callable[[], _T]) -> _T:
        """What `function` returns or raises. Raises BlockedError where it, or one before it, blocks."""
        stuck = self._stuck
        if stuck is not None and not stuck.done.is_set():
            raise BlockedError(
                f"{self._doing} {stuck.name} still blocks; expected an answer within {self._timeout_s:g} s: "
                "the driver hangs, see the kernel's log"
            )
        job: _Job[_T] = _Job(name, function)
        self._jobs.put(job)  # type: ignore[arg-type]
        if not is_set_within(job.done, self._timeout_s):
            self._stuck = job  # type: ignore[assignment]
            raise BlockedError(
                f"{self._doing} {name} has blocked for {self._timeout_s:g} s; expected an answer in milliseconds: "
                "the driver hangs, see the kernel's log"
            )
        return job.result()

    def close(self) -> None:
        """Let the thread end after what it is doing. Safe to call twice."""
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

    def __init__(self, name: str, function: Callable[[], _T]) -> None:
        self.name = name
        self.done = threading.Event()
        self._function = function
        self._results: list[_T] = []
        self._error: Exception | None = None

    def run(self) -> None:
        """Make the call."""
        try:
            self._results.append(self._function())
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits
            self._error = error
        self.done.set()

    def result(self) -> _T:
        """What the call returned or raised."""
        if self._error is not None:
            raise self._error
        return self._results[0]
