"""A device's readings as metrics: base units, labels, and silence where there is nothing to read."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from joulecut_core.devices import DeviceState, ThrottleReason
from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock
from joulecut_runtime.execution.clock_holder import LeaseCounts
from joulecut_runtime.metrics.device_metrics import DeviceMetrics
from tests.runtime.bench import Bench


def registry_of(bench: Bench, *, held: bool = True) -> CollectorRegistry:
    """A registry with one device, its top clock held or none."""
    registry = CollectorRegistry()
    registry.register(DeviceMetrics(bench, lambda: bench.clock_table.top if held else None))
    return registry


def test_clocks_and_reasons() -> None:
    """Hertz, not megahertz; a throttled board shows what was asked for, what it holds, and why."""
    bench = Bench()
    bench.emulated.throttle_to(408.0)
    with bench.lease(bench.clock_table.top):
        registry = registry_of(bench)
        for kind, hertz in (("requested", 612e6), ("achieved", 408e6)):
            assert registry.get_sample_value("joulecut_core_clock_hertz", {"kind": kind}) == hertz
        memory = registry.get_sample_value("joulecut_memory_clock_hertz", {"kind": "achieved"})
        assert memory == 1e6 * (bench.clock_table.top.memory_mhz or 0.0)
        reasons = {
            reason: registry.get_sample_value("joulecut_device_throttled", {"reason": reason.value})
            for reason in ThrottleReason
        }
    assert reasons == {ThrottleReason.POWER_CAP: 0, ThrottleReason.THERMAL: 0, ThrottleReason.HARDWARE: 1}


def test_throttling_is_counted_from_scrape_to_scrape() -> None:
    """Seconds from a reading that shows a reason to the next; of a long silence a minute at most, and none before."""
    bench, clock, registry = Bench(), ManualClock(), CollectorRegistry()
    registry.register(DeviceMetrics(bench, lambda: None, clock=clock))

    def counted() -> float | None:
        name = "joulecut_device_throttled_seconds_total"
        return registry.get_sample_value(name, {"reason": ThrottleReason.HARDWARE.value})

    told = []
    with bench.lease(bench.clock_table.top):
        for throttled_mhz, passed_s in ((None, 10.0), (408.0, 10.0), (408.0, 15.0), (None, 5.0), (None, 7.0)):
            bench.emulated.throttle_to(throttled_mhz)
            clock.advance_s(passed_s)
            told.append(counted())
        bench.emulated.throttle_to(408.0)
        told.append(counted())
        clock.advance_s(3600.0)
        told.append(counted())
    assert told == [0.0, 0.0, 15.0, 20.0, 20.0, 20.0, 80.0]


def test_leases_are_told() -> None:
    """Events as they were counted; wanted and held apart, so that an alert can ask for one without the other."""
    registry = CollectorRegistry()
    counts = LeaseCounts(taken=3, lost=2, refused=1, wanted=True, held=False)
    registry.register(DeviceMetrics(Bench(), lambda: None, lambda: counts))
    value = registry.get_sample_value
    events = {event: value("joulecut_clock_leases_total", {"event": event}) for event in ("taken", "lost", "refused")}
    assert events == {"taken": 3, "lost": 2, "refused": 1}
    assert (value("joulecut_clock_lease_wanted"), value("joulecut_clock_lease_held")) == (1, 0)


def test_a_governed_device_has_no_requested_clock() -> None:
    """Nothing is asked for where a governor decides; what the device runs at is still told."""
    registry = registry_of(Bench(), held=False)
    assert registry.get_sample_value("joulecut_core_clock_hertz", {"kind": "requested"}) is None
    assert registry.get_sample_value("joulecut_core_clock_hertz", {"kind": "achieved"})


def test_watts_and_joules_say_what_they_are() -> None:
    """Figure kind and power scope are labels; a device without a meter tells neither watts nor joules."""
    bench = Bench()
    state, labels = bench.state(), {"figures": "emulated", "scope": bench.info.power_scope}
    assert registry_of(bench).get_sample_value("joulecut_device_power_watts", labels) == state.power_w
    assert registry_of(bench).get_sample_value("joulecut_device_energy_joules_total", labels) == state.energy_j
    bare = _WithoutMeter()
    assert registry_of(bare).get_sample_value("joulecut_device_power_watts", labels) is None
    assert registry_of(bare).get_sample_value("joulecut_device_energy_joules_total", labels) is None


def test_a_device_that_cannot_be_read_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """The other metrics are still told, and the log says why these are not."""
    with caplog.at_level(logging.WARNING):
        assert list(registry_of(_Gone()).collect()) == []
    assert caplog.messages[-1].endswith(": it fell off the bus")


def test_a_device_that_stays_lost_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever scrapes writes no log: another reason is told, and that it is read again."""
    bench = Bench()
    registry = registry_of(bench)
    for reason in ("it fell off the bus", "it fell off the bus", "no driver", "no driver"):
        monkeypatch.setattr(bench, "state", _failing(reason))
        list(registry.collect())
    monkeypatch.undo()
    list(registry.collect())
    list(registry.collect())
    name = bench.info.name
    assert caplog.messages == [
        f"metrics: no reading of {name}: it fell off the bus",
        f"metrics: no reading of {name}: no driver",
        f"metrics: {name} is read again",
    ]


def _failing(reason: str) -> Callable[[], DeviceState]:
    def state() -> DeviceState:
        raise DeviceError(reason)

    return state


class _WithoutMeter(Bench):
    def state(self) -> DeviceState:
        return dataclasses.replace(super().state(), power_w=None, energy_j=None, energy_time_s=None)


class _Gone(Bench):
    def state(self) -> DeviceState:
        raise DeviceError("it fell off the bus")


def test_a_driver_that_hangs_holds_up_no_page(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All else is told, that the device is lost above all; scrapes begin no second reading while one lasts."""
    bench, registry, free, asked = Bench(), CollectorRegistry(), threading.Event(), threading.Semaphore(0)
    state = bench.state

    def hanging() -> DeviceState:
        asked.release()
        assert free.wait(20.0)
        return state()

    monkeypatch.setattr(bench, "state", hanging)
    registry.register(DeviceMetrics(bench, lambda: None, LeaseCounts, answer_s=0.01))
    for _ in range(3):
        assert registry.get_sample_value("joulecut_clock_lease_held") == 0.0
        assert registry.get_sample_value("joulecut_device_throttled", {"reason": "thermal"}) is None
    assert asked.acquire(timeout=20.0)
    # One more would stand here beside it.
    assert not asked.acquire(timeout=0.02)
    assert "was not read within 0.01 s; its driver may hang" in caplog.text
    free.set()
    while registry.get_sample_value("joulecut_device_throttled", {"reason": "thermal"}) is None:
        pass
