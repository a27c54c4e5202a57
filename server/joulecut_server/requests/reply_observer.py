"""Who is told of each request that edges send: when it has been computed, and when it is answered or refused."""

from __future__ import annotations

from typing import Protocol

from joulecut_proto.inference_messages import ReplyHeader, RequestHeader


class ReplyObserver(Protocol):
    """Called on the event loop; must not take long."""

    def computed(self, request: RequestHeader, reply: ReplyHeader) -> None:
        """The device has computed a request, once, whether anybody still waits for its answer or not."""
        ...

    def replied(self, request: RequestHeader, reply: ReplyHeader) -> None:
        """A request was answered or refused; an answer that was kept may be given again."""
        ...


class ReplyObservers:
    """Tells any number of others; without any nobody is told."""

    def __init__(self) -> None:
        self._observers: list[ReplyObserver] = []

    def add(self, observer: ReplyObserver) -> None:
        """Tell this one too."""
        self._observers.append(observer)

    def computed(self, request: RequestHeader, reply: ReplyHeader) -> None:
        """See `ReplyObserver.computed`."""
        for each in self._observers:
            each.computed(request, reply)

    def replied(self, request: RequestHeader, reply: ReplyHeader) -> None:
        """See `ReplyObserver.replied`."""
        for each in self._observers:
            each.replied(request, reply)
