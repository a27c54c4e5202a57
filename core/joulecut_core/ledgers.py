"""Where the seconds and joules of one request went."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from joulecut_core.figures import FigureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSeconds:
    """Stages of one request, in order; 0 where one was skipped.

    The time on the link is measured in all, the server's own excluded; clocks of two hosts cannot be
    compared, so how it falls to `up` and `down` is estimated from the bytes and the link's estimate.
    """

    edge_queue: float = 0.0
    head: float = 0.0
    encode: float = 0.0
    up: float = 0.0
    server_queue: float = 0.0
    decode: float = 0.0
    tail: float = 0.0
    down: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestJoules:
    """Shares of one request. `edge_wait`: its share of what the edge drew while it was computing for nobody.

    `server_wait`: its share of what the server's device drew between batches, where the server shares that out.
    """

    edge_busy: float = 0.0
    edge_wait: float = 0.0
    encode: float = 0.0
    radio: float = 0.0
    server: float = 0.0
    server_wait: float = 0.0


class FallbackReason(str, Enum):
    """Why the edge answered alone though the plan wanted the server."""

    LOST = "lost"
    """No connection, or it broke before the answer."""
    LATE = "late"
    """No answer by the time at which the edge had to begin."""
    REFUSED = "refused"
    """The server refused: no room, no time, it stops, or it has another plan."""
    FAILED = "failed"
    """The server failed, or its answer was damaged; not sent at all: the codec cannot carry what is at the cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLedger:
    """One answered request: who computed it, under which plan, at what cost.

    `served_by` is "split", "edge" or "server"; `fallback` tells that the plan wanted the server but
    the edge answered alone, and `fallback_reason` why. `attempts`: how often it was sent to a server.
    `variant`: the precision of the server's part, where the server chose another than its profile's.
    """

    request_id: str
    epoch: int
    cut: int
    codec: str
    served_by: str
    fallback: bool
    seconds: RequestSeconds
    joules: RequestJoules
    figures: FigureKind = field(default=FigureKind.ESTIMATED)
    fallback_reason: FallbackReason | None = None
    attempts: int = 0
    variant: str = ""
