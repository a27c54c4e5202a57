"""A site's authority in a folder, at a moment of the test's own."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from joulecut.pki import Credentials, Names, Site
from joulecut.pki.keys import new_key
from joulecut_proto.security.identity import Identity, Role

NOW = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)
REACHED = Names(hosts=("gpu-box.local",), addresses=("192.0.2.7", "2001:db8::7"))
CAMERA = Identity(site="lab", role=Role.EDGE, name="camera-1")
SERVER = Identity(site="lab", role=Role.SERVER, name="gpu-box")


def make_site(folder: Path, site: str = "lab", *, days: int = 3650, now: datetime = NOW) -> Site:
    """A new authority."""
    return Site.create(folder / "pki", site, days=days, now=now)


def issued(
    site: Site,
    folder: Path,
    identity: Identity = CAMERA,
    names: Names | None = None,
    *,
    days: int = 90,
    now: datetime = NOW,
) -> Path:
    """A folder of credentials."""
    key = new_key()
    reached = names or (REACHED if identity.role in (Role.SERVER, Role.PROXY) else Names())
    certificate = site.issue(identity, reached, key.public_key(), days=days, now=now)
    Credentials(certificate=certificate, authority_pem=site.trusted_pem(), key=key).write_new(folder)
    return folder
