"""The `[traces]` table: where spans may go, and how many."""

from __future__ import annotations

import sys

import pytest

from joulecut_core.errors import ConfigError
from joulecut_proto.tracing.options import TracesOptions


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4317", "http://[::1]:4317/", "https://collector.lab:4317"])
def test_places_that_are_fine(endpoint: str) -> None:
    """This host in plain text, any host with TLS."""
    options = TracesOptions(endpoint=endpoint)
    options.check_plain_text()
    assert options.wanted


def test_plain_text_stays_on_this_host() -> None:
    """Spans name networks and requests: another host gets them with TLS, or where somebody says so."""
    beyond = "http://192.0.2.1:4317"
    with pytest.raises(ConfigError, match=r"traces\.endpoint: http://192\.0\.2\.1:4317: in plain text .* insecure"):
        TracesOptions(endpoint=beyond).check_plain_text()
    TracesOptions(endpoint=beyond, insecure=True).check_plain_text()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"endpoint": "127.0.0.1:4317"}, r"traces\.endpoint: '127\.0\.0\.1:4317'; expected http://host:port"),
        ({"endpoint": "http://host:70000"}, "port 70000"),
        ({"sample_ratio": 1.5}, r"traces\.sample_ratio: 1\.5; expected 0 to 1"),
        ({"sample_ratio": float("nan")}, "sample_ratio: nan"),
        ({"most_per_s": 0.0}, r"traces\.most_per_s: 0\.0; expected more than 0"),
        ({"endpoint": "http://h:1", "authority": "ca.pem"}, r"traces\.authority"),
    ],
)
def test_wrong_values_are_told(options: dict[str, str | float], complaint: str) -> None:
    """The message names the key, the value and what is expected."""
    with pytest.raises(ConfigError, match=complaint):
        TracesOptions(**options)  # type: ignore[arg-type]


def test_a_password_is_refused_and_not_shown() -> None:
    """The configuration is logged: what opens a collector belongs into the environment."""
    with pytest.raises(ConfigError, match="OTEL_EXPORTER_OTLP_HEADERS") as caught:
        TracesOptions(endpoint="http://user:hunter2@host:1")
    assert "hunter2" not in str(caught.value)


def test_nobody_traces_by_default() -> None:
    """Without an endpoint and a file nothing is asked for, nor any library."""
    assert not TracesOptions().wanted


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the extra that brings it."""
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigError, match=r"install joulecut\[traces\]"):
        _ = TracesOptions(file="spans.jsonl").wanted
