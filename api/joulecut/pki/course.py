"""What `joulecut pki` does, command by command, and what it prints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

import typer
from rich.console import Console

from joulecut.commands.whole_tables import print_whole
from joulecut.pki import private_files
from joulecut.pki.certificates import identity_of
from joulecut.pki.credentials import (
    KEY_FILE,
    NEXT_KEY_FILE,
    REQUEST_FILE,
    Credentials,
    check_free,
    default_folder,
    install,
)
from joulecut.pki.keys import PrivateKey, key_pem, new_key, read_key, read_passphrase
from joulecut.pki.names import Names
from joulecut.pki.renewal import RenewalOrder, Renewed, renew
from joulecut.pki.requests import read_request, request_pem
from joulecut.pki.site import AUTHORITY_FILE, Site
from joulecut.pki.views import Shown, certificates_table, show, show_path
from joulecut_core.decoding import encode
from joulecut_core.errors import ConfigError
from joulecut_proto.security.identity import Identity, Role

SCHEMA = "joulecut.certificates/1"
"""Raised when a program that reads the document would misread it."""
_MOST_SHOWN = 8
_NEXT_STEPS: Mapping[str, str] = {
    "begin": "hand authority.pem to every agent (`pki renew` writes it too), then `pki rotate-authority switch`",
    "switch": "`pki renew` every agent's folder and hand it out, then `pki rotate-authority finish`",
    "finish": "`pki renew` every agent's folder and hand it out: then nobody trusts the old authority",
}


class Course:
    """One run of a command."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._now = datetime.now(timezone.utc)

    def init(self, folder: Path, site: str, *, days: int, passphrase_file: Path | None) -> None:
        """Make an authority."""
        made = Site.create(folder, site, days=days, now=self._now, passphrase=_passphrase(passphrase_file))
        self._tell(self._shown(made), f"{folder}: the authority of {site}; agents get {folder / AUTHORITY_FILE}")

    def issue(
        self,
        folder: Path,
        holder: tuple[str, str],
        *,
        hosts: Sequence[str],
        addresses: Sequence[str],
        days: int,
        csr: Path | None,
        out: Path | None,
        passphrase_file: Path | None,
    ) -> None:
        """Issue a certificate to `holder`, role and name, into `out`."""
        names = Names(hosts=tuple(hosts), addresses=tuple(addresses))
        with private_files.held_alone(folder):
            site = Site(folder, _passphrase(passphrase_file))
            identity = _identity(site.state.site, holder)
            place = out or default_folder(identity)
            check_free(place, may_hold_key=csr is None)
            key = _key_at(place) if csr is None else None
            public = key.public_key() if key is not None else read_request(csr or Path(), identity)
            certificate = site.issue(identity, names, public, days=days, now=self._now)
            Credentials(certificate=certificate, authority_pem=site.trusted_pem(), key=key).write_new(place)
        self._tell([show(certificate, str(place), now=self._now)], f"{place}: the certificate of {identity}")

    def request(self, holder: tuple[str, str], site: str, *, out: Path | None, fresh_key: bool) -> None:
        """Make a key and a request; a key that is there is kept unless `fresh_key`."""
        identity = _identity(site, holder)
        place = out or default_folder(identity)
        private_files.make_private_folder(place)
        file = place / KEY_FILE
        if file.exists() and not fresh_key:
            key = read_key(file)
        else:
            key = new_key()
            # A key in use is never removed before its successor has a certificate.
            file = place / (NEXT_KEY_FILE if file.exists() else KEY_FILE)
            private_files.replace(file, key_pem(key), private_files.SECRET)
        request = place / REQUEST_FILE
        private_files.replace(request, request_pem(identity, key), private_files.PUBLIC)
        document = {"request": str(request), "key": str(file), "identity": str(identity)}
        self._say(document, f"{request}: carry it to the authority; {file} stays here")

    def install(self, source: Path, folder: Path) -> None:
        """Take a certificate from `source` into `folder`."""
        certificate = install(source, folder, now=self._now)
        told = f"{folder}: the certificate of {identity_of(certificate)}"
        self._tell([show(certificate, str(folder), now=self._now)], told)

    def show(self, paths: Sequence[Path]) -> None:
        """Show certificates."""
        rows = [row for path in paths for row in show_path(path, now=self._now)]
        if self._as_json:
            self._tell(rows, "")
        else:
            print_whole(Console(), certificates_table(rows))

    def renew(
        self, folder: Path, credentials: Sequence[Path], order: RenewalOrder, *, passphrase_file: Path | None
    ) -> None:
        """Renew folders of credentials, each whatever becomes of the others.

        Raises ConfigError with those that could not be, after all have been tried.
        """
        rows: list[Shown] = []
        failures: dict[str, None] = {}
        with private_files.held_alone(folder):
            site = Site(folder, _passphrase(passphrase_file))
            for place in credentials:
                try:
                    renewed, certificate = renew(site, place, order, now=self._now)
                except ConfigError as error:
                    failures[str(error)] = None
                    continue
                rows.append(show(certificate, str(place), now=self._now))
                if not self._as_json:
                    word = "renewed, valid" if renewed is Renewed.RENEWED else "kept, valid"
                    typer.echo(f"{place}: {word} to {certificate.not_valid_after_utc:%Y-%m-%d}")
        if self._as_json and rows:
            self._tell(rows, "")
        if failures:
            raise ConfigError(_several(list(failures)))

    def rotate(self, folder: Path, step: str, *, days: int, passphrase_file: Path | None) -> None:
        """One step of a change of authority."""
        with private_files.held_alone(folder):
            site = Site(folder, _passphrase(passphrase_file))
            if step == "begin":
                site.add_next(days=days, now=self._now)
            elif step == "switch":
                site.switch_to_next()
            else:
                site.drop_retired()
        self._tell(self._shown(site), f"{folder}: done. Next: {_NEXT_STEPS[step]}")

    def _shown(self, site: Site) -> list[Shown]:
        return [show(each, str(site.folder / AUTHORITY_FILE), now=self._now) for each in site.certificates()]

    def _tell(self, rows: Sequence[Shown], words: str) -> None:
        self._say({"certificates": [encode(row) for row in rows]}, words)

    def _say(self, document: Mapping[str, object], words: str) -> None:
        typer.echo(json.dumps({"schema": SCHEMA, **document}, indent=1) if self._as_json else words)


def _identity(site: str, holder: tuple[str, str]) -> Identity:
    role, name = holder
    return Identity(site=site, role=Role(role), name=name)


def _key_at(place: Path) -> PrivateKey:
    """A new key, or the one that is there: of an attempt that was cut short before its certificate."""
    file = place / KEY_FILE
    return read_key(file) if file.exists() else new_key()


def _several(complaints: Sequence[str]) -> str:
    """In one line, which names the first of very many."""
    more = len(complaints) - _MOST_SHOWN
    return "; ".join(complaints[:_MOST_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _passphrase(path: Path | None) -> bytes | None:
    return None if path is None else read_passphrase(path)
