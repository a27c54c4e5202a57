"""Announcements over multicast DNS, on this machine alone."""

from __future__ import annotations

import errno
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import ifaddr
import pytest
from zeroconf import IPVersion, ServiceInfo, Zeroconf
from zeroconf._cache import DNSCache
from zeroconf._dns import DNSPointer
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncServiceBrowser
from zeroconf.const import _CLASS_IN, _FLAGS_AA, _FLAGS_QR_RESPONSE, _TYPE_PTR

from joulecut_core.errors import LinkError
from joulecut_proto import discovery
from joulecut_proto.discovery import SERVICE_TYPE, Advertisement, Browser

LOOPBACK = "127.0.0.1"
_ON_LINK = ("fe80::1", 0, 7)
WAIT_S = 10.0
_MOST_KEPT = 10_000
_GROUP = ("224.0.0.251", 5353)


def _multicast_works() -> bool:
    """Whether a datagram to the group of multicast DNS comes back on the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        try:
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            receiver.bind(("", 0))
            member = socket.inet_aton(_GROUP[0]) + socket.inet_aton(LOOPBACK)
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(LOOPBACK))
            receiver.settimeout(1.0)
            receiver.sendto(b"joulecut", (_GROUP[0], receiver.getsockname()[1]))
            return receiver.recv(16) == b"joulecut"
        except OSError:
            return False


@pytest.fixture(name="name")
def _name() -> str:
    """A name of its own for each test: other tests may announce on the same machine at the same time."""
    if not _multicast_works():
        pytest.skip("multicast does not work on this machine's loopback")
    return f"test-{uuid.uuid4().hex[:8]}"


class Watching:
    """A browser whose changes a test can wait for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.browser = Browser(LOOPBACK, on_change=self._note)

    def _note(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def until(self, holds: Callable[[], bool]) -> bool:
        """Wait for a change after which `holds` is true; False where it never is."""
        with self._changed:
            return self._changed.wait_for(holds, WAIT_S)

    def knows(self, port: int) -> bool:
        return f"{LOOPBACK}:{port}" in self.browser.addresses()


@pytest.fixture(name="watching")
def _watching(name: str) -> Iterator[Watching]:
    del name  # skips first
    watching = Watching()
    with watching.browser:
        yield watching


def test_a_server_is_found_and_forgotten(name: str, watching: Watching) -> None:
    """An edge that looks finds a server that is announced later, and forgets it when it withdraws."""
    advertisement = Advertisement(name, LOOPBACK, 50051)
    assert watching.until(lambda: watching.knows(50051))
    advertisement.close()
    assert watching.until(lambda: not watching.knows(50051))


def test_a_server_whose_address_becomes_another_is_announced_there(
    name: str, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that starts its server before its network is up knows no better address than its loopback's."""
    monkeypatch.setattr(discovery, "_announced_address", lambda host: host)
    advertisement = Advertisement(name, LOOPBACK, 50060, again_s=0.1)
    try:
        assert watching.until(lambda: watching.knows(50060))
        monkeypatch.setattr(discovery, "_announced_address", lambda _: "127.0.0.2")
        assert watching.until(lambda: "127.0.0.2:50060" in watching.browser.addresses())
        assert watching.until(lambda: f"{LOOPBACK}:50060" not in watching.browser.addresses())
    finally:
        advertisement.close()
    assert watching.until(lambda: "127.0.0.2:50060" not in watching.browser.addresses())


def test_a_server_from_before_is_found(name: str) -> None:
    """An edge that starts after the server finds it too."""
    advertisement = Advertisement(name, LOOPBACK, 50052)
    try:
        watching = Watching()
        with watching.browser:
            assert watching.until(lambda: watching.knows(50052))
    finally:
        advertisement.close()


@pytest.mark.parametrize("forged", ["evil", f"\x01.{SERVICE_TYPE}"])
def test_a_name_that_is_none_ends_nothing(name: str, watching: Watching, forged: str) -> None:
    """Anybody on the link can announce one: those who look go on, and find who is there."""
    sent = DNSOutgoing(_FLAGS_QR_RESPONSE | _FLAGS_AA)
    sent.add_answer_at_time(DNSPointer(SERVICE_TYPE, _TYPE_PTR, _CLASS_IN, 120, forged), 0)
    with Zeroconf(interfaces=[LOOPBACK], ip_version=IPVersion.V4Only) as forger:
        forger.send(sent)
        advertisement = Advertisement(name, LOOPBACK, 50056)
        try:
            assert watching.until(lambda: watching.knows(50056))
        finally:
            advertisement.close()


def test_a_search_begins_anew_on_what_interfaces_there_are(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A board may start its edge before its Wi-Fi is up, and servers announce themselves once."""
    del name  # skips first
    course: list[str] = []
    begun_anew = threading.Event()

    class Watched(Zeroconf):
        async def async_update_interfaces(self, *given: Any, **named: Any) -> None:
            await super().async_update_interfaces(*given, **named)
            course.append("interfaces")

    class Search(AsyncServiceBrowser):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            course.append("search")
            if len(course) == 3:
                begun_anew.set()

    monkeypatch.setattr(discovery, "Zeroconf", Watched)
    monkeypatch.setattr(discovery, "AsyncServiceBrowser", Search)
    with Browser(LOOPBACK, again_s=0.01):
        assert begun_anew.wait(WAIT_S)
    assert course[:3] == ["search", "interfaces", "search"]


def test_names_that_nobody_answers_for_hold_nobody_up(name: str, watching: Watching) -> None:
    """Anybody can announce dozens: a server that comes after them is found before each has been waited for."""
    sent = DNSOutgoing(_FLAGS_QR_RESPONSE | _FLAGS_AA)
    for number in range(100):
        nobody = f"nobody-{number}.{SERVICE_TYPE}"
        sent.add_answer_at_time(DNSPointer(SERVICE_TYPE, _TYPE_PTR, _CLASS_IN, 120, nobody), 0)
    with Zeroconf(interfaces=[LOOPBACK], ip_version=IPVersion.V4Only) as forger:
        forger.send(sent)
        advertisement = Advertisement(name, LOOPBACK, 50057)
        try:
            assert watching.until(lambda: watching.knows(50057))
        finally:
            advertisement.close()


def test_a_server_that_comes_after_many_is_found(name: str, watching: Watching) -> None:
    """Who announces dozens of servers that are none keeps nobody out, and lets the list grow no further."""
    for number in range(100):
        forged = ServiceInfo(SERVICE_TYPE, f"{number}.{SERVICE_TYPE}", port=1 + number, addresses=[bytes(4)])
        watching.browser._remember(forged.name, forged)
    advertisement = Advertisement(name, LOOPBACK, 50058)
    try:
        assert watching.until(lambda: watching.knows(50058))
        assert len(watching.browser.addresses()) == 64
    finally:
        advertisement.close()


def test_of_what_a_link_is_flooded_with_not_all_is_kept() -> None:
    """Releases of zeroconf that joulecut does not take keep it for as long as the sender says."""
    cache = DNSCache()
    for number in range(2 * _MOST_KEPT):
        cache.async_add_records([DNSPointer(SERVICE_TYPE, _TYPE_PTR, _CLASS_IN, 2**31 - 1, f"{number}.{SERVICE_TYPE}")])
    assert len(cache.entries_with_name(SERVICE_TYPE)) <= _MOST_KEPT


def test_two_servers_of_one_name(name: str, watching: Watching) -> None:
    """Two servers that nobody named apart are two: their ports are part of what is announced."""
    advertisements = [Advertisement(name, LOOPBACK, port) for port in (50053, 50054)]
    try:
        assert watching.until(lambda: watching.knows(50053) and watching.knows(50054))
    finally:
        for advertisement in advertisements:
            advertisement.close()


def test_two_hosts_set_up_alike(name: str, watching: Watching) -> None:
    """Servers of one name and port on two hosts are two: the end of one leaves the other known."""
    name = name.ljust(40, "x")  # the longest that there may be
    first, second = (Advertisement(name, host, 50059) for host in (LOOPBACK, "127.100.100.100"))
    try:
        both = {f"{LOOPBACK}:50059", "127.100.100.100:50059"}
        assert watching.until(lambda: both <= set(watching.browser.addresses()))
        second.close()
        assert watching.until(lambda: "127.100.100.100:50059" not in watching.browser.addresses())
        assert watching.knows(50059)
    finally:
        first.close()


@pytest.mark.parametrize(
    ("links", "announced"),
    [({"lo": [LOOPBACK], "can0": [], "eth7": [_ON_LINK, "10.77.0.1"]}, "10.77.0.1"), ({"lo": [LOOPBACK]}, LOOPBACK)],
)
def test_a_network_without_a_way_out_is_announced_on(
    monkeypatch: pytest.MonkeyPatch, links: dict[str, list[str | tuple[str, int, int]]], announced: str
) -> None:
    """A robot's own switch has no default route: on its loopback alone the server would be found by nobody."""

    class NoWayOut(socket.socket):
        def connect(self, address: object) -> NoReturn:
            raise OSError(errno.ENETUNREACH, f"no way to {address}")

    asked_for: list[list[str]] = []

    def no_multicast(interfaces: list[str], **given: object) -> NoReturn:
        del given
        asked_for.append(interfaces)
        raise OSError(errno.ENODEV, "no multicast")

    monkeypatch.setattr(socket, "socket", NoWayOut)
    adapters = [ifaddr.Adapter(name, name, [ifaddr.IP(ip, 24, name) for ip in ips]) for name, ips in links.items()]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    monkeypatch.setattr(discovery, "Zeroconf", no_multicast)
    with pytest.raises(LinkError, match="no multicast"):
        Advertisement("robot", "0.0.0.0", 50059)  # noqa: S104 - not bound
    assert asked_for == [[announced]]


def test_what_cannot_be_announced_is_said() -> None:
    """A server that listens on IPv6 alone serves all the same: whoever announces it hears why nobody finds it."""
    with pytest.raises(LinkError, match="::1 is not announced: only IPv4 addresses are"):
        Advertisement("nobody", "::1", 50055)
