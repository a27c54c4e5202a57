"""Who a certificate says its holder is: one SPIFFE URI, `spiffe://<site>/<role>/<name>`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from joulecut_core.errors import AccessError, ConfigError

SCHEME = "spiffe://"

_SITE = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LONGEST_URI = 256
_SHOWN = 80


class Role(str, Enum):
    """What a certificate's holder does at its site."""

    SERVER = "server"
    EDGE = "edge"
    OPERATOR = "operator"
    """A person or program that looks and plans; sends no requests."""
    PROXY = "proxy"
    """Ends connections in front of a server, and says who was on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A holder of a certificate. Raises ConfigError where site or name cannot stand in a URI."""

    site: str
    role: Role
    name: str

    def __post_init__(self) -> None:
        if not _SITE.fullmatch(self.site):
            raise ConfigError(
                f"site {self.site[:_SHOWN]!r}; expected 1 to 63 small letters, digits, dots, dashes, underscores"
            )
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"name {self.name[:_SHOWN]!r}; expected 1 to 64 letters, digits, dots, dashes, underscores"
            )

    def __str__(self) -> str:
        return f"{SCHEME}{self.site}/{self.role.value}/{self.name}"


def parse_identity(uri: str) -> Identity:
    """The identity that `uri` is, in exactly the form it is written; raises AccessError where it is none."""
    shown = repr(uri[:_SHOWN])
    parts = uri.removeprefix(SCHEME).split("/") if uri.startswith(SCHEME) and len(uri) <= _LONGEST_URI else []
    if len(parts) != 3:
        raise AccessError(f"{shown} is no identity; expected {SCHEME}<site>/<role>/<name>")
    site, role, name = parts
    try:
        return Identity(site=site, role=Role(role), name=name)
    except ConfigError as error:
        raise AccessError(f"{shown} is no identity: {error}") from error
    except ValueError as error:
        known = ", ".join(each.value for each in Role)
        raise AccessError(f"{shown} is no identity: role {role[:_SHOWN]!r}; expected one of {known}") from error


def only_identity(uris: Sequence[str]) -> Identity:
    """The identity of a certificate with these URI names; raises AccessError where there is not exactly one."""
    if len(uris) != 1:
        found = ", ".join(uri[:_SHOWN] for uri in uris[:3]) or "none"
        raise AccessError(
            f"the certificate has {len(uris)} URI names ({found}); expected exactly one, "
            f"{SCHEME}<site>/<role>/<name>: have it issued by `joulecut pki`, or with that name"
        )
    return parse_identity(uris[0])
