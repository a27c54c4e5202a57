"""A log on standard error, which may take no lines: a terminal at Ctrl-S, a collector that hangs, a full disk.

Lines are written where they are thought of, in agents by the thread that answers requests. One that is not taken soon
is left out, rather than that everything waits for it; how many those were is told as soon as there is room again.
"""

from __future__ import annotations

import logging
import os
import select
from typing import TextIO

from joulecut_core.timing import SystemClock

_PATIENCE_S = 0.05
"""Wall seconds for a reader that is behind. One that stays away has it once."""
_CLOCK = SystemClock()


class StandardErrorHandler(logging.StreamHandler):  # type: ignore[type-arg]  # generic for type checkers only
    """Writes each record at once, or not at all."""

    stream: TextIO

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lost = 0
        self._is_cut = False

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        try:
            text = self.format(record) + self.terminator
            if self._lost:
                text = self.format(self._notice()) + self.terminator + text
            self._lost = 0 if self._is_written(text) else self._lost + 1
        except RecursionError:
            raise
        except Exception:  # noqa: BLE001 - as any handler: what a log cannot write ends no program
            self.handleError(record)

    def _is_written(self, text: str) -> bool:
        """Whether the reader took it all; of a longer text a part may be there."""
        try:
            descriptor = self.stream.fileno()
        except (AttributeError, OSError, ValueError):  # none, or none of the system's: it never blocks
            self.stream.write(text)
            self.flush()
            return True
        left = text.encode(self.stream.encoding, "backslashreplace")
        if self._is_cut:
            left = b"\n" + left
        until_s = _CLOCK.now_s() + (0.0 if self._lost else _PATIENCE_S)
        while left:
            if not _has_room(descriptor, max(0.0, until_s - _CLOCK.now_s())):
                return False
            # No more than what a pipe with any room takes at once.
            try:
                written = left[: os.write(descriptor, left[: select.PIPE_BUF])]
            except OSError:  # a full disk, or a reader that has ended
                return False
            left = left[len(written) :]
            self._is_cut = not written.endswith(b"\n")
        return True

    def _notice(self) -> logging.LogRecord:
        said = "%d lines of this log are lost: whoever reads it had stopped, or its disk was full"
        return logging.LogRecord(__name__, logging.WARNING, __file__, 0, said, (self._lost,), None)


def _has_room(descriptor: int, within_s: float) -> bool:
    room = select.poll()
    room.register(descriptor, select.POLLOUT)
    return bool(room.poll(1000.0 * within_s))
