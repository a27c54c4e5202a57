"""Whether servers can be found over multicast DNS: announce something, and see it on this host's own network."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Iterator

from joulecut.diagnosis.finding import Area, Fact, Finding, Status

_SERVICE_TYPE = "_joulecut-probe._tcp.local."
"""Not the agents' type: an edge must not take this for a server."""
_GROUP = "224.0.0.251"
_PORT = 9
"""Discard: nobody listens, nobody is asked to."""
_REMEDY = (
    "let UDP port 5353 and 224.0.0.251 through firewall and switch, or do without: "
    'give edges `server = "host:port"` and servers `advertise = false`'
)


def examine_multicast(interface: str | None = None, *, timeout_s: float = 2.0) -> Iterator[Finding]:
    """One finding: seen, not seen, or not possible here. `interface`: its address; every one by default."""
    try:
        _join(interface)
        seen, servers = _announce_and_look(interface, timeout_s)
    except ModuleNotFoundError as error:
        what = f"{error.name} is not installed: servers are not announced, edges need a fixed address"
        yield _finding(Status.NOTE, what, "`pip install 'joulecut[agents]'`", {"seen": False})
        return
    except OSError as error:
        what = f"this network allows no multicast: {error.strerror or error}"
        yield _finding(Status.WARNING, what, _REMEDY, {"seen": False, "error": str(error)})
        return
    facts: dict[str, Fact] = {"seen": seen, "servers": servers, "waited_s": timeout_s}
    if not seen:
        yield _finding(Status.WARNING, f"an announcement did not come back within {timeout_s:g} s", _REMEDY, facts)
        return
    found = f"servers announced now: {', '.join(servers)}" if servers else "no server is announced now"
    what = f"announcements reach this host; whether other hosts hear them depends on the network; {found}"
    yield _finding(Status.OK, what, None, facts)


def _join(interface: str | None) -> None:
    """Join the group and leave it again. Raises OSError, in the kernel's words, where that is not possible."""
    member = socket.inet_aton(_GROUP) + socket.inet_aton(interface or "0.0.0.0")  # noqa: S104 - the kernel chooses
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)


def _announce_and_look(interface: str | None, timeout_s: float) -> tuple[bool, list[str]]:
    from zeroconf import InterfaceChoice, IPVersion, ServiceBrowser, ServiceInfo, Zeroconf  # noqa: PLC0415 - an extra

    from joulecut_proto.discovery import Browser  # noqa: PLC0415

    token = uuid.uuid4().hex[:12]
    name = f"{token}.{_SERVICE_TYPE}"
    interfaces = InterfaceChoice.All if interface is None else [interface]
    info = ServiceInfo(
        _SERVICE_TYPE,
        name,
        addresses=[socket.inet_aton(interface or "127.0.0.1")],
        port=_PORT,
        server=f"{token}.local.",
    )
    heard = threading.Event()

    def note(**change: object) -> None:
        if change.get("name") == name:
            heard.set()

    with (
        Browser(interface) as browser,
        Zeroconf(interfaces=interfaces, ip_version=IPVersion.V4Only) as listener,
        Zeroconf(interfaces=interfaces, ip_version=IPVersion.V4Only) as announcer,
    ):
        search = ServiceBrowser(listener, _SERVICE_TYPE, handlers=[note])
        try:
            announcer.register_service(info, cooperating_responders=True)
            seen = heard.wait(timeout_s)
            return seen, list(browser.addresses())
        finally:
            search.cancel()


def _finding(status: Status, what: str, remedy: str | None, facts: dict[str, Fact]) -> Finding:
    return Finding(area=Area.NETWORK, name="multicast", status=status, what=what, remedy=remedy, facts=facts)
