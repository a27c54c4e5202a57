"""Find servers on the local network over multicast DNS (DNS-SD).

An announcement is a hint and nothing more: anybody on the link can send one, so identity comes from
the connection, and neither network, clock nor price is taken from it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
import socket
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import cast

import ifaddr
from zeroconf import Error as ZeroconfError
from zeroconf import IPVersion, ServiceInfo, ServiceListener, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser

from joulecut_core.errors import LinkError

_LOG = logging.getLogger(__name__)

SERVICE_TYPE = "_joulecut._tcp.local."
_MOST_SERVERS = 64
"""Announcements remembered at most: a flooded link must not grow this process. One more takes the place of any, so that
nobody is kept out by who came first."""
_MOST_LOOKED_UP = 64
"""Names at once whose address did not come with them."""
_LOOKUP_MS = 1000
_AGAIN_S = 30.0
"""Wall seconds between two searches: servers announce themselves once, and who asks before its network is there, or has
been without it for long, would hear of none."""


class Advertisement:
    """Announces a server until closed.

    Wildcard addresses are announced as this host's own address: the one that it reaches others from, or, where no route
    leads out, that of its first link. Where that becomes another one, as when a network comes up, it is announced anew.

    Raises LinkError where this network allows no announcement.
    """

    def __init__(self, name: str, host: str, port: int, *, again_s: float = _AGAIN_S) -> None:
        self._name, self._host, self._port = name, host, port
        try:
            self._address = _announced_address(host)
            self._zeroconf = Zeroconf(interfaces=[self._address], ip_version=IPVersion.V4Only)
        except OSError as error:
            raise LinkError(f"no multicast on {host}: {error}; give edges this server's address instead") from error
        self._info = self._announced(self._address)
        try:
            self._zeroconf.register_service(self._info, cooperating_responders=True)
        except (OSError, ZeroconfError) as error:
            self._zeroconf.close()
            raise LinkError(f"{self._info.name} cannot be announced: {error!r}; is the name taken?") from error
        _LOG.info("announced %s on %s:%d", self._info.name, self._address, port)
        self._following = asyncio.run_coroutine_threadsafe(self._follow(again_s), _loop_of(self._zeroconf))

    def _announced(self, address: str) -> ServiceInfo:
        # Hosts set up from one file have the same name and port: under one label edges would see one of them, and none
        # once either withdraws. 62 characters at most, of the 63 that there may be.
        label = f"{self._name}-{self._port}-{address.replace('.', '-')}"
        return ServiceInfo(
            SERVICE_TYPE,
            f"{label}.{SERVICE_TYPE}",
            addresses=[socket.inet_aton(address)],
            port=self._port,
            server=f"{label}.local.",
        )

    async def _follow(self, again_s: float) -> None:
        while True:
            await asyncio.sleep(again_s)
            try:
                address = await asyncio.to_thread(_announced_address, self._host)
                if address == self._address:
                    continue
                await self._zeroconf.async_update_interfaces([address])
                await (await self._zeroconf.async_unregister_service(self._info))
                self._info = self._announced(address)
                await (await self._zeroconf.async_register_service(self._info, cooperating_responders=True))
            except (OSError, ZeroconfError, LinkError) as error:
                _LOG.debug("%s cannot be announced anew: %r", self._info.name, error)
            else:
                self._address = address
                _LOG.info("announced %s on %s:%d", self._info.name, address, self._port)

    def close(self) -> None:
        """Withdraw the announcement; one that cannot be withdrawn now ends by itself."""
        self._following.cancel()
        try:
            self._zeroconf.unregister_service(self._info)
        except (OSError, ZeroconfError) as error:
            _LOG.warning("%s is not withdrawn: %r; it ends within minutes", self._info.name, error)
        self._zeroconf.close()


class Browser(ServiceListener):
    """Keeps the addresses of servers announced on the local network."""

    def __init__(
        self,
        interface: str | None = None,
        on_change: Callable[[], None] = lambda: None,
        *,
        again_s: float = _AGAIN_S,
    ) -> None:
        """On all interfaces that this host has, as they come and go, or on the one with an address.

        Raises OSError where there is no multicast.
        """
        self._found: dict[str, str] = {}
        self._looked_up: dict[str, Future[bool]] = {}
        self._on_change = on_change
        interfaces = [interface] if interface is not None else None
        self._zeroconf = (
            Zeroconf(interfaces=interfaces, ip_version=IPVersion.V4Only)
            if interfaces is not None
            else Zeroconf(ip_version=IPVersion.V4Only)
        )
        self._searching = asyncio.run_coroutine_threadsafe(self._search(again_s), _loop_of(self._zeroconf))

    def addresses(self) -> tuple[str, ...]:
        """`host:port` of every server announced now, in the order they were found."""
        return tuple(self._found.values())

    async def _search(self, again_s: float) -> None:
        while True:
            # A new one asks whoever is there; the library's own goes on to ask for those alone that it has found.
            search = AsyncServiceBrowser(self._zeroconf, SERVICE_TYPE, listener=self)
            await asyncio.sleep(again_s)
            await search.async_cancel()
            try:
                await self._zeroconf.async_update_interfaces()
            except OSError as error:
                _LOG.debug("interfaces of this host cannot be looked at now: %s", error)

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """Remember a server, as soon as its address is known."""
        try:
            info = ServiceInfo(type_, name)
        except ZeroconfError as error:
            # Of a name that anybody may have sent; raised, it would be a traceback in the log.
            _LOG.debug("announcement of %.80r: %r", name, error)
            return
        if name in self._looked_up or zc.loop is None:
            return
        # Not waited for: names that nobody answers for would keep this thread from servers that are there.
        looking = asyncio.run_coroutine_threadsafe(self._look_up(zc, info), zc.loop)
        self._looked_up[name] = looking
        looking.add_done_callback(partial(self._note, name, info))

    async def _look_up(self, zc: Zeroconf, info: ServiceInfo) -> bool:
        if info.load_from_cache(zc):
            return True
        return len(self._looked_up) <= _MOST_LOOKED_UP and await info.async_request(zc, _LOOKUP_MS)

    def _note(self, name: str, info: ServiceInfo, looking: Future[bool]) -> None:
        if self._looked_up.get(name) is not looking:
            return
        del self._looked_up[name]
        if not looking.cancelled() and looking.exception() is None and looking.result():
            self._remember(name, info)

    def _remember(self, name: str, info: ServiceInfo) -> None:
        if info.port is None or not info.parsed_addresses():
            return
        if name not in self._found and len(self._found) >= _MOST_SERVERS:
            self._found.pop(random.choice(tuple(self._found)), None)  # noqa: S311 - nothing is kept secret by it
        self._found[name] = f"{info.parsed_addresses()[0]}:{info.port}"
        self._on_change()

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """Remember a server's new address."""
        self.add_service(zc, type_, name)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """Forget a server."""
        del zc, type_
        if (looking := self._looked_up.pop(name, None)) is not None:
            looking.cancel()
        self._found.pop(name, None)
        self._on_change()

    def close(self) -> None:
        """Stop listening."""
        self._searching.cancel()
        for looking in tuple(self._looked_up.values()):
            looking.cancel()
        self._zeroconf.close()

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _loop_of(zeroconf: Zeroconf) -> asyncio.AbstractEventLoop:
    """Its thread's own, which runs as soon as it is made."""
    return cast("asyncio.AbstractEventLoop", zeroconf.loop)


def _announced_address(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return socket.gethostbyname(host)
    if not address.is_unspecified:
        if address.version != 4:
            raise LinkError(f"{address} is not announced: only IPv4 addresses are; give edges this server's address")
        return str(address)
    # Connecting a datagram socket sends nothing; it only asks the kernel which address it would use.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            # No road leads out, as on a robot's own network: the first of this host's links, if it has one.
            own = (str(each.ip) for link in ifaddr.get_adapters() for each in link.ips if each.is_IPv4)
            return next((each for each in own if not each.startswith("127.")), "127.0.0.1")
