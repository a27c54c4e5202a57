"""Spans on their way out: bounded in number, counted where they are lost, written whole."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from joulecut_core.errors import ConfigError
from joulecut_proto.tracing.exporting import BoundedProcessor, SpanCounts, SpanFile


class Held(SpanExporter):
    """An exporter that takes nothing before it is let go, and then what it is told to."""

    def __init__(self, result: SpanExportResult = SpanExportResult.SUCCESS) -> None:
        self.go = threading.Event()
        self.result = result

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Wait, then answer."""
        del spans
        self.go.wait()
        return self.result


class Broken(SpanExporter):
    """An exporter with a defect."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Fail."""
        raise RuntimeError(len(spans))


def ended(
    exporter: SpanExporter, spans: int, *, waiting: int = 16, let_go: threading.Event | None = None
) -> SpanCounts:
    """What became of some spans."""
    counts = SpanCounts()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BoundedProcessor(exporter, counts, "here", waiting=waiting))
    tracer = provider.get_tracer("test")
    for _ in range(spans):
        tracer.start_span("s").end()
    if let_go is not None:
        let_go.set()
    provider.shutdown()
    return counts


def test_what_finds_no_room_is_dropped_and_counted() -> None:
    """A collector that stalls costs a bounded number of spans in memory; every span is accounted for."""
    held = Held()
    counts = ended(held, 100, waiting=16, let_go=held.go)
    assert (counts.exported, counts.dropped, counts.waiting) == (16, 84, 0)


def test_what_nobody_takes_is_dropped_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Failures and defects of an exporter are one line in the log, however many batches there are."""
    refusing = Held(SpanExportResult.FAILURE)
    refusing.go.set()
    with caplog.at_level(logging.INFO):
        for exporter in (refusing, Broken()):
            caplog.clear()
            counts = ended(exporter, 600, waiting=1000)
            assert (counts.exported, counts.dropped) == (0, 600)
            assert len([line for line in caplog.messages if "takes no spans" in line]) == 1


def test_a_large_file_is_set_aside(tmp_path: Path) -> None:
    """Spans on disk are bounded: the file before is kept, older ones are not."""
    path = tmp_path / "spans.jsonl"
    file = SpanFile(path, largest_bytes=200)
    provider = TracerProvider(shutdown_on_exit=False)
    for number in range(3):
        span = provider.get_tracer("test").start_span(f"s{number}")
        span.end()
        assert isinstance(span, ReadableSpan)
        file.export([span])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["spans.jsonl.1"]
    assert json.loads((tmp_path / "spans.jsonl.1").read_text(encoding="utf-8"))["name"] == "s2"


def test_a_file_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    """Not at the first request, and with the remedy."""
    with pytest.raises(ConfigError, match=r"traces\.file: .*; give a path this user may write to"):
        SpanFile(tmp_path)
