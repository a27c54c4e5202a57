"""What one caller may do here, as the rules say when it asks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from joulecut_core.errors import AccessError
from joulecut_proto.inference_messages import HIGHEST_PRIORITY
from joulecut_proto.security.callers import Caller
from joulecut_proto.security.identity import Identity, Role
from joulecut_server.access.options import ANYTHING, AccessOptions, EdgeRule

_ALL = EdgeRule(priority=HIGHEST_PRIORITY)
_MOST_PATTERNS = 1 << 15
"""Kept, one for a rule. The standard library's own matching keeps 256 on Python 3.10, and makes all others anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """A caller and its rule. `identity` is None for a caller without TLS, who may do everything."""

    identity: Identity | None
    rule: EdgeRule
    inference: bool

    def __str__(self) -> str:
        return "a caller without TLS" if self.identity is None else str(self.identity)

    @property
    def sessions(self) -> int:
        """How many sessions it may have at a time."""
        return self.rule.sessions

    def check_network(self, digest: str, name_of: Callable[[str], str | None]) -> None:
        """Raise AccessError where the network is not among its own; `name_of` knows the names of digests."""
        if not self.knows_network(digest, name_of(digest)):
            raise AccessError(f"network {digest[:80]} is not among those of {self}; see [[access.edges]] networks")

    def knows_network(self, digest: str, name: str | None) -> bool:
        """True where a network of that digest and name is among its own."""
        known = self.rule.networks
        return ANYTHING in known or digest in known or (name is not None and name in known)

    def check_solver(self) -> None:
        """Raise AccessError where it may not have problems solved."""
        if not self.rule.solver:
            raise AccessError(f"{self} may not have problems solved here; see [[access.edges]] solver")

    def check_bundles(self) -> None:
        """Raise AccessError where it may not fetch networks."""
        if not self.rule.bundles:
            raise AccessError(f"{self} may not fetch bundles here; see [[access.edges]] bundles")

    def check_inference(self) -> None:
        """Raise AccessError where it may not run requests."""
        if not self.inference:
            raise AccessError(f"{self} may not run requests; the certificate of an edge may")


def permit_for(caller: Caller, options: AccessOptions | None, *, site: str | None) -> Permit:
    """What a caller may do; raises AccessError where that is nothing.

    `options`: None without an `[access]` table. `site`: the server's own; None takes callers of every site.
    """
    if caller.identity is None:
        return Permit(identity=None, rule=_ALL, inference=True)
    return permit_of(caller.identity, options, site=site)


def permit_of(identity: Identity, options: AccessOptions | None, *, site: str | None) -> Permit:
    """What somebody with a certificate may do; otherwise as `permit_for`."""
    sites = () if options is None else options.sites
    if site is not None and identity.site != site and identity.site not in sites:
        raise AccessError(f"{identity} is of site {identity.site}; this server is of {site}: see [access] sites")
    if identity.role is Role.OPERATOR:
        return Permit(identity=identity, rule=_ALL, inference=False)
    if identity.role is not Role.EDGE:
        raise AccessError(f"{identity} has role {identity.role.value}; expected edge or operator: use its certificate")
    if options is None:
        return Permit(identity=identity, rule=_ALL, inference=True)
    for rule in options.edges:
        if _pattern(rule.names).match(identity.name):
            return Permit(identity=identity, rule=rule, inference=True)
    raise AccessError(
        f"no rule of [[access.edges]] names {identity}; add one on the server, or use another certificate"
    )


@lru_cache(maxsize=_MOST_PATTERNS)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, names)))
