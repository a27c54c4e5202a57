"""Identities: one form, and nothing that only looks like it."""

from __future__ import annotations

import pytest

from joulecut_core.errors import AccessError, ConfigError
from joulecut_proto.security.identity import Identity, Role, only_identity, parse_identity


@pytest.mark.parametrize("role", Role)
def test_an_identity_reads_as_it_is_written(role: Role) -> None:
    """What `joulecut pki` writes into a certificate is what the agents read out of it."""
    identity = Identity(site="plant-7.example", role=role, name="Camera_1.left")
    assert parse_identity(str(identity)) == identity
    assert str(identity) == f"spiffe://plant-7.example/{role.value}/Camera_1.left"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "lab/edge/cam",
        "https://lab/edge/cam",
        "SPIFFE://lab/edge/cam",
        "spiffe://lab/edge",
        "spiffe://lab/edge/cam/",
        "spiffe://lab/edge/cam/x",
        "spiffe://lab//cam",
        "spiffe:///edge/cam",
        "spiffe://Lab/edge/cam",
        "spiffe://lab:80/edge/cam",
        "spiffe://user@lab/edge/cam",
        "spiffe://lab/root/cam",
        "spiffe://lab/Edge/cam",
        "spiffe://lab/edge/..",
        "spiffe://lab/edge/ca*m",
        "spiffe://lab/edge/cam?x=1",
        "spiffe://lab/edge/cam#x",
        "spiffe://lab/edge/c%61m",
        "spiffe://lab/edge/cam\n",
        "spiffe://lab/edge/cam\0",
        "spiffe://lab/edge/" + "c" * 65,
        "spiffe://" + "l" * 64 + "/edge/cam",
        "spiffe://lab/edge/çam",
    ],
)
def test_what_only_looks_like_an_identity_is_refused(uri: str) -> None:
    """No second way to write a name, no pattern, no traversal, no control character."""
    with pytest.raises(AccessError):
        parse_identity(uri)


def test_a_name_that_cannot_be_issued_is_told_to_who_configures_it() -> None:
    """A typo on the command line is a wrong option, not a refusal of somebody."""
    with pytest.raises(ConfigError, match=r"name 'a b'; expected 1 to 64"):
        Identity(site="lab", role=Role.EDGE, name="a b")
    with pytest.raises(ConfigError, match=r"site 'Lab'; expected 1 to 63 small letters"):
        Identity(site="Lab", role=Role.EDGE, name="cam")


@pytest.mark.parametrize("uris", [[], ["spiffe://lab/edge/a", "spiffe://lab/edge/b"], ["spiffe://lab/edge/a", "x:y"]])
def test_one_certificate_is_one_identity(uris: list[str]) -> None:
    """With several names somebody would have to choose; with none there is nobody."""
    with pytest.raises(AccessError, match=f"the certificate has {len(uris)} URI names"):
        only_identity(uris)
