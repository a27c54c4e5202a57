"""What certificates say, as facts for a program and as a table for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from cryptography import x509
from rich.markup import escape
from rich.table import Table

from joulecut.pki.certificates import alternative_names, identity_of, read_certificates
from joulecut.pki.credentials import CERTIFICATE_FILE
from joulecut.pki.site import AUTHORITY_FILE, holds_site
from joulecut_core.errors import ConfigError
from joulecut_core.logs import on_one_line

SOON_DAYS = 14
"""Days before its end from which a certificate is worth a warning."""
_MARKS = {"ended": "[bold red]ended[/bold red]", "not-yet": "[bold red]not yet valid[/bold red]"}


class Validity(str, Enum):
    """Where a moment lies in a certificate's time."""

    VALID = "valid"
    SOON = "ends-soon"
    ENDED = "ended"
    NOT_YET = "not-yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One certificate. `identity`: empty for an authority; `days_left`: below 0 once it has ended."""

    source: str
    authority: bool
    identity: str
    subject: str
    issuer: str
    hosts: tuple[str, ...]
    addresses: tuple[str, ...]
    not_before: str
    not_after: str
    days_left: float
    validity: Validity
    serial: str


def show_path(path: Path, *, now: datetime) -> tuple[Shown, ...]:
    """Every certificate of a file, of a folder of credentials, or that an authority's trusts. Raises ConfigError."""
    file = path
    if path.is_dir():
        file = path / (AUTHORITY_FILE if holds_site(path) else CERTIFICATE_FILE)
    return tuple(show(certificate, str(path), now=now) for certificate in read_certificates(file))


def show(certificate: x509.Certificate, source: str, *, now: datetime) -> Shown:
    """One certificate's facts at a moment."""
    return Shown(
        source=source,
        authority=is_authority(certificate),
        identity=_identity(certificate),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        hosts=alternative_names(certificate, x509.DNSName),
        addresses=alternative_names(certificate, x509.IPAddress),
        not_before=certificate.not_valid_before_utc.isoformat(),
        not_after=certificate.not_valid_after_utc.isoformat(),
        days_left=round(days_left(certificate, now), 2),
        validity=validity(certificate, now),
        serial=f"{certificate.serial_number:x}",
    )


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may sign others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def days_left(certificate: x509.Certificate, now: datetime) -> float:
    """Days to its end; below 0 afterwards."""
    return (certificate.not_valid_after_utc - now) / timedelta(days=1)


def validity(certificate: x509.Certificate, now: datetime) -> Validity:
    """Where `now` lies."""
    if now < certificate.not_valid_before_utc:
        return Validity.NOT_YET
    left = days_left(certificate, now)
    if left <= 0:
        return Validity.ENDED
    return Validity.SOON if left < SOON_DAYS else Validity.VALID


def certificates_table(rows: Sequence[Shown]) -> Table:
    """One line each."""
    table = Table(box=None, padding=(0, 1))
    for column in ("certificate", "of", "reached at", "valid to", "left"):
        table.add_column(column, overflow="fold")
    for row in rows:
        of = row.identity or ("authority " if row.authority else "") + row.subject
        reached = ", ".join((*row.hosts, *row.addresses)) or "-"
        words = (escape(on_one_line(text)) for text in (row.source, of, reached))
        table.add_row(*words, row.not_after[:16].replace("T", " "), _left(row))
    return table


def _identity(certificate: x509.Certificate) -> str:
    try:
        return str(identity_of(certificate))
    except ConfigError:
        return ""


def _left(row: Shown) -> str:
    if row.validity in (Validity.ENDED, Validity.NOT_YET):
        return _MARKS[row.validity.value]
    text = f"{row.days_left:.0f} days"
    return f"[yellow]{text}[/yellow]" if row.validity is Validity.SOON else text
