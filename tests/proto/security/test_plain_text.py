"""Plain text stays on this host unless somebody says otherwise."""

from __future__ import annotations

import socket

import pytest

from joulecut_core.errors import ConfigError, LinkError
from joulecut_proto.addresses import parse_address
from joulecut_proto.security.plain_text import Reach, check_plain_listening, check_plain_text, reach_of


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("unix:/run/joulecut/edge.sock", Reach.HOST),
        ("127.0.0.1:1", Reach.HOST),
        ("127.8.9.10:1", Reach.HOST),
        ("[::1]:1", Reach.HOST),
        ("localhost:1", Reach.HOST),
        ("0.0.0.0:1", Reach.BEYOND),
        ("[::]:1", Reach.BEYOND),
        ("192.0.2.7:1", Reach.BEYOND),
        ("[2001:db8::1]:1", Reach.BEYOND),
        ("no-such-host.invalid:1", Reach.UNKNOWN),
    ],
)
def test_reach(address: str, reach: Reach) -> None:
    """Loopback and Unix sockets are this host; all interfaces are not."""
    assert reach_of(parse_address(address)) is reach


def test_one_address_beyond_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a loopback address and another one may be reached, or reach, either way."""
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 1)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert reach_of(parse_address("both:1")) is Reach.BEYOND


def test_the_remedy_is_named() -> None:
    """Whoever upgrades reads what to do, and may say that the network is trusted."""
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0:1: without TLS .* \[tls\] .*`joulecut pki`.*--insecure"):
        check_plain_text(parse_address("0.0.0.0:1"), insecure=False)
    check_plain_text(parse_address("0.0.0.0:1"), insecure=True)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1", "localhost:1", "unix:/run/joulecut/edge.sock"])
def test_this_host_may_listen_in_plain_text(address: str) -> None:
    """Nobody else reaches it there."""
    check_plain_listening(parse_address(address), insecure=False)


def test_nobody_listens_in_plain_text_where_that_is_not_known_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is resolved a moment later may be one that other hosts reach; who allowed that is asked nothing."""
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0:1: without TLS .*--insecure"):
        check_plain_listening(parse_address("0.0.0.0:1"), insecure=False)

    def no_resolver(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", no_resolver)
    with pytest.raises(LinkError, match="unknown host"):
        check_plain_listening(parse_address("gpu-box.lab:1"), insecure=False)
    check_plain_listening(parse_address("gpu-box.lab:1"), insecure=True)
