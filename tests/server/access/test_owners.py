"""Sessions belong to who started them."""

from __future__ import annotations

import pytest

from joulecut_core.errors import AccessError, ContractError
from joulecut_core.timing import ManualClock
from joulecut_proto.security.identity import Identity
from joulecut_server.access.options import AccessOptions, EdgeRule
from joulecut_server.access.owners import SessionOwners, check_session_id
from joulecut_server.access.permit import Permit, permit_for
from tests.server.access.callers import CAM, PLAIN, TRUCK

CAMS, TRUCKS, PLAINS = (
    permit_for(CAM, None, site=None),
    permit_for(TRUCK, None, site=None),
    permit_for(PLAIN, None, site=None),
)


@pytest.mark.parametrize("session_id", ["a", "edge-1f", "A.b_c:d-9", "x" * 128])
def test_ids(session_id: str) -> None:
    """Names, numbers and what programs join them with."""
    check_session_id(session_id)


@pytest.mark.parametrize("session_id", ["", "a b", "a/b", "a\n", "a\0", "é", "x" * 129, "{x}"])
def test_ids_that_would_be_trouble_in_a_log(session_id: str) -> None:
    """They stand in logs, metrics and file names."""
    with pytest.raises(ContractError, match="expected 1 to 128 letters"):
        check_session_id(session_id)


def test_a_session_is_its_starters() -> None:
    """Another identity neither uses it nor takes it over; after its end anybody may."""
    owners = SessionOwners(ManualClock())
    assert owners.claim("s", CAMS) == []
    assert owners.check("s", CAMS)
    for use in (owners.check, owners.claim):
        with pytest.raises(AccessError, match="session s was started by another than spiffe://lab/edge/truck"):
            use("s", TRUCKS)
    owners.forget("s")
    assert not owners.check("s", CAMS)
    owners.claim("s", TRUCKS)
    assert owners.check("s", TRUCKS)


def test_callers_without_tls_share_theirs() -> None:
    """There is nobody to tell apart."""
    owners = SessionOwners(ManualClock())
    assert owners.claim("s", PLAINS) == []
    assert owners.check("s", PLAINS)
    assert len(owners) == 0


def test_more_sessions_than_allowed_end_the_longest_silent() -> None:
    """An edge that crashes and restarts for days is never shut out, and never holds more than its number."""
    few = permit_for(CAM, AccessOptions(edges=(EdgeRule(sessions=2),)), site=None)
    owners = SessionOwners(ManualClock())
    assert owners.claim("a", few) == []
    assert owners.claim("b", few) == []
    owners.check("a", few)
    owners.claim("t", TRUCKS)
    assert owners.claim("c", few) == ["b"]
    assert owners.claim("c", few) == []
    assert [owners.check(each, few) for each in "abc"] == [True, False, True]
    assert owners.check("t", TRUCKS)


def test_edges_of_one_certificate_do_not_take_each_others_place_for_ever() -> None:
    """One that gave way is refused for a minute, while later ones fill its owner's number; a new one never is."""
    clock, one = ManualClock(), permit_for(CAM, AccessOptions(edges=(EdgeRule(sessions=1),)), site=None)
    owners = SessionOwners(clock)
    owners.claim("a", one)
    assert owners.claim("b", one) == ["a"]
    clock.advance_s(59.0)
    with pytest.raises(
        AccessError, match=r"session a gave way to a later one 59 s ago: .*cam may have 1 at a time; give"
    ):
        owners.claim("a", one)
    assert owners.claim("b", one) == []
    owners.claim("a", TRUCKS)
    owners.forget("a")
    assert owners.claim("c", one) == ["b"]
    owners.forget("c")
    assert owners.claim("a", one) == []
    assert owners.claim("b", permit_for(CAM, None, site=None)) == []
    assert owners.judge(lambda *_: one).keys() == {"a"}
    with pytest.raises(AccessError, match="session a gave way"):
        owners.claim("a", one)
    clock.advance_s(60.0)
    assert owners.claim("a", one) == ["b"]


def test_a_session_that_came_back_stays() -> None:
    """It found room again before its minute was over: from then on it plans as any other of its owner's does."""
    one, two = (permit_for(CAM, AccessOptions(edges=(EdgeRule(sessions=most),)), site=None) for most in (1, 2))
    owners = SessionOwners(ManualClock())
    owners.claim("a", one)
    assert owners.claim("b", one) == ["a"]
    assert owners.claim("a", two) == []
    assert owners.claim("a", two) == []
    owners.forget("b")
    assert owners.claim("a", one) == []


def test_memory_is_bounded() -> None:
    """Over all identities too: the longest silent session of anybody."""
    owners = SessionOwners(ManualClock(), most=2)
    owners.claim("a", CAMS)
    owners.claim("b", TRUCKS)
    assert owners.claim("c", TRUCKS) == ["a"]
    assert len(owners) == 2
    for each in ("b", "c", "b"):
        owners.forget(each)
    assert len(owners) == 0
    assert not owners._by_owner, "who has no session is not remembered"
    owners.claim("a", CAMS)
    owners.claim("b", TRUCKS)
    owners.check("a", CAMS)
    assert owners.claim("c", TRUCKS) == ["b"]


def test_a_session_that_has_ended_is_not_the_longest_silent() -> None:
    """Room is made by one that is there, whatever ended before it."""
    owners = SessionOwners(ManualClock(), most=2)
    for session_id in "ab":
        owners.claim(session_id, CAMS)
    owners.forget("a")
    assert [session_id for session_id, _ in owners.permits()] == ["b"]
    assert owners.claim("c", TRUCKS) == []
    over = owners.claim("d", TRUCKS)
    assert (over, len(owners)) == (["b"], 2)


def test_of_sessions_that_gave_way_the_latest_are_remembered() -> None:
    """However many names an edge goes through: the memory for them is bounded, and one from long before may return."""
    one = permit_for(CAM, AccessOptions(edges=(EdgeRule(sessions=1),)), site=None)
    owners = SessionOwners(ManualClock(), most=2)
    for session_id in "abcd":
        owners.claim(session_id, one)
    with pytest.raises(AccessError, match="session b gave way"):
        owners.claim("b", one)
    assert owners.claim("a", one) == ["d"]


def test_rules_that_allow_fewer_end_the_longest_silent() -> None:
    """It stays away for a minute, as one that gave way to a later one does."""
    one = permit_for(CAM, AccessOptions(edges=(EdgeRule(sessions=1),)), site=None)
    owners = SessionOwners(ManualClock())
    owners.claim("a", CAMS)
    owners.claim("b", CAMS)
    assert owners.judge(lambda *_: one).keys() == {"a"}
    with pytest.raises(AccessError, match="session a gave way to a later one 0 s ago"):
        owners.claim("a", one)
    assert owners.check("b", one)


def test_rules_that_leave_somebody_nothing_end_all_its_sessions() -> None:
    """Others keep theirs."""
    refused = AccessError("no rule names it")

    def permit_of(identity: Identity, networks: frozenset[str]) -> Permit:
        del networks
        if identity == CAM.identity:
            raise refused
        return TRUCKS

    owners = SessionOwners(ManualClock())
    for session_id, permit in (("a", CAMS), ("t", TRUCKS), ("b", CAMS)):
        owners.claim(session_id, permit)
    assert owners.judge(permit_of) == {"a": refused, "b": refused}
    assert [session_id for session_id, _ in owners.permits()] == ["t"]
