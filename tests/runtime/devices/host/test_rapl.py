"""Counters that wrap, zones that contain each other, and a thread that misses no wrap."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.host.kernel_files import KernelFiles
from joulecut_runtime.devices.host.rapl import RaplMeter, find_packages
from tests.fakes.host.kernel import FakeHost
from tests.fakes.host.specs import INTEL_PSTATE, TWO_SOCKETS, WRAPPING


def test_only_packages_are_counted(tmp_path: Path) -> None:
    """Subzones, psys and the memory-mapped twin of a package would count the same joules twice."""
    host = FakeHost(tmp_path, TWO_SOCKETS, clock=ManualClock())
    zones = [package.zone.name for package in find_packages(KernelFiles(host.root, host.read))]
    assert zones == ["intel-rapl:0", "intel-rapl:1"]


def test_joules_go_on_over_a_wrap(tmp_path: Path) -> None:
    """The counter starts again at its range; the meter does not, however often."""
    clock = ManualClock()
    host = FakeHost(tmp_path, WRAPPING, clock=clock)
    meter = RaplMeter(KernelFiles(host.root, host.read), clock)
    before_j, drawn_j = meter.read().energy_j, host.drawn_j
    readings_j = [before_j]
    for _ in range(60):
        clock.advance_s(0.5)
        readings_j.append(meter.read().energy_j)
    meter.close()
    assert host.drawn_j - drawn_j > 8 * 30
    assert readings_j == sorted(readings_j)
    assert readings_j[-1] - before_j == pytest.approx(host.drawn_j - drawn_j, abs=1e-4)


def test_a_counter_that_begins_anew_is_no_wrap(tmp_path: Path) -> None:
    """A host that was suspended starts at 0 again: what it drew since is counted, not the rest of the range."""
    clock = ManualClock()
    host = FakeHost(tmp_path, INTEL_PSTATE, clock=clock)
    zone = tmp_path / "sys/class/powercap/intel-rapl:0"
    (zone / "energy_uj").write_text("100000000000\n")
    meter = RaplMeter(KernelFiles(host.root), clock)
    before_j = meter.read().energy_j
    clock.advance_s(1.0)
    (zone / "energy_uj").write_text("3000000\n")
    assert (meter.read().energy_j - before_j, meter.power_w) == pytest.approx((3.0, 3.0))
    clock.advance_s(1.0)
    (zone / "energy_uj").write_text("8000000\n")
    assert meter.read().energy_j - before_j == pytest.approx(8.0)
    meter.close()


def test_a_fall_without_a_range_is_refused(tmp_path: Path) -> None:
    """A counter that falls and tells no range cannot be followed: an error rather than a made-up figure."""
    clock = ManualClock()
    host = FakeHost(tmp_path, WRAPPING, clock=clock)
    (tmp_path / "sys/class/powercap/intel-rapl:0/max_energy_range_uj").unlink()
    meter = RaplMeter(KernelFiles(host.root, host.read), clock)
    clock.advance_s(0.9 * 30 / host.power_w)
    meter.read()
    clock.advance_s(0.5 * 30 / host.power_w)
    with pytest.raises(DeviceError, match="tells no range at which it wraps"):
        meter.read()
    meter.close()


def test_half_a_host_is_no_meter(tmp_path: Path) -> None:
    """One socket's joules are not the host's: where the other cannot be read there is no meter."""
    host = FakeHost(tmp_path, TWO_SOCKETS, clock=ManualClock())
    (tmp_path / "sys/class/powercap/intel-rapl:1/energy_uj").write_text("a lot\n")
    with pytest.raises(DeviceError, match=r"intel-rapl:1/energy_uj cannot be read"):
        find_packages(KernelFiles(host.root))


def test_a_counter_that_blocks_is_an_error_and_the_meter_still_ends(tmp_path: Path) -> None:
    """Whoever meters with it is told in time, and whoever closes it does not wait for what never comes."""
    clock = ManualClock()
    host = FakeHost(tmp_path, WRAPPING, clock=clock)
    gate, blocks = threading.Event(), threading.Event()

    def read(path: Path) -> str:
        if blocks.is_set():
            gate.wait()
        return host.read(path)

    meter = RaplMeter(KernelFiles(host.root, read), clock, timeout_s=20.0)
    meter._timeout_s = meter._patience._timeout_s = 1.0
    blocks.set()
    clock.advance_s(1.0)
    # Its own thread may have asked a moment before.
    with pytest.raises(DeviceError, match=r"reading the RAPL counters (has blocked for 1 s|still blocks)"):
        meter.read()
    meter.close()
    gate.set()


@pytest.mark.parametrize("slip_uj", [99_999_999_000, 150_000_000_000])
def test_a_counter_that_slips_adds_no_kilojoules(
    tmp_path: Path, slip_uj: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A counter that falls a little has not begun anew, and none goes ahead by more than a package draws."""
    clock = ManualClock()
    host = FakeHost(tmp_path, INTEL_PSTATE, clock=clock)
    counter = tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj"
    counter.write_text("100000000000\n")
    meter = RaplMeter(KernelFiles(host.root), clock)
    before_j = meter.read().energy_j
    for shown_uj in (slip_uj, slip_uj + 5_000_000):
        clock.advance_s(1.0)
        counter.write_text(f"{shown_uj}\n")
        meter.read()
    assert meter.read().energy_j - before_j == pytest.approx(5.0)
    assert "no package draws in that time" in caplog.text
    meter.close()
