"""What a server's spans say of a request, from its header to its reply."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from joulecut_core.clocks import OperatingPoint
from joulecut_core.figures import FigureKind
from joulecut_core.request_context import RequestContext, current_request
from joulecut_core.spans import current_span
from joulecut_core.timing import ScaledClock
from joulecut_proto.inference_messages import Origin, ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.tracing.recording import Recorder
from joulecut_server.requests.spans import RequestSpans

HEADER = RequestHeader(
    session_id="edge-1",
    request_id="r/0",
    epoch=4,
    network_digest="d",
    cut=2,
    codec="raw",
    variant="",
    total_bytes=64,
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)
POINT = OperatingPoint(core_mhz=1590.0, memory_mhz=None)


class SteppingClock(ScaledClock):
    """Emulated seconds that last ten on the wall, and pass only when told."""

    def __init__(self) -> None:
        super().__init__(10.0)
        self.time_s = 100.0

    def now_s(self) -> float:
        """Where it stands."""
        return self.time_s


class Bench:
    """A server's tracer, and what it recorded."""

    def __init__(self) -> None:
        self.clock = SteppingClock()
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.spans = RequestSpans(self.clock, Recorder(provider.get_tracer("test"), self.clock), lambda: POINT)

    def serve(self, reply: ReplyHeader) -> dict[str, ReadableSpan]:
        """One request that is a second under way before it is whole, half a second in work, 0.1 s on its way back."""
        self.clock.time_s = 101.0
        with self.spans.request(HEADER, 100.0) as span:
            assert current_request() == RequestContext(request_id="r/0", session_id="edge-1", epoch=4)
            current_span().note(batch=3)
            self.clock.time_s = 101.5
            span.answered(reply)
            self.clock.time_s = 101.6
            span.sent()
        assert current_request() is None
        return {each.name: each for each in self._exporter.get_finished_spans()}


def lasted_s(span: ReadableSpan) -> float:
    """Wall seconds of a span."""
    assert span.end_time is not None
    assert span.start_time is not None
    return (span.end_time - span.start_time) / 1e9


def told(span: ReadableSpan) -> Mapping[str, object]:
    """A span's attributes."""
    assert span.attributes is not None
    return span.attributes


def test_where_its_time_went() -> None:
    """Parts follow one another within the request, and last as long as they do on the wall, slowed down as it is."""
    reply = ReplyHeader(
        request_id="r/0",
        current_epoch=4,
        queue_s=0.1,
        decode_s=0.05,
        tail_s=0.2,
        server_energy_j=1.5,
        figures=FigureKind.EMULATED,
    )
    spans = Bench().serve(reply)
    seconds = {name: lasted_s(span) for name, span in spans.items()}
    expected = {"receive": 10.0, "queue": 1.0, "decode": 0.5, "server part": 2.0, "reply": 1.0, "serve request": 16.0}
    assert seconds == pytest.approx(expected, abs=1e-6)
    order = ["receive", "queue", "decode", "server part"]
    for before, after in itertools.pairwise(order):
        assert spans[before].end_time == pytest.approx(spans[after].start_time, abs=1000)
    root = spans["serve request"]
    assert told(root)["joulecut.batch"] == 3
    assert told(root)["joulecut.server_j"] == 1.5
    assert (told(root)["joulecut.figures"], told(root)["joulecut.core_mhz"]) == ("emulated", 1590.0)
    assert "joulecut.memory_mhz" not in told(root)


def test_it_continues_the_edges_trace() -> None:
    """The request stands below the edge's attempt, its parts below itself."""
    spans = Bench().serve(ReplyHeader(request_id="r/0", current_epoch=4))
    root = spans.pop("serve request")
    assert root.parent is not None
    assert (root.parent.span_id, root.parent.is_remote) == (0x00F067AA0BA902B7, True)
    assert root.context is not None
    assert root.context.trace_id == 0x4BF92F3577B34DA6A3CE929D0E0E4736
    for part in spans.values():
        assert part.parent is not None
        assert part.parent.span_id == root.context.span_id


def test_a_refusal_is_an_error() -> None:
    """With its status and the reason that the edge is told; no part of it was computed."""
    reply = ReplyHeader(request_id="r/0", current_epoch=4, status=ReplyStatus.LATE, message="it waited 3 s")
    spans = Bench().serve(reply)
    root = spans["serve request"]
    assert root.status.status_code is StatusCode.ERROR
    assert root.status.description == "TurnedAwayError: it waited 3 s"
    assert told(root)["joulecut.status"] == "late"
    assert "server part" not in spans


def test_a_kept_answer_was_not_computed_again() -> None:
    """The seconds and joules in its reply are those of the attempt before: they are not told twice."""
    reply = ReplyHeader(request_id="r/0", current_epoch=4, tail_s=0.2, server_energy_j=1.5, origin=Origin.KEPT)
    spans = Bench().serve(reply)
    assert "server part" not in spans
    assert told(spans["serve request"])["joulecut.origin"] == "kept"
    assert "joulecut.server_j" not in told(spans["serve request"])
