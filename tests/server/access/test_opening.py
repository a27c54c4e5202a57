"""What a server presents where it listens."""

from __future__ import annotations

import socket

import pytest

from joulecut_core.errors import LinkError
from joulecut_proto.addresses import parse_address
from joulecut_server.access.opening import listening_security


def test_plain_text_waits_until_it_is_known_whom_it_lets_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that starts before its host can resolve names is started again, and serves no network meanwhile."""

    def no_resolver(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", no_resolver)
    with pytest.raises(LinkError, match=r"gpu-box\.lab:50551: unknown host"):
        listening_security(None, parse_address("gpu-box.lab:50551"), insecure=False)
    assert listening_security(None, parse_address("gpu-box.lab:50551"), insecure=True) is None
