"""A board's joules with its host's: sums that stay aligned with the board's meter and name both parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.energy import read_at_tick, window_between
from joulecut_core.errors import ConfigError, DeviceError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.hardware.device import HardwareDevice
from joulecut_runtime.devices.host import HostProbe, KernelFiles, RaplMeter
from joulecut_runtime.devices.meters import ConfiguredHost, EstimatedMeter, HostMeter, WithHostPower
from tests.fakes.hardware import FakeAuthority, FakeHardware, FakeProbe
from tests.fakes.host.kernel import FakeHost
from tests.fakes.host.specs import INTEL_PSTATE

IDLE_W = 4.0 + 300.0 * 0.004
"""What the fake board draws at its lowest clock at rest."""


def device(fake: FakeHardware, host: HostMeter) -> HardwareDevice:
    """The fake board with a host around it."""
    probe = WithHostPower(FakeProbe(fake), host)
    return HardwareDevice(probe, FakeAuthority(hardware=fake), clock=fake.clock, synchronise=fake.synchronise)


def test_configured_watts_are_added_exactly() -> None:
    """A window between two of the board's ticks holds the board's joules and the host's of the same seconds."""
    fake = FakeHardware(clock=ManualClock(), period_s=0.1)
    whole = device(fake, ConfiguredHost(85.0, clock=fake.clock))
    begin = read_at_tick(whole, fake.clock)
    fake.clock.advance_s(1.234)
    window = window_between(begin, read_at_tick(whole, fake.clock))
    assert window.duration_s == pytest.approx(round(window.duration_s / 0.1) * 0.1)
    assert window.power_w == pytest.approx(85.0 + IDLE_W)
    assert whole.state().power_w == pytest.approx(85.0 + IDLE_W)


def test_configured_watts_make_an_estimate_that_names_them() -> None:
    """Measured and configured added is an estimate; the scope says how many watts were believed."""
    fake = FakeHardware(clock=ManualClock())
    info = device(fake, ConfiguredHost(85.0, clock=fake.clock)).info
    assert info.power_scope == "fake board + host (configured 85 W)"
    assert info.figures is FigureKind.ESTIMATED


def test_measured_watts_of_the_host_are_those_of_the_boards_seconds(tmp_path: Path) -> None:
    """The host's counter changes every 20 ms and the board's every 100: the sum is over the board's seconds."""
    fake = FakeHardware(clock=ManualClock(), period_s=0.1)
    host = FakeHost(tmp_path, INTEL_PSTATE, clock=fake.clock)
    whole = device(fake, RaplMeter(KernelFiles(host.root, host.read), fake.clock))
    assert whole.info.power_scope == "fake board + CPU package (RAPL)"
    assert whole.info.figures is FigureKind.MEASURED
    begin = read_at_tick(whole, fake.clock)
    for _ in range(10):
        fake.clock.advance_s(0.117)
        whole.state()
    window = window_between(begin, read_at_tick(whole, fake.clock))
    whole.close()
    assert window.power_w == pytest.approx(IDLE_W + host.power_w, rel=1e-4)


def test_the_sum_changes_only_when_the_board_ticks(tmp_path: Path) -> None:
    """Otherwise windows would take a change of the host for a tick of the board, and be off by its period."""
    fake = FakeHardware(clock=ManualClock(), period_s=0.1)
    host = FakeHost(tmp_path, INTEL_PSTATE, clock=fake.clock)
    whole = device(fake, RaplMeter(KernelFiles(host.root, host.read), fake.clock))
    readings = []
    for _ in range(100):
        fake.clock.advance_s(0.0125)
        readings.append(whole.state())
    whole.close()
    energies_j = [state.energy_j for state in readings if state.energy_j is not None]
    assert energies_j == sorted(energies_j)
    assert len(set(energies_j)) == len({state.energy_time_s for state in readings}) == pytest.approx(13, abs=1)


def test_a_hosts_meter_that_fails_takes_the_joules_alone(tmp_path: Path) -> None:
    """The board goes on without figures, since its own would be too small a sum; then no joule is missing."""
    fake = FakeHardware(clock=ManualClock(), period_s=0.1)
    host = FakeHost(tmp_path, INTEL_PSTATE, clock=fake.clock)
    whole = device(fake, RaplMeter(KernelFiles(host.root, host.read), fake.clock))
    begin = read_at_tick(whole, fake.clock)
    host.gone = True
    fake.clock.advance_s(1.0)
    state = whole.state()
    assert (state.power_w, state.energy_j, state.energy_time_s) == (None, None, None)
    with pytest.raises(DeviceError, match="the energy meter of fake did not answer for 2 s"):
        read_at_tick(whole, fake.clock)
    host.gone = False
    fake.clock.advance_s(1.0)
    window = window_between(begin, read_at_tick(whole, fake.clock))
    whole.close()
    assert window.power_w == pytest.approx(IDLE_W + host.power_w, rel=1e-4)


def test_boards_without_measured_watts_are_refused(tmp_path: Path) -> None:
    """No meter, a configured one, or the host's own: each is told what to do instead."""
    bare = FakeHardware(clock=ManualClock(), period_s=None)
    estimated = EstimatedMeter(FakeProbe(bare), clock=bare.clock, busy_w=3.0, wait_w=1.0)
    for probe in (FakeProbe(bare), estimated):
        with pytest.raises(ConfigError, match="add them to busy_w and wait_w"):
            WithHostPower(probe, ConfiguredHost(85.0, clock=bare.clock))
    host = FakeHost(tmp_path, INTEL_PSTATE, clock=bare.clock)
    cpu = HostProbe(host.root, clock=bare.clock, read=host.read)
    meter = RaplMeter(KernelFiles(host.root, host.read), bare.clock)
    with pytest.raises(ConfigError, match="those of its host already"):
        WithHostPower(cpu, meter)
    cpu.close()
    meter.close()


@pytest.mark.parametrize("power_w", [0.0, -85.0, float("nan"), 1e9])
def test_nonsense_watts_are_refused(power_w: float) -> None:
    """A host draws more than nothing and less than a power station."""
    with pytest.raises(ConfigError, match="host_w"):
        ConfiguredHost(power_w, clock=ManualClock())
