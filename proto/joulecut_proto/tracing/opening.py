"""The tracer that a configuration asks for. Needs the extra `traces`; imported only where one does."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter

from joulecut_core.spans import Tracer
from joulecut_core.timing import Clock
from joulecut_proto.security.key_pairs import read_authority
from joulecut_proto.tracing.exporting import BoundedProcessor, SpanCounts, SpanFile
from joulecut_proto.tracing.options import TracesOptions
from joulecut_proto.tracing.recording import Recorder
from joulecut_proto.tracing.sampling import sampler

_LOG = logging.getLogger(__name__)

_EXPORT_S = 2.0
"""Wall seconds for one batch; at an agent's end the most that a collector delays it, about."""
# The library says that values are text, and gives them to gRPC, which wants a number here.
_DIRECT = cast("tuple[tuple[str, str]]", (("grpc.enable_http_proxy", 0),))
"""In plain text to this host means by no proxy of the environment, which would read spans and the collector's key."""


class Traces:
    """A tracer, and what became of its spans."""

    def __init__(self, options: TracesOptions, *, service: str, name: str, clock: Clock) -> None:
        """`service`: "joulecut-edge" or "joulecut-server"; `name`: which of them.

        Raises ConfigError where spans may not go where they are to go, or cannot be written there.
        """
        options.check_plain_text()
        self._counts: list[SpanCounts] = []
        version = importlib.metadata.version("joulecut")
        resource = Resource.create({"service.name": service, "service.instance.id": name, "service.version": version})
        self._provider = TracerProvider(
            sampler=sampler(options.sample_ratio, options.most_per_s), resource=resource, shutdown_on_exit=False
        )
        for exporter, where in _exporters(options):
            counts = SpanCounts()
            self._counts.append(counts)
            self._provider.add_span_processor(BoundedProcessor(exporter, counts, where))
            _LOG.info("traces: to %s, %g of the requests", where, options.sample_ratio)
        self.tracer: Tracer = Recorder(self._provider.get_tracer("joulecut", version), clock)

    def counted(self) -> Mapping[str, int]:
        """Spans that a collector or a file took, and those that found no room to wait or that nobody took."""
        return {
            "exported": sum(counts.exported for counts in self._counts),
            "dropped": sum(counts.dropped for counts in self._counts),
        }

    def close(self) -> None:
        """Export what waits; takes some seconds where a collector is away."""
        self._provider.shutdown()


def _exporters(options: TracesOptions) -> list[tuple[SpanExporter, str]]:
    found: list[tuple[SpanExporter, str]] = []
    if options.file:
        found.append((SpanFile(Path(options.file)), options.file))
    if options.endpoint:
        secrets = None
        if options.is_secured:
            authority = read_authority(Path(options.authority)) if options.authority else None
            secrets = grpc.ssl_channel_credentials(root_certificates=authority)
        exporter = OTLPSpanExporter(
            endpoint=options.endpoint,
            insecure=not options.is_secured,
            credentials=secrets,
            timeout=_EXPORT_S,
            channel_options=None if options.is_secured else _DIRECT,
        )
        found.append((exporter, options.endpoint))
    return found
