"""Who vouches for a bundle: a detached signature over all of its files, checked before any of them is opened.

    bundle.sig    OpenSSF Model Signing: names and SHA-256 of the files, signed by a key on an elliptic curve

A digest says that a bundle is the one that was asked for. A signature says that somebody trusted has made it, so that
whoever may name a digest need not be trusted with it. Nothing here needs a network; all of it needs the extra `sign`.
"""

from __future__ import annotations

import base64
import importlib
import json
import logging
import os
import tempfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from joulecut_core.documents import parse_json, write_bytes
from joulecut_core.errors import BundleError, ConfigError

SIGNATURE_FILE = "bundle.sig"
ANY_OPERATOR = "spiffe://*/operator/*"
"""Who may sign where nobody says so: not servers and edges, though the same authority names them."""

_LOG = logging.getLogger(__name__)
_LARGEST_SIGNATURE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerOptions:
    """Whose signature a bundle needs: the table `[signed_by]`.

    Either `public_key`, a PEM file, or `authority`, a PEM file of authorities whose certificates name the signer, and
    `signers`, patterns of which names are taken; `*` stands for one part between slashes or a piece of it.
    Raises ConfigError where neither or both are given.
    """

    authority: str = ""
    public_key: str = ""
    signers: tuple[str, ...] = (ANY_OPERATOR,)

    def __post_init__(self) -> None:
        if bool(self.authority) == bool(self.public_key):
            raise ConfigError("signed_by: expected either authority or public_key, the path of a PEM file")
        if not self.signers:
            raise ConfigError(f"signed_by.signers: empty; expected patterns like {ANY_OPERATOR}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """PEM files of a signer. `certificate`: with those between it and the authority; None to sign by the key alone."""

    key: Path
    certificate: Path | None = None


def check_key(key: SigningKey) -> None:
    """Raise ConfigError where the key cannot be used or its certificate is not for signing."""
    with tempfile.TemporaryDirectory() as scratch:
        _signing_config(key, Path(scratch))


def sign_bundle(folder: Path, key: SigningKey) -> Path:
    """Write the signature of everything in `folder` beside it, and return its path.

    One that is there stays until there is another. Raises ConfigError where the key cannot be used or its certificate
    is not for signing, BundleError where the folder cannot be read, or holds what no agent would fetch with it.
    """
    hashing = _library("hashing")
    path = folder / SIGNATURE_FILE
    with tempfile.TemporaryDirectory() as scratch:
        config = _signing_config(key, Path(scratch))
        _check_files(folder)
        made = Path(scratch) / SIGNATURE_FILE
        try:
            config.set_hashing_config(hashing.Config().set_ignored_paths(paths=[SIGNATURE_FILE]))
            if path.is_symlink() or not path.is_file():
                # A link or a pipe is nobody's signature, and the library hashes no folder with one in it.
                path.unlink(missing_ok=True)
            config.sign(folder, made)
            write_bytes(path, made.read_bytes())
        except (OSError, ValueError) as error:
            raise BundleError(f"{folder}: cannot be signed: {error}") from error
    return path


def _signing_config(key: SigningKey, scratch: Path) -> Any:
    """The library's signer of that key. Raises ConfigError."""
    config = _library("signing").Config()
    if key.certificate is not None:
        _check_certificate(key.certificate)
    try:
        if key.certificate is None:
            config.use_elliptic_key_signer(private_key=key.key)
        else:
            leaf, between = _split(key.certificate, scratch)
            config.use_certificate_signer(private_key=key.key, signing_certificate=leaf, certificate_chain=between)
    except (OSError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"key {key.key}: cannot sign: {error}; expected an unencrypted P-256 or P-384 key") from error
    return config


def files_with_signature(folder: Path) -> tuple[str, ...]:
    """The names of a bundle's files, its signature's included where it has one. Raises BundleError."""
    signature = (SIGNATURE_FILE,) if (folder / SIGNATURE_FILE).is_file() else ()
    from joulecut_runtime.networks.bundle import bundle_files  # noqa: PLC0415 - torch takes seconds; configurations must not

    return (*bundle_files(folder), *signature)


def check_signature(folder: Path, options: SignerOptions | None) -> str | None:
    """Raise BundleError unless `folder` is, file for file, what a signer of `options` has signed; None asks nothing.

    The SHA-256 of the signed manifest, for who opens the bundle next: the folder may be another by then. None where
    nothing was asked. Raises ConfigError where the options' files cannot be used or the extra `sign` is missing.
    """
    if options is None:
        return None
    document = _read_signature(folder / SIGNATURE_FILE)
    verifying = _library("verifying")
    try:
        config = verifying.Config()
        if options.public_key:
            config.use_elliptic_key_verifier(public_key=options.public_key)
        else:
            config.use_certificate_verifier(certificate_chain=[Path(options.authority)])
    except (OSError, ValueError, AttributeError) as error:
        named = options.public_key or options.authority
        raise ConfigError(f"signed_by {named}: cannot be used: {error}; expected PEM") from error
    signer = "the public key" if options.public_key else _certified_signer(folder, document, options)
    # What was read is what is verified, whatever becomes of the file meanwhile; in memory, as disks may be full.
    with os.fdopen(os.memfd_create(SIGNATURE_FILE), "wb") as copy:
        copy.write(json.dumps(document).encode())
        copy.flush()
        try:
            config.verify(folder, Path(f"/proc/self/fd/{copy.fileno()}"))
            signed = _signed_manifest(document)
        # The library raises what its parsers and OpenSSL raise.
        except Exception as error:
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise BundleError(f"{folder}: its signature is refused: {reason}; sign it again, or fetch it") from error
    _LOG.info("bundle %s: signed by %s", folder, signer)
    return signed


def _signed_manifest(document: Any) -> str:
    """The SHA-256 of the manifest in a verified signature, which names every file."""
    from joulecut_runtime.networks.bundle import MANIFEST_FILE  # noqa: PLC0415 - torch takes seconds; configurations must not

    statement = json.loads(base64.b64decode(document["dsseEnvelope"]["payload"]))
    (digest,) = (file["digest"] for file in statement["predicate"]["resources"] if file["name"] == MANIFEST_FILE)
    return str(digest)


def _check_files(folder: Path) -> None:
    """Raise BundleError where a folder holds more than its manifest names: what is fetched from it is that alone."""
    extra = {path.name for path in folder.iterdir()} - {*files_with_signature(folder), SIGNATURE_FILE}
    if extra:
        raise BundleError(
            f"{folder}: holds {', '.join(sorted(extra))[:200]} too, and agents fetch what the manifest names alone; "
            "move the rest elsewhere, then sign"
        )


def _read_signature(path: Path) -> Any:
    try:
        # A pipe in its place may never open.
        if path.exists() and not path.is_file():
            raise BundleError(f"{path}: is no regular file; expected a signature: run `joulecut sign` once it is gone")
        with path.open("rb") as stream:
            content = stream.read(_LARGEST_SIGNATURE_BYTES + 1)
    except OSError as error:
        raise BundleError(
            f"{path}: {error.strerror}; [signed_by] asks for a signature: run `joulecut sign` where the bundle was made"
        ) from error
    if len(content) > _LARGEST_SIGNATURE_BYTES:
        raise BundleError(f"{path}: longer than {_LARGEST_SIGNATURE_BYTES} bytes; expected a signature")
    return parse_json(content.decode(errors="replace"), BundleError, str(path))


def _certified_signer(folder: Path, document: Any, options: SignerOptions) -> str:
    """The name in the signature's certificate, where it may sign; that the signature is by it is checked afterwards.

    The library takes any certificate of the authority, and every agent has one.
    """
    from cryptography import x509  # noqa: PLC0415 - part of the extra

    try:
        # Exactly these keys: the library knows each by two names, and must not find another certificate than this one.
        material = _only(document, "mediaType", "verificationMaterial", "dsseEnvelope")["verificationMaterial"]
        chain = _only(material, "x509CertificateChain", "tlogEntries")["x509CertificateChain"]
        first = _only(_only(chain, "certificates")["certificates"][0], "rawBytes")["rawBytes"]
        uris, may_sign = _names_and_use(x509.load_der_x509_certificate(base64.b64decode(first, validate=True)))
    # A stranger wrote it, and what a certificate may fail to be read with has no class in common.
    except Exception as error:
        raise BundleError(
            f"{folder}: its signature has no certificate that names a signer; expected one of {_expected(options)}"
        ) from error
    if len(uris) != 1 or not any(_matches(uris[0], pattern) for pattern in options.signers):
        found = ", ".join(uris)[:200] or "nobody"
        raise BundleError(f"{folder}: is signed by {found}; expected one of {_expected(options)}")
    if not may_sign:
        raise BundleError(
            f"{folder}: is signed by {uris[0]}, whose certificate is not for signing; expected an operator's"
        )
    return uris[0]


def _check_certificate(path: Path) -> None:
    """Raise ConfigError where no one would take a signature by the first certificate of a PEM file."""
    from cryptography import x509  # noqa: PLC0415 - part of the extra

    try:
        uris, may_sign = _names_and_use(x509.load_pem_x509_certificates(path.read_bytes())[0])
    except (
        OSError,
        ValueError,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ) as error:
        raise ConfigError(f"certificate {path}: cannot be read: {error}; expected PEM") from error
    except x509.ExtensionNotFound:
        uris, may_sign = [], False
    if len(uris) != 1 or not may_sign:
        found = ", ".join(uris)[:200] or "nobody"
        raise ConfigError(f"certificate {path}: of {found}, not for signing; expected an operator's")


def _names_and_use(certificate: Any) -> tuple[list[str], bool]:
    """Whom a certificate names, and whether it is for signing. Raises ExtensionNotFound where it does not say."""
    from cryptography import x509  # noqa: PLC0415 - part of the extra
    from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415

    extensions = certificate.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    return names.get_values_for_type(x509.UniformResourceIdentifier), ExtendedKeyUsageOID.CODE_SIGNING in usage


def _only(table: Any, *keys: str) -> Any:
    if not set(table) <= set(keys):
        raise KeyError(f"{', '.join(map(str, table))}; expected {', '.join(keys)}")
    return table


def _matches(uri: str, pattern: str) -> bool:
    parts, expected = uri.split("/"), pattern.split("/")
    return len(parts) == len(expected) and all(map(fnmatchcase, parts, expected))


def _expected(options: SignerOptions) -> str:
    return ", ".join(options.signers)


def _split(chain: Path, scratch: Path) -> tuple[Path, list[Path]]:
    """The signer's certificate and those behind it, in files of their own, as the library wants them."""
    mark = b"-----END CERTIFICATE-----"
    parts = [part.strip() + b"\n" + mark + b"\n" for part in chain.read_bytes().split(mark)[:-1]]
    if not parts:
        raise ValueError(f"{chain} holds no certificate")
    files = [scratch / f"{number}.pem" for number in range(len(parts))]
    for file, part in zip(files, parts, strict=True):
        file.write_bytes(part)
    # The library reads no empty chain; the signer's own certificate adds nothing to it.
    return files[0], files[1:] or files[:1]


def _library(module: str) -> Any:
    try:
        return importlib.import_module(f"model_signing.{module}")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"signatures of bundles need {error.name}; `pip install 'joulecut[sign]'`, or leave [signed_by] out"
        ) from error
