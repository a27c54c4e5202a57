"""Which servers an edge tries, in which order, and which it leaves alone for now."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import threading
from collections.abc import Sequence

import pytest

from joulecut_core.errors import AccessError, ConfigError, LinkError
from joulecut_core.timing import ManualClock
from joulecut_edge.peers import resolved_name
from joulecut_edge.peers.resolved_name import Resolve
from joulecut_edge.peers.servers import Candidate, Servers, parse_servers

_WAIT_S = 10.0


def resolved(*hosts: str) -> Resolve:
    """A resolver that knows one answer."""

    def resolve(host: str, port: int) -> Sequence[str]:
        del host, port
        return hosts

    return resolve


def addresses(servers: Servers) -> list[str]:
    """Those of the candidates now."""
    return [each.address for each in asyncio.run(servers.candidates())]


def test_a_list_in_its_order() -> None:
    """Every form, blanks around them, the first one the most wanted; an address named twice is one server."""
    text = "gpu:7000, unix:/run/gpu.sock,[::1]:7000 ,dns:pool:7001,gpu:7000"
    servers = Servers(parse_servers(text), ManualClock(), resolve=resolved("10.0.0.1", "fe80::1", "10.0.0.1"))
    assert addresses(servers) == ["gpu:7000", "unix:/run/gpu.sock", "[::1]:7000", "10.0.0.1:7001", "[fe80::1]:7001"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("gpu", "address 'gpu': expected host:port"),
        ("gpu:7000,,gpu:7001", "address '': expected host:port"),
        ("dns:unix:/run/gpu.sock", "expected dns:host:port; a Unix socket has no name"),
        (",".join(f"gpu:{port}" for port in range(1, 18)), "17 entries; expected at most 16"),
    ],
)
def test_what_is_no_list_of_servers(text: str, complaint: str) -> None:
    """The start says which entry is wrong."""
    with pytest.raises(ConfigError, match=complaint):
        parse_servers(text)


def test_names_are_resolved_anew_at_each_round() -> None:
    """A pool that grows or moves is followed, and one without its resolver not forgotten; certificates must name the
    host that was asked for."""
    answers: list[Sequence[str] | OSError] = [
        ["10.0.0.1"],
        socket.gaierror(-2, "Name unknown"),
        ["10.0.0.2", "10.0.0.3"],
    ]

    def resolve(host: str, port: int) -> Sequence[str]:
        assert (host, port) == ("pool", 7000)
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    servers = Servers(parse_servers("dns:pool:7000"), ManualClock(), resolve=resolve)
    assert asyncio.run(servers.candidates()) == (Candidate(address="10.0.0.1:7000", server_name="pool"),)
    assert addresses(servers) == ["10.0.0.1:7000"]
    assert addresses(servers) == ["10.0.0.2:7000", "10.0.0.3:7000"]


def test_a_resolver_that_hangs_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other servers, and what the name stood for last, are there meanwhile; its answer counts once it comes."""
    monkeypatch.setattr(resolved_name, "_ANSWER_S", 0.01)
    numbers, answers = itertools.count(1), threading.Semaphore(0)

    def resolve(host: str, port: int) -> Sequence[str]:
        del host, port
        answers.acquire()
        return [f"10.0.0.{next(numbers)}"]

    async def use() -> None:
        servers = Servers(parse_servers("a:1,dns:pool:7000"), ManualClock(), resolve=resolve)
        known = ["a:1"]
        for expected in (["a:1", "10.0.0.1:7000"], ["a:1", "10.0.0.2:7000"]):
            assert [each.address for each in await servers.candidates()] == known
            answers.release()
            while known != expected:
                known = [each.address for each in await servers.candidates()]
        answers.release()

    asyncio.run(use())


def test_nobody_who_stops_waits_for_a_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many seconds it takes to give up, an agent ends without it."""
    monkeypatch.setattr(resolved_name, "_ANSWER_S", 0.01)
    may_end, ended = threading.Event(), threading.Event()

    def resolve(host: str, port: int) -> Sequence[str]:
        del host, port
        may_end.wait(_WAIT_S)
        ended.set()
        return ()

    assert addresses(Servers(parse_servers("dns:pool:7000"), ManualClock(), resolve=resolve)) == []
    assert not ended.is_set()
    may_end.set()
    assert ended.wait(_WAIT_S)


def test_there_are_never_more_than_sixteen() -> None:
    """Neither a name with many addresses nor a flooded network makes a round long, or hides the right server."""
    many = [f"10.0.0.{host}" for host in range(64)]
    named = Servers(parse_servers("dns:pool:7000"), ManualClock(), resolve=resolved(*many))
    announced = Servers((), ManualClock(), discovered=lambda: [f"{host}:7000" for host in many])
    for servers in (named, announced):
        seen: set[str] = set()
        for _ in range(4):
            found = asyncio.run(servers.candidates())
            assert len(found) == 16
            seen |= {each.address for each in found}
            for each in found:
                servers.failed(each, LinkError("nobody listens"))
        assert len(seen) == 64


def test_one_that_lives_is_found_among_hundreds_that_do_not() -> None:
    """Of a name with six hundred addresses each has its turn before one that failed has another."""
    hosts = [f"10.0.{number >> 8}.{number & 255}" for number in range(600)]

    async def seen() -> set[str]:
        clock = ManualClock()
        servers = Servers(parse_servers("dns:gpu:50051"), clock, resolve=resolved(*hosts), seed=1, edge="edge")
        tried = set[str]()
        for _ in range(-(-len(hosts) // 16)):
            for candidate in await servers.candidates():
                tried.add(candidate.address)
                servers.failed(candidate, LinkError("nobody there"))
            clock.advance_s(2.0)
        return tried

    assert len(asyncio.run(seen())) == len(hosts)


def test_an_address_counts_once_however_often_it_is_announced() -> None:
    """Also where the configuration names it already: it is then no hint."""
    servers = Servers(parse_servers("a:1"), ManualClock(), discovered=lambda: ["b:2", "a:1", "b:2", "c:3"])
    found = asyncio.run(servers.candidates())
    assert [(each.address, each.is_discovered) for each in found] == [("a:1", False), ("b:2", True), ("c:3", True)]


def test_a_failed_server_is_left_alone_for_a_moment() -> None:
    """Its breaker opens, others are not touched, and it may be tried once the wait is over."""
    clock = ManualClock(10.0)
    servers = Servers(parse_servers("a:1,b:1"), clock, seed=3)
    first, second = asyncio.run(servers.candidates())
    servers.failed(first, LinkError("nobody listens"))
    assert (servers.may_try(first), servers.may_try(second)) == (False, True)
    servers.failed(second, LinkError("nobody listens"))
    wait_s = servers.wait_s([first, second])
    assert 0.05 <= wait_s <= 0.2
    clock.advance_s(0.2)
    assert servers.may_try(first)
    servers.left(first, is_barren=False, is_leaving=False)
    assert not servers.may_be_dead(first)


def test_who_was_passed_over_has_a_short_head_start_until_it_was_of_use() -> None:
    """It may be tried at once, as nobody knows that it failed; whoever is well behind it need not wait for it again."""
    servers = Servers(parse_servers("a:1,b:1"), ManualClock(), seed=3)
    first, second = asyncio.run(servers.candidates())
    servers.passed_over([first])
    assert (servers.may_be_dead(first), servers.may_be_dead(second)) == (True, False)
    assert servers.may_try(first)
    servers.left(first, is_barren=False, is_leaving=False)
    assert not servers.may_be_dead(first)


def test_a_server_that_answers_greetings_alone_is_left_alone_ever_longer() -> None:
    """Joining it again and again must not cost a plan each; one answer ends that, a wish to be left begins it anew."""
    servers = Servers(parse_servers("a:1"), ManualClock(), seed=3)
    (only,) = asyncio.run(servers.candidates())
    for _ in range(6):
        servers.left(only, is_barren=True, is_leaving=False)
    assert (servers._failures_at(only.address), servers.doubt(only)) == (6, 16.0)
    assert servers.wait_s([only]) >= 1.0
    servers.left(only, is_barren=False, is_leaving=True)
    assert (servers._failures_at(only.address), servers.doubt(only)) == (1, 1.0)
    assert servers.wait_s([only]) <= 0.2
    servers.left(only, is_barren=False, is_leaving=False)
    assert servers.may_try(only)


def test_a_server_whose_requests_all_fail_is_returned_to_ever_later() -> None:
    """Each return costs a plan, a change of clocks and requests; one that was mended is tried within half a minute."""
    clock = ManualClock(1000.0)
    servers = Servers(parse_servers("a:1"), clock, seed=3)
    (only,) = asyncio.run(servers.candidates())
    begin_s, waits_s = clock.now_s(), list[float]()
    while clock.now_s() < begin_s + 600.0:
        servers.left(only, is_barren=True, is_leaving=False)
        waits_s.append(servers.wait_s([only]))
        clock.advance_s(waits_s[-1])
        assert servers.may_try(only)
        clock.advance_s(1.0)
    assert len(waits_s) < 50
    assert max(waits_s[:2]) <= 0.8
    assert max(waits_s) <= 30.0


def test_a_server_that_comes_and_goes_is_returned_to_ever_later() -> None:
    """Each return costs a plan and a change of clocks, however well it answers in between; one that stays ends that."""
    clock = ManualClock(1000.0)
    servers = Servers(parse_servers("a:1"), clock, seed=3)
    (only,) = asyncio.run(servers.candidates())
    begin_s, returns = clock.now_s(), 0
    while clock.now_s() < begin_s + 600.0:
        servers.left(only, is_barren=False, is_leaving=True)
        clock.advance_s(servers.wait_s([only]))
        assert servers.may_try(only)
        clock.advance_s(0.3)
        returns += 1
    assert returns < 50
    clock.advance_s(60.0)
    servers.left(only, is_barren=False, is_leaving=True)
    assert servers.wait_s([only]) <= 0.2


@pytest.mark.parametrize(("is_discovered", "least_s", "most_s"), [(False, 1.0, 2.0), (True, 10.0, 20.0)])
def test_named_servers_are_tried_more_often(is_discovered: bool, least_s: float, most_s: float) -> None:
    """Two seconds at most between tries of a server that somebody named, twenty for one that announced itself."""
    servers = Servers((), ManualClock(), seed=1)
    candidate = Candidate(address="a:1", is_discovered=is_discovered)
    for _ in range(20):
        servers.failed(candidate, LinkError("nobody listens"))
    assert least_s <= servers.wait_s([candidate]) <= most_s


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "none is named as `server`, nor announced over zeroconf"), ("dns:pool:7000", "`server` names none now")],
)
def test_an_edge_that_knows_no_server_says_so(caplog: pytest.LogCaptureFixture, text: str, why: str) -> None:
    """Once announcements have had their time, once each time, since there is no server whose failure would be told."""
    clock, hosts, announced = ManualClock(), list[str](), list[str]()
    servers = Servers(parse_servers(text), clock, discovered=lambda: announced, resolve=lambda *_: hosts)

    def told_after(seconds: float) -> int:
        clock.advance_s(seconds)
        addresses(servers)
        return caplog.text.count("no server to try")

    assert told_after(0.0) == told_after(4.0) == 0
    assert told_after(1.0) == told_after(60.0) == 1
    assert f"no server to try: {why}; this edge is alone until there is one" in caplog.text
    announced.append("gpu:7000")
    assert told_after(60.0) == 1
    announced.clear()
    assert told_after(1.0) == 1
    assert told_after(5.0) == 2


def test_a_name_without_addresses_is_asked_for_no_more_often_than_a_dead_server_is_tried() -> None:
    """For days, and by each edge of a site: often at first, as a resolver may be about to come."""
    clock, asked = ManualClock(), list[float]()
    begin_s = clock.now_s()

    def resolve(*_: object) -> list[str]:
        asked.append(clock.now_s() - begin_s)
        raise OSError("unknown host")

    servers = Servers(parse_servers("dns:pool:7000"), clock, seed=1, resolve=resolve)

    async def look_for_a_minute() -> None:
        while clock.now_s() < begin_s + 60.0:
            clock.advance_s(servers.wait_s(await servers.candidates()))

    asyncio.run(look_for_a_minute())
    assert len([each for each in asked if each < 5.0]) >= 9
    assert len([each for each in asked if each >= 10.0]) <= 50


def test_a_reason_is_logged_once_per_change(caplog: pytest.LogCaptureFixture) -> None:
    """A server that is away for a day must not fill the log; a new reason is worth a line, one that lasts a warning."""
    servers = Servers((), ManualClock(), seed=1)
    candidate = Candidate(address="a:1")
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            servers.failed(candidate, LinkError("nobody listens"))
        servers.failed(candidate, AccessError("not this edge"))
        servers.failed(candidate, AccessError("not this edge"))
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.INFO, "server a:1: nobody listens"),
        (logging.WARNING, "server a:1: nobody listens"),
        (logging.WARNING, "server a:1: not this edge"),
    ]
