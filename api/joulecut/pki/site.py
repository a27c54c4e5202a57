"""A site's own authority in a folder: which one signs, which ones are trusted, what was issued.

    pki/site.json                    the site's name, which authority signs, which others are trusted
    pki/authority.pem                all certificates to trust: what agents get
    pki/authorities/<n>/             certificate.pem and key.pem of each authority
    pki/issued.jsonl                 one line for each certificate that was issued

site.json is replaced at once and decides; a change of authority that is cut short leaves the state before or after.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from joulecut.pki import private_files
from joulecut.pki.certificates import (
    agent_certificate,
    authority_certificate,
    certificates_pem,
    identity_of,
    public_key_of,
    read_certificates,
)
from joulecut.pki.keys import PrivateKey, PublicKey, key_pem, new_key, read_key, same_key
from joulecut.pki.names import Names
from joulecut_core.decoding import decode, encode
from joulecut_core.documents import read_json
from joulecut_core.errors import ConfigError
from joulecut_proto.security.identity import Identity, Role

SCHEMA = "joulecut.pki/1"
AUTHORITY_FILE = "authority.pem"
_STATE_FILE = "site.json"
_LEDGER_FILE = "issued.jsonl"
_CERTIFICATE = "certificate.pem"
_KEY = "key.pem"
_LONGEST_DAYS = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteState:
    """What site.json says.

    `issuing`: the authority that signs. `next`: one that is trusted already and does not sign yet. `retired`: those
    that are trusted still and sign no more.
    """

    site: str
    issuing: str
    next: str = ""
    retired: tuple[str, ...] = ()
    schema: str = SCHEMA

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise ConfigError(f"schema: {self.schema!r}; expected {SCHEMA!r}")
        if any(not name.isdecimal() for name in self.trusted):
            raise ConfigError(f"authorities {', '.join(self.trusted)}; expected numbers")

    @property
    def trusted(self) -> tuple[str, ...]:
        """Every authority that agents are to trust, the one that signs first."""
        return (self.issuing, *((self.next,) if self.next else ()), *self.retired)


def holds_site(folder: Path) -> bool:
    """Whether a folder is an authority's."""
    return (folder / _STATE_FILE).is_file()


class Site:
    """A site's folder. `passphrase`: of the authorities' keys."""

    def __init__(self, folder: Path, passphrase: bytes | None = None) -> None:
        """Raises ConfigError where the folder holds no site."""
        if not holds_site(folder):
            raise ConfigError(f"{folder}: no authority here; run `joulecut pki init`, or give --folder")
        self.folder = folder
        self._passphrase = passphrase
        state = read_json(folder / _STATE_FILE, ConfigError)
        try:
            self.state = decode(SiteState, state, error=ConfigError)
        except ConfigError as error:
            raise ConfigError(f"{folder / _STATE_FILE}: {error}") from error

    @classmethod
    def create(cls, folder: Path, site: str, *, days: int, now: datetime, passphrase: bytes | None = None) -> Site:
        """A new authority in `folder`, made for its owner alone. Raises ConfigError where one is there."""
        # A site's name is what identities can carry.
        Identity(site=site, role=Role.SERVER, name="any")
        private_files.make_private_folder(folder)
        with private_files.held_alone(folder):
            if (folder / _STATE_FILE).exists():
                raise ConfigError(f"{folder}: holds an authority already; `pki rotate-authority` changes it")
            if not (folder / _LEDGER_FILE).exists():
                # Of an attempt that was cut short: nothing is signed by it.
                _discard(_place(folder, "1"))
            state = SiteState(site=site, issuing="1")
            _make_authority(folder, "1", site, days=days, now=now, passphrase=passphrase)
            state_file = folder / _STATE_FILE
            private_files.write_new({state_file: _document(state)}, {state_file: private_files.PUBLIC})
            made = cls(folder, passphrase)
            made.write_trusted()
            return made

    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Of every trusted authority, the one that signs first."""
        return tuple(self._certificate(number) for number in self.state.trusted)

    def trusted_pem(self) -> bytes:
        """What agents get as their authority.pem."""
        return certificates_pem(self.certificates())

    def write_trusted(self) -> None:
        """Bring authority.pem up to date."""
        private_files.replace(self.folder / AUTHORITY_FILE, self.trusted_pem(), private_files.PUBLIC)

    def issue(self, identity: Identity, names: Names, key: PublicKey, *, days: int, now: datetime) -> x509.Certificate:
        """A certificate for `key`, never valid for longer than the authority is, and its line among the issued.

        Raises ConfigError where the identity is of another site, the authority has ended, or its key does not fit.
        """
        check_days(days)
        if identity.site != self.state.site:
            raise ConfigError(f"{identity}: of another site; this authority is of {self.state.site}")
        authority = self._certificate(self.state.issuing)
        signer = self._key(self.state.issuing)
        if not same_key(signer.public_key(), public_key_of(authority, str(self.folder))):
            raise ConfigError(f"{self.folder}: the authority's key does not fit its certificate; restore both")
        until = min(now + timedelta(days=days), authority.not_valid_after_utc)
        if until <= now:
            raise ConfigError(f"{self.folder}: the authority ended {until:%Y-%m-%d}; run `pki rotate-authority`")
        certificate = agent_certificate(identity, names, key, issuer=authority, signer=signer, now=now, until=until)
        self._record(certificate, days)
        return certificate

    def days_asked(self, certificate: x509.Certificate) -> int | None:
        """For how many days a certificate was asked, however soon its authority ends; None where no line says."""
        serial = f'"{certificate.serial_number:x}"'
        with suppress(OSError, ValueError, LookupError, TypeError):
            lines = (self.folder / _LEDGER_FILE).read_text(encoding="utf-8").splitlines()
            return int(next((json.loads(line)["days"] for line in reversed(lines) if serial in line), ""))
        return None

    def add_next(self, *, days: int, now: datetime) -> None:
        """Make the authority that will sign next and trust it from now on. Raises ConfigError where there is one."""
        if self.state.next or self.state.retired:
            raise ConfigError(f"{self.folder}: a change of authority is under way; go on with `switch` or `finish`")
        number = str(int(self.state.issuing) + 1)
        _discard(self._place(number))
        _make_authority(self.folder, number, self.state.site, days=days, now=now, passphrase=self._passphrase)
        self._set(replace(self.state, next=number))

    def switch_to_next(self) -> None:
        """Let the next authority sign from now on; the one before stays trusted. Raises ConfigError without one."""
        if not self.state.next:
            raise ConfigError(f"{self.folder}: no next authority; `pki rotate-authority begin` makes one")
        retired = (self.state.issuing, *self.state.retired)
        self._set(replace(self.state, issuing=self.state.next, next="", retired=retired))

    def drop_retired(self) -> None:
        """Trust the authority that signs alone, and remove the keys of those before. Raises ConfigError without any."""
        if not self.state.retired:
            raise ConfigError(f"{self.folder}: no retired authority; `pki rotate-authority switch` comes before")
        retired = self.state.retired
        self._set(replace(self.state, retired=()))
        for number in retired:
            _discard(self._place(number))

    def _set(self, state: SiteState) -> None:
        trusted = certificates_pem([self._certificate(number) for number in state.trusted])
        # What decides comes last: cut short between the two, the same step is to be done again, and does both.
        files = {self.folder / AUTHORITY_FILE: trusted, self.folder / _STATE_FILE: _document(state)}
        private_files.replace_all(files, dict.fromkeys(files, private_files.PUBLIC))
        self.state = state

    def _record(self, certificate: x509.Certificate, days: int) -> None:
        line = {
            "identity": str(identity_of(certificate)),
            "serial": f"{certificate.serial_number:x}",
            "authority": self.state.issuing,
            "not_after": certificate.not_valid_after_utc.isoformat(),
            "days": days,
        }
        private_files.append(self.folder / _LEDGER_FILE, json.dumps(line) + "\n")

    def _place(self, number: str) -> Path:
        return _place(self.folder, number)

    def _certificate(self, number: str) -> x509.Certificate:
        return read_certificates(self._place(number) / _CERTIFICATE)[0]

    def _key(self, number: str) -> PrivateKey:
        return read_key(self._place(number) / _KEY, self._passphrase)


def check_days(days: int) -> None:
    """Raises ConfigError where a certificate cannot be valid for so long."""
    if not 0 < days <= _LONGEST_DAYS:
        raise ConfigError(f"--days {days}; expected 1 to {_LONGEST_DAYS}")


def _make_authority(
    folder: Path, number: str, site: str, *, days: int, now: datetime, passphrase: bytes | None
) -> None:
    check_days(days)
    place = _place(folder, number)
    private_files.make_private_folder(place)
    key = new_key()
    certificate = authority_certificate(site, key, now=now, until=now + timedelta(days=days))
    contents = {place / _KEY: key_pem(key, passphrase), place / _CERTIFICATE: certificates_pem([certificate])}
    modes = {place / _KEY: private_files.SECRET, place / _CERTIFICATE: private_files.PUBLIC}
    private_files.write_new(contents, modes)


def _place(folder: Path, number: str) -> Path:
    return folder / "authorities" / number


def _discard(place: Path) -> None:
    """Remove an authority's files, and its folder where nobody keeps files of their own in it. Raises ConfigError."""
    try:
        for file in (_KEY, _CERTIFICATE):
            (place / file).unlink(missing_ok=True)
            # Of a step that was killed while it wrote.
            for part in place.glob(f".{file}.*"):
                part.unlink()
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be removed: {error.strerror}; remove it by hand") from error


def _document(state: SiteState) -> bytes:
    return (json.dumps(encode(state), indent=1) + "\n").encode()
