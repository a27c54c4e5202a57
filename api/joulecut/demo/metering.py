"""Runs one configuration at the camera's rate and meters it.

    warm-up requests | requests at even intervals ............................. | last answers
                     ^ first tick of both meters        last tick of both meters ^
                     |<------ a whole number of periods, to one meter tick ------>|

Joules per request = mean power over the window x period: what a request answers for in the planning
contract (H). The server's share leaves out its idle draw but for the part this pair answers for; where that leaves
less than its counter can tell, it is what the server metered of each request.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass

import torch

from joulecut.connections.connection import Answer, Array, Connection
from joulecut.demo.scenario import Radio
from joulecut.demo.slowdown import HostTooSlowError
from joulecut_core.energy import EnergyReading, EnergyWindow, window_between
from joulecut_core.errors import LinkError
from joulecut_core.ledgers import FallbackReason, RequestLedger
from joulecut_core.timing import Clock
from joulecut_proto.local_messages import MeterReadings, ReadMetersRequest
from joulecut_runtime.links.emulated_link import EmulatedLink, LinkCounters
from joulecut_runtime.wires.answers import answers

Inputs = tuple[Array, ...]
"""One request's inputs, in the network's order."""

WARM_UP_REQUESTS = 4
"""Sent before the metered ones, so that pipelines are full and clocks have settled."""
_SPARE_PERIODS = 2
"""The window ends this many periods before the last request, so that load never stops inside it."""
_PATIENCE_S = 60.0
"""So long an answer or a meter is waited for, in wall seconds beside those that the agents' own time takes."""
_LONGEST_S = 2.0
"""Of the agents' time, for one answer: deadlines are a small part of it."""
_LEAST_SHARE = 0.02
"""Of the idle joules: emulated counters show half a percent of a period's joules too much or too little at either end
of a window. What computing drew is not read from a smaller difference, but from each request's own metering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedRequest:
    """One metered request as the application saw it.

    `sample`: which of the inputs was sent; `top1`: what was answered, as in a table of wires.
    """

    latency_s: float
    top1: tuple[int, ...]
    sample: int
    ledger: RequestLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredRun:
    """One configuration's requests and what the meters showed. Joules are per request, unweighted."""

    requests: tuple[ServedRequest, ...]
    edge_device_j: float
    radio_j: float
    server_busy_j: float
    server_idle_j: float

    @property
    def edge_j(self) -> float:
        """Board and radio."""
        return self.edge_device_j + self.radio_j


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timed:
    """An answer and when it came, taken in the callback: whoever waits for it may wake later."""

    answer: Answer
    done_s: float


def longest_wall_s(clock: Clock) -> float:
    """How long one answer may take on the wall where the agents live in the time of `clock`."""
    return _PATIENCE_S + clock.wall_s(_LONGEST_S)


class LoadRunner:
    """Sends inputs to an edge-agent, in turn and at a rate, and reads both sides' meters meanwhile."""

    def __init__(
        self, edge: Connection, link: EmulatedLink, clock: Clock, inputs: Sequence[Inputs], *, radio: Radio
    ) -> None:
        self._edge = edge
        self._link = link
        self._clock = clock
        self._inputs = inputs
        self._radio = radio
        # The window of a run that failed may still be read when that of the next one begins.
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="meters")

    def close(self) -> None:
        """Let go of the meter-reading threads; one that is at it still ends with the connection, or its reading."""
        # Waiting would hold up an interrupt: a window lasts minutes where a second of the agents does.
        self._pool.shutdown(wait=False, cancel_futures=True)

    def run(self, *, rate_hz: float, requests: int, server_idle_w: float, answered: Callable[[], None]) -> MeteredRun:
        """Send `requests` metered inputs after a few for warming up; `answered` is called after each.

        Raises LinkError where an answer does not come or a meter cannot be read, HostTooSlowError where they are late.
        """
        period_s = 1.0 / rate_hz
        start_s = self._clock.now_s() + period_s
        sent: list[tuple[int, float, Future[_Timed]]] = []
        window: Future[tuple[MeterReadings, MeterReadings]] | None = None
        before: LinkCounters | None = None
        for index in range(WARM_UP_REQUESTS + requests):
            due_s = start_s + index * period_s
            self._clock.sleep_until_s(due_s)
            if index == WARM_UP_REQUESTS:
                before = self._link.counters()
                window = self._pool.submit(self._read_window, period_s, requests)
            sent.append(self._send(index, due_s, answered))
        served = [self._served(*each) for each in sent]
        if window is None or before is None:
            raise ValueError(f"requests: {requests}; expected at least 1")
        first, last = window.result()
        _refuse_alone(served)
        return self._metered(tuple(served[WARM_UP_REQUESTS:]), before, first, last, period_s, server_idle_w)

    def _send(self, index: int, due_s: float, answered: Callable[[], None]) -> tuple[int, float, Future[_Timed]]:
        sample = index % len(self._inputs)
        timed: Future[_Timed] = Future()

        def note(done: Future[Answer]) -> None:
            done_s = self._clock.now_s()
            error = done.exception()
            if error is None:
                timed.set_result(_Timed(answer=done.result(), done_s=done_s))
            else:
                timed.set_exception(error)
            answered()

        self._edge.submit(*self._inputs[sample]).add_done_callback(note)
        return sample, due_s, timed

    def _served(self, sample: int, due_s: float, timed: Future[_Timed]) -> ServedRequest:
        try:
            result = timed.result(timeout=longest_wall_s(self._clock))
        except FutureTimeoutError as error:
            raise LinkError(f"no answer within {longest_wall_s(self._clock):.0f} s; see the agents' logs") from error
        return ServedRequest(
            latency_s=result.done_s - due_s,
            top1=tuple(answers(torch.tensor(result.answer.outputs[0])).tolist()),
            sample=sample,
            ledger=result.answer.ledger,
        )

    def _read_window(self, period_s: float, requests: int) -> tuple[MeterReadings, MeterReadings]:
        tick_s = self._edge.status().device_info.meter_period_s or 0.0
        first = self._edge.read_meters(ReadMetersRequest())
        # The first tick may come up to two meter periods after the load began.
        periods = max(1, requests - _SPARE_PERIODS - math.ceil(2 * tick_s / period_s))
        length_s = periods * period_s - tick_s
        until = ReadMetersRequest(
            edge_not_before_s=first.edge.time_s + length_s,
            server_not_before_s=None if first.server is None else first.server.time_s + length_s,
        )
        return first, self._edge.read_meters(until, timeout_s=_PATIENCE_S + self._clock.wall_s(length_s))

    def _metered(
        self,
        served: tuple[ServedRequest, ...],
        before: LinkCounters,
        first: MeterReadings,
        last: MeterReadings,
        period_s: float,
        server_idle_w: float,
    ) -> MeteredRun:
        after = self._link.counters()
        radio_j = (
            self._radio.uplink_w * (after.up_busy_s - before.up_busy_s)
            + self._radio.downlink_w * (after.down_busy_s - before.down_busy_s)
        ) / len(served)
        if first.server is None or last.server is None or last.server.energy_j < first.server.energy_j:
            raise LinkError("the server's meter could not be read, so its joules are unknown; see the agents' logs")
        busy_j, idle_j = server_shares(first.server, last.server, server_idle_w, period_s)
        if busy_j < _LEAST_SHARE * idle_j:
            busy_j = statistics.fmean(request.ledger.joules.server for request in served)
        return MeteredRun(
            requests=served,
            edge_device_j=window_between(first.edge, last.edge).power_w * period_s,
            radio_j=radio_j,
            server_busy_j=busy_j,
            server_idle_j=idle_j,
        )


def _refuse_alone(served: Sequence[ServedRequest]) -> None:
    """Raises LinkError where the server was lost, HostTooSlowError where metered answers came too late."""
    reasons = [request.ledger.fallback_reason for request in served if request.ledger.fallback]
    if any(reason is not FallbackReason.LATE for reason in reasons):
        raise LinkError(
            f"the server was lost: {len(reasons)} of {len(served)} requests were finished by the edge alone"
        )
    metered = served[WARM_UP_REQUESTS:]
    late = sum(request.ledger.fallback for request in metered)
    if late:
        what = f"{late} of {len(metered)} requests were finished by the edge alone"
        raise HostTooSlowError(f"this host does not keep up: {what}, for the server's answers came too late")


def server_shares(first: EnergyReading, last: EnergyReading, idle_w: float, period_s: float) -> tuple[float, float]:
    """Joules per period that a server spent computing, and while it did not.

    Idling is taken at `idle_w`, measured with the context loaded and the clock held; the rest of the
    counter is what computing cost.
    """
    window: EnergyWindow = window_between(first, last)
    idle_s = window.duration_s - (last.busy_s - first.busy_s)
    idle_j = idle_w * idle_s
    share = period_s / window.duration_s
    return max(0.0, window.energy_j - idle_j) * share, idle_j * share
