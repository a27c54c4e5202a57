"""What both agents tell of themselves: spans by what became of them, and the end of their certificate."""

from __future__ import annotations

import logging

import pytest
from prometheus_client import CollectorRegistry

from joulecut_core.errors import ConfigError
from joulecut_runtime.metrics.agent_metrics import AgentMetrics


def test_what_there_is_not_is_not_told() -> None:
    """Without traces and without TLS there is no series that would stand at 0 for ever."""
    registry = CollectorRegistry()
    registry.register(AgentMetrics(spans=None, certificate_expiry_s=None))
    assert list(registry.collect()) == []


def test_spans_and_the_certificates_end() -> None:
    """As they are when somebody asks: a certificate may have been renewed since."""
    registry = CollectorRegistry()
    ends = iter((100.0, 200.0))
    registry.register(
        AgentMetrics(spans=lambda: {"exported": 5, "dropped": 2}, certificate_expiry_s=lambda: next(ends))
    )
    value = registry.get_sample_value
    assert value("joulecut_spans_total", {"outcome": "exported"}) == 5
    assert [value("joulecut_certificate_expiry_timestamp_seconds") for _ in range(2)] == [100.0, 200.0]


def test_a_certificate_that_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    """The page is still served, and the log says why the date is missing."""

    def gone() -> float:
        raise ConfigError("TLS certificate c.pem: No such file or directory")

    registry = CollectorRegistry()
    with caplog.at_level(logging.WARNING):
        registry.register(AgentMetrics(spans=None, certificate_expiry_s=gone))
        assert list(registry.collect()) == []
    assert caplog.messages[-1].endswith("c.pem: No such file or directory")
