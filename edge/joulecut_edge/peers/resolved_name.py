"""The addresses of one name, asked for anew each time; what was known last counts where the resolver says nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from joulecut_core.side_threads import aside
from joulecut_proto.addresses import Address

_LOG = logging.getLogger(__name__)

_ANSWER_S = 1.0
"""Wall seconds that an answer is waited for. Where nobody resolves names, a question takes many: an edge that has lost
its server would be back long after it."""

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host's name, for a port. Raises OSError where there are none."""


class ResolvedName:
    """One name. Used from the event loop only."""

    def __init__(self, address: Address, resolve: Resolve) -> None:
        self._address = address
        self._resolve = resolve
        self._asking: asyncio.Task[None] | None = None
        self._hosts: Sequence[str] = ()
        self._complaint = ""

    async def now(self) -> Sequence[str]:
        """Its addresses, each once; those of the last answer where none comes soon, or there is none."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        await asyncio.wait({self._asking}, timeout=_ANSWER_S)
        return self._hosts

    async def _ask(self) -> None:
        try:
            host, port = self._address.host, self._address.port
            hosts = await aside(lambda: self._resolve(host, port), f"resolving {host}")
        except (OSError, UnicodeError) as error:
            if str(error) != self._complaint:
                text = "server dns:%s: no addresses: %s; those it had last are used: %d"
                _LOG.warning(text, self._address, error, len(self._hosts))
            self._complaint = str(error)
        else:
            self._hosts, self._complaint = tuple(dict.fromkeys(hosts)), ""
