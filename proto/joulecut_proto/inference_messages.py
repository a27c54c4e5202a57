"""Headers of requests and replies on an inference stream."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from joulecut_core.figures import FigureKind
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto.contract import CONTRACT_VERSION
from joulecut_proto.tensors import Described, WireTensor, headers_of, total_bytes_of

HIGHEST_PRIORITY = (1 << 31) - 1
"""Of a request, by the contract."""


class ReplyStatus(str, Enum):
    """How a request ended on the server."""

    OK = "ok"
    STALE = "stale"
    """Its epoch, network or cut is not the session's."""
    OVERLOADED = "overloaded"
    """The queue is full."""
    DRAINING = "draining"
    """The server stops."""
    LATE = "late"
    """Its budget ran out."""
    INVALID = "invalid"
    """It breaks the contract."""
    FAILED = "failed"
    """The server failed."""


class Origin(str, Enum):
    """How an answer came about, where its request may have been sent before."""

    COMPUTED = "computed"
    """For this attempt, and for no other."""
    KEPT = "kept"
    """An earlier attempt's answer, kept or just finished; its seconds and joules are that attempt's."""
    RECOMPUTED = "recomputed"
    """An earlier attempt was computed too, but its answer is no longer kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHeader:
    """One request of a session, under one plan epoch.

    `budget_s`: seconds of the agents' clock that the server may spend; None without a deadline. `priority`:
    higher ones go first where the server schedules requests. `attempt`: 0 when sent first; session and request id
    together tell a request from all others, however often it is sent. `traceparent`: the edge's span of this attempt,
    where it is traced.
    """

    session_id: str
    request_id: str
    epoch: int
    network_digest: str
    cut: int
    codec: str
    variant: str
    budget_s: float | None = None
    priority: int = 0
    attempt: int = 0
    traceparent: str = ""
    tensors: tuple[WireTensor, ...] = ()
    total_bytes: int = 0
    contract_version: int = CONTRACT_VERSION

    def carrying(self, frames: Sequence[Described]) -> RequestHeader:
        """The header with its tensors set to those of `frames`."""
        tensors = headers_of(frames)
        return dataclasses.replace(self, tensors=tensors, total_bytes=total_bytes_of(tensors))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyHeader:
    """How one request ended: the server's own seconds, and the joules of this request alone.

    `current_epoch` is the session's now; `message` says why where `status` is not OK, and `retry_after_s` after
    how many seconds to try again makes sense. `server_wait_j`: this request's share of what the device drew
    between batches, where the server shares that out. `variant`: the precision of the server's part, where that is not
    its profile's.
    """

    request_id: str
    current_epoch: int
    status: ReplyStatus = ReplyStatus.OK
    message: str = ""
    queue_s: float = 0.0
    decode_s: float = 0.0
    tail_s: float = 0.0
    server_energy_j: float | None = None
    figures: FigureKind = FigureKind.ESTIMATED
    retry_after_s: float = 0.0
    server_wait_j: float | None = None
    origin: Origin = Origin.COMPUTED
    variant: str = ""
    tensors: tuple[WireTensor, ...] = ()
    total_bytes: int = 0

    def carrying(self, frames: Sequence[Described]) -> ReplyHeader:
        """The header with its tensors set to those of `frames`."""
        tensors = headers_of(frames)
        return dataclasses.replace(self, tensors=tensors, total_bytes=total_bytes_of(tensors))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A header and the tensors that came with it.

    `checksum`: of the payload, and the same however often the request is sent.
    """

    header: RequestHeader
    frames: tuple[TensorFrame, ...]
    checksum: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A header and the tensors that came with it."""

    header: ReplyHeader
    frames: tuple[TensorFrame, ...]
