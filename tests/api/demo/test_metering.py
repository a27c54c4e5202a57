"""The demo's meters: windows of whole periods, shares per request, what a fake pair is known to draw."""

from __future__ import annotations

import math
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from joulecut.connections.connection import Answer, Connection
from joulecut.demo.metering import WARM_UP_REQUESTS, LoadRunner, MeteredRun, server_shares
from joulecut.demo.scenario import Radio
from joulecut.demo.slowdown import HostTooSlowError
from joulecut_core.energy import EnergyReading
from joulecut_core.errors import LinkError
from joulecut_core.ledgers import FallbackReason
from joulecut_core.timing import ManualClock
from joulecut_proto.local_messages import LocalStatus, MeterReadings, ReadMetersRequest
from joulecut_runtime.links.emulated_link import EmulatedLink, LinkCounters
from tests.api.fake_edge import LEDGER, STATUS

EDGE_W, SERVER_W, SERVER_BUSY_SHARE = 6.0, 40.0, 0.2
LATENCY_S, TICK_S, RATE_HZ = 0.012, 0.05, 20.0
AIRTIME_S = 0.004


class KnownEdge(Connection):
    """An edge whose answers take a known time and whose meters run at a known power."""

    def __init__(self, clock: ManualClock, *, server: bool) -> None:
        self.clock = clock
        self.server = server
        self.sent_s: list[float] = []
        self.windows: list[ReadMetersRequest] = []
        self.patience_s: list[float] = []
        self.alone: dict[int, FallbackReason] = {}

    def submit(self, *inputs: np.ndarray[Any, np.dtype[Any]]) -> Future[Answer]:
        self.sent_s.append(self.clock.now_s())
        self.clock.advance_s(LATENCY_S)
        scores = np.zeros((1, 5), np.float32)
        scores[0, inputs[0].reshape(-1)[0]] = 1.0
        done: Future[Answer] = Future()
        reason = self.alone.get(len(self.sent_s))
        ledger = LEDGER if reason is None else replace(LEDGER, fallback=True, fallback_reason=reason)
        done.set_result(Answer(outputs=(scores,), ledger=ledger))
        return done

    def status(self) -> LocalStatus:
        return replace(STATUS, device_info=replace(STATUS.device_info, meter_period_s=TICK_S))

    def read_meters(self, request: ReadMetersRequest, *, timeout_s: float = 0.0) -> MeterReadings:
        """Each side's counter at its first tick from the time asked for on; the two clocks differ."""
        self.windows.append(request)
        self.patience_s.append(timeout_s)
        edge_s = _tick(request.edge_not_before_s or 100.0)
        server_s = _tick(request.server_not_before_s or 7.0)
        server = EnergyReading(time_s=server_s, energy_j=SERVER_W * server_s, busy_s=SERVER_BUSY_SHARE * server_s)
        return MeterReadings(
            edge=EnergyReading(time_s=edge_s, energy_j=EDGE_W * edge_s), server=server if self.server else None
        )


def _tick(time_s: float) -> float:
    return TICK_S * math.ceil(time_s / TICK_S - 1e-9)


class KnownLink(EmulatedLink):
    """A link that every request keeps busy for a known time, up, and half of it down."""

    def __init__(self, edge: KnownEdge) -> None:
        self.edge = edge

    def counters(self) -> LinkCounters:
        busy_s = AIRTIME_S * len(self.edge.sent_s)
        return LinkCounters(up_bytes=0, up_busy_s=busy_s, down_bytes=0, down_busy_s=busy_s / 2)


INPUTS = tuple((np.full((1, 3, 2, 2), kind, np.uint8),) for kind in range(3))


def _run(edge: KnownEdge, requests: int, *, server_idle_w: float = 30.0) -> tuple[MeteredRun, int]:
    counted: list[None] = []
    load = LoadRunner(edge, KnownLink(edge), edge.clock, INPUTS, radio=Radio(uplink_w=1.0, downlink_w=0.5))
    try:
        run = load.run(
            rate_hz=RATE_HZ,
            requests=requests,
            server_idle_w=server_idle_w,
            answered=lambda: counted.append(None),
        )
    finally:
        load.close()
    return run, len(counted)


def test_requests_keep_the_rate() -> None:
    """Even intervals whatever the answers take, warm-up included; latencies count from when a request was due."""
    edge = KnownEdge(ManualClock(), server=True)
    run, counted = _run(edge, 30)
    assert counted == len(edge.sent_s) == 30 + WARM_UP_REQUESTS
    intervals_s = np.diff(edge.sent_s)
    assert intervals_s == pytest.approx([1 / RATE_HZ] * len(intervals_s))
    assert [request.latency_s for request in run.requests] == pytest.approx([LATENCY_S] * 30)


def test_answers_are_kept_with_their_inputs() -> None:
    """Inputs in turn; the warm-up's answers are not counted, its inputs are not skipped."""
    run, _ = _run(KnownEdge(ManualClock(), server=True), 7)
    expected = [(WARM_UP_REQUESTS + index) % len(INPUTS) for index in range(7)]
    assert [request.sample for request in run.requests] == expected
    assert [request.top1 for request in run.requests] == [(each,) for each in expected]


def test_answers_that_came_too_late() -> None:
    """The run is no measurement where metered ones did; what the first request at a cut waits for is warming up."""
    edge = KnownEdge(ManualClock(), server=True)
    edge.alone = {1: FallbackReason.LATE, WARM_UP_REQUESTS: FallbackReason.LATE}
    run, _ = _run(edge, 7)
    assert len(run.requests) == 7
    edge = KnownEdge(ManualClock(), server=True)
    edge.alone = {WARM_UP_REQUESTS + 1: FallbackReason.LATE, WARM_UP_REQUESTS + 7: FallbackReason.LATE}
    with pytest.raises(HostTooSlowError, match="2 of 7 requests were finished by the edge alone"):
        _run(edge, 7)


def test_a_server_lost_while_warming_up() -> None:
    """It is lost, whichever request it was."""
    edge = KnownEdge(ManualClock(), server=True)
    edge.alone = {1: FallbackReason.LOST, WARM_UP_REQUESTS + 1: FallbackReason.LATE}
    with pytest.raises(LinkError, match="the server was lost: 2 of 11 requests"):
        _run(edge, 7)


def test_joules_are_of_one_period() -> None:
    """Mean power times the period: a request answers for its whole period, idle or not."""
    run, _ = _run(KnownEdge(ManualClock(), server=True), 40)
    period_s = 1 / RATE_HZ
    assert run.edge_device_j == pytest.approx(EDGE_W * period_s)
    assert run.radio_j == pytest.approx(1.0 * AIRTIME_S + 0.5 * AIRTIME_S / 2)
    assert run.edge_j == pytest.approx(run.edge_device_j + run.radio_j)
    idle_j = 30.0 * (1 - SERVER_BUSY_SHARE) * period_s
    assert run.server_idle_j == pytest.approx(idle_j)
    assert run.server_busy_j == pytest.approx(SERVER_W * period_s - idle_j)


def test_computing_that_the_counter_cannot_tell_from_idling() -> None:
    """It is what the server metered of each request, and not nothing."""
    idle_w = SERVER_W / (1 - SERVER_BUSY_SHARE)
    run, _ = _run(KnownEdge(ManualClock(), server=True), 40, server_idle_w=idle_w)
    assert run.server_busy_j == pytest.approx(LEDGER.joules.server)
    assert run.server_idle_j == pytest.approx(SERVER_W / RATE_HZ)


@pytest.mark.parametrize("requests", [40, 6])
def test_the_window_lies_inside_the_load(requests: int) -> None:
    """It ends before the last request, on each side's own time."""
    edge = KnownEdge(ManualClock(), server=True)
    _run(edge, requests)
    first, last = edge.windows
    assert first == ReadMetersRequest()
    assert last.edge_not_before_s is not None
    assert last.server_not_before_s is not None
    length_s = _tick(last.edge_not_before_s) - 100.0
    assert _tick(last.server_not_before_s) - 7.0 == pytest.approx(length_s)
    assert length_s > 0
    assert length_s * RATE_HZ == pytest.approx(max(1, requests - 4), abs=TICK_S * RATE_HZ)
    assert length_s <= max(1, requests - 2) / RATE_HZ


class StretchedClock(ManualClock):
    """A clock whose seconds last a hundred on the wall."""

    def wall_s(self, duration_s: float) -> float:
        return 100.0 * duration_s


def test_meters_of_a_slow_demo_are_waited_for() -> None:
    """To the window's end, on the wall, however long its seconds last there."""
    edge = KnownEdge(StretchedClock(), server=True)
    _run(edge, 60)
    _, last = edge.windows
    assert last.edge_not_before_s is not None
    assert edge.patience_s[1] > 100.0 * (last.edge_not_before_s - 100.0) > 200.0


def test_a_run_without_a_server() -> None:
    """A meter that cannot be read is no meter at zero: the server's joules would be missing and flatter the run."""
    with pytest.raises(LinkError, match="the server's meter could not be read"):
        _run(KnownEdge(ManualClock(), server=False), 10)


def test_no_requests() -> None:
    """There is nothing to meter."""
    with pytest.raises(ValueError, match="requests: 0; expected at least 1"):
        _run(KnownEdge(ManualClock(), server=True), 0)


def _reading(time_s: float, energy_j: float, busy_s: float) -> EnergyReading:
    return EnergyReading(time_s=time_s, energy_j=energy_j, busy_s=busy_s)


def test_server_shares() -> None:
    """Two seconds, 100 J, half a second busy, 20 W idle: 30 J idling, 70 J computing, a twentieth of each."""
    shares = server_shares(_reading(1.0, 50.0, 4.0), _reading(3.0, 150.0, 4.5), 20.0, 0.1)
    assert shares == pytest.approx((3.5, 1.5))


def test_the_shares_add_up_to_the_counter() -> None:
    """Nothing is lost or counted twice."""
    busy_j, idle_j = server_shares(_reading(0.0, 0.0, 0.0), _reading(5.0, 333.0, 1.0), 17.0, 0.2)
    assert (busy_j + idle_j) * 5.0 / 0.2 == pytest.approx(333.0)


def test_a_meter_below_idle_costs_nothing_negative() -> None:
    """Noise must not pay a request for being computed."""
    busy_j, idle_j = server_shares(_reading(0.0, 0.0, 0.0), _reading(1.0, 19.0, 0.0), 20.0, 0.1)
    assert (busy_j, idle_j) == pytest.approx((0.0, 2.0))
