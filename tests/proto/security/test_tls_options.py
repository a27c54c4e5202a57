"""The `[tls]` tables: what a wrong one is told."""

from __future__ import annotations

import pytest

from joulecut_core.errors import ConfigError
from joulecut_proto.security.identity import Identity, Role
from joulecut_proto.security.tls_options import EdgeTls, ServerTls

FILES = {"authority": "a.pem", "certificate": "c.pem", "key": "k.pem"}


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_named(name: str) -> None:
    """TLS between agents is mutual: each side shows a certificate and checks the other's."""
    with pytest.raises(ConfigError, match=f"tls.{name}: empty"):
        EdgeTls(**{**FILES, name: ""})


def test_only_proxies_are_pinned_as_proxies() -> None:
    """An edge that is listed by mistake could say that it is anybody."""
    pinned = ServerTls(**FILES, proxies=("spiffe://lab/proxy/front",)).pinned
    assert pinned == (Identity(site="lab", role=Role.PROXY, name="front"),)
    with pytest.raises(ConfigError, match=r"tls\.proxies: spiffe://lab/edge/cam has role edge; expected proxy"):
        ServerTls(**FILES, proxies=("spiffe://lab/edge/cam",))
    with pytest.raises(ConfigError, match=r"tls\.proxies: 'front' is no identity"):
        ServerTls(**FILES, proxies=("front",))


def test_a_server_is_expected_by_a_beginning_of_its_identity() -> None:
    """A host name there would never match."""
    assert EdgeTls(**FILES, server_identity="spiffe://lab/server/gpu-").server_identity
    with pytest.raises(ConfigError, match=r"tls\.server_identity: 'gpu-box'"):
        EdgeTls(**FILES, server_identity="gpu-box")
