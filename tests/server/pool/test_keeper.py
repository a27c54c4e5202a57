"""The keeper: holds the wanted number, replaces who is silent, drains who leaves, and tells edges the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_server.pool.member import Member
from joulecut_server.pool.reports import ReplicaReport, ReplicaState
from joulecut_server.pool.standing import read_standing
from tests.server.pool.keeper_site import IDLE, OPTIONS, FakeServer, Site


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.look()
    site.serve()
    site.crew.told.clear()
    return site


def test_a_pool_begins_with_its_least_number(tmp_path: Path) -> None:
    """Nobody is listed before it serves."""
    site = Site(tmp_path)
    site.look()
    assert site.crew.told == ["start 0", "start 1"]
    assert site.listed == []
    site.serve()
    assert site.listed == ["gpu-0", "gpu-1"]
    assert site.standing("gpu-1").power_w == 30.0


def test_pressure_brings_servers_and_calm_takes_them_away(site: Site) -> None:
    """Who leaves is taken off the list first, drains, and is forgotten once it has gone."""
    site.press(3)
    site.look(20)
    site.serve()
    site.press(3)
    assert site.crew.told[0] == "start 2"
    site.press(0)
    for _ in range(60):
        site.look()
        if site.crew.told[-1].startswith("leave"):
            break
    number = int(site.crew.told[-1].removeprefix("leave "))
    assert f"gpu-{number}" not in site.listed
    assert site.standing(f"gpu-{number}").state is ReplicaState.DRAINING
    del site.crew.servers[number]
    site.look()
    assert f"gpu-{number}" not in [each.name for each in read_standing(site.folder).servers]


def test_who_serves_nobody_leaves_first(tmp_path: Path) -> None:
    """Each edge that has to move costs it a plan."""
    site = Site(tmp_path, replace(OPTIONS, min_servers=3, max_servers=3))
    site.look()
    site.serve()
    for number, sessions in ((0, 2), (1, 0), (2, 5)):
        site.crew.servers[number].load = replace(IDLE, sessions=sessions)
    site.look()
    site.options = replace(OPTIONS, min_servers=1, max_servers=3)
    site.keeper = site.another_keeper()
    site.crew.told.clear()
    site.look(40)
    assert site.crew.told[0] == "leave 1"


def test_a_silent_server_is_taken_off_the_list_and_then_replaced(site: Site) -> None:
    """Edges have left it long before; its seat, and so its port, is taken again."""
    site.crew.servers[1].silent = True
    site.look(6)
    assert site.listed == ["gpu-0"]
    assert site.crew.told == []
    site.look(10)
    assert site.crew.told == ["end 1", "start 1"]
    site.serve()
    assert site.listed == ["gpu-0", "gpu-1"]
    assert site.standing("gpu-1").lives == 2


def test_a_server_that_came_back_by_itself_is_left_alone(site: Site) -> None:
    """Ray has restarted its process: another process id, the same seat."""
    site.crew.servers[0] = FakeServer(999)
    site.look(2)
    assert site.listed == ["gpu-1"]
    site.serve()
    assert site.listed == ["gpu-0", "gpu-1"]
    assert site.crew.told == []
    assert site.standing("gpu-0").lives == 2


def test_a_long_start_is_not_cut_short(site: Site) -> None:
    """A first start measures a profile, which takes minutes; it says that it is starting."""
    site.crew.servers[0] = FakeServer(999)
    site.look(60)
    assert site.crew.told == []


def test_a_server_without_a_host_is_waited_for(tmp_path: Path) -> None:
    """A cluster that grows by itself takes minutes to find one."""
    site = Site(tmp_path)
    site.look()
    for server in site.crew.servers.values():
        server.silent = True
    site.look(60)
    assert "end 0" not in site.crew.told
    site.look(60)
    assert "end 0" in site.crew.told


def fail(server: FakeServer) -> None:
    """It could not start, and says why."""
    server.state, server.complaint = ReplicaState.FAILED, "port 7001: in use"


def test_a_failed_start_is_tried_again_soon_and_then_less_often(site: Site) -> None:
    """Its complaint is shown meanwhile; a port is free a moment after its holder was killed, or only some day."""
    fail(site.crew.servers[1])
    site.look(4)
    assert site.standing("gpu-1").complaint == "port 7001: in use"
    assert site.crew.told == []
    site.look(2)
    assert site.crew.told == ["end 1", "start 1"]
    site.crew.servers[1].silent = True
    site.look(8)
    assert len(site.crew.told) == 2, "the one before it has failed, not the one that starts"
    site.crew.servers[1].silent = False
    site.look()
    for _ in range(2):
        fail(site.crew.servers[1])
        site.look(8)
        assert len(site.crew.told) == 2
        site.look(3)
        assert site.crew.told[2:] == ["end 1", "start 1"], "not later than one that is silent"
        del site.crew.told[2:]
    site.serve()
    fail(site.crew.servers[1])
    site.look(6)
    assert site.crew.told[2:] == ["end 1", "start 1"]


def test_a_lost_device_is_not_listed(site: Site) -> None:
    """Its agent answers, but computes nothing."""
    site.crew.servers[0].load = replace(IDLE, is_well=False)
    site.look(2)
    assert site.listed == ["gpu-1"]


def test_an_engine_that_refuses_is_asked_again(tmp_path: Path) -> None:
    """A cluster without room for now ends nothing."""
    site = Site(tmp_path)
    site.crew.refuses = True
    site.look(3)
    assert site.crew.told == []
    site.crew.refuses = False
    site.look()
    assert site.crew.told == ["start 0", "start 1"]


def test_a_seat_that_was_long_without_room_is_taken_as_soon_as_there_is_some(site: Site) -> None:
    """Nobody is in it who could be silent: there is nobody to end, and nothing more to wait for."""
    del site.crew.servers[0]
    site.crew.refuses = True
    site.look(30)
    assert site.crew.told == []
    site.crew.refuses = False
    site.look()
    assert site.crew.told == ["start 0"]


def test_the_list_is_not_emptied_because_nobody_is_heard(site: Site) -> None:
    """It is the keeper that is deaf: its edges are better off with the servers that they know."""
    for server in site.crew.servers.values():
        server.silent = True
    site.look(7)
    assert site.listed == ["gpu-0", "gpu-1"]
    assert not site.standing("gpu-0").is_heard


@pytest.mark.parametrize("away_s", [60.0, 86_400.0])
def test_what_a_keeper_has_slept_through_is_nobodys_silence(site: Site, away_s: float) -> None:
    """A host that was suspended wakes with servers that are well, and not all of them answer at once."""
    for server in site.crew.servers.values():
        server.silent = True
    site.clock.advance_s(away_s)
    site.look(3)
    assert site.crew.told == []
    for server in site.crew.servers.values():
        server.silent = False
    site.look(20)
    assert site.crew.told == []
    assert site.listed == ["gpu-0", "gpu-1"]


def test_another_keeper_takes_on_who_is_there(site: Site) -> None:
    """On a cluster servers outlive their keeper; none is started twice."""
    site.keeper = site.another_keeper()
    site.look(3)
    assert site.crew.told == []
    assert site.listed == ["gpu-0", "gpu-1"]


def test_another_keeper_seats_anew_whoever_drains_unasked(site: Site) -> None:
    """As one whose keeper was killed as the pool ended, or whose host is told to end: at once, when it has drained."""
    site.crew.servers[0].state = ReplicaState.DRAINING
    site.keeper = site.another_keeper()
    site.look(2)
    assert site.crew.told == ["leave 0"]
    assert site.listed == ["gpu-1"]
    site.crew.drained = {0}
    site.look()
    assert site.crew.told == ["leave 0", "start 0"]
    site.serve()
    site.look(30)
    assert site.crew.told == ["leave 0", "start 0"]
    assert site.listed == ["gpu-0", "gpu-1"]


def test_another_keeper_leaves_the_list_until_it_has_heard_somebody(site: Site) -> None:
    """Edges of servers that are well must not lose them because one keeper has died and the next one begins."""
    for server in site.crew.servers.values():
        server.silent = True
    site.keeper = site.another_keeper()
    site.look(3)
    assert site.listed == ["gpu-0", "gpu-1"]
    site.crew.servers[1].silent = False
    site.look()
    assert site.listed == ["gpu-1"]


def test_a_pool_that_begins_anew_lists_nobody_of_the_one_before(site: Site) -> None:
    """The cluster of one machine ends with its keeper: whoever is listed is gone, and maybe others have his port."""
    site.crew.servers.clear()
    site.keeper = site.another_keeper()
    site.look()
    assert site.listed == []


def test_closing_lets_everybody_drain(site: Site) -> None:
    """It is over when the last one has gone, and the list says that there is nobody."""
    assert not site.keeper.close()
    assert site.crew.told == ["leave 0", "leave 1"]
    assert site.listed == []
    assert not site.keeper.close()
    site.crew.servers.clear()
    assert site.keeper.close()
    assert site.crew.told == ["leave 0", "leave 1"]


def test_who_is_to_leave_is_off_the_list_before_it_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edge that reads the list meanwhile would come to a server that drains."""
    leave, listed = site.crew.leave, []

    def told(number: int) -> None:
        listed.append(site.listed)
        leave(number)

    monkeypatch.setattr(site.crew, "leave", told)
    site.keeper.close()
    assert listed == [["gpu-1"], []]
    assert read_standing(site.folder).wanted == 0


def test_who_does_not_leave_in_time_is_ended(site: Site) -> None:
    """A server that hangs must not keep a pool from ending: its drain and ten seconds more."""
    site.keeper.close()
    assert not site.close(14)
    assert site.crew.told[2:] == []
    site.close(2)
    assert site.crew.told[2:] == ["end 0", "end 1"]
    assert site.keeper.close()


def test_who_leaves_at_the_last_moment_has_left(site: Site) -> None:
    """A server that has drained by the very look at which its time is over is not ended a second time."""
    site.keeper.close()
    site.close(14)
    site.crew.drained = {0}
    assert not site.close(1)
    assert site.crew.told[2:] == ["end 1"]
    assert site.keeper.close()


def test_closing_passes_over_who_is_not_there(site: Site) -> None:
    """A server that is just being replaced, or that cannot be started now, keeps nobody else from draining."""
    site.crew.servers[0].silent = site.crew.refuses = True
    site.look(12)
    assert site.crew.told == ["end 0"]
    assert not site.keeper.close()
    assert site.crew.told == ["end 0", "leave 1"]
    site.crew.servers.clear()
    assert site.keeper.close()


def test_a_full_disk_ends_nothing(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, and the list is written when there is room again."""
    site.folder.joinpath("pool.json").unlink()
    site.folder.joinpath("pool.json").mkdir()
    site.look(3)
    assert sum("cannot be written" in record.getMessage() for record in caplog.records) == 1
    site.folder.joinpath("pool.json").rmdir()
    site.look()
    assert site.standing("gpu-0").is_heard


def test_a_start_that_has_failed_all_day_is_still_tried_again() -> None:
    """After thousands of failures it waits as long as a silent one, and no longer."""
    report = ReplicaReport(
        state=ReplicaState.FAILED, pid=1, config_digest="", address="", complaint="no disk", load=None
    )
    member = Member(number=0, name="gpu-0", since_s=0.0, failures=5000, report=report)
    assert not member.is_overdue(59.0, 60.0)
    assert member.is_overdue(60.0, 60.0)
