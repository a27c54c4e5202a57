"""How much of a device one edge may ask for while others wait.

Deadlines alone leave the device to whoever asks most: sixteen requests of one edge come before those that eight
others send a moment later. An edge's *share* is its even part of the largest batch, or what half of the edges have
in the line where that is more. An edge that has more than three times its share in a line that no batch can take as a
whole *floods*: it is shown as one that asks for no more than its share. Less than that happens by chance among equals,
who are better off by their deadlines alone. The device is shared by those that wait and those that the last batch was
of, who may ask again before the next one ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby

from joulecut_core.serving import QueuedRequest

_FLOOD = 3
"""Shares. Among eight edges with four requests each in flight hardly anybody has more in the line by chance. Sixteen
requests of one edge are kept from others with single ones as well as by two shares, and better than by four."""


def fair_share(held: Collection[int], edges: int, largest: int) -> int:
    """How many one edge may have before the others: no less than half of those that wait have.

    `held`: what each edge that waits has in the line. `edges`: how many share the device. `largest`: its batch.
    """
    return max(largest // edges, sorted(held)[(len(held) - 1) // 2], 1)


class FairShares:
    """Whom of a line a policy is shown. An edge that does not flood is never held back. Not thread-safe."""

    def __init__(self, largest: int) -> None:
        """`largest`: the largest batch. Raises ValueError for less than one."""
        if largest < 1:
            raise ValueError(f"largest batch: {largest}; expected at least one request")
        self._largest = largest
        self._awaited: dict[str, frozenset[int]] = {}
        self._last: frozenset[str] = frozenset()

    def shown(self, waiting: Sequence[QueuedRequest], held: Mapping[str, int]) -> list[QueuedRequest] | None:
        """Those of `waiting`, by urgency, that may run next, in the same order; None where that is all of them.

        `held`: how many each edge has. Of an edge that floods, its share of the most urgent ones is shown; and none
        from when some were taken until those of others that were shown then are gone. Lower priorities do not count.
        """
        if len(waiting) <= self._largest or (len(held) == 1 and held.keys() >= self._last):
            return None
        one_priority = waiting[0].priority == waiting[-1].priority
        if one_priority and max(held.values()) <= _FLOOD * self._share(held):
            return None
        asked: Counter[str] = Counter()
        places: Counter[str] = Counter()
        ids: set[int] = set()
        shown: list[QueuedRequest] = []
        for _, group in groupby(waiting, key=_priority):
            equals = tuple(group)
            asked.update(request.edge for request in equals)
            ids.update(request.id for request in equals)
            share = self._share(asked)
            most = {edge: self._places(edge, share, ids) for edge, count in asked.items() if count > _FLOOD * share}
            for request in equals:
                if request.edge not in most or places[request.edge] < most[request.edge]:
                    places[request.edge] += 1
                    shown.append(request)
        return shown if 0 < len(shown) < len(waiting) else None

    def taken(self, requests: Collection[QueuedRequest], shown: Sequence[QueuedRequest]) -> None:
        """Some of those that were shown are run: the others of `shown` come before their edges' next ones."""
        gone = {request.id for request in requests}
        for edge in {request.edge for request in requests}:
            self._awaited[edge] = frozenset(each.id for each in shown if each.id not in gone and each.edge != edge)

    def ran(self, requests: Iterable[QueuedRequest]) -> None:
        """A batch of some begins."""
        self._last = frozenset(request.edge for request in requests)

    def forget(self, edge: str) -> None:
        """An edge has nothing in the line any more."""
        self._awaited.pop(edge, None)

    def release(self) -> bool:
        """The device has time left: nobody's turn is waited for any more. Returns whether anybody's was."""
        anybody = bool(self._last) or any(self._awaited.values())
        self._awaited.clear()
        self._last = frozenset()
        return anybody

    def _share(self, held: Mapping[str, int]) -> int:
        others = sum(edge not in held for edge in self._last)
        # Who may come back counts as one that has little: nobody is at half of all before they are there.
        return fair_share((*held.values(), *(1,) * others), len(held) + others, self._largest)

    def _places(self, edge: str, share: int, ids: Collection[int]) -> int:
        """How many are shown of an edge that floods, where those of some ids wait."""
        return share if self._awaited.get(edge, frozenset()).isdisjoint(ids) else 0


def _priority(request: QueuedRequest) -> int:
    return request.priority
