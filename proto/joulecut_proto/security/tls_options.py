"""The `[tls]` table of an agent's TOML file."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.errors import AccessError, ConfigError
from joulecut_proto.security.identity import SCHEME, Identity, Role, parse_identity


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """PEM files: the site's authority, this agent's certificate, its key. Raises ConfigError where one is not named."""

    authority: str
    certificate: str
    key: str

    def __post_init__(self) -> None:
        for name in ("authority", "certificate", "key"):
            if not getattr(self, name):
                raise ConfigError(f"tls.{name}: empty; expected the path of a PEM file")


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeTls(TlsOptions):
    """An edge's table.

    `server_identity`: what the identity of a server begins with, as `spiffe://lab/server/gpu-`; without it any server
    of the edge's own site, or a proxy in front of one. Raises ConfigError where it is no beginning of an identity.
    """

    server_identity: str = ""

    def __post_init__(self) -> None:
        TlsOptions.__post_init__(self)
        if self.server_identity and not self.server_identity.startswith(SCHEME):
            raise ConfigError(f"tls.server_identity: {self.server_identity[:80]!r}; expected {SCHEME}<site>/server/...")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls(TlsOptions):
    """A server's table.

    `proxies`: identities of proxies that end edges' connections in front of this server and forward who they are.
    Raises ConfigError where one is not of a proxy.
    """

    proxies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        TlsOptions.__post_init__(self)
        for proxy in self.proxies:
            try:
                role = parse_identity(proxy).role
            except AccessError as error:
                raise ConfigError(f"tls.proxies: {error}") from error
            if role is not Role.PROXY:
                raise ConfigError(f"tls.proxies: {proxy} has role {role.value}; expected proxy")

    @property
    def pinned(self) -> tuple[Identity, ...]:
        """The proxies, parsed."""
        return tuple(parse_identity(proxy) for proxy in self.proxies)
