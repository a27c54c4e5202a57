"""Requests that wait for a device: the most urgent first, bounded, and fair between edges.

When the line is full, whoever holds the most places gives up its least urgent one: an edge that floods a
server pushes out its own requests, never those of an edge that asks for little. An edge's own places may be
bounded too, full line or not. Policies are shown no more of an edge that floods than finds room beside the others (see
`fair_shares`), and are told of all that comes: what is held back is to be served too, as far as the device can.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import overload

from joulecut_core.serving import QueuedRequest
from joulecut_planner.serving.fair_shares import FairShares


def urgency(request: QueuedRequest) -> tuple[int, float, int]:
    """Sorts by priority, highest first, then deadline, then id."""
    return (-request.priority, request.deadline_s, request.id)


class WaitingLine(Sequence[QueuedRequest]):
    """The requests that wait, by urgency. Not thread-safe."""

    def __init__(self, most: int, most_per_edge: int | None = None, *, batch_s: Sequence[float] = (1.0,)) -> None:
        """Room for `most` requests in all, and for `most_per_edge` of each edge (None: as many as there is room for).

        `batch_s`: seconds of batches of 1, 2, ... up to the largest, by which edges have their shares. Raises
        ValueError for less than one of any.
        """
        if most < 1 or (most_per_edge is not None and most_per_edge < 1):
            raise ValueError(f"most, most_per_edge: {most}, {most_per_edge}; expected room for at least one request")
        self._most = most
        self._most_per_edge = most if most_per_edge is None else most_per_edge
        self._requests: list[QueuedRequest] = []
        self._by_id: dict[int, QueuedRequest] = {}
        self._held: Counter[str] = Counter()
        self._alone_s = next(iter(batch_s), 0.0)
        self._shares = FairShares(len(batch_s))
        self._shown: Sequence[QueuedRequest] = self
        self._changed = False
        self._untold: dict[int, QueuedRequest] = {}
        self._never_shown: set[int] = set()

    def __len__(self) -> int:
        return len(self._requests)

    @overload
    def __getitem__(self, index: int) -> QueuedRequest: ...

    @overload
    def __getitem__(self, index: slice) -> list[QueuedRequest]: ...

    def __getitem__(self, index: int | slice) -> QueuedRequest | list[QueuedRequest]:
        return self._requests[index]

    def add(self, request: QueuedRequest) -> QueuedRequest | None:
        """Let a request in; returns the one that had to leave for it, perhaps itself, or None.

        Raises ValueError for an id that waits already.
        """
        if request.id in self._by_id:
            raise ValueError(f"request {request.id} waits already; expected an id of its own for each request")
        self._by_id[request.id] = request
        self._changed = True
        self._untold[request.id] = request
        self._never_shown.add(request.id)
        waiting = self._requests
        if not waiting or urgency(waiting[-1]) < urgency(request):
            waiting.append(request)
        else:
            insort(waiting, request, key=urgency)
        self._held[request.edge] += 1
        if self._held[request.edge] > self._most_per_edge:
            leaving = next(other for other in reversed(waiting) if other.edge == request.edge)
            self.remove((leaving,))
            return leaving
        if len(waiting) <= self._most:
            return None
        most_held = max(self._held.values())
        # Of those who hold the most, the one whose least urgent request can wait longest; ties to the newest.
        for leaving in reversed(waiting):
            if self._held[leaving.edge] == most_held:
                self.remove((leaving,))
                return leaving
        raise AssertionError("a full line has a largest holder")

    def shown(self) -> Sequence[QueuedRequest]:
        """Those that may run next, by urgency: all, but of an edge that floods no more than find room."""
        if self._changed:
            shown = self._shares.shown(self._requests, self._held)
            self._shown = self if shown is None else shown
            self._changed = False
        return self._shown

    def newcomers(self) -> list[QueuedRequest]:
        """Those that have come since this was last asked, in that order; those shown count as shown from now on."""
        came = list(self._untold.values())
        self._untold = {}
        shown = self.shown()
        self._never_shown = set() if shown is self else self._never_shown - {request.id for request in shown}
        return came

    def without_a_chance(self, now_s: float) -> list[QueuedRequest]:
        """Take those out that were held back for too long: less time is left to them than a request alone takes.

        That is in full precision and from the first unit on, at the highest clock.
        """
        shown = self.shown()
        if shown is self:
            return []
        known = {request.id for request in shown}
        gone = [
            request
            for request in self._requests
            if request.deadline_s < now_s + self._alone_s and request.id not in known
        ]
        self.remove(gone)
        return gone

    def has_newcomers(self) -> bool:
        """Whether any are shown that were not at the last decision: those behind others who have been turned away."""
        shown = self.shown()
        return bool(self._never_shown) and (shown is self or any(request.id in self._never_shown for request in shown))

    def take_first(self, count: int) -> list[QueuedRequest]:
        """Remove and return the `count` most urgent ones of those last shown, which run now."""
        if self._shown is not self:
            taken = list(self._shown[:count])
            self.take(taken)
            return taken
        taken = self._requests[:count]
        del self._requests[:count]
        self._shares.ran(taken)
        self._forget(taken)
        return taken

    def take(self, requests: Iterable[QueuedRequest]) -> None:
        """Remove some that run now, wherever they stand. Raises KeyError for one that does not wait."""
        taken = tuple(requests)
        self._shares.ran(taken)
        self.remove(taken)

    def remove(self, requests: Iterable[QueuedRequest]) -> None:
        """Take some out that will not run, wherever they stand. Raises KeyError for one that does not wait."""
        leaving = tuple(requests)
        for request in leaving:
            index = bisect_left(self._requests, urgency(request), key=urgency)
            if index == len(self._requests) or self._requests[index].id != request.id:
                raise KeyError(f"request {request.id} does not wait")
            del self._requests[index]
        self._forget(leaving)

    def with_ids(self, ids: Iterable[int]) -> list[QueuedRequest]:
        """Those of some ids, by urgency. Raises KeyError for one that does not wait."""
        wanted = set(ids)
        missing = wanted - self._by_id.keys()
        if missing:
            raise KeyError(f"requests {sorted(missing)} do not wait")
        return sorted((self._by_id[each] for each in wanted), key=urgency)

    def _forget(self, leaving: Iterable[QueuedRequest]) -> None:
        self._changed = True
        for request in leaving:
            del self._by_id[request.id]
            self._untold.pop(request.id, None)
            self._never_shown.discard(request.id)
            self._held[request.edge] -= 1
            if not self._held[request.edge]:
                del self._held[request.edge]
        if self._shown is not self:
            self._shown = [request for request in self._shown if request.id in self._by_id]
