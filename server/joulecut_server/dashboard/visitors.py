"""Who may read the dashboard, and what every answer to them carries."""

from __future__ import annotations

import logging
from collections.abc import Callable
from ipaddress import ip_address

from cryptography import x509
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from joulecut_core.errors import AccessError
from joulecut_proto.security.callers import Caller, Transport
from joulecut_proto.security.certificates import current_identity
from joulecut_proto.security.identity import Identity, Role
from joulecut_server.access.options import AccessOptions
from joulecut_server.access.permit import permit_for

_LOG = logging.getLogger(__name__)

Admit = Callable[[Scope], Identity | None]
"""Whose sessions alone a request may read of, None: everybody's. Raises AccessError for one that is not answered."""

READER = "joulecut.reader"
"""Under which key of a request's scope stands what `Admit` said of it."""

CERTIFICATE = "joulecut.certificate"
"""Under which key of a request's state its connection's certificate stands, DER."""

_MOST_TOLD = 100
"""Reasons that the log names once each."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Doorkeeper:
    """Lets in whom `admit` lets in, and answers the others 403 with its reason."""

    def __init__(self, app: ASGIApp, admit: Admit) -> None:
        """`app` finds in the scope whose sessions it may tell of."""
        self._app = app
        self._admit = admit
        self._told: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        try:
            scope[READER] = self._admit(scope)
        except AccessError as error:
            self._tell(str(error))
            await PlainTextResponse(f"{error}\n", status_code=403)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _tell(self, reason: str) -> None:
        """Log a reason once; whoever is refused again and again fills no log."""
        if reason not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(reason)
            _LOG.warning("dashboard: %s", reason)


class CertifiedVisitors:
    """Operators, and edges where the configuration lets them in, by the certificates of their connections.

    An operator reads of all sessions, an edge of its own: who knows another's session id could be first to claim it
    from a server that has just started.
    """

    def __init__(self, *, site: str, access: Callable[[], AccessOptions | None], edges: bool) -> None:
        """`access`: the rules of the server's other callers as they are now, which hold here too."""
        self._site = site
        self._access = access
        self._edges = edges

    def admit(self, scope: Scope) -> Identity | None:
        """See Admit; by the connection's certificate."""
        identity = self._identity(scope)
        permit_for(Caller(identity=identity, transport=Transport.TLS), self._access(), site=self._site)
        if identity.role is Role.EDGE and not self._edges:
            raise AccessError(f"{identity} is an edge; the dashboard is for operators: see [dashboard] edges")
        return identity if identity.role is Role.EDGE else None

    @staticmethod
    def _identity(scope: Scope) -> Identity:
        found = scope.get("state", {}).get(CERTIFICATE)
        if not isinstance(found, bytes):
            raise AccessError("no certificate was shown; the dashboard asks for one of an operator")
        return current_identity(x509.load_der_x509_certificate(found))


class LocalVisitors:
    """Whoever asks for this host by one of its own names.

    A page of another site whose name was made to point here asks by that site's name, and must not read this one.
    """

    def __init__(self, host: str) -> None:
        """`host`: as configured."""
        self._host = host.lower()

    def admit(self, scope: Scope) -> None:
        """Raise AccessError for a request under another host's name."""
        asked = Headers(scope=scope).get("host", "")
        name = asked.lower()
        name = name[1 : name.find("]")] if name.startswith("[") else name.partition(":")[0]
        if name not in (self._host, "localhost") and not _is_loopback(name):
            raise AccessError(f"host {asked[:80]!r}: the dashboard answers to names of this host; use localhost")


def admit_anybody(scope: Scope) -> None:
    """Where plain text with other hosts was asked for."""
    del scope


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
