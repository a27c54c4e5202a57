"""What a proxy says of its caller's certificate: the header `x-forwarded-client-cert` in Envoy's form.

    By=spiffe://lab/proxy/front;Hash=...;Subject="CN=camera-1,O=lab";URI=spiffe://lab/edge/camera-1

Elements are separated by commas, pairs in one by semicolons; values may stand in double quotes, with a backslash
before a quote inside. Each proxy on the way appends an element, so that the last is the nearest proxy's own word.
Source: Envoy's documentation, HTTP header manipulation, x-forwarded-client-cert.
"""

from __future__ import annotations

import re

from joulecut_core.errors import AccessError
from joulecut_proto.security.identity import Identity, only_identity

FORWARDED_KEY = "x-forwarded-client-cert"

_LONGEST = 16_384
_PAIR = re.compile(r'(?P<key>[A-Za-z]+)=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^",;\\]*))(?P<end>[,;]|$)')
_KEYS = frozenset({"by", "hash", "cert", "chain", "subject", "uri", "dns"})


def forwarded_identity(header: str) -> Identity:
    """The identity in the header's last element.

    Raises AccessError where the header is malformed anywhere, or that element has not exactly one URI.
    """
    uris: list[str] = []
    position, ended = 0, False
    while not ended:
        pair = _PAIR.match(header, position) if len(header) <= _LONGEST else None
        if pair is None or pair["key"].lower() not in _KEYS:
            raise AccessError(
                f"{FORWARDED_KEY}: malformed at character {position}; expected key=value pairs as Envoy writes them"
            )
        if pair["key"].lower() == "uri":
            uris.append(pair["bare"] if pair["quoted"] is None else re.sub(r"\\(.)", r"\1", pair["quoted"]))
        if pair["end"] == ",":
            uris.clear()
        position, ended = pair.end(), pair["end"] == ""
    try:
        return only_identity(uris)
    except AccessError as error:
        raise AccessError(f"{FORWARDED_KEY}: {error}") from error
