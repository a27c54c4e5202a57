"""The server as an edge's session sees it: something that finishes a request from the tensors at the cut."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from joulecut_core.devices import DeviceState
from joulecut_core.errors import ContractError, JoulecutError, LinkError
from joulecut_core.figures import FigureKind
from joulecut_core.ledgers import FallbackReason
from joulecut_core.plans import Assignment
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto.inference_messages import Origin
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_proto.status import may_be_retried

_LOG = logging.getLogger(__name__)


class UnansweredError(LinkError):
    """No answer by the time at which it was needed; one that comes later is dropped."""


class UnsentError(LinkError):
    """The connection was lost before anything of the request was sent."""


class RemoteFailedError(LinkError):
    """The server could not compute an answer, or what arrived of it was damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteReply:
    """The outputs, and the server's own seconds and joules for this request.

    `wait_j`: its share of what the server drew between batches; None where the server does not share that out.
    `figures`: how its joules were obtained. `origin`: whether it was computed for this attempt, or for one before it.
    `variant`: the precision it was computed in, where that is not the server profile's.
    """

    outputs: tuple[Tensor, ...]
    queue_s: float
    decode_s: float
    tail_s: float
    energy_j: float | None
    uplink_bytes: int
    downlink_bytes: int
    figures: FigureKind
    wait_j: float | None = None
    origin: Origin = Origin.COMPUTED
    variant: str = ""


class Remote(Protocol):
    """A connected server."""

    async def finish(
        self,
        request_id: str,
        assignment: Assignment,
        encoded: Sequence[TensorFrame],
        *,
        timeout_s: float,
        attempt: int = 0,
    ) -> RemoteReply:
        """Send what crosses and return the answer. `request_id` is unique in the session; `attempt`: from 0.

        Raises UnansweredError where `timeout_s` (the agents' clock) passes, UnsentError where the connection was lost
        before, LinkError where it breaks, RemoteFailedError where the server or its answer failed, ContractError where
        the server refuses the request, TurnedAwayError where it has no time or room for it.
        """
        ...

    def excuse(self, attempts: int) -> None:
        """So many failures were a request's own: it fails on the edge as well."""
        ...

    async def device_state(self) -> DeviceState:
        """How the server's device runs now; raises LinkError or DeviceError where it cannot be asked."""
        ...


async def reply_of(
    remote: Remote,
    request_id: str,
    assignment: Assignment,
    encoded: Sequence[TensorFrame],
    timeout_s: float,
    attempt: int,
) -> RemoteReply:
    """As `Remote.finish`, and raises JoulecutError and nothing else: no defect on that way may cost an answer."""
    try:
        return await remote.finish(request_id, assignment, encoded, timeout_s=timeout_s, attempt=attempt)
    except JoulecutError:
        raise
    except Exception as error:
        _LOG.exception("request %s", request_id)
        raise RemoteFailedError(f"the server's answer could not be understood: {error!r}") from error


def fallback_reason(error: JoulecutError) -> FallbackReason:
    """What a ledger says of a request that a server did not answer for this reason."""
    if isinstance(error, UnansweredError):
        return FallbackReason.LATE
    if isinstance(error, RemoteFailedError):
        return FallbackReason.FAILED
    if isinstance(error, (TurnedAwayError, ContractError)):
        return FallbackReason.REFUSED
    return FallbackReason.LOST if isinstance(error, LinkError) else FallbackReason.FAILED


def may_try_again(error: JoulecutError) -> bool:
    """Whether sending the same request once more can help."""
    if isinstance(error, (UnansweredError, TurnedAwayError)):
        return False
    return isinstance(error, LinkError) and may_be_retried(error)
