"""Certificates of a channel: TLS for either side, mutual where both present one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc

from joulecut_core.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSecurity:
    """PEM files of one side.

    A server needs `certificate` and `key`; with `authority` it also demands client certificates
    signed by it. A client needs `authority`, the certificate authority it trusts; with
    `certificate` and `key` it identifies itself.
    """

    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("TLS: certificate and key go together; give both files or neither")
        if self.authority is None and self.certificate is None:
            raise ConfigError("TLS: no files given; give authority, or certificate and key, or leave TLS out")


def server_credentials(security: ChannelSecurity) -> grpc.ServerCredentials:
    """What a server presents and demands. Raises ConfigError where a file is missing or not PEM."""
    if security.certificate is None or security.key is None:
        raise ConfigError("TLS: a server needs certificate and key")
    chain = (_read_pem(security.key, "key"), _read_pem(security.certificate, "certificate"))
    authority = None if security.authority is None else _read_pem(security.authority, "authority")
    return grpc.ssl_server_credentials([chain], root_certificates=authority, require_client_auth=authority is not None)


def channel_credentials(security: ChannelSecurity) -> grpc.ChannelCredentials:
    """What a client trusts and presents. Raises ConfigError where a file is missing or not PEM."""
    if security.authority is None:
        raise ConfigError("TLS: a client needs authority, the certificate authority that signed the server's")
    return grpc.ssl_channel_credentials(
        root_certificates=_read_pem(security.authority, "authority"),
        private_key=None if security.key is None else _read_pem(security.key, "key"),
        certificate_chain=None if security.certificate is None else _read_pem(security.certificate, "certificate"),
    )


def _read_pem(path: Path, role: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"TLS {role} {path}: {error.strerror}; give a readable PEM file") from error
    if b"-----BEGIN " not in content:
        raise ConfigError(f"TLS {role} {path}: not PEM; expected a file with a BEGIN line")
    return content
