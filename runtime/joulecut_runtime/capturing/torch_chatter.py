"""What torch tells a terminal while it traces: held back, since whoever traces says what went wrong in one line."""

from __future__ import annotations

import io
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import TextIO

_LOG = logging.getLogger(__name__)


@contextmanager
def without_chatter() -> Iterator[None]:
    """Torch's loggers, its warnings of its own internals and its dumps of graphs stay silent in this thread.

    What else the block writes on standard error appears when it ends well; after an exception all of it is a
    debug message, since torch prints half a graph there. Logging is as it was afterwards.
    """
    muted = _Muted(sys.stderr)
    with silent_loggers(), warnings.catch_warnings():
        # Torch deprecates its own internals from release to release; nobody can act on that here.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.")
        # Of recurrent layers, which keep lists of their weights.
        warnings.filterwarnings("ignore", category=UserWarning, message=r"The tensor attributes? self\.")
        try:
            with redirect_stderr(muted):
                yield
        except BaseException:
            if muted.held:
                _LOG.debug("held back while tracing: %s", muted.held)
            raise
    if muted.held:
        sys.stderr.write(muted.held)


class _Muted(io.TextIOBase):
    """Keeps what this thread writes; what others write goes on to where it would have gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._thread = threading.get_ident()
        self._held = io.StringIO()

    @property
    def held(self) -> str:
        return self._held.getvalue()

    def write(self, text: str) -> int:
        return (self._held if threading.get_ident() == self._thread else self._stream).write(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


@contextmanager
def silent_loggers() -> Iterator[None]:
    """Torch's loggers stay silent in this thread; safe where several threads do so at once."""
    thread = threading.get_ident()

    def passes(record: logging.LogRecord) -> bool:
        # A handler may serve other loggers too.
        return record.thread != thread or not _is_torchs(record.name)

    loggers = [
        each
        for name, each in list(logging.root.manager.loggerDict.items())
        if isinstance(each, logging.Logger) and _is_torchs(name)
    ]
    # A logger's own filter does not see what loggers below it hand on; its handlers' do.
    quiet: list[logging.Filterer] = [*loggers, *(handler for each in loggers for handler in each.handlers)]
    for each in quiet:
        each.addFilter(passes)
    try:
        yield
    finally:
        for each in quiet:
            each.removeFilter(passes)


def _is_torchs(logger: str) -> bool:
    return logger.partition(".")[0] == "torch"
