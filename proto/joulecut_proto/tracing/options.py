"""What a person says about an agent's traces."""

from __future__ import annotations

import importlib.util
import math
import re
from dataclasses import dataclass

from joulecut_core.errors import ConfigError
from joulecut_proto.addresses import Address
from joulecut_proto.security.plain_text import Reach, reach_of

_ENDPOINT = re.compile(
    r"(?P<scheme>https?)://(?:\[(?P<v6>[0-9A-Fa-f:.%a-z]+)\]|(?P<host>[A-Za-z0-9_.-]+)):(?P<port>[0-9]{1,5})/?"
)
_LIBRARIES = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.grpc")


@dataclass(frozen=True, slots=True, kw_only=True)
class TracesOptions:
    """The `[traces]` table of an agent's TOML file. Raises ConfigError where a value is out of its range.

    `endpoint`: an OpenTelemetry collector that takes OTLP over gRPC, http://host:port or https://host:port.
    `insecure`: plain text to another host too. `authority`: a PEM file of who signs the collector's certificate, the
    system's authorities without it. `file`: where spans are written as JSON lines. Without an endpoint and a file
    nobody traces. `sample_ratio`: share of requests that are traced, and the most of what an edge asks a server to.
    `most_per_s`: requests traced a second, at most.
    """

    endpoint: str = ""
    insecure: bool = False
    authority: str = ""
    file: str = ""
    sample_ratio: float = 1.0
    most_per_s: float = 100.0

    def __post_init__(self) -> None:
        if self.endpoint:
            place = self._place()
            if place.port > 65535:
                raise ConfigError(f"traces.endpoint: port {place.port}; expected at most 65535")
        if not 0.0 <= self.sample_ratio <= 1.0:
            raise ConfigError(f"traces.sample_ratio: {self.sample_ratio}; expected 0 to 1")
        if not (math.isfinite(self.most_per_s) and self.most_per_s > 0.0):
            raise ConfigError(f"traces.most_per_s: {self.most_per_s}; expected more than 0")
        if self.authority and not self.is_secured:
            raise ConfigError("traces.authority: given with an endpoint that is not https://; change one of them")

    @property
    def is_secured(self) -> bool:
        """Whether the collector is reached with TLS."""
        return self.endpoint.startswith("https://")

    @property
    def wanted(self) -> bool:
        """Whether traces are asked for; raises ConfigError where the libraries for them are missing."""
        if (self.endpoint or self.file) and not _installed():
            raise ConfigError(
                f"traces: asked for ({self.endpoint or self.file}), but opentelemetry is not installed; "
                "install joulecut[traces], or leave the table out"
            )
        return bool(self.endpoint or self.file)

    def check_plain_text(self) -> None:
        """Raise ConfigError where spans would cross a network in plain text and nobody allowed that.

        May resolve a name, which takes time.
        """
        if not self.endpoint or self.is_secured or self.insecure:
            return
        if reach_of(self._place()) is not Reach.HOST:
            raise ConfigError(
                f"traces.endpoint: {self.endpoint}: in plain text only a collector of this host is used; "
                "give https://, or, on a network you trust, insecure = true"
            )

    def _place(self) -> Address:
        if "@" in self.endpoint:
            raise ConfigError(
                "traces.endpoint: holds a user or a password, which logs would show; "
                "give what the collector asks for in OTEL_EXPORTER_OTLP_HEADERS"
            )
        match = _ENDPOINT.fullmatch(self.endpoint)
        if match is None:
            raise ConfigError(
                f"traces.endpoint: {self.endpoint!r}; expected http://host:port, as http://127.0.0.1:4317"
            )
        return Address(host=match["v6"] or match["host"], port=int(match["port"]))


def _installed() -> bool:
    try:
        return all(importlib.util.find_spec(name) is not None for name in _LIBRARIES)
    except ModuleNotFoundError:
        return False
