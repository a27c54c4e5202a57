"""The `[dashboard]` table of a server-agent's TOML file."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from joulecut_core.errors import ConfigError
from joulecut_proto.addresses import Address, parse_address

_NEEDED = ("starlette", "uvicorn")


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardOptions:
    """Where the dashboard is read; raises ConfigError for an address that is none.

    `listen`: host:port of the page, port 0 for a free one, which the log tells; empty for none. With `[tls]` it is
    HTTPS and asks for a certificate. `edges`: whether certificates of edges are let in beside those of operators,
    each to its own sessions.
    """

    listen: str = ""
    edges: bool = False

    def __post_init__(self) -> None:
        if self.listen:
            self.place()

    @property
    def wanted(self) -> bool:
        """Whether a dashboard is asked for; raises ConfigError where the libraries for it are missing."""
        missing = [name for name in _NEEDED if self.listen and importlib.util.find_spec(name) is None]
        if missing:
            raise ConfigError(
                f"dashboard.listen: {self.listen}, but {' and '.join(missing)} are not installed; "
                "install joulecut[dashboard], or leave the table out"
            )
        return bool(self.listen)

    def place(self) -> Address:
        """Host and port to listen on."""
        try:
            place = parse_address(self.listen)
        except ConfigError as error:
            raise ConfigError(f"dashboard.listen: {error}") from error
        if place.path is not None:
            raise ConfigError(f"dashboard.listen: {self.listen}; expected host:port, which a browser can open")
        return place
