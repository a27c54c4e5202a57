"""The links an edge remembers, by server."""

from __future__ import annotations

from dataclasses import replace

from joulecut_edge.offloading.known_links import KnownLinks
from tests.edge.session_parts import LINK


def test_links_of_addresses_that_left_are_forgotten() -> None:
    """Behind a name they come and go for years: those used last are remembered."""
    links = KnownLinks()
    for number in (*range(900), 5, *range(900, 960)):
        links.remember(f"10.0.0.1:{number}", LINK)
    known = [number for number in range(960) if f"10.0.0.1:{number}" in links]
    assert known == [5, *range(897, 960)]


def test_a_link_is_the_one_remembered_last_until_it_is_forgotten() -> None:
    """One server's is no other's, and forgetting what was never known is nothing."""
    links, slower = KnownLinks(), replace(LINK, rtt_s=2.0)
    links.remember("a:1", LINK)
    links.remember("a:1", slower)
    links.forget("b:1")
    assert (links.to("a:1"), links.to("b:1")) == (slower, None)
    links.forget("a:1")
    assert "a:1" not in links
