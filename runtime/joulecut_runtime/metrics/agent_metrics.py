"""What both agents tell of themselves as Prometheus metrics: their spans, and how their certificate files are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from joulecut_core.errors import JoulecutError

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """What an agent's certificate files say when asked.

    `expiry_s`: seconds since 1970; raises JoulecutError where they cannot be read. `wrong`: why new connections cannot
    use them, empty where they can.
    """

    expiry_s: Callable[[], float]
    wrong: Callable[[], str]


class AgentMetrics:
    """A Prometheus collector. Either of both may be None: an agent without traces, or without TLS."""

    def __init__(self, *, spans: Callable[[], Mapping[str, int]] | None, certificate: CertificateFiles | None) -> None:
        """`spans`: how many by what became of them."""
        self._spans = spans
        self._certificate = certificate
        self._complaint = ""
        """What was wrong with the files when somebody last asked."""

    def collect(self) -> Iterator[Metric]:
        """As things stand; no expiry where the certificate cannot be read now."""
        if self._spans is not None:
            spans = CounterMetricFamily("joulecut_spans", "Spans of requests", labels=["outcome"])
            for outcome, count in self._spans().items():
                spans.add_metric([outcome], count)
            yield spans
        if self._certificate is None:
            return
        before, self._complaint = self._complaint, self._certificate.wrong()
        if self._complaint and self._complaint != before:
            _LOG.warning("metrics: new connections cannot use the certificate files: %s", self._complaint)
        name = "joulecut_certificate_unusable"
        yield GaugeMetricFamily(name, "1 while new connections cannot use its files", value=bool(self._complaint))
        try:
            expiry_s = self._certificate.expiry_s()
        except JoulecutError:
            return
        name = "joulecut_certificate_expiry_timestamp_seconds"
        yield GaugeMetricFamily(name, "When this agent's certificate expires, since 1970", value=expiry_s)
