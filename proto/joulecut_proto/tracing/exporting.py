"""Spans on their way out: a bounded queue before the library's, what is lost counted, complaints made once."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from joulecut_core.errors import ConfigError

_LOG = logging.getLogger(__name__)

_MOST_WAITING = 2048
_BATCH = 256
_EVERY_MS = 1000
_LARGEST_FILE_BYTES = 64 << 20


class SpanCounts:
    """What became of the spans that ended. Used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.exported = 0
        """Taken by the collector, or written."""
        self.dropped = 0
        """Too many waited, or nobody took them."""
        self.waiting = 0

    def ended(self, most_waiting: int) -> bool:
        """One more span wants to wait; whether there is room."""
        with self._lock:
            if self.waiting >= most_waiting:
                self.dropped += 1
                return False
            self.waiting += 1
            return True

    def left(self, count: int, *, exported: bool) -> None:
        """So many wait no longer."""
        with self._lock:
            self.waiting -= count
            if exported:
                self.exported += count
            else:
                self.dropped += count


class CountingExporter(SpanExporter):
    """An exporter that counts, tells of the first failure and of the end of it, and gives up quickly when closing."""

    def __init__(self, exporter: SpanExporter, counts: SpanCounts, where: str) -> None:
        self._exporter = exporter
        self._counts = counts
        self._where = where
        self._fails = False
        self.closing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See `SpanExporter.export`; never raises."""
        result = SpanExportResult.FAILURE
        # A collector that is away is waited for once at the end, not for each batch.
        if not (self.closing and self._fails):
            try:
                result = self._exporter.export(spans)
            except Exception as error:  # noqa: BLE001 - of a library, about something nobody's answer depends on
                _LOG.debug("traces: not exported", exc_info=error)
        self._tell(result is not SpanExportResult.SUCCESS)
        self._counts.left(len(spans), exported=result is SpanExportResult.SUCCESS)
        return result

    def shutdown(self) -> None:
        """See `SpanExporter.shutdown`."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """See `SpanExporter.force_flush`."""
        return self._exporter.force_flush(timeout_millis)

    def _tell(self, fails: bool) -> None:
        if fails and not self._fails:
            _LOG.warning("traces: %s takes no spans; they are dropped until it does", self._where)
        if self._fails and not fails:
            _LOG.info("traces: %s takes spans again", self._where)
        self._fails = fails


class BoundedProcessor(BatchSpanProcessor):
    """Exports batches from a thread of its own; drops, and counts, what finds no room to wait."""

    def __init__(self, exporter: SpanExporter, counts: SpanCounts, where: str, *, waiting: int = _MOST_WAITING) -> None:
        self._counting = CountingExporter(exporter, counts, where)
        self._counts = counts
        self._most = waiting
        super().__init__(
            self._counting,
            max_queue_size=waiting,
            max_export_batch_size=min(_BATCH, waiting),
            schedule_delay_millis=_EVERY_MS,
        )

    def on_end(self, span: ReadableSpan) -> None:
        """See `SpanProcessor.on_end`."""
        context = span.context
        if context is not None and context.trace_flags.sampled and self._counts.ended(self._most):
            super().on_end(span)

    def shutdown(self) -> None:
        """Export what waits, or give it up where nobody takes it."""
        self._counting.closing = True
        super().shutdown()  # type: ignore[no-untyped-call]  # the library's


class SpanFile(SpanExporter):
    """Spans as JSON lines, for use without a collector; the file before is kept where this one has grown large."""

    def __init__(self, path: Path, *, largest_bytes: int = _LARGEST_FILE_BYTES) -> None:
        """Raises ConfigError where the file cannot be written."""
        self._path = path
        self._largest_bytes = largest_bytes
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8"):
                pass
        except OSError as error:
            raise ConfigError(f"traces.file: {path}: {error.strerror}; give a path this user may write to") from error

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Append the spans. Raises OSError where that fails."""
        lines = "".join(f"{span.to_json(indent=None)}\n" for span in spans).encode()
        with self._path.open("ab", buffering=0) as stream:
            size_bytes = stream.tell()
            try:
                while lines:
                    lines = lines[stream.write(lines) :]
            except OSError:
                # Half a line, as on a full disk, would be the beginning of the next one.
                os.truncate(stream.fileno(), size_bytes)
                raise
            if os.fstat(stream.fileno()).st_size > self._largest_bytes and self._is_still(stream.fileno()):
                self._set_aside()
        return SpanExportResult.SUCCESS

    def _is_still(self, descriptor: int) -> bool:
        """Whether the file has its name still: other agents may write to it, as those of a pool, and set it aside."""
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def _set_aside(self) -> None:
        try:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        except OSError:
            # In a folder of somebody else's, as /var/log: it begins anew, and is as bounded.
            os.truncate(self._path, 0)
