"""A device's clocks, watts, joules and throttling as Prometheus metrics, read when somebody asks for them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device, DeviceState, ThrottleReason
from joulecut_core.errors import JoulecutError
from joulecut_core.timing import Clock, SystemClock
from joulecut_runtime.execution.clock_holder import LeaseCounts
from joulecut_runtime.execution.device_reading import DeviceReading

_LOG = logging.getLogger(__name__)

_HERTZ_PER_MHZ = 1e6
_ANSWER_S = 5.0
"""Wall seconds that a reading may take: half of what Prometheus waits for all of a page."""
_LONGEST_GAP_S = 60.0
"""Of a longer time between two scrapes nobody can say what it was like."""


class _Throttling:
    """Seconds in which a device gave a reason to run slowly, as far as readings tell: from one to the next."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._read_s = clock.now_s()
        self._given: frozenset[ThrottleReason] = frozenset()
        self._total_s = dict.fromkeys(ThrottleReason, 0.0)
        self._lock = threading.Lock()

    def seconds(self, state: DeviceState) -> CounterMetricFamily:
        """The totals, once more this reading is known."""
        with self._lock:
            now_s = self._clock.now_s()
            # A reason holds from the reading that shows it to the next; between two that both show it, all the time.
            for reason in self._given:
                self._total_s[reason] += min(now_s - self._read_s, _LONGEST_GAP_S)
            self._read_s, self._given = now_s, state.throttle
            totals = CounterMetricFamily(
                "joulecut_device_throttled_seconds", "Seconds of it, as far as scrapes tell", labels=["reason"]
            )
            for reason, total_s in self._total_s.items():
                totals.add_metric([reason.value], total_s)
            return totals


def _lease_metrics(leases: LeaseCounts) -> Iterator[Metric]:
    counts = CounterMetricFamily("joulecut_clock_leases", "Leases of the clocks", labels=["event"])
    for event, count in (("taken", leases.taken), ("lost", leases.lost), ("refused", leases.refused)):
        counts.add_metric([event], count)
    yield counts
    yield GaugeMetricFamily("joulecut_clock_lease_wanted", "1 while a plan wants clocks", value=float(leases.wanted))
    yield GaugeMetricFamily("joulecut_clock_lease_held", "1 while clocks are held", value=float(leases.held))


class DeviceMetrics:
    """A Prometheus collector of one device.

    `held`: the operating point asked for now, None without a lease. `leases`: how leases have fared; None tells nothing
    of them. `clock`: what throttling lasts by. `answer_s`: wall seconds that a reading may take.
    """

    def __init__(
        self,
        device: Device,
        held: Callable[[], OperatingPoint | None],
        leases: Callable[[], LeaseCounts] | None = None,
        clock: Clock | None = None,
        *,
        answer_s: float = _ANSWER_S,
    ) -> None:
        self._info = device.info
        self._reading = DeviceReading(device, answer_s=answer_s)
        self._held = held
        self._leases = leases
        self._throttling = _Throttling(clock or SystemClock())
        self._complaint: str | None = None
        """Why the last reading failed; None where it did not."""

    def collect(self) -> Iterator[Metric]:
        """One reading of the device; nothing of it where it cannot be read."""
        if self._leases is not None:
            yield from _lease_metrics(self._leases())
        try:
            state = self._reading.state()
        except JoulecutError as error:
            # A lost device stays lost for hours, and anybody may scrape: each reason is told once.
            if str(error) != self._complaint:
                self._complaint = str(error)
                _LOG.warning("metrics: no reading of %s: %s", self._info.name, error)
            return
        if self._complaint is not None:
            self._complaint = None
            _LOG.warning("metrics: %s is read again", self._info.name)
        yield from self._clocks(state)
        yield from self._draw(state)
        throttled = GaugeMetricFamily(
            "joulecut_device_throttled",
            "1 while the device gives this reason to run below its clock",
            labels=["reason"],
        )
        for reason in ThrottleReason:
            throttled.add_metric([reason.value], float(reason in state.throttle))
        yield throttled
        yield self._throttling.seconds(state)
        if state.temperature_c is not None:
            yield GaugeMetricFamily("joulecut_device_temperature_celsius", "Temperature", value=state.temperature_c)

    def _clocks(self, state: DeviceState) -> Iterator[Metric]:
        core = GaugeMetricFamily(
            "joulecut_core_clock_hertz", "Core clock; requested is absent where a governor sets it", labels=["kind"]
        )
        memory = GaugeMetricFamily("joulecut_memory_clock_hertz", "Memory clock, likewise", labels=["kind"])
        for kind, point in (("requested", self._held()), ("achieved", state.point)):
            if point is not None:
                core.add_metric([kind], point.core_mhz * _HERTZ_PER_MHZ)
            if point is not None and point.memory_mhz is not None:
                memory.add_metric([kind], point.memory_mhz * _HERTZ_PER_MHZ)
        yield core
        yield memory

    def _draw(self, state: DeviceState) -> Iterator[Metric]:
        info = self._info
        names, labels = ["figures", "scope"], [info.figures.value, info.power_scope]
        if state.power_w is not None:
            power = GaugeMetricFamily("joulecut_device_power_watts", "Draw of the device", labels=names)
            power.add_metric(labels, state.power_w)
            yield power
        if state.energy_j is not None:
            energy = CounterMetricFamily(
                "joulecut_device_energy_joules", "The device's meter, from an arbitrary start", labels=names
            )
            energy.add_metric(labels, state.energy_j)
            yield energy
