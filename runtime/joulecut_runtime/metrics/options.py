"""What a person says about an agent's metrics."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from joulecut_core.errors import ConfigError
from joulecut_core.host_ports import MAX_PORT, host_and_port


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsOptions:
    """The `[metrics]` table of an agent's TOML file; raises ConfigError for an address that is none.

    `listen`: host:port where Prometheus reads them, port 0 for a free one, which the log tells; empty for none.
    """

    listen: str = ""

    def __post_init__(self) -> None:
        if self.listen:
            self.place()

    @property
    def wanted(self) -> bool:
        """Whether metrics are asked for; raises ConfigError where the library for them is missing."""
        if self.listen and importlib.util.find_spec("prometheus_client") is None:
            raise ConfigError(
                f"metrics.listen: {self.listen}, but prometheus-client is not installed; "
                "install joulecut[metrics], or leave the table out"
            )
        return bool(self.listen)

    def place(self) -> tuple[str, int]:
        """Host and port to listen on."""
        found = host_and_port(self.listen)
        if found is None or found[1] > MAX_PORT:
            raise ConfigError(f"metrics.listen: {self.listen!r}; expected host:port, for example 127.0.0.1:9464")
        return found
