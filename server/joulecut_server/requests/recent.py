"""What became of recent requests, so that one that is sent again is not computed again.

    unknown ──▶ running ──▶ kept ──▶ forgotten        by owner, session and request id
                   │
                   └──▶ unknown        refused or failed: never computed, so the next try is the first

A request that is seen again while it runs joins: its answer goes to whoever asked last. Where everybody has left, work
that still waits is dropped, since nothing is lost by it; work that has begun is finished, since a retry may claim it.
Both are bounded by the places that each stream has. A forgotten one is computed again, and its answer says so.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from joulecut_core.errors import ContractError
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.timing import Clock
from joulecut_proto.inference_messages import Origin, ReplyHeader, Request, RequestHeader
from joulecut_proto.tensors import WireTensor, headers_of
from joulecut_server.limits import Limits

Answered: TypeAlias = tuple[ReplyHeader, tuple[TensorFrame, ...]]
Key: TypeAlias = tuple[str, str, str]
"""Owner, session, request."""

_ENTRY_BYTES = 1024
"""What an answer without a tensor takes, its names left out."""
_TENSOR_BYTES = 512
"""What a tensor's description takes, names and bytes left out."""
_MOST_FORGOTTEN = 65_536
"""Ids of requests whose answers are no longer kept."""


class Work(Protocol):
    """One computation under way."""

    async def answer(self) -> Answered:
        """What it gives or raises; called once."""
        ...

    def withdraw(self) -> bool:
        """Drop it; whether it had not begun. What has begun is not stopped."""
        ...


Begin: TypeAlias = Callable[[Request], Work]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What all tries of one request have in common.

    The epoch is not among it: it rises where the edge had to connect and plan again before it could send once more.
    """

    network_digest: str
    cut: int
    codec: str
    variant: str
    tensors: tuple[WireTensor, ...]
    checksum: int

    @classmethod
    def of(cls, request: Request) -> Content:
        """That of a request."""
        header = request.header
        return cls(
            network_digest=header.network_digest,
            cut=header.cut,
            codec=header.codec,
            variant=header.variant,
            tensors=header.tensors,
            checksum=request.checksum,
        )


@dataclass(slots=True, eq=False)
class _Running:
    content: Content
    work: Work
    claim: asyncio.Future[Answered | None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Kept:
    content: Content
    answered: Answered
    size_bytes: int
    until_s: float


class RecentRequests:
    """Requests by owner, session and id. Used from the event loop only."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self._clock = clock
        self._running: dict[Key, _Running] = {}
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._kept_of: dict[tuple[str, str], OrderedDict[str, int]] = {}
        self._forgotten: OrderedDict[Key, None] = OrderedDict()
        self.kept_bytes = 0
        """Of answers that are kept, with the names and headers of their requests."""
        self.computed: Callable[[RequestHeader, ReplyHeader], None] = _untold
        """Told of each computation that ended well, once, whether anybody still waits for it or not."""

    def __len__(self) -> int:
        """How many answers are kept."""
        return len(self._kept)

    @property
    def running(self) -> int:
        """Requests that wait or compute."""
        return len(self._running)

    async def answer(self, request: Request, begin: Begin, *, owner: str = "") -> Answered | None:
        """The one answer of a request: begun by `begin`, joined, or kept. None where the request came again meanwhile.

        `owner`: whose it is. Another's is another request, even where a session of that name was its own before.

        Raises ContractError where its id has been used for something else, and what `begin` and its work raise.
        """
        key = (owner, request.header.session_id, request.header.request_id)
        running = self._running.get(key)
        if running is not None:
            _check_same(running.content, request)
            _settle(running.claim, None)
            return await self._claimed(key, running, Origin.KEPT)
        self.expire()
        kept = self._kept.get(key)
        if kept is not None:
            _check_same(kept.content, request)
            header, frames = kept.answered
            return replace(header, origin=Origin.KEPT), frames
        origin = Origin.RECOMPUTED if key in self._forgotten else Origin.COMPUTED
        running = _Running(Content.of(request), begin(request), _claim())
        self._running[key] = running
        asyncio.create_task(self._finish(key, running, request.header))  # noqa: RUF006 - its claim is what is waited for
        del request
        return await self._claimed(key, running, origin)

    def expire(self) -> None:
        """Forget answers that are too old."""
        now_s = self._clock.now_s()
        while self._kept and next(iter(self._kept.values())).until_s <= now_s:
            self._forget(next(iter(self._kept)))

    async def _claimed(self, key: Key, running: _Running, origin: Origin) -> Answered | None:
        claim = running.claim = _claim() if running.claim.done() else running.claim
        try:
            answered = await claim
        except asyncio.CancelledError:
            if running.claim is claim and self._running.get(key) is running and running.work.withdraw():
                del self._running[key]
            raise
        return None if answered is None else (replace(answered[0], origin=origin), answered[1])

    async def _finish(self, key: Key, running: _Running, header: RequestHeader) -> None:
        try:
            answered = await running.work.answer()
        except asyncio.CancelledError:
            self._drop(key, running)
            running.claim.cancel()
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            self._drop(key, running)
            if not running.claim.done():
                running.claim.set_exception(error)
        else:
            self._drop(key, running)
            self._keep(key, running.content, answered)
            _settle(running.claim, answered)
            self.computed(header, answered[0])

    def _drop(self, key: Key, running: _Running) -> None:
        if self._running.get(key) is running:
            del self._running[key]

    def _keep(self, key: Key, content: Content, answered: Answered) -> None:
        session, request_id = key[:2], key[2]
        limits, size_bytes = self.limits, _size_bytes(key, content, answered)
        self._forgotten.pop(key, None)
        self._kept[key] = _Kept(
            content=content,
            answered=answered,
            size_bytes=size_bytes,
            until_s=self._clock.now_s() + limits.kept_s,
        )
        mine = self._kept_of.setdefault(session, OrderedDict())
        mine[request_id] = size_bytes
        self.kept_bytes += size_bytes
        while len(mine) > limits.kept_answers or sum(mine.values()) > limits.kept_session_bytes:
            self._forget((*session, next(iter(mine))))
        while self.kept_bytes > limits.kept_bytes:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: Key) -> None:
        session, request_id = key[:2], key[2]
        kept = self._kept.pop(key)
        mine = self._kept_of[session]
        del mine[request_id]
        if not mine:
            del self._kept_of[session]
        self.kept_bytes -= kept.size_bytes
        self._forgotten[key] = None
        if len(self._forgotten) > _MOST_FORGOTTEN:
            self._forgotten.popitem(last=False)


def _size_bytes(key: Key, content: Content, answered: Answered) -> int:
    """What it takes to keep an answer, about: its tensors, and everything that a caller can make long."""
    header, frames = answered
    words = (*key, content.network_digest, content.codec, content.variant, header.request_id, header.message)
    tensors = (*content.tensors, *header.tensors, *headers_of(frames))
    described_bytes = sum(
        _TENSOR_BYTES + len(tensor.spec.name) + len(tensor.codec) + len(tensor.codec_header) for tensor in tensors
    )
    return _ENTRY_BYTES + sum(map(len, words)) + described_bytes + sum(frame.payload_bytes for frame in frames)


def _claim() -> asyncio.Future[Answered | None]:
    return asyncio.get_running_loop().create_future()


def _settle(claim: asyncio.Future[Answered | None], answered: Answered | None) -> None:
    if not claim.done():
        claim.set_result(answered)


def _untold(request: RequestHeader, reply: ReplyHeader) -> None:
    """Nobody is told."""


def _check_same(content: Content, again: Request) -> None:
    """Raise ContractError where a request is another one under the same id."""
    if Content.of(again) != content:
        raise ContractError(
            f"request {again.header.request_id} was sent before with other content (network {content.network_digest}, "
            f"cut {content.cut}); this one is for cut {again.header.cut} of {again.header.network_digest}: "
            "give each request an id of its own"
        )
