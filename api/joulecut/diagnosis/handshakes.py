"""Why a server is not reached over TLS: a handshake made for the purpose, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from joulecut.diagnosis.agent_settings import read_settings
from joulecut.diagnosis.finding import Area, Fact, Finding, Status
from joulecut_core.errors import ConfigError, JoulecutError
from joulecut_proto.security.identity import Role
from joulecut_proto.security.tls_options import TlsOptions

_PATIENCE_S = 5.0
_REMEDY = "what the message names; `joulecut pki show` and `joulecut doctor` on the server's host tell its side"


def examine_servers(configs: Sequence[Path], server: str | None) -> Iterator[Finding]:
    """For each edge's file the servers that it names, or `server`, and what a handshake with them says.

    Only where the file has [tls]: others have nothing to shake hands with.
    """
    edges = 0
    for path in configs:
        try:
            settings = read_settings(path)
        except ConfigError:
            continue  # said where configurations are looked at
        if settings.role is not Role.EDGE or settings.tls is None:
            continue
        edges += 1
        for address in (server,) if server else settings.addresses:
            yield _handshake(path, settings.tls, address)
    if server and not edges:
        what = f"{server}: no edge's configuration with [tls] is here to call it with"
        yield _finding(server, Status.NOTE, what, "give one with --config", {})


def _handshake(path: Path, tls: TlsOptions, address: str) -> Finding:
    from joulecut_proto.security.channel_security import ChannelSecurity  # noqa: PLC0415
    from joulecut_proto.security.handshake import peer_identity  # noqa: PLC0415 - grpc is part of an extra

    facts: dict[str, Fact] = {"server": address, "config": str(path)}
    security = ChannelSecurity(authority=Path(tls.authority), certificate=Path(tls.certificate), key=Path(tls.key))
    try:
        identity = asyncio.run(peer_identity(address, security, _PATIENCE_S))
    except JoulecutError as error:
        return _finding(address, Status.PROBLEM, str(error), _REMEDY, facts)
    facts["identity"] = str(identity)
    if identity.role is Role.EDGE:
        what = f"{address} is {identity}, an edge; expected a server or its proxy"
        return _finding(address, Status.PROBLEM, what, "check the address, and who holds that certificate", facts)
    return _finding(address, Status.OK, f"{address} is {identity}, and takes this edge's certificate", None, facts)


def _finding(name: str, status: Status, what: str, remedy: str | None, facts: dict[str, Fact]) -> Finding:
    return Finding(area=Area.TLS, name=name, status=status, what=what, remedy=remedy, facts=facts)
