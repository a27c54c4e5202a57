"""Whether an agent's certificate, key and authority are there, belong together, and are valid now."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from cryptography import x509

from joulecut.diagnosis.agent_settings import AgentSettings, read_settings
from joulecut.diagnosis.finding import Area, Fact, Finding, Status
from joulecut.pki.certificates import alternative_names, identity_of, issued_by, read_certificates
from joulecut.pki.views import SOON_DAYS, Validity, days_left, validity
from joulecut_core.errors import ConfigError
from joulecut_proto.addresses import parse_address
from joulecut_proto.security.certificates import wrong_use
from joulecut_proto.security.identity import Role
from joulecut_proto.security.key_pairs import read_authority, read_key_pair
from joulecut_proto.security.plain_text import Reach, reach_of
from joulecut_proto.security.tls_options import TlsOptions

_READABLE = 0o007 | 0o020
"""Others may not read a key, and its group may not write it."""
_RENEW = "`joulecut pki renew` where the authority is; for a key that stays here `pki request`, `pki issue --csr`"


def examine_certificates(configs: Sequence[Path], *, now: datetime | None = None) -> Iterator[Finding]:
    """The findings about each agent's configuration file; one that says so where there is none."""
    now = now or datetime.now(timezone.utc)
    if not configs:
        what = "no agent's configuration is here to name certificates"
        yield _finding("tls", Status.NOTE, what, "give one with --config", {"configs": []})
    for path in configs:
        try:
            settings = read_settings(path)
        except ConfigError:
            continue  # said where configurations are looked at
        try:
            found = list(_of_agent(path, settings, now))
        except ConfigError as error:
            found = [_finding(path.name, Status.PROBLEM, str(error), "mend the file", {"config": str(path)})]
        yield from found


def _of_agent(path: Path, settings: AgentSettings, now: datetime) -> Iterator[Finding]:
    if settings.tls is None:
        yield _plain(path, settings)
        return
    tls = settings.tls
    facts: dict[str, Fact] = {"config": str(path), "certificate": tls.certificate, "authority": tls.authority}
    try:
        leaf, *others = read_certificates(Path(tls.certificate))
        read_key_pair(Path(tls.certificate), Path(tls.key))
        read_authority(Path(tls.authority))
    except ConfigError as error:
        remedy = f"`joulecut pki issue {settings.role.value} NAME` makes the three; the agent's user must read them"
        yield _finding(path.name, Status.PROBLEM, str(error), remedy, facts)
        return
    authorities = read_certificates(Path(tls.authority))
    yield _holder(path, settings, leaf, facts)
    yield from _key_mode(path, tls)
    yield _chain(path, leaf, others, authorities)
    yield _time(path, leaf, now)
    yield from _authorities_time(path, authorities, now)
    yield from _reached(path, settings, leaf)


def _plain(path: Path, settings: AgentSettings) -> Finding:
    facts: dict[str, Fact] = {"config": str(path), "addresses": list(settings.addresses), "tls": False}
    beyond = [address for address in settings.addresses if reach_of(parse_address(address)) is not Reach.HOST]
    if not beyond:
        what = "no [tls]: right on this host alone; servers of other hosts are not called, nor called by them"
        return _finding(path.name, Status.OK, what, None, facts)
    remedy = "`joulecut pki init` and `pki issue` make what [tls] needs"
    if settings.insecure:
        what = f"insecure: {', '.join(beyond)} is reached in plain text, and nobody's identity is checked"
        return _finding(path.name, Status.WARNING, what, remedy, facts)
    what = f"no [tls], and {', '.join(beyond)} is not only this host's: the agent refuses that"
    return _finding(path.name, Status.PROBLEM, what, remedy, facts)


def _holder(path: Path, settings: AgentSettings, leaf: x509.Certificate, facts: dict[str, Fact]) -> Finding:
    remedy = f"`joulecut pki issue {settings.role.value} NAME` makes one for this agent"
    try:
        identity = identity_of(leaf)
    except ConfigError as error:
        return _finding(path.name, Status.PROBLEM, str(error), remedy, facts)
    facts = {**facts, "identity": str(identity)}
    if identity.role is not settings.role:
        what = (
            f"the certificate is of {identity}; {path.name} is of role {settings.role.value}: the other side refuses it"
        )
        return _finding(path.name, Status.PROBLEM, what, remedy, facts)
    wrong = wrong_use(leaf, serves=identity.role is Role.SERVER)
    if wrong:
        return _finding(path.name, Status.PROBLEM, f"the certificate of {identity} {wrong}", remedy, facts)
    return _finding(path.name, Status.OK, f"the certificate is of {identity}, and its key fits", None, facts)


def _key_mode(path: Path, tls: TlsOptions) -> Iterator[Finding]:
    mode = Path(tls.key).stat().st_mode & 0o777
    if mode & _READABLE:
        what = f"key {tls.key} has mode {mode:o}: others can read it, or its group change it"
        remedy = "`chmod 600` it, owned by the agent's user; take it for stolen if others are on this host: `--new-key`"
        yield _finding(path.name, Status.PROBLEM, what, remedy, {"key": tls.key, "mode": f"{mode:o}"})


def _chain(
    path: Path, leaf: x509.Certificate, others: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate]
) -> Finding:
    signer = issued_by(leaf, authorities)
    between = issued_by(leaf, others) if signer is None else None
    if between is not None:
        signer = issued_by(between, authorities)
    if signer is None:
        what = f"the certificate, by {leaf.issuer.rfc4514_string()}, is not signed by the [tls] authority"
        remedy = "the two are of different sites, or the authority was changed: take both from the same `pki issue`"
        return _finding(path.name, Status.PROBLEM, what, remedy, {"authorities": len(authorities)})
    what = f"signed by {signer.subject.rfc4514_string()}, which the agent trusts"
    return _finding(path.name, Status.OK, what, None, {"authorities": len(authorities)})


def _time(path: Path, leaf: x509.Certificate, now: datetime) -> Finding:
    left = days_left(leaf, now)
    facts: dict[str, Fact] = {
        "now": now.isoformat(),
        "not_before": leaf.not_valid_before_utc.isoformat(),
        "not_after": leaf.not_valid_after_utc.isoformat(),
        "days_left": round(left, 2),
    }
    state = validity(leaf, now)
    if state is Validity.NOT_YET:
        start = f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        what = f"the certificate is valid only from {start}; this host's clock says {now:%Y-%m-%d %H:%M}"
        return _finding(
            path.name, Status.PROBLEM, what, "set this host's clock (`timedatectl`), or the issuer's", facts
        )
    if state is Validity.ENDED:
        what = f"the certificate ended {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC: the other side refuses it"
        return _finding(path.name, Status.PROBLEM, what, _RENEW, facts)
    if state is Validity.SOON:
        what = f"the certificate ends in {left:.1f} days; from {SOON_DAYS} on this is worth a look"
        return _finding(path.name, Status.WARNING, what, _RENEW, facts)
    return _finding(path.name, Status.OK, f"the certificate is valid for {left:.0f} days", None, facts)


def _authorities_time(path: Path, authorities: Sequence[x509.Certificate], now: datetime) -> Iterator[Finding]:
    for authority in authorities:
        state, name = validity(authority, now), authority.subject.rfc4514_string()
        if state is Validity.NOT_YET:
            what = f"authority {name} is valid only from {authority.not_valid_before_utc:%Y-%m-%d}: is the clock right?"
            yield _finding(
                path.name, Status.PROBLEM, what, "set this host's clock (`timedatectl`)", {"authority": name}
            )
        elif state is not Validity.VALID:
            what = f"authority {name} ends {authority.not_valid_after_utc:%Y-%m-%d}, and what it signed with it"
            remedy = "`joulecut pki rotate-authority begin` starts its change"
            yield _finding(path.name, Status.WARNING, what, remedy, {"authority": name})


def _reached(path: Path, settings: AgentSettings, leaf: x509.Certificate) -> Iterator[Finding]:
    if settings.role is not Role.SERVER:
        return
    hosts, addresses = alternative_names(leaf, x509.DNSName), alternative_names(leaf, x509.IPAddress)
    known = {name.lower() for name in (*hosts, *addresses)}
    facts: dict[str, Fact] = {"hosts": list(hosts), "addresses": list(addresses)}
    if not known:
        what = "the certificate names no host: every edge refuses it"
        yield _finding(path.name, Status.PROBLEM, what, "issue it again with --host and --ip", facts)
        return
    here = {socket.gethostname().lower(), socket.getfqdn().lower(), f"{socket.gethostname().lower()}.local"}
    here |= {f"*.{name.partition('.')[2]}" for name in here}
    if not known & here:
        what = f"reached as {', '.join(sorted(known))}, and under no other name; this host is {socket.gethostname()}"
        yield _finding(path.name, Status.NOTE, what, "edges must write one of these in `server`", facts)


def _finding(name: str, status: Status, what: str, remedy: str | None, facts: dict[str, Fact]) -> Finding:
    return Finding(area=Area.TLS, name=name, status=status, what=what, remedy=remedy, facts=facts)
