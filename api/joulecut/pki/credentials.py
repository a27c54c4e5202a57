"""What one agent holds: a folder of certificate.pem, key.pem and authority.pem, replaced so that readers never break.

Where a key never leaves its host, the folder that the authority writes has no key.pem, and the one on the host gets the
rest by `install`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from joulecut.pki import private_files
from joulecut.pki.certificates import certificates_pem, identity_of, issued_by, public_key_of, read_certificates
from joulecut.pki.keys import PrivateKey, key_pem, read_key, same_key
from joulecut_core.errors import ConfigError
from joulecut_proto.security.identity import Identity

CERTIFICATE_FILE = "certificate.pem"
KEY_FILE = "key.pem"
AUTHORITY_FILE = "authority.pem"
REQUEST_FILE = "request.pem"
NEXT_KEY_FILE = "next-key.pem"
"""A new key that has no certificate yet; the one in use is kept until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A certificate, the authorities that its holder trusts, and its key where that is known here."""

    certificate: x509.Certificate
    authority_pem: bytes
    key: PrivateKey | None = None

    def write_new(self, folder: Path) -> None:
        """Into a folder that holds none yet. Raises ConfigError where there are any, or they cannot be written.

        A key that is there alone is to be the one of these credentials: it is not lost.
        """
        check_free(folder, may_hold_key=self.key is not None)
        private_files.make_private_folder(folder)
        private_files.replace_all(*self._files(folder))

    def replace(self, folder: Path) -> None:
        """In place of those in `folder`: authorities first, then a new key, if any, and its certificate at once.

        Raises ConfigError where they cannot be written.
        """
        private_files.replace_all(*self._files(folder))

    def _files(self, folder: Path) -> tuple[dict[Path, bytes], dict[Path, int]]:
        """What belongs into `folder`, in order, and its modes."""
        contents = {folder / AUTHORITY_FILE: self.authority_pem}
        modes = {folder / AUTHORITY_FILE: private_files.PUBLIC}
        if self.key is not None:
            contents[folder / KEY_FILE] = key_pem(self.key)
            modes[folder / KEY_FILE] = private_files.SECRET
        contents[folder / CERTIFICATE_FILE] = certificates_pem([self.certificate])
        modes[folder / CERTIFICATE_FILE] = private_files.PUBLIC
        return contents, modes


def check_free(folder: Path, *, may_hold_key: bool) -> None:
    """Raises ConfigError where `folder` holds credentials already; a key alone are some unless `may_hold_key`."""
    if (folder / CERTIFICATE_FILE).exists():
        raise ConfigError(
            f"{folder / CERTIFICATE_FILE}: exists; `joulecut pki renew` replaces it, or choose another --out"
        )
    if not may_hold_key and (folder / KEY_FILE).exists():
        raise ConfigError(
            f"{folder / KEY_FILE}: exists; choose another --out, and take its certificate beside the key by "
            "`joulecut pki install`"
        )


def default_folder(identity: Identity) -> Path:
    """Where `issue` puts credentials: `<role>-<name>`."""
    return Path(f"{identity.role.value}-{identity.name}")


def read_leaf(folder: Path) -> x509.Certificate:
    """The certificate of a folder of credentials. Raises ConfigError."""
    return read_certificates(folder / CERTIFICATE_FILE)[0]


def update_authorities(folder: Path, authority_pem: bytes) -> None:
    """Replace whom the holder of a folder trusts, where that differs. Raises ConfigError."""
    path = folder / AUTHORITY_FILE
    if not path.exists() or path.read_bytes() != authority_pem:
        private_files.replace(path, authority_pem, private_files.PUBLIC)


def install(source: Path, folder: Path, *, now: datetime) -> x509.Certificate:
    """Take a certificate and authorities that came from `source` into `folder`, beside the key that is there.

    Raises ConfigError, and changes nothing, where the certificate is not of that key, is not signed by one of the
    authorities that came with it, has ended, or names somebody else than the one before.
    """
    certificate = read_leaf(source)
    authorities = read_certificates(source / AUTHORITY_FILE)
    if issued_by(certificate, authorities) is None:
        raise ConfigError(f"{source}: its certificate is not signed by its {AUTHORITY_FILE}; fetch both again")
    if certificate.not_valid_after_utc <= now:
        raise ConfigError(f"{source}: ended {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC; issue a new one")
    if (folder / CERTIFICATE_FILE).exists() and identity_of(read_leaf(folder)) != identity_of(certificate):
        raise ConfigError(
            f"{source}: is of {identity_of(certificate)}; {folder} is of {identity_of(read_leaf(folder))}"
        )
    file = _key_file(folder, certificate)
    is_next = file.name == NEXT_KEY_FILE
    key = read_key(file) if is_next else None
    Credentials(certificate=certificate, authority_pem=certificates_pem(authorities), key=key).replace(folder)
    if is_next:
        file.unlink()
    return certificate


def _key_file(folder: Path, certificate: x509.Certificate) -> Path:
    """Which key in `folder` the certificate is of."""
    public = public_key_of(certificate, str(folder))
    files = [folder / name for name in (KEY_FILE, NEXT_KEY_FILE) if (folder / name).exists()]
    for file in files:
        if same_key(read_key(file).public_key(), public):
            return file
    found = " and ".join(map(str, files)) or "none is there"
    raise ConfigError(
        f"{folder}: the certificate is not of its key ({found}); make a request with `joulecut pki request`"
    )
