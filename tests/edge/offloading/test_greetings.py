"""Servers greeted side by side: order, head starts, and nothing left open."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import aclosing
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from joulecut_core.errors import LinkError
from joulecut_edge.offloading.greetings import greeted
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.peers.servers import Candidate


class _Breakers:
    """The part of `Servers` that greetings need: all failed so many times, and these letters are not to be tried."""

    def __init__(self, failures: int, left_alone: set[str]) -> None:
        self._failures, self._left_alone = failures, left_alone

    def may_try(self, candidate: Candidate) -> bool:
        return candidate.address not in self._left_alone

    def wait_s(self, _candidates: Sequence[Candidate]) -> float:
        return 0.001

    def may_be_dead(self, _candidate: Candidate) -> bool:
        return self._failures > 0


class Street:
    """Servers by address: those that are well, and those that say nothing until `speak` is set; the rest is dead."""

    def __init__(self, *, well: str = "", silent: str = "") -> None:
        self.well, self._silent = well, silent
        self.speak = asyncio.Event()
        self.greeted: list[str] = []
        self.left_alone: set[str] = set()
        self.open: set[str] = set()

    async def _opened(self, address: str) -> Any:
        self.greeted.append(address)
        if address in self._silent:
            await self.speak.wait()
        elif address not in self.well:
            raise LinkError("nobody listens")
        self.open.add(address)
        return SimpleNamespace(close=partial(self._close, address))

    async def _close(self, address: str) -> None:
        self.open.discard(address)

    def greetings(self, addresses: str, *, failures: int = 1) -> aclosing[Any]:
        """Those at these addresses, each a letter, greeted."""

        def opened(candidate: Candidate) -> Coroutine[None, None, ServerConnection]:
            return self._opened(candidate.address)

        servers = cast(Any, _Breakers(failures, self.left_alone))
        return aclosing(greeted([Candidate(address=each) for each in addresses], opened, servers))

    async def first(self, addresses: str, *, failures: int = 1) -> str:
        """The first that is well."""
        async with self.greetings(addresses, failures=failures) as greetings:
            async for candidate, greeting in greetings:
                if greeting.exception() is None:
                    return str(candidate.address)
        raise AssertionError("nobody is well")


def test_silent_servers_keep_nobody_waiting() -> None:
    """All before it say nothing: the last is found, and the greetings of the others end."""

    async def run() -> None:
        street = Street(well="z", silent="abcdefgh")
        assert await street.first("abcdefghz") == "z"
        assert street.greeted == [*"abcdefghz"]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_a_failure_ends_a_head_start() -> None:
    """Nobody is waited for who has failed, and who is well within its head start is the last to be greeted."""

    async def run() -> None:
        street = Street(well="xy")
        begin_s = asyncio.get_running_loop().time()
        assert await street.first("abcdefghijklmxy", failures=0) == "x"
        assert asyncio.get_running_loop().time() - begin_s < 13 * 0.25
        assert street.greeted == [*"abcdefghijklmx"]

    asyncio.run(run())


def test_what_was_opened_and_not_taken_is_closed() -> None:
    """A server that speaks while somebody plans with another one is left."""

    async def run() -> None:
        street = Street(well="b", silent="a")
        async with street.greetings("ab") as greetings:
            assert (await anext(greetings))[0].address == "b"
            street.speak.set()
            while street.open != {"a", "b"}:
                await asyncio.sleep(0)
        assert street.open == {"b"}

    asyncio.run(run())


def test_who_speaks_after_all_others_have_failed_is_taken() -> None:
    """The last one that is greeted is not the last one that is waited for."""

    async def run() -> None:
        street = Street(silent="a")
        async with street.greetings("ab") as greetings:
            candidate, greeting = await anext(greetings)
            assert (candidate.address, type(greeting.exception())) == ("b", LinkError)
            street.left_alone.add("b")
            street.speak.set()
            assert (await anext(greetings))[0].address == "a"
        assert street.open == {"a"}, "who takes it closes it"

    asyncio.run(run())


def test_who_comes_back_while_another_says_nothing_is_taken() -> None:
    """It refused, or was not to be tried yet: it is greeted once more before the slow one's greeting has ended."""

    async def run() -> None:
        street = Street(silent="a")
        street.left_alone.add("c")
        async with street.greetings("abc") as greetings:
            assert (await anext(greetings))[0].address == "b"
            street.left_alone.add("b")
            street.well = "c"
            street.left_alone.discard("c")
            candidate, greeting = await anext(greetings)
            assert (candidate.address, greeting.exception()) == ("c", None)
        assert street.greeted == [*"abc"]

    asyncio.run(asyncio.wait_for(run(), 5.0))


def test_a_round_ends_with_the_first_greeting_of_its_last() -> None:
    """However often others are greeted once more: who is named, and whether anybody is there, is looked at anew."""

    async def run() -> None:
        street = Street(silent="a")
        async with street.greetings("ab") as greetings:
            for _ in range(5):
                candidate, greeting = await anext(greetings)
                assert (candidate.address, type(greeting.exception())) == ("b", LinkError)
            street.speak.set()
            ended = {candidate.address: greeting.exception() async for candidate, greeting in greetings}
            assert ended["a"] is None

    asyncio.run(asyncio.wait_for(run(), 5.0))
