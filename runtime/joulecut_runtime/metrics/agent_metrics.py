"""What both agents tell of themselves as Prometheus metrics: their spans, and until when their certificate holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from joulecut_core.errors import JoulecutError

_LOG = logging.getLogger(__name__)


class AgentMetrics:
    """A Prometheus collector. Either of both may be None: an agent without traces, or without TLS."""

    def __init__(
        self, *, spans: Callable[[], Mapping[str, int]] | None, certificate_expiry_s: Callable[[], float] | None
    ) -> None:
        """`spans`: how many by what became of them; `certificate_expiry_s`: seconds since 1970, read when asked."""
        self._spans = spans
        self._certificate_expiry_s = certificate_expiry_s

    def collect(self) -> Iterator[Metric]:
        """As things stand; no expiry where the certificate cannot be read now."""
        if self._spans is not None:
            spans = CounterMetricFamily("joulecut_spans", "Spans of requests", labels=["outcome"])
            for outcome, count in self._spans().items():
                spans.add_metric([outcome], count)
            yield spans
        if self._certificate_expiry_s is None:
            return
        try:
            expiry_s = self._certificate_expiry_s()
        except JoulecutError as error:
            _LOG.warning("metrics: the certificate cannot be read: %s", error)
            return
        name = "joulecut_certificate_expiry_timestamp_seconds"
        yield GaugeMetricFamily(name, "When this agent's certificate expires, since 1970", value=expiry_s)
