"""Logging of the programs. Libraries only ever get a logger; programs decide where it goes.

Lines about one request carry its id, its session, its plan's epoch and its trace, whoever writes them: as fields in
JSON, behind the message in text.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from enum import Enum
from typing import cast

from joulecut_core.errors import ConfigError
from joulecut_core.request_context import current_request
from joulecut_core.spans import current_span
from joulecut_core.standard_error import StandardErrorHandler

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_TRACES = "opentelemetry"
_NOISY = {"asyncio": logging.INFO, "grpc": logging.INFO, _TRACES: logging.CRITICAL, "zeroconf": logging.INFO}
"""Libraries, and from which level up a log hears of them. That spans are lost is told by the tracer, once."""

_GRPC = ("GRPC_VERBOSITY", "NONE")
"""What gRPC's core may write past this log: by default a line for each TLS handshake that fails, of anybody, and among
its errors one for each packed message that it refuses."""

_STEERING = {code: rf"\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    code: rf"\u{code:04x}" for code in (0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
}
"""Characters that end lines, tell a terminal what to do, or turn round the order in which it shows the others."""


def on_one_line(text: str) -> str:
    """Text that another host may have chosen: it neither ends a line of a log or table nor steers a terminal."""
    return text.translate(_STEERING)


class LogFormat(str, Enum):
    """How a program writes its log."""

    TEXT = "text"
    """Lines for people."""
    JSON = "json"
    """One object a line, for whatever collects logs."""


def log_to_stderr(*, verbose: bool, log_format: LogFormat = LogFormat.TEXT) -> None:
    """Write this process's log to standard error, from INFO up, or from DEBUG where `verbose`.

    May be called again once a configuration has told the format; where somebody else already decides where the log
    goes, nothing changes. gRPC, which writes past it, is told to write nothing where the environment does not say
    more: it reads that as it is imported, so call this before. Raises ConfigError where JSON is wanted and its library
    is missing.
    """
    os.environ.setdefault(*_GRPC)
    root = logging.getLogger()
    if any(not isinstance(handler, StandardErrorHandler) for handler in root.handlers):
        return
    handler = StandardErrorHandler(sys.stderr)
    handler.setFormatter(_formatter(log_format))
    handler.addFilter(note_request)
    for former in tuple(root.handlers):
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for name, level in _NOISY.items():
        logging.getLogger(name).setLevel(level)
    if verbose:
        logging.getLogger(_TRACES).setLevel(logging.WARNING)


def note_request(record: logging.LogRecord) -> bool:
    """A filter that lets everything pass and notes on each record which request it is about."""
    request, trace_id = current_request(), current_span().trace_id
    if request is not None:
        record.request_id = request.request_id
        if request.session_id:
            record.session = request.session_id
        if request.epoch is not None:
            record.epoch = request.epoch
    if trace_id:
        record.trace_id = trace_id
    return True


class _UtcFormatter(logging.Formatter):
    """Dates of RFC 3339, in UTC, to the millisecond: lines of two hosts are put side by side."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - the name in logging
        del datefmt
        return datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")


class _TextFormatter(_UtcFormatter):
    def __init__(self) -> None:
        super().__init__(_TEXT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - likewise
        line = on_one_line(super().formatMessage(record))
        told = ((name, str(getattr(record, name, ""))) for name in ("request_id", "trace_id"))
        extra = " ".join(f"{name}={value}" for name, value in told if value and value not in record.message)
        return f"{line} [{extra}]" if extra else line


def _formatter(log_format: LogFormat) -> logging.Formatter:
    if log_format is LogFormat.TEXT:
        return _TextFormatter()
    try:
        # By name: this floor has no libraries, and only who asks for JSON needs this one.
        library = importlib.import_module("pythonjsonlogger.json")
    except ImportError as error:
        raise ConfigError(
            "log_format: json, but python-json-logger is not installed; install joulecut[agents], or log as text"
        ) from error
    kind = type("JsonFormatter", (_UtcFormatter, library.JsonFormatter), {})
    return cast("Callable[..., logging.Formatter]", kind)(
        ["asctime", "levelname", "name", "message"],
        rename_fields={"asctime": "timestamp", "levelname": "level", "name": "logger"},
    )
