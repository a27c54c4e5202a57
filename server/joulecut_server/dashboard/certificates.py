"""TLS of the dashboard: the agent's own files, visitors' certificates demanded, files that change read again."""

from __future__ import annotations

import ssl
from functools import partial

from joulecut_core.errors import ConfigError
from joulecut_proto.security.channel_security import ChannelSecurity, FreshFiles
from joulecut_proto.security.key_pairs import KeyPair, read_authority


class FreshCertificates:
    """Makes the context that connections begin with; each takes the files as they are then.

    Raises ConfigError where they cannot be used at the start; later such files leave those before them in force.
    """

    def __init__(self, security: ChannelSecurity) -> None:
        self._files = FreshFiles(security, partial(_context, security), of="dashboard: ")
        self.context = self._current = self._files.first
        # Told of every handshake, with or without a name in it.
        self.context.sni_callback = self._renew

    def _renew(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        del name, context
        self._current = self._files.changed() or self._current
        connection.context = self._current


def _context(files: ChannelSecurity, pair: KeyPair) -> ssl.SSLContext:
    """For the files of a pair that was just read and fits."""
    del pair
    if files.authority is None or files.certificate is None or files.key is None:
        raise ConfigError("TLS: the dashboard needs authority, certificate and key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    # An authority below the root may stand in the file, as gRPC takes it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # A resumed session would go on with a certificate that is not looked at again.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_verify_locations(cadata=read_authority(files.authority).decode("ascii", "ignore"))
        context.load_cert_chain(files.certificate, files.key)
    except OSError as error:
        raise ConfigError(
            f"TLS: the system's TLS library refuses {files.certificate} or {files.authority}: {error}"
        ) from error
    return context
