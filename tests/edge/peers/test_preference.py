"""Equal servers: edges spread over them, and stay where they are while others come and go."""

from __future__ import annotations

from collections import Counter

from joulecut_edge.peers.preference import preferred

EDGES = [f"edge-{number}" for number in range(2000)]
SERVERS = [f"10.0.0.{number}:7000" for number in range(4)]


def first_choices(servers: list[str]) -> dict[str, str]:
    """Whom each edge prefers."""
    return {edge: preferred(edge, servers)[0] for edge in EDGES}


def test_edges_spread_evenly() -> None:
    """No server gets far more than its share: 500 each, within five standard deviations of a fair draw."""
    counts = Counter(first_choices(SERVERS).values())
    assert set(counts) == set(SERVERS)
    assert all(abs(count - 500) < 5 * 19.4 for count in counts.values())


def test_a_new_server_moves_only_its_own_share() -> None:
    """Whoever moves, moves to the new one; the others keep their server, its plan and its epoch."""
    before, after = first_choices(SERVERS), first_choices([*SERVERS, "10.0.0.9:7000"])
    moved = [edge for edge in EDGES if before[edge] != after[edge]]
    assert {after[edge] for edge in moved} == {"10.0.0.9:7000"}
    assert 300 < len(moved) < 500


def test_a_lost_server_is_shared_by_all_others() -> None:
    """Its edges do not all fall upon one neighbour."""
    before = first_choices(SERVERS)
    after = first_choices(SERVERS[1:])
    orphans = Counter(after[edge] for edge in EDGES if before[edge] == SERVERS[0])
    assert set(orphans) == set(SERVERS[1:])
    assert all(before[edge] == after[edge] for edge in EDGES if before[edge] != SERVERS[0])


def test_the_order_does_not_depend_on_the_order_of_the_list() -> None:
    """Resolvers shuffle; an edge must not wander for that."""
    assert preferred("edge", SERVERS) == preferred("edge", SERVERS[::-1])
