"""Where the holder of a certificate is reached: host names and addresses, as callers write them."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from joulecut_core.errors import ConfigError

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LONGEST_HOST = 253


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Host names and IP addresses. Raises ConfigError for one that cannot be; wildcards are refused."""

    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for host in self.hosts:
            if len(host) > _LONGEST_HOST or not _HOST.fullmatch(host):
                raise ConfigError(f"host {host[:80]!r}; expected a name of letters, digits and dashes, without a port")
            if re.fullmatch(r"[\d.]+", host):
                raise ConfigError(f"host {host}: is an address; give it with --ip")
        for address in self.addresses:
            try:
                ipaddress.ip_address(address)
            except ValueError as error:
                raise ConfigError(f"address {address[:80]!r}; expected an IPv4 or IPv6 address, no port") from error

    def __bool__(self) -> bool:
        return bool(self.hosts or self.addresses)
