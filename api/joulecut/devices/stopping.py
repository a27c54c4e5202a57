"""Ctrl-C, a hang-up and SIGTERM as something a loop can look at, so that it ends by its own door and restores."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from types import FrameType, TracebackType

from joulecut_core.signal_flag import SignalFlag
from joulecut_core.timing import Clock

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopping:
    """While its context lasts, a signal to end is remembered instead of obeyed; enter it on the main thread."""

    def __init__(self) -> None:
        self._asked = SignalFlag()
        self._undo = ExitStack()

    @property
    def asked(self) -> bool:
        """Whether somebody wants this to end."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Want this to end."""
        self._asked.set()

    def wait_until_s(self, clock: Clock, deadline_s: float) -> bool:
        """Wait until `deadline_s` of `clock`, or until asked to stop: then True, at once."""
        remaining_s = deadline_s - clock.now_s()
        if remaining_s > 0 and not self._asked.wait(clock.wall_s(remaining_s)):
            clock.sleep_until_s(deadline_s)
        return self.asked

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._asked.set()

    def __enter__(self) -> Stopping:
        for number in _SIGNALS:
            self._undo.callback(signal.signal, number, signal.signal(number, self._note))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()
