"""Carries out a plan on two emulated devices in one virtual time, and meters it.

    edge    head, encode | waiting                                               | head ...
    link                 | up: 8 bytes / bandwidth, round trip |              | down |
    server  idle                                               | decode, tail | idle

Without a rate the next request follows at once: what one of them costs the edge is its draw until the answer, as in
the planning contract. With a rate it costs its whole period. Each side's meter is read over a window of its own,
opened and closed by a tick.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from torch import Tensor

from joulecut.demo.metering import server_shares
from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device
from joulecut_core.energy import EnergyReading
from joulecut_core.errors import PlanError
from joulecut_core.links import LinkEstimate
from joulecut_core.timing import ManualClock
from joulecut_core.workloads import Workload
from joulecut_proto.framing import ENVELOPE_BYTES
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.profiling.measurable import MeasurableNetwork
from joulecut_runtime.profiling.meter_windows import BusyWindow, busy_window, idle_window
from joulecut_runtime.profiling.recorded_network import RecordedNetwork
from joulecut_runtime.wires.codecs import Codec, codec

_EDGE_SEED, _SERVER_SEED = 0, 1
_WARM_UP = 3
_PERIODS = 20
_LEAST_RUNS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a plan asks of the devices; `server_clock` is None where all runs on the edge.

    `period_s`: a request starts that long after the one before, or at its answer where that is later; None: always.
    """

    cut: int
    codec: str
    edge_clock: OperatingPoint
    server_clock: OperatingPoint | None
    period_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """Seconds and joules of one request, metered over `requests`. Joules are unweighted."""

    latency_s: float
    slowest_s: float
    edge_j: float
    radio_j: float
    server_busy_j: float
    requests: int


class EmulatedPair:
    """An emulated edge and server that share a recorded network. `pictures`: requests, taken in turn."""

    def __init__(
        self,
        network: MeasurableNetwork,
        pictures: Sequence[tuple[Tensor, ...]],
        *,
        edge: str,
        server: str,
    ) -> None:
        self._edge_name, self._server_name = edge, server
        self._recorded = RecordedNetwork(network, pictures[0])
        self._pictures = pictures
        self._network = network
        self._payload_bytes: dict[tuple[int, str], tuple[int, ...]] = {}

    def execute(self, plan: Carried, link: LinkEstimate) -> Executed:
        """Run a plan until both meters have seen enough of it. Raises PlanError for clocks that are not held."""
        clock = ManualClock()
        with ExitStack() as stack:
            edge = open_device(self._edge_name, clock=clock, seed=_EDGE_SEED)
            server = open_device(self._server_name, clock=clock, seed=_SERVER_SEED)
            stack.callback(edge.close)
            stack.callback(server.close)
            _hold(stack, edge, plan.edge_clock)
            request = _Request(plan, link, self, clock, edge, server)
            if plan.server_clock is not None:
                _hold(stack, server, plan.server_clock)
            for _ in range(_WARM_UP):
                request.run()
            request.reset()
            at_edge = busy_window(edge, clock, request.run, periods=_PERIODS, runs=_LEAST_RUNS)
            latencies_s = tuple(request.latencies_s)
            server_j = 0.0
            if plan.server_clock is not None:
                idle_w = idle_window(server, clock, periods=_PERIODS).power_w
                request.reset()
                at_server = busy_window(server, clock, request.run, periods=_PERIODS, runs=_LEAST_RUNS)
                server_j = _server_busy_j(at_server, request.server_s / len(at_server.times_s), idle_w)
        return Executed(
            latency_s=statistics.fmean(latencies_s),
            slowest_s=max(latencies_s),
            edge_j=at_edge.energy.power_w * statistics.fmean(at_edge.times_s),
            radio_j=request.radio_j,
            server_busy_j=server_j,
            requests=len(latencies_s),
        )

    def payload_bytes(self, cut: int, using: Codec) -> tuple[int, ...]:
        """Bytes of every picture's tensors at a cut, encoded for real."""
        key = cut, using.name
        if key not in self._payload_bytes:
            self._payload_bytes[key] = tuple(
                sum(frame.size_bytes for frame in using.encode(tensors)) for tensors in self._crossing(cut)
            )
        return self._payload_bytes[key]

    @property
    def recorded(self) -> RecordedNetwork:
        """The network as the devices see it."""
        return self._recorded

    def _crossing(self, cut: int) -> list[tuple[Tensor, ...]]:
        if cut == 0:
            return list(self._pictures)
        return [self._network.head(cut)(picture) for picture in self._pictures]


class _Request:
    """One request of a plan, again and again."""

    def __init__(
        self,
        plan: Carried,
        link: LinkEstimate,
        pair: EmulatedPair,
        clock: ManualClock,
        edge: Device,
        server: Device,
    ) -> None:
        self._clock, self._edge, self._server = clock, edge, server
        self._link = link
        self._offloaded = plan.server_clock is not None
        recorded = pair.recorded
        self._period_s = plan.period_s
        self._head = recorded.head(plan.cut).workload if plan.cut > 0 else None
        self._served = 0
        self.reset()
        if self._offloaded:
            using, specs = codec(plan.codec), recorded.table.cuts[plan.cut].tensors
            self._encode, self._decode = using.encode_workload(specs), using.decode_workload(specs)
            self._tail = recorded.tail(plan.cut).workload
            self._up_s = [
                8.0 * (size + ENVELOPE_BYTES) / link.uplink_bps for size in pair.payload_bytes(plan.cut, using)
            ]
            reply_bytes = sum(spec.size_bytes for spec in recorded.table.outputs)
            self._down_s = 8.0 * (reply_bytes + ENVELOPE_BYTES) / link.downlink_bps

    def reset(self) -> None:
        """Start the sums of a window anew."""
        self.server_s = 0.0
        self.latencies_s: list[float] = []
        self._radio_j = 0.0

    @property
    def radio_j(self) -> float:
        """Mean joules of the radio, on top of the board, per request."""
        return self._radio_j / len(self.latencies_s)

    def run(self) -> float:
        """One request; returns the seconds until the next may start."""
        start_s = self._clock.now_s()
        if self._head is not None:
            self._compute(self._edge, self._head)
        if self._offloaded:
            self._compute(self._edge, self._encode)
            up_s = self._up_s[self._served % len(self._up_s)]
            self._clock.advance_s(up_s + self._link.rtt_s)
            self.server_s += self._compute(self._server, self._decode) + self._compute(self._server, self._tail)
            self._clock.advance_s(self._down_s)
            self._radio_j += self._link.uplink_w * up_s + self._link.downlink_w * self._down_s
        self._served += 1
        self.latencies_s.append(self._clock.now_s() - start_s)
        if self._period_s is not None:
            self._clock.sleep_until_s(start_s + self._period_s)
        return self._clock.now_s() - start_s

    @staticmethod
    def _compute(device: Device, workload: Workload) -> float:
        with device.execution(workload) as execution:
            pass
        return execution.elapsed_s


def _hold(stack: ExitStack, device: Device, point: OperatingPoint) -> None:
    lease = stack.enter_context(device.lease(point))
    if not lease.achieved().matches(point):
        raise PlanError(f"{device.info.name} runs at {lease.achieved()}; expected {point}: plan with achieved clocks")


def _server_busy_j(window: BusyWindow, busy_s: float, idle_w: float) -> float:
    """Joules of one request beyond idling at the held clock."""
    period_s = statistics.fmean(window.times_s)
    share = busy_s / period_s
    first = EnergyReading(time_s=0.0, energy_j=0.0)
    last = EnergyReading(
        time_s=window.energy.duration_s,
        energy_j=window.energy.energy_j,
        busy_s=share * window.energy.duration_s,
    )
    busy_j, _ = server_shares(first, last, idle_w, period_s)
    return busy_j
