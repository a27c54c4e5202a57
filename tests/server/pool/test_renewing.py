"""Servers that were started with another configuration than the pool's: their rules end, and no seat is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_server.pool.standing import read_standing
from tests.server.pool.keeper_site import Site


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.look()
    site.serve()
    site.crew.told.clear()
    return site


def test_other_rules_reach_servers_that_outlived_their_keeper(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Who was shut out must not get in by an old server. They drain one after the other, each back in its seat."""
    site.crew.rules = "others"
    site.keeper = site.another_keeper()
    site.look(3)
    assert site.crew.told == ["leave 0"]
    assert site.listed == ["gpu-1"]
    assert "gpu-0 was started with another configuration, maybe other rules" in caplog.text
    site.crew.drained = {0}
    site.look(3)
    assert site.crew.told == ["leave 0", "start 0"], "its successor does not serve yet"
    site.serve()
    assert site.listed == ["gpu-0"]
    assert site.crew.told[2:] == ["leave 1"]
    site.crew.drained = {1}
    site.look(2)
    site.serve()
    site.look(30)
    assert site.crew.told[2:] == ["leave 1", "start 1"]
    assert site.listed == ["gpu-0", "gpu-1"]
    assert {each.rules for each in site.crew.servers.values()} == {"others"}


def test_old_rules_end_though_a_successor_never_serves(site: Site) -> None:
    """Nor does a server that does not leave keep its rules: each has its time."""
    site.crew.rules = "others"
    site.keeper = site.another_keeper()
    site.look(9)
    assert site.crew.told == ["leave 0"]
    site.look(2)
    assert site.crew.told == ["leave 0", "leave 1"]
    site.look(18)
    assert sorted(site.crew.told[2:]) == ["end 0", "end 1", "start 0", "start 1"]


def test_a_pool_that_has_run_for_long_renews_one_server_at_a_time(site: Site) -> None:
    """The wait begins with each renewal: a configuration that no successor starts with must not take all at once."""
    site.look(60)
    site.crew.rules = "others"
    site.look(9)
    assert site.crew.told == ["leave 0"]
    assert site.listed == ["gpu-1"]
    site.look(2)
    assert site.crew.told == ["leave 0", "leave 1"]


@pytest.mark.parametrize("has_left", [False, True])
def test_another_keeper_in_the_middle_renews_nobody_else_at_once(site: Site, has_left: bool) -> None:
    """The one that its forerunner renewed does not serve yet: edges would have nobody."""
    site.crew.rules = "others"
    site.keeper.look()
    assert site.crew.told == ["leave 0"]
    if has_left:
        del site.crew.servers[0]
    site.keeper = site.another_keeper()
    site.look(3)
    assert "leave 1" not in site.crew.told
    assert site.listed == ["gpu-1"]
    if not has_left:
        site.crew.drained = {0}
        site.look(2)
    assert site.crew.told[-1] == "start 0"
    site.serve()
    assert site.crew.told[-2:] == ["start 0", "leave 1"]


def test_closing_lets_who_is_renewed_leave(site: Site) -> None:
    """It is told once, and does not come back."""
    site.crew.rules = "others"
    site.keeper = site.another_keeper()
    site.look()
    assert not site.keeper.close()
    assert site.crew.told == ["leave 0", "leave 1"]
    site.crew.drained = {0, 1}
    assert site.keeper.close()


def test_seats_beyond_a_smaller_pool_are_given_up(site: Site) -> None:
    """Its servers would otherwise run on, kept by nobody."""
    for number in (4, 7):
        site.crew.start(number)
    site.crew.told.clear()
    site.keeper = site.another_keeper()
    site.look(2)
    assert site.crew.told == ["leave 4", "leave 7"]
    assert site.listed == ["gpu-0", "gpu-1"]
    site.crew.drained = {4, 7}
    site.look(2)
    assert [each.name for each in read_standing(site.folder).servers] == ["gpu-0", "gpu-1"]
