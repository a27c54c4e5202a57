"""Which servers an edge may use, in the order of its preference, and which of them may be tried now.

Names and lists of the configuration are looked at anew at each round, so that a server that moved or was added is
found. Servers behind one name or in one list are equals: each edge prefers another of them. What the network announces
is a hint: it comes last, and who answers there shows a certificate like any other.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from joulecut_core.configuration_keys import of_key
from joulecut_core.errors import AccessError, ConfigError, ContractError, JoulecutError, LinkError
from joulecut_core.timing import Clock
from joulecut_edge.peers.breaker import Breaker, Trial
from joulecut_edge.peers.listed_servers import ListedServers
from joulecut_edge.peers.preference import preferred
from joulecut_edge.peers.resolved_name import Resolve, ResolvedName
from joulecut_proto.addresses import Address, parse_address

_LOG = logging.getLogger(__name__)

_RESOLVED = "dns:"
_LISTED = "file:"
_MOST = 16
_CONFIGURED_CAP_S = 2.0
"""A server that somebody named is used again within seconds of its return."""
_DISCOVERED_CAP_S = 20.0
_MOST_DOUBT = 16.0
"""Times the usual wait, so some minutes: whoever was mended is not forgotten."""
_LASTING_FAILURES = 3
"""In a row, after which whoever reads warnings alone is told why."""
_NOBODY_S = 5.0
"""Wall seconds without a server to try, after which whoever reads warnings is told: announcements take a second."""
_NOBODY_AGAIN_S = 0.5
_FORGOTTEN = 1024
"""Breakers kept of servers that are no longer candidates, or of a name or list with more than are considered at a time:
where those that failed are forgotten, they are tried again before others have had their turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEntry:
    """One entry of the configuration: a server's address, with `resolve` every address of its name, or a list of them.

    `listed`: the file of the list; the address is then None.
    """

    address: Address | None = None
    resolve: bool = False
    listed: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A server that may be tried. `server_name`: what its certificate must name, where not the address's host."""

    address: str
    server_name: str = ""
    is_discovered: bool = False


def parse_servers(text: str) -> tuple[ServerEntry, ...]:
    """The entries of a comma-separated list; raises ConfigError where one is no address, or there are too many."""
    with of_key("server"):
        entries = tuple(_entry(part.strip()) for part in text.split(",")) if text.strip() else ()
        if len(entries) > _MOST:
            raise ConfigError(f"{len(entries)} entries; expected at most {_MOST}")
    return entries


class Servers:
    """The candidates with a circuit breaker each. Used from the event loop only."""

    def __init__(
        self,
        entries: Sequence[ServerEntry],
        wall: Clock,
        *,
        discovered: Callable[[], Sequence[str]] = tuple,
        resolve: Resolve | None = None,
        seed: int | None = None,
        edge: str = "",
        spread: bool = False,
    ) -> None:
        """`wall`: what waits are measured by. `seed`: of the jitter; None for another one in each process.

        `edge`: what distinguishes this edge from others that choose among equal servers; without it they stay in the
        order in which they come. `spread`: all entries are equals.
        """
        self._entries = tuple(entries)
        self._edge = edge
        self._spread = spread
        self._lists = {entry.listed: ListedServers(entry.listed) for entry in entries if entry.listed is not None}
        named = [entry.address for entry in entries if entry.resolve and entry.address is not None]
        self._names = {each: ResolvedName(each, resolve or _addresses_of) for each in named}
        self._wall = wall
        self._discovered = discovered
        self._random = random.Random(seed)  # noqa: S311 - jitter
        self._breakers: dict[str, Breaker] = {}
        self._nobody_since_s: float | None = None
        self._is_nobody_told = False

    async def candidates(self) -> tuple[Candidate, ...]:
        """All there are now, the most wanted first; each address once, at most 16: of more those that failed least."""
        found: dict[str, Candidate] = {}
        for of_one in await asyncio.gather(*map(self._of, self._entries)):
            for candidate in of_one:
                found.setdefault(candidate.address, candidate)
        if self._spread:
            found = {each.address: each for each in self._among_equals(found.values())}
        # Anybody can announce, and a name may have more addresses than servers that live: many wrong ones must not keep
        # the right one out of sight.
        kept = set(sorted(found, key=self._failures_at)[:_MOST])
        hints = [each for each in sorted(dict.fromkeys(self._discovered()), key=self._failures_at) if each not in found]
        hinted = (Candidate(address=each, is_discovered=True) for each in hints[: _MOST - len(kept)])
        candidates = (*(each for address, each in found.items() if address in kept), *hinted)
        self._note_nobody(is_nobody=not candidates)
        return candidates

    def may_try(self, candidate: Candidate) -> bool:
        """Whether its breaker lets a try pass now."""
        return self._breaker(candidate).trial(self._wall.now_s()) is not Trial.OPEN

    def wait_s(self, candidates: Sequence[Candidate]) -> float:
        """Wall seconds until one of them may be tried; a moment where there are none, longer once that has lasted."""
        if not candidates:
            # Who tells where servers are, as a resolver, is asked as seldom as a server that is away.
            longest_s = _CONFIGURED_CAP_S if self._is_nobody_told else _NOBODY_AGAIN_S
            return longest_s * self._random.uniform(0.5, 1.0)
        now_s = self._wall.now_s()
        return max(0.05, min(self._breaker(each).until_s - now_s for each in candidates))

    def may_be_dead(self, candidate: Candidate) -> bool:
        """Whether it failed, or was passed over, when it was tried last."""
        breaker = self._breaker(candidate)
        return breaker.failures > 0 or breaker.is_passed_over

    def passed_over(self, candidates: Iterable[Candidate]) -> None:
        """They were to be used before the one that is used now, and had not answered by then."""
        for candidate in candidates:
            self._breaker(candidate).is_passed_over = True

    def doubt(self, candidate: Candidate) -> float:
        """Times as long as others it must seem well to be preferred again: doubled by each time that it was of no use.

        Those in doubt are tried after all others, and have less time for a plan.
        """
        return min(2.0 ** self._breaker(candidate).barren, _MOST_DOUBT)

    def failed(self, candidate: Candidate, error: JoulecutError) -> None:
        """It could not be used, or was lost; logged once for each reason, and once more where it lasts."""
        breaker = self._breaker(candidate)
        is_final = isinstance(error, (AccessError, ConfigError, ContractError))
        is_news = breaker.failed(self._wall.now_s(), str(error), is_final=is_final)
        lasts = breaker.failures == _LASTING_FAILURES
        if is_news or lasts:
            level = logging.WARNING if is_final or lasts else logging.INFO
            _LOG.log(level, "server %s: %s", candidate.address, error)

    def left(self, candidate: Candidate, *, is_barren: bool, is_leaving: bool) -> None:
        """It was in use, and is no more: `is_leaving` by its own wish: soon after the last time, for longer.

        `is_barren`: it answered none of the requests that it got. Greetings and plans are no answers: who gives those
        alone is left alone ever longer, as who gives nothing.
        """
        breaker = self._breaker(candidate)
        if is_barren:
            breaker.barren += 1
        else:
            breaker.succeeded()
        if is_leaving:
            self.failed(candidate, LinkError("it takes no requests now"))
            breaker.left(self._wall.now_s())
        elif is_barren:
            self.failed(candidate, LinkError("it was lost before it had answered a single request"))
            breaker.was_of_no_use(self._wall.now_s())

    def late(self, candidate: Candidate) -> None:
        """All its answers came too late, or would, or its plan did: it must seem well for longer each time."""
        self._breaker(candidate).barren += 1

    def _note_nobody(self, *, is_nobody: bool) -> None:
        """Tell once why this edge is alone, where no server can be told of."""
        now_s = self._wall.now_s()
        if not is_nobody:
            self._nobody_since_s, self._is_nobody_told = None, False
            return
        if self._nobody_since_s is None:
            self._nobody_since_s = now_s
        if not self._is_nobody_told and now_s - self._nobody_since_s >= _NOBODY_S:
            self._is_nobody_told = True
            why = (
                "`server` names none now" if self._entries else "none is named as `server`, nor announced over zeroconf"
            )
            _LOG.warning("no server to try: %s; this edge is alone until there is one", why)

    def _failures_at(self, address: str) -> int:
        breaker = self._breakers.get(address)
        return 0 if breaker is None else breaker.failures

    def _breaker(self, candidate: Candidate) -> Breaker:
        breaker = self._breakers.pop(candidate.address, None)
        if breaker is None:
            cap_s = _DISCOVERED_CAP_S if candidate.is_discovered else _CONFIGURED_CAP_S
            breaker = Breaker(cap_s, self._random)
        self._breakers[candidate.address] = breaker
        if len(self._breakers) > _MOST + _FORGOTTEN:
            del self._breakers[next(iter(self._breakers))]
        return breaker

    async def _of(self, entry: ServerEntry) -> Sequence[Candidate]:
        if entry.listed is not None:
            servers = await asyncio.to_thread(self._lists[entry.listed].now)
            found = [Candidate(address=each.address, server_name=each.server_name) for each in servers]
            return self._among_equals(found)
        address = entry.address
        if address is None:
            return ()
        if not entry.resolve:
            return (Candidate(address=str(address)),)
        hosts = await self._names[address].now()
        places = (str(Address(host=host, port=address.port)) for host in hosts)
        return self._among_equals([Candidate(address=place, server_name=address.host) for place in places])

    def _among_equals(self, candidates: Iterable[Candidate]) -> Sequence[Candidate]:
        by_address = {each.address: each for each in candidates}
        if not self._edge:
            return tuple(by_address.values())
        return [by_address[address] for address in preferred(self._edge, by_address)]


def _entry(text: str) -> ServerEntry:
    if text.startswith(_LISTED):
        path = Path(text.removeprefix(_LISTED))
        if not path.is_absolute():
            raise ConfigError(f"{text!r}; expected file:/path/of/servers.json, from the root")
        return ServerEntry(listed=path)
    if not text.startswith(_RESOLVED):
        return ServerEntry(address=parse_address(text))
    address = parse_address(text.removeprefix(_RESOLVED))
    if address.path is not None:
        raise ConfigError(f"{text!r}; expected dns:host:port; a Unix socket has no name to resolve")
    return ServerEntry(address=address, resolve=True)


def _addresses_of(host: str, port: int) -> Sequence[str]:
    return [str(place[0]) for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
