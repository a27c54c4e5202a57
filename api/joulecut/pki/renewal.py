"""Renewal: the same holder, a later end, the same key or a new one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from cryptography import x509

from joulecut.pki.certificates import BACKDATING, identity_of, issued_by, names_of, public_key_of
from joulecut.pki.credentials import CERTIFICATE_FILE, KEY_FILE, Credentials, read_leaf, update_authorities
from joulecut.pki.keys import new_key
from joulecut.pki.site import Site
from joulecut_core.errors import ConfigError

_USUAL_DAYS = 90
"""What `pki issue` gives unless asked otherwise."""


class Renewed(str, Enum):
    """What became of a folder."""

    RENEWED = "renewed"
    KEPT = "kept"
    """It is valid for long enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalOrder:
    """How to renew. `days`: None for as long as was asked for before, also where the authority ended sooner.

    `within_days`: only what ends sooner, or is signed by an authority that has been replaced; None for all.
    """

    days: int | None = None
    within_days: int | None = None
    fresh_key: bool = False


def renew(site: Site, folder: Path, order: RenewalOrder, *, now: datetime) -> tuple[Renewed, x509.Certificate]:
    """Replace the credentials of `folder` by ones that end later. Raises ConfigError.

    The old certificate, which may have ended, says for whom: so it must be one that this site's authorities signed.
    """
    old = read_leaf(folder)
    authorities = site.certificates()
    signer = issued_by(old, authorities)
    if signer is None:
        raise ConfigError(f"{folder / CERTIFICATE_FILE}: is not by an authority of {site.folder}; issue it anew")
    lasting = order.within_days is not None and old.not_valid_after_utc - now > timedelta(days=order.within_days)
    if lasting and signer == authorities[0]:
        # Whom its holder trusts may have changed all the same.
        update_authorities(folder, site.trusted_pem())
        return Renewed.KEPT, old
    held = (folder / KEY_FILE).exists()
    if order.fresh_key and not held:
        raise ConfigError(f"{folder}: its key is on another host; make a new one there with `joulecut pki request`")
    key = new_key() if order.fresh_key else None
    public = public_key_of(old, str(folder / CERTIFICATE_FILE)) if key is None else key.public_key()
    days = order.days if order.days is not None else site.days_asked(old) or _days_of(old, signer)
    new = site.issue(identity_of(old), names_of(old), public, days=days, now=now)
    Credentials(certificate=new, authority_pem=site.trusted_pem(), key=key).replace(folder)
    return Renewed.RENEWED, new


def _days_of(certificate: x509.Certificate, signer: x509.Certificate) -> int:
    """What a certificate itself tells, which is nothing where it ends with its authority."""
    if certificate.not_valid_after_utc == signer.not_valid_after_utc:
        return _USUAL_DAYS
    valid = certificate.not_valid_after_utc - certificate.not_valid_before_utc - BACKDATING
    return max(1, round(valid / timedelta(days=1)))
