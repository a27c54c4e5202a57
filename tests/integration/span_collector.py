"""An OpenTelemetry collector for tests: takes spans over OTLP and keeps them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One span as the collector got it."""

    service: str
    span: Span

    @property
    def name(self) -> str:
        """What it is of."""
        return self.span.name

    def __getitem__(self, attribute: str) -> str | bool | int | float:
        """An attribute of joulecut's."""
        return attributes(self.span.attributes)[f"joulecut.{attribute}"]

    def contains(self, other: Seen) -> bool:
        """Whether the other one began and ended while this one lasted."""
        mine, its = self.span, other.span
        return (
            mine.start_time_unix_nano <= its.start_time_unix_nano <= its.end_time_unix_nano <= mine.end_time_unix_nano
        )


@dataclass(slots=True)
class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Implements OTLP's TraceService."""

    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def Export(  # noqa: N802 - the name in the protocol
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Keep what came."""
        del context
        with self._lock:
            for resource in request.resource_spans:
                service = str(attributes(resource.resource.attributes)["service.name"])
                for scope in resource.scope_spans:
                    self.seen.extend(Seen(service=service, span=span) for span in scope.spans)
        return trace_service_pb2.ExportTraceServiceResponse()

    @property
    def endpoint(self) -> str:
        """Where agents send their spans."""
        return f"http://127.0.0.1:{self.port}"

    def children(self, of: Seen) -> dict[str, list[Seen]]:
        """The spans right below one, by name, in the order in which they began."""
        below = [each for each in self.seen if each.span.parent_span_id == of.span.span_id]
        below.sort(key=lambda each: each.span.start_time_unix_nano)
        names = dict.fromkeys(each.name for each in below)
        return {name: [each for each in below if each.name == name] for name in names}

    def roots(self) -> list[Seen]:
        """Spans that begin a trace."""
        return [each for each in self.seen if not each.span.parent_span_id]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens inside the context."""
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    collector = Collector()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    collector.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()


def attributes(pairs: Iterable[KeyValue]) -> dict[str, str | bool | int | float]:
    """OTLP's pairs as a mapping."""
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> str | bool | int | float:
    kind = value.WhichOneof("value")
    found: str | bool | int | float = getattr(value, kind or "string_value")
    return found
