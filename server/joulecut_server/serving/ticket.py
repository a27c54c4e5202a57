"""A request on its way through the scheduler: admitted once, answered once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from joulecut_core.figures import FigureKind
from joulecut_core.serving import QueuedRequest
from joulecut_core.tensor_frames import TensorFrame
from joulecut_runtime.wires.codecs import Codec


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedRequest:
    """An answer, and its share of its batch: seconds of the server's clock, joules of the device.

    `wait_j`: its share of what was drawn between batches; None where the device has no meter. `batch`: how many were
    answered together. `variant`: the precision they were computed in, empty for
    the captured one.
    """

    outputs: tuple[Tensor, ...]
    queue_s: float
    decode_s: float
    tail_s: float
    energy_j: float
    wait_j: float | None
    figures: FigureKind
    batch: int = 1
    variant: str = ""


class Ticket:
    """One request and who waits for its answer. Answered from any thread; only the first answer counts."""

    def __init__(
        self,
        request: QueuedRequest,
        *,
        cut: int,
        codec: Codec,
        frames: Sequence[TensorFrame],
        entered_s: float,
        reserve_s: float = 0.0,
        leave: Callable[[], bool],
        spare_loss: float = 0.0,
    ) -> None:
        """`entered_s`: when it came, by the agents' clock. `leave`: takes it out of the line, where it still waits.

        `reserve_s`: by how much the request's deadline lies before the one that was promised. `spare_loss`: how much
        accuracy its edge can do without beyond what its plan costs it.
        """
        self.request = request
        self.cut = cut
        self.codec = codec
        self.frames = frames
        self.entered_s = entered_s
        self.promised_s = request.deadline_s + reserve_s
        self.spare_loss = spare_loss
        self._leave = leave
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[ServedRequest] = self._loop.create_future()

    async def answer(self) -> ServedRequest:
        """The answer, or the error that it ended with."""
        return await self._answer

    def withdraw(self) -> bool:
        """Leave the line; whether that was in time. Who waits for its answer is cancelled."""
        if not self._leave():
            return False
        self._answer.cancel()
        return True

    def serve(self, served: ServedRequest) -> None:
        """Answer it."""
        self._settle(served)

    def refuse(self, error: Exception) -> None:
        """End it without an answer."""
        self._settle(error)

    def _settle(self, result: ServedRequest | Exception) -> None:
        def settle() -> None:
            if self._answer.done():
                return
            if isinstance(result, Exception):
                self._answer.set_exception(result)
                # Where nobody waits any more, nobody is to be told of it either.
                self._answer.exception()
            else:
                self._answer.set_result(result)

        self._loop.call_soon_threadsafe(settle)
