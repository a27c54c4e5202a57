"""Where spans go."""

from __future__ import annotations

import pytest

from joulecut_core.timing import SystemClock
from joulecut_proto.tracing.opening import Traces
from joulecut_proto.tracing.options import TracesOptions
from tests.integration.span_collector import collecting

NOBODY = "http://127.0.0.1:9"


def test_plain_text_passes_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A robot's environment may name one, which would read what is meant for this host alone."""
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, NOBODY)
    for name in ("no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    with collecting() as collector:
        options = TracesOptions(endpoint=collector.endpoint)
        traces = Traces(options, service="joulecut-edge", name="e", clock=SystemClock())
        traces._provider.get_tracer("t").start_span("request").end()
        traces.close()
    assert [each.name for each in collector.seen] == ["request"]
