"""What an agent's configuration file says about its connections, read on its own: the rest may be wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from joulecut_core.decoding import decode
from joulecut_core.documents import read_toml
from joulecut_core.errors import ConfigError
from joulecut_edge.config import EdgeConfig
from joulecut_proto.security.identity import Role
from joulecut_proto.security.tls_options import TlsOptions
from joulecut_server.config import ServerConfig

USUAL_FILES = ("etc/joulecut/edge.toml", "etc/joulecut/server.toml")
"""Where the units' agents have theirs, below the root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """`addresses`: where a server listens, or whom an edge calls; empty where an edge looks for servers itself."""

    role: Role
    addresses: tuple[str, ...]
    insecure: bool
    tls: TlsOptions | None


def usual_configs(root: Path) -> tuple[Path, ...]:
    """The agents' files that are there."""
    return tuple(root / file for file in USUAL_FILES if (root / file).is_file())


def role_of(document: Mapping[str, Any]) -> Role:
    """Whose file this is: an edge's with `bundle`, a server's with `bundles`, else of whom it has more keys."""
    if ("bundle" in document) is not ("bundles" in document):
        return Role.EDGE if "bundle" in document else Role.SERVER
    edge, server = (
        sum(key in document for key in (field.name for field in fields(kind))) for kind in (EdgeConfig, ServerConfig)
    )
    return Role.EDGE if edge > server else Role.SERVER


def read_settings(path: Path) -> AgentSettings:
    """What the file says of connections; raises ConfigError where not even that can be read."""
    document = read_toml(path, ConfigError)
    role = role_of(document)
    key = "server" if role is Role.EDGE else "listen"
    return AgentSettings(
        role=role,
        addresses=tuple(_place(each) for each in str(document.get(key, "")).split(",") if each.strip()),
        insecure=document.get("insecure") is True,
        tls=_tls(path, document.get("tls")),
    )


def _place(text: str) -> str:
    """An address as an edge may write it: which of a name's addresses is taken makes no difference here."""
    return text.strip().removeprefix("dns:")


def _tls(path: Path, table: object) -> TlsOptions | None:
    if table is None:
        return None
    if not isinstance(table, Mapping):
        raise ConfigError(f"{path}: tls: expected a table of authority, certificate and key")
    files: Mapping[str, Any] = {name: table[name] for name in _names() if name in table}
    try:
        return decode(TlsOptions, files, error=ConfigError)
    except ConfigError as error:
        raise ConfigError(f"{path}: tls: {error}") from error


def _names() -> Sequence[str]:
    return ("authority", "certificate", "key")
