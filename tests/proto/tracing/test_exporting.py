"""Spans on their way out: bounded in number, counted where they are lost, written whole."""

from __future__ import annotations

import json
import logging
import os
import resource
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


def one_span(name: str) -> ReadableSpan:
    """A span, over already."""
    span = TracerProvider(shutdown_on_exit=False).get_tracer("test").start_span(name)
    span.end()
    assert isinstance(span, ReadableSpan)
    return span


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
    for number in range(3):
        file.export([one_span(f"s{number}")])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["spans.jsonl.1"]
    assert json.loads((tmp_path / "spans.jsonl.1").read_text(encoding="utf-8"))["name"] == "s2"


def test_a_file_that_another_agent_has_set_aside_stays_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents of a pool have one file: the second to see that it has grown must not put the fresh one in its place."""
    path, other = tmp_path / "spans.jsonl", SpanFile(tmp_path / "spans.jsonl", largest_bytes=200)
    file, status_of = SpanFile(path, largest_bytes=200), os.fstat

    def overtaken(descriptor: int) -> os.stat_result:
        monkeypatch.setattr(os, "fstat", status_of)
        other.export([one_span("theirs")])
        path.touch()
        return status_of(descriptor)

    monkeypatch.setattr(os, "fstat", overtaken)
    assert file.export([one_span("ours")]) is SpanExportResult.SUCCESS
    lines = (tmp_path / "spans.jsonl.1").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["ours", "theirs"]
    assert path.exists()


def test_a_large_file_in_a_folder_of_somebody_elses_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be set aside there, and is to fill no disk all the same."""
    path = tmp_path / "spans.jsonl"
    file = SpanFile(path, largest_bytes=200)

    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "replace", forbidden)
    assert [file.export([one_span("s")]) for _ in range(2)] == [SpanExportResult.SUCCESS] * 2
    assert path.stat().st_size == 0


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    """What was written in half is taken back: the next span begins a line of its own."""
    path = tmp_path / "spans.jsonl"
    file = SpanFile(path)
    file.export([one_span("first")])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 50, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            file.export([one_span("lost")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    file.export([one_span("second")])
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["first", "second"]


def test_a_file_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    """Not at the first request, and with the remedy."""
    with pytest.raises(ConfigError, match=r"traces\.file: .*; give a path this user may write to"):
        SpanFile(tmp_path)
