"""Whom the rules let in, and to what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.errors import AccessError
from joulecut_proto.security.identity import Role
from joulecut_server.access.options import AccessOptions, EdgeRule
from joulecut_server.access.permit import permit_for
from tests.server.access.callers import BOSS, CAM, NAMES, OTHER, PLAIN, TINY, TRUCK, caller

SLOW, FAST = EdgeRule(names=("cam*",), rate_hz=1.0), EdgeRule(names=("*",), rate_hz=9.0)


def test_without_rules_every_edge_and_operator_may_do_its_part() -> None:
    """A site that trusts its authority needs no list."""
    permit = permit_for(CAM, None, site=None)
    assert permit.rule == replace(EdgeRule(), priority=2**31 - 1)
    permit.check_inference()
    permit_for(BOSS, None, site=None).check_solver()


def test_the_first_rule_that_fits_counts() -> None:
    """A narrow rule before a wide one is an exception to it."""
    options = AccessOptions(edges=(SLOW, FAST))
    assert permit_for(CAM, options, site=None).rule is SLOW
    assert permit_for(TRUCK, options, site=None).rule is FAST


def test_who_fits_no_rule_is_refused() -> None:
    """A stolen certificate is shut out by a rule, before it expires."""
    with pytest.raises(AccessError, match=r"no rule of \[\[access\.edges\]\] names spiffe://lab/edge/truck"):
        permit_for(TRUCK, AccessOptions(edges=(SLOW,)), site=None)


@pytest.mark.parametrize(
    ("names", "fits"),
    [
        (("truck", "cam"), True),
        (("c?m",), True),
        (("*m",), True),
        (("x", "*"), True),
        (("ca",), False),
        (("am",), False),
        (("c.m",), False),
        (("cam?",), False),
        (("CAM",), False),
    ],
)
def test_the_names_of_a_rule_are_whole_and_stand_for_themselves_but_for_stars(
    names: tuple[str, ...], fits: bool
) -> None:
    """A rule never lets in who is merely called something like it."""
    options = AccessOptions(edges=(EdgeRule(names=names),))
    if fits:
        assert permit_for(CAM, options, site=None).rule.names == names
    else:
        with pytest.raises(AccessError, match="no rule"):
            permit_for(CAM, options, site=None)


def test_sites_that_are_named_may_call_too() -> None:
    """By a server of two sites; its rules then decide as for its own."""
    options = AccessOptions(edges=(SLOW,), sites=("plant",))
    assert permit_for(caller("cam", site="plant"), options, site="lab").rule is SLOW
    for refused in (caller("cam", site="other"), caller("truck", site="plant")):
        with pytest.raises(AccessError):
            permit_for(refused, options, site="lab")


def test_patterns_tell_capitals_apart() -> None:
    """On any host: a name is a name, not a file."""
    with pytest.raises(AccessError):
        permit_for(caller("CAM"), AccessOptions(edges=(SLOW,)), site=None)


def test_operators_do_everything_but_inference() -> None:
    """A person's certificate on a laptop needs no rule, and takes no edge's place."""
    permit = permit_for(BOSS, AccessOptions(edges=(EdgeRule(names=("boss",), solver=False),)), site=None)
    permit.check_solver()
    permit.check_bundles()
    permit.check_network(OTHER, NAMES.get)
    with pytest.raises(AccessError, match="spiffe://lab/operator/boss may not run requests"):
        permit.check_inference()


@pytest.mark.parametrize("role", [Role.SERVER, Role.PROXY])
def test_servers_and_proxies_ask_for_nothing(role: Role) -> None:
    """A certificate is for one purpose: a server's, taken from its host, opens no other server."""
    with pytest.raises(AccessError, match=f"has role {role.value}; expected edge or operator"):
        permit_for(caller("gpu", role), None, site=None)


def test_callers_of_this_host_may_do_everything() -> None:
    """Where there is no TLS there are no identities, and no rules."""
    permit = permit_for(PLAIN, None, site=None)
    permit.check_inference()
    permit.check_solver()


@pytest.mark.parametrize("networks", [(TINY,), ("tiny",), ("x", "tiny")])
def test_networks_go_by_name_or_digest(networks: tuple[str, ...]) -> None:
    """By digest where exactly one version is meant, by name where every one is."""
    permit = permit_for(CAM, AccessOptions(edges=(EdgeRule(networks=networks),)), site=None)
    permit.check_network(TINY, NAMES.get)
    for digest in (OTHER, "sha256:ff", "*"):
        with pytest.raises(AccessError, match="is not among those of spiffe://lab/edge/cam"):
            permit.check_network(digest, NAMES.get)
