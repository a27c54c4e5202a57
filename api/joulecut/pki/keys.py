"""Private keys on elliptic curves: made, written as PEM, read back."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from joulecut_core.errors import ConfigError
from joulecut_proto.security.key_pairs import UNREADABLE

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey
PublicKey: TypeAlias = ec.EllipticCurvePublicKey

_CURVES = ("secp256r1", "secp384r1")
"""What the TLS of gRPC and signatures of bundles both take."""
_LONGEST_KEY_BYTES = 1 << 16


def new_key() -> PrivateKey:
    """A new key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: PrivateKey, passphrase: bytes | None = None) -> bytes:
    """The key as PKCS 8, encrypted where there is a passphrase."""
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        protection = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def read_key(path: Path, passphrase: bytes | None = None) -> PrivateKey:
    """The key of a PEM file. Raises ConfigError, which never quotes the file."""
    content = read_file(path, "key", _LONGEST_KEY_BYTES)
    try:
        key = serialization.load_pem_private_key(content, passphrase)
    except TypeError as error:
        state = "is encrypted; give --passphrase-file" if passphrase is None else "is not encrypted; give no passphrase"
        raise ConfigError(f"key {path}: {state}") from error
    except UNREADABLE as error:
        hint = "expected a PEM private key" if passphrase is None else "or the passphrase is wrong"
        raise ConfigError(f"key {path}: cannot be read; {hint}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"key {path}: {_unsupported(key)}")
    check_public_key(key.public_key(), f"key {path}")
    return key


def check_public_key(key: object, source: str) -> PublicKey:
    """The key where it is of a curve that every reader knows; raises ConfigError naming `source` otherwise."""
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise ConfigError(f"{source}: {_unsupported(key)}")
    return key


def same_key(one: PublicKey, other: PublicKey) -> bool:
    """Whether two public keys are one."""
    return one.public_numbers() == other.public_numbers()


def read_passphrase(path: Path) -> bytes:
    """The first line of a file. Raises ConfigError where it is empty or others may read it."""
    content = read_file(path, "passphrase", _LONGEST_KEY_BYTES)
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"passphrase {path}: others may read it; run `chmod 600` on it")
    lines = content.splitlines()
    if not lines or not lines[0]:
        raise ConfigError(f"passphrase {path}: its first line is empty; expected the passphrase there")
    return lines[0]


def read_file(path: Path, role: str, most_bytes: int) -> bytes:
    """A small file's content. Raises ConfigError with its role, for instance "key", and its path."""
    try:
        with path.open("rb") as stream:
            content = stream.read(most_bytes + 1)
    except OSError as error:
        raise ConfigError(f"{role} {path}: {error.strerror}; give a readable file") from error
    if len(content) > most_bytes:
        raise ConfigError(f"{role} {path}: longer than {most_bytes} bytes; expected a PEM file")
    return content


def _unsupported(key: object) -> str:
    curve = getattr(getattr(key, "curve", None), "name", type(key).__name__)
    return f"of kind {curve}; expected an elliptic-curve key on P-256 or P-384"
