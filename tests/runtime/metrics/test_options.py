"""Where metrics are read, and what a wrong place is told."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from joulecut_core.errors import ConfigError
from joulecut_runtime.metrics.options import MetricsOptions


def test_off_by_default() -> None:
    """Nobody listens unless asked to."""
    assert not MetricsOptions().wanted


@pytest.mark.parametrize(
    ("listen", "place"),
    [("127.0.0.1:9464", ("127.0.0.1", 9464)), ("[::1]:0", ("::1", 0)), ("gpu-box.local:80", ("gpu-box.local", 80))],
)
def test_places(listen: str, place: tuple[str, int]) -> None:
    """Names and both kinds of addresses, with a port."""
    assert MetricsOptions(listen=listen).place() == place


@pytest.mark.parametrize("listen", ["9464", "localhost", "unix:/run/x.sock", "127.0.0.1:70000", "a b:1"])
def test_what_is_no_place_is_refused(listen: str) -> None:
    """At the start, with an example of what would do."""
    with pytest.raises(ConfigError, match=r"metrics\.listen: .*; expected host:port, for example 127\.0\.0\.1:9464"):
        MetricsOptions(listen=listen)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for metrics without their extra is told which one to install."""

    def absent(name: str, package: str | None = None) -> ModuleSpec | None:
        del name, package
        return None

    monkeypatch.setattr(importlib.util, "find_spec", absent)
    with pytest.raises(ConfigError, match=r"prometheus-client is not installed; install joulecut\[metrics\]"):
        _ = MetricsOptions(listen="127.0.0.1:0").wanted
    assert not MetricsOptions().wanted
