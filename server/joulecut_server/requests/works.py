"""One request's computation on its way to the device: in turn where requests run as they come, or as a policy says."""

from __future__ import annotations

from joulecut_core.request_context import in_this_context
from joulecut_core.spans import current_span
from joulecut_core.tensor_frames import RAW
from joulecut_proto.inference_messages import ReplyHeader, ReplyStatus, Request
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_runtime.execution.failed_computation import computed
from joulecut_runtime.execution.fair_turns import DeviceBusyError, FairTurns, TurnTooLateError
from joulecut_runtime.execution.part_runner import PartRunner, TailRun
from joulecut_runtime.wires.codecs import codec
from joulecut_server.requests.recent import Answered
from joulecut_server.requests.stream_room import Place
from joulecut_server.serving.scheduler import Scheduler


class WorkInTurn:
    """Runs when it is its session's turn. Keeps the request's place until it is done or withdrawn."""

    def __init__(self, turns: FairTurns, runner: PartRunner, request: Request, place: Place) -> None:
        """It counts for whose the place is. Raises TurnedAwayError without room, ConfigError without such a codec."""
        header, frames, wire = request.header, request.frames, codec(request.header.codec)
        self._request_id = header.request_id
        self._runner = runner
        work = in_this_context(lambda: computed(lambda: runner.tail(header.cut, wire, frames)))
        try:
            self._turn = turns.enter(place.share, work, budget_s=header.budget_s)
        except DeviceBusyError as error:
            raise _overloaded(error) from error
        self._place = place.hold()

    async def answer(self) -> Answered:
        """The network's outputs, and what they took."""
        try:
            turn = await self._turn.result()
        except DeviceBusyError as error:
            raise _overloaded(error) from error
        except TurnTooLateError as error:
            raise TurnedAwayError(str(error), ReplyStatus.LATE) from error
        finally:
            self._place.let_go()
        run = turn.result
        reply = ReplyHeader(
            request_id=self._request_id,
            current_epoch=0,
            queue_s=turn.queue_s,
            decode_s=run.decode.time_s,
            tail_s=run.tail.time_s,
            server_energy_j=_energy_j(run),
            figures=self._runner.device.info.figures,
        )
        return reply, codec(RAW).encode(run.outputs)

    def withdraw(self) -> bool:
        """Leave the line, where it has not begun."""
        return self._turn.withdraw()


class ScheduledWork:
    """Runs when and with whom the serving policy says. Keeps the request's place until it is done or withdrawn."""

    def __init__(self, scheduler: Scheduler, request: Request, place: Place, *, spare_loss: float) -> None:
        """It counts for whose the place is. `spare_loss`: accuracy that its edge can do without.

        Raises TurnedAwayError at the door, ConfigError without such a codec.
        """
        header = request.header
        self._request_id = header.request_id
        self._ticket = scheduler.enter(
            header, codec(header.codec), request.frames, edge=place.share, spare_loss=spare_loss
        )
        self._place = place.hold()

    async def answer(self) -> Answered:
        """The network's outputs, and this request's share of what they took."""
        try:
            served = await self._ticket.answer()
            current_span().note(batch=served.batch)
        finally:
            self._place.let_go()
        reply = ReplyHeader(
            request_id=self._request_id,
            current_epoch=0,
            queue_s=served.queue_s,
            decode_s=served.decode_s,
            tail_s=served.tail_s,
            server_energy_j=served.energy_j,
            server_wait_j=served.wait_j,
            figures=served.figures,
            variant=served.variant,
        )
        return reply, codec(RAW).encode(served.outputs)

    def withdraw(self) -> bool:
        """Leave the line, where it has not begun."""
        return self._ticket.withdraw()


def _overloaded(error: DeviceBusyError) -> TurnedAwayError:
    return TurnedAwayError(str(error), ReplyStatus.OVERLOADED, error.wait_s)


def _energy_j(run: TailRun) -> float | None:
    if run.decode.energy_j is None or run.tail.energy_j is None:
        return None
    return run.decode.energy_j + run.tail.energy_j
