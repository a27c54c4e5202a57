"""How much of a device one edge may ask for while others wait.

Deadlines alone leave the device to whoever asks most: sixteen requests of one edge come before those that eight
others send a moment later. An edge's *share* is what half of the edges have in the line. An edge *floods* that has more
than three times its share, and so does a *greedy* one with more than its share: one that was served more lately than
half of those that are there, by half and by what chance does. Of a flood so many are shown as find room in one batch
beside all others; and where it was in the last batch and others were not, these come first.

A flood takes nobody's place, and no place stays empty for it: an edge that sends sixty pictures a second beside one
that sends five is no abuse, and a device that could serve both would refuse most of its requests otherwise. It does
make batches longer. Less than a flood happens by chance among equals, who are better off by their deadlines alone;
three requests in flight where others have one are no chance when they go on, and would cost eight others a quarter more
time in the line. The device is shared by those that wait and those that the last batch was of, who may ask again before
the next one ends.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from itertools import groupby

from joulecut_core.serving import QueuedRequest

_FLOOD = 3
"""Shares. Among eight edges with four requests each in flight hardly anybody has more in the line by chance."""
_MUCH = 1.5
"""Times as often served as half of those that are there."""
_BY_CHANCE = 8
"""Served requests beyond that."""
_LATELY = 32
"""Served requests of each edge that are remembered, in the mean: enough for chance to be small beside what lasts."""
_MOST_REMEMBERED = 131_072
"""Served requests in all: edges may come and go for ever, each under another name."""


def fair_share(held: Collection[int]) -> int:
    """How many one edge may have before the others: as many as half of those that wait have.

    `held`: what each edge that waits has in the line, or may have.
    """
    return sorted(held)[(len(held) - 1) // 2]


class FairShares:
    """Whom of a line a policy is shown. An edge that does not flood is never held back. Not thread-safe."""

    def __init__(self, largest: int) -> None:
        """`largest`: how many requests a batch holds. Raises ValueError for less than one."""
        if largest < 1:
            raise ValueError(f"largest: {largest}; expected a batch of one at least")
        self._largest = largest
        self._last: frozenset[str] = frozenset()
        self._seen: frozenset[int] = frozenset()
        """Those that were shown last."""
        self._past: deque[str] = deque()
        self._served: Counter[str] = Counter()
        """Of each edge in the past that is remembered."""

    def shown(self, waiting: Sequence[QueuedRequest], held: Mapping[str, int]) -> list[QueuedRequest] | None:
        """Those of `waiting`, by urgency, that may run next, in the same order; None where that is all of them.

        `held`: how many each edge has. Of an edge that floods, no more than it may have is shown: those that were shown
        before, then the least urgent, since one that has waited long leaves itself and those beside it no time. Lower
        priorities do not count.
        """
        if len(waiting) <= 1 or (len(held) == 1 and held.keys() >= self._last):
            return None
        if not any(count + (edge in self._last) > 1 for edge, count in held.items()):
            return None
        greedy = self._greedy(held)
        one_priority = waiting[0].priority == waiting[-1].priority
        if not self._floods(held, self._share(held) if one_priority else 1, greedy):
            return None
        asked: Counter[str] = Counter()
        places: Counter[str] = Counter()
        shown: list[QueuedRequest] = []
        for _, group in groupby(waiting, key=_priority):
            equals = tuple(group)
            asked.update(request.edge for request in equals)
            most = self._most(asked, greedy)
            may: set[int] = set()
            for request in sorted(equals, key=self._seen_and_newest):
                if request.edge not in most or places[request.edge] < most[request.edge]:
                    places[request.edge] += 1
                    may.add(request.id)
            shown += [request for request in equals if request.id in may]
        self._seen = frozenset(request.id for request in shown)
        return shown if 0 < len(shown) < len(waiting) else None

    def ran(self, requests: Iterable[QueuedRequest]) -> None:
        """A batch of some begins."""
        edges = [request.edge for request in requests]
        self._last = frozenset(edges)
        self._past.extend(edges)
        self._served.update(edges)
        while len(self._past) > min(_LATELY * len(self._served), _MOST_REMEMBERED):
            oldest = self._past.popleft()
            self._served[oldest] -= 1
            if not self._served[oldest]:
                del self._served[oldest]

    def _greedy(self, held: Mapping[str, int]) -> frozenset[str]:
        """Who was served much more lately than half of those that are there."""
        there = held.keys() | self._last
        most = _MUCH * fair_share([self._served[edge] for edge in there]) + _BY_CHANCE
        return frozenset(edge for edge in held if self._served[edge] > most)

    def _share(self, held: Mapping[str, int]) -> int:
        # Who may come back counts as one that has little: nobody is at half of all before they are there.
        return fair_share((*held.values(), *(1 for edge in self._last if edge not in held)))

    def _floods(self, asked: Mapping[str, int], share: int, greedy: Container[str]) -> list[str]:
        """Of who is greedy, what the last batch was of counts too: it was there a moment ago."""
        return [
            edge
            for edge, count in asked.items()
            if count > _FLOOD * share or (edge in greedy and count + (edge in self._last) > share)
        ]

    def _seen_and_newest(self, request: QueuedRequest) -> tuple[bool, float, int]:
        return request.id not in self._seen, -request.deadline_s, -request.id

    def _most(self, asked: Mapping[str, int], greedy: Container[str]) -> dict[str, int]:
        """How many are shown of each edge that floods."""
        share = self._share(asked)
        floods = self._floods(asked, share, greedy)
        others_first = any(edge not in self._last and edge not in floods for edge in asked)
        turns = [edge for edge in floods if not (others_first and edge in self._last)]
        batch = sum(asked.values()) - sum(asked[edge] for edge in floods) + share * len(turns)
        free = max(0, self._largest - batch) // max(1, len(floods))
        return {**dict.fromkeys(floods, free), **dict.fromkeys(turns, share + free)}


def _priority(request: QueuedRequest) -> int:
    return request.priority
