"""A device's clocks, watts, joules and throttling as Prometheus metrics, read when somebody asks for them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device, DeviceState, ThrottleReason
from joulecut_core.errors import JoulecutError

_LOG = logging.getLogger(__name__)

_HERTZ_PER_MHZ = 1e6


class DeviceMetrics:
    """A Prometheus collector of one device. `held`: the operating point asked for now, None without a lease."""

    def __init__(self, device: Device, held: Callable[[], OperatingPoint | None]) -> None:
        self._device = device
        self._held = held

    def collect(self) -> Iterator[Metric]:
        """One reading of the device; nothing of it where it cannot be read."""
        try:
            state = self._device.state()
        except JoulecutError as error:
            _LOG.warning("metrics: no reading of %s: %s", self._device.info.name, error)
            return
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
        info = self._device.info
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
