"""What both agents tell of themselves: spans by what became of them, and the end of their certificate."""

from __future__ import annotations

import logging

import pytest
from prometheus_client import CollectorRegistry

from joulecut_core.errors import ConfigError
from joulecut_runtime.metrics.agent_metrics import AgentMetrics, CertificateFiles


def test_what_there_is_not_is_not_told() -> None:
    """Without traces and without TLS there is no series that would stand at 0 for ever."""
    registry = CollectorRegistry()
    registry.register(AgentMetrics(spans=None, certificate=None))
    assert list(registry.collect()) == []


def test_spans_and_the_certificates_end() -> None:
    """As they are when somebody asks: a certificate may have been renewed since."""
    registry = CollectorRegistry()
    ends = iter((100.0, 200.0))
    registry.register(
        AgentMetrics(
            spans=lambda: {"exported": 5, "dropped": 2},
            certificate=CertificateFiles(expiry_s=lambda: next(ends), wrong=str),
        )
    )
    value = registry.get_sample_value
    assert value("joulecut_spans_total", {"outcome": "exported"}) == 5
    assert [value("joulecut_certificate_expiry_timestamp_seconds") for _ in range(2)] == [100.0, 200.0]
    assert value("joulecut_certificate_unusable") == 0


def test_a_certificate_that_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    """The page is still served without the date, says that the files are of no use, and the log why, once."""
    why = "TLS certificate c.pem: No such file or directory"

    def gone() -> float:
        raise ConfigError(why)

    registry = CollectorRegistry()
    with caplog.at_level(logging.WARNING):
        registry.register(AgentMetrics(spans=None, certificate=CertificateFiles(expiry_s=gone, wrong=lambda: why)))
        for _ in range(2):
            assert [(each.name, each.samples[0].value) for each in registry.collect()] == [
                ("joulecut_certificate_unusable", 1.0)
            ]
    assert [message.endswith(why) for message in caplog.messages] == [True]
