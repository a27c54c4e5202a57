"""The server as an edge's session sees it: something that finishes a request from the tensors at the cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from joulecut_core.devices import DeviceState
from joulecut_core.plans import Assignment
from joulecut_core.tensor_frames import TensorFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteReply:
    """The outputs, and the server's own seconds and joules for this request.

    `wait_j`: its share of what the server drew between batches; None where the server does not share that out.
    """

    outputs: tuple[Tensor, ...]
    queue_s: float
    decode_s: float
    tail_s: float
    energy_j: float | None
    uplink_bytes: int
    downlink_bytes: int
    wait_j: float | None = None


class Remote(Protocol):
    """A connected server."""

    async def finish(
        self, request_id: str, assignment: Assignment, encoded: Sequence[TensorFrame], *, timeout_s: float
    ) -> RemoteReply:
        """Send what crosses and return the answer.

        Raises LinkError where the connection breaks or `timeout_s` (the agents' clock) passes,
        ContractError where the server refuses the request, TurnedAwayError where it has no time or room for it.
        """
        ...

    async def device_state(self) -> DeviceState:
        """How the server's device runs now; raises LinkError or DeviceError where it cannot be asked."""
        ...
