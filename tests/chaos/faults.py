"""The faults that a storm draws from: how each begins, how long it lasts, how it ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum

from tests.chaos.fault_proxy import CALM, FaultProxy, Place, Way, Weather
from tests.chaos.site import Agent, ChaosSite
from tests.chaos.traffic import Application


class Fault(str, Enum):
    """What goes wrong."""

    SERVER_KILLED = "server killed"
    SERVER_PAUSED = "server paused"
    EDGE_KILLED = "edge killed"
    EDGE_PAUSED = "edge paused"
    CUT = "lines reset"
    CLOSED = "lines closed"
    SWALLOWED = "lines half-open"
    STALLED_UP = "uplink stalled"
    STALLED_DOWN = "downlink stalled"
    SLOW = "link slow"
    LATE = "link late, with jitter"
    REFUSED = "connects refused"
    REORDERED = "connects reordered"
    TRUNCATED_UP = "request truncated"
    TRUNCATED_DOWN = "answer truncated"
    PAYLOAD_UP = "bits flipped in requests' messages"
    PAYLOAD_DOWN = "bits flipped in answers' messages"
    BITS_UP = "bits flipped anywhere up"
    BITS_DOWN = "bits flipped anywhere down"


_WEATHERS = {
    Fault.STALLED_UP: (Weather(stalled=True), (Way.UP,)),
    Fault.STALLED_DOWN: (Weather(stalled=True), (Way.DOWN,)),
    # A cut tensor of 6 kB takes half a second.
    Fault.SLOW: (Weather(rate_bps=1e5), (Way.UP, Way.DOWN)),
    Fault.LATE: (Weather(delay_s=0.02, jitter_s=0.08), (Way.UP, Way.DOWN)),
}
_DAMAGES = {
    Fault.PAYLOAD_UP: (Way.UP, Place.PAYLOAD),
    Fault.PAYLOAD_DOWN: (Way.DOWN, Place.PAYLOAD),
    Fault.BITS_UP: (Way.UP, Place.ANYWHERE),
    Fault.BITS_DOWN: (Way.DOWN, Place.ANYWHERE),
}
_DAMAGED_PIECES = 5


@dataclass(slots=True, kw_only=True)
class Node:
    """One edge, its line to the server, and the application of its present life."""

    edge: Agent
    proxy: FaultProxy
    app: Application
    stack: AsyncExitStack
    alive: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while the edge can be asked."""


@dataclass(slots=True, kw_only=True)
class Fleet:
    """One server, several edges, and what killed edges took with them."""

    site: ChaosSite
    server: Agent
    nodes: Sequence[Node]
    random: random.Random
    look_s: float
    excused: set[int] = field(default_factory=set)
    """Numbers of operations under way at an edge that was killed."""

    @asynccontextmanager
    async def befallen(self, fault: Fault) -> AsyncIterator[None]:
        """The fault has begun; leaving ends it. One edge or all, drawn, where it is no server's."""
        nodes = self.nodes if self.random.random() < 0.25 else (self.random.choice(self.nodes),)
        async with AsyncExitStack() as stack:
            if fault is Fault.SERVER_KILLED:
                self.server.kill()
                stack.push_async_callback(self.server.start)
            elif fault is Fault.SERVER_PAUSED:
                self.server.pause()
                stack.callback(self.server.resume)
            elif fault is Fault.EDGE_KILLED:
                self._kill(nodes[0])
                stack.push_async_callback(self._revive, nodes[0])
            elif fault is Fault.EDGE_PAUSED:
                nodes[0].edge.pause()
                stack.callback(nodes[0].edge.resume)
            else:
                for node in nodes:
                    _break(node.proxy, fault)
                    stack.push_async_callback(_mend, node.proxy, fault)
            yield

    def _kill(self, node: Node) -> None:
        node.alive.clear()
        node.edge.kill()
        history = self.site.history
        self.excused |= {
            operation.number
            for operation in history.operations[-1000:]
            if operation.edge == node.edge.name
            and operation.life == node.edge.lives
            and operation.number not in history.answers
        }

    async def _revive(self, node: Node) -> None:
        await node.stack.aclose()
        await node.edge.start()
        node.stack = AsyncExitStack()
        node.app = await node.stack.enter_async_context(self.site.application(node.edge, look_s=self.look_s))
        node.alive.set()


def _break(proxy: FaultProxy, fault: Fault) -> None:
    if fault in _WEATHERS:
        weather, ways = _WEATHERS[fault]
        proxy.set_weather(weather, *ways)
    elif fault in _DAMAGES:
        proxy.corrupt(*_DAMAGES[fault], pieces=_DAMAGED_PIECES)
    elif fault is Fault.TRUNCATED_UP:
        proxy.truncate(Way.UP)
    elif fault is Fault.TRUNCATED_DOWN:
        proxy.truncate(Way.DOWN)
    elif fault is Fault.SWALLOWED:
        proxy.swallow(new_too=proxy.random.random() < 0.5)
    else:
        if fault is Fault.REFUSED:
            proxy.refuse()
        if fault is Fault.REORDERED:
            proxy.reorder()
        (proxy.hang_up if fault is Fault.CLOSED else proxy.cut)()


async def _mend(proxy: FaultProxy, fault: Fault) -> None:
    proxy.set_weather(CALM)
    proxy.carry_new()
    proxy.unspoil()
    if fault is Fault.REFUSED:
        await proxy.start()
