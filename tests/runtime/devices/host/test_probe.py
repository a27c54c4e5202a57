"""The CPU backend on hosts of all kinds: clocks where there is cpufreq, joules where RAPL may be read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import ThrottleReason
from joulecut_core.errors import DeviceError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import ManualClock, SystemClock
from joulecut_runtime.clockd.kernel_files import CpufreqBoard
from joulecut_runtime.devices.hardware.probe import MeterKind, Probe
from joulecut_runtime.devices.host import HostProbe
from tests.fakes.host.kernel import FakeHost
from tests.fakes.host.specs import (
    ACPI_CPUFREQ,
    ALL_SPECS,
    ARM_VIRTUAL,
    BIG_LITTLE,
    FORBIDDEN,
    INTEL_PSTATE,
    TWO_SOCKETS,
    VIRTUAL,
    HostSpec,
)

WAIT_S = 20.0
"""How long a test waits for what must happen; only a defect ever takes it."""


class Bench:
    """Hosts and probes of them on one clock, closed in the end."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = ManualClock(5.0)
        self.probes: list[HostProbe] = []

    def probe(self, spec: HostSpec) -> tuple[FakeHost, HostProbe]:
        host = FakeHost(self.root / str(len(self.probes)), spec, clock=self.clock)
        self.probes.append(HostProbe(host.root, clock=self.clock, read=host.read))
        return host, self.probes[-1]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench of one test."""
    bench = Bench(tmp_path)
    yield bench
    for probe in bench.probes:
        probe.close()


def test_listed_clocks_are_the_ladder(bench: Bench) -> None:
    """Where the driver lists clocks those are offered and nothing else, ascending."""
    _, probe = bench.probe(ACPI_CPUFREQ)
    assert probe.clock_table.core_clocks_mhz(None) == (1500, 1900, 2400)
    assert probe.capabilities.core_settable
    assert probe.capabilities.remarks == ()
    assert probe.info.driver == "acpi-cpufreq"
    assert probe.info.name == "AMD EPYC 9354, 1 CPU"


def test_a_range_is_offered_in_steps_and_says_so(bench: Bench) -> None:
    """intel_pstate lists nothing: its range in steps of 100 MHz, both ends among them, and a remark."""
    _, probe = bench.probe(INTEL_PSTATE)
    clocks_mhz = probe.clock_table.core_clocks_mhz(None)
    assert clocks_mhz[:2] == (800, 900)
    assert clocks_mhz[-2:] == (3800, 3850)
    assert len(clocks_mhz) == 32
    assert any("lists no clocks" in remark and "100 MHz" in remark for remark in probe.capabilities.remarks)


def test_the_firmwares_limit_counts_at_once(bench: Bench) -> None:
    """A limit that the firmware sets while we run takes clocks off the table; one of the administrator's does not."""
    host, probe = bench.probe(ACPI_CPUFREQ)
    for policy in host.policies:
        (policy / "bios_limit").write_text("1900000\n")
        (policy / "scaling_max_freq").write_text("1500000\n")
    assert probe.clock_table.core_clocks_mhz(None) == (1500, 1900)


def test_the_fastest_cluster_has_the_core_clock(bench: Bench) -> None:
    """Big and little cores: the big ones' ladder, and a remark that the others follow."""
    host, probe = bench.probe(BIG_LITTLE)
    assert probe.clock_table.core_clocks_mhz(None) == (408, 1200, 2400)
    assert any("1 up to 1800 MHz" in remark for remark in probe.capabilities.remarks)
    CpufreqBoard(host.policies, host.write).apply(1200, None)
    assert probe.read().point == OperatingPoint(core_mhz=1200)


def test_the_clock_read_back_is_the_nearest_listed(bench: Bench) -> None:
    """The kernel shows an average over its last tick, 2393 for 2400: that is the clock asked for, not another one."""
    host, probe = bench.probe(INTEL_PSTATE)
    CpufreqBoard(host.policies, host.write).apply(2400, None)
    assert (host.policies[0] / "scaling_cur_freq").read_text().strip() == "2392800"
    assert probe.read().point == OperatingPoint(core_mhz=2400)


def test_neither_clocks_nor_joules_is_a_normal_host(bench: Bench) -> None:
    """A virtual machine has one point, is not settable and has no meter; all of that is said, none of it an error."""
    _, probe = bench.probe(VIRTUAL)
    state = probe.read()
    assert probe.clock_table.points == (OperatingPoint(core_mhz=2596),)
    assert state.point == probe.clock_table.top
    assert (state.energy_j, state.energy_time_s, state.power_w, state.temperature_c) == (None, None, None, None)
    assert not probe.capabilities.core_settable
    assert probe.capabilities.meter is MeterKind.NONE
    assert probe.info.meter_period_s is None
    assert "no meter" in probe.info.power_scope
    clocks, joules = probe.capabilities.remarks
    assert "2596 MHz" in clocks
    assert "no RAPL package" in joules


def test_an_unknown_clock_is_said_to_be_unknown(bench: Bench) -> None:
    """An ARM virtual machine does not even tell what it runs at: the point is a stand-in, by its own words."""
    _, probe = bench.probe(ARM_VIRTUAL)
    assert len(probe.clock_table.points) == 1
    assert any("none is known" in remark for remark in probe.capabilities.remarks)


def test_forbidden_counters_are_no_meter_and_name_the_remedy(bench: Bench) -> None:
    """Mode 0400 leaves a device without a meter, not a crash; the remark says what an administrator can do."""
    _, probe = bench.probe(FORBIDDEN)
    assert probe.capabilities.meter is MeterKind.NONE
    assert probe.read().energy_j is None
    assert any("chgrp" in remark and "CVE-2020-8694" in remark for remark in probe.capabilities.remarks)


def test_joules_are_those_drawn_and_named_for_what_they_contain(bench: Bench) -> None:
    """Two sockets are added; what is inside them, above them or beside them is not."""
    host, probe = bench.probe(TWO_SOCKETS)
    assert probe.info.power_scope == "2 CPU packages (RAPL)"
    assert probe.info.figures is FigureKind.MEASURED
    assert probe.capabilities.meter is MeterKind.COUNTER
    first, drawn_j = probe.read(), host.drawn_j
    host.work(giga_cycles=4.0)
    last = probe.read()
    assert first.energy_j is not None
    assert last.energy_j is not None
    assert last.energy_j - first.energy_j == pytest.approx(host.drawn_j - drawn_j, abs=1e-5)


def test_watts_are_known_from_the_start(bench: Bench) -> None:
    """The first reading has a draw already: whoever watches does not have to wait for a second one."""
    host, probe = bench.probe(INTEL_PSTATE)
    assert probe.read().power_w == pytest.approx(host.power_w, rel=1e-3)


def test_the_meter_changes_once_a_period(bench: Bench) -> None:
    """Readings within a period are one reading, stamped with when it was taken: counters are not hammered."""
    _, probe = bench.probe(INTEL_PSTATE)
    period_s = probe.info.meter_period_s
    assert period_s is not None
    bench.clock.advance_s(period_s)
    first = probe.read()
    bench.clock.advance_s(period_s / 2)
    second = probe.read()
    assert second.time_s > first.time_s
    assert (second.energy_j, second.energy_time_s) == (first.energy_j, first.energy_time_s)
    bench.clock.advance_s(period_s)
    third = probe.read()
    assert third.energy_time_s == bench.clock.now_s()


def test_a_counter_that_vanishes_takes_the_joules_alone(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Its module unloaded, its rights reset: the CPU computes as before, and the log says once why it has no joules."""
    host, probe = bench.probe(INTEL_PSTATE)
    before_j, drawn_j = probe.read().energy_j, host.drawn_j
    assert before_j is not None
    host.gone = True
    for _ in range(2):
        bench.clock.advance_s(1.0)
        state = probe.read()
        assert (state.power_w, state.energy_j, state.energy_time_s) == (None, None, None)
        assert probe.clock_table.find(state.point)
    assert caplog.text.count("intel-rapl:0/energy_uj cannot be read") == 1
    host.gone = False
    after_j = probe.read().energy_j
    assert after_j is not None
    assert after_j - before_j == pytest.approx(host.drawn_j - drawn_j, abs=1e-4)


def test_temperature_is_the_hottest_of_the_cpus_sensors(bench: Bench) -> None:
    """Zones and monitors of the CPU count, the chassis' zone of 99 degrees does not."""
    _, probe = bench.probe(INTEL_PSTATE)
    assert probe.read().temperature_c == 48.5


def test_heat_that_slows_the_package_shows_for_a_second(bench: Bench) -> None:
    """The kernel counts such events; a new one is a thermal throttle, an old one is history."""
    host, probe = bench.probe(INTEL_PSTATE)
    assert probe.read().throttle == frozenset()
    host.throttled += 3
    assert probe.read().throttle == {ThrottleReason.THERMAL}
    assert probe.read().throttle == {ThrottleReason.THERMAL}
    bench.clock.advance_s(1.5)
    assert probe.read().throttle == frozenset()


@pytest.mark.parametrize("name", ALL_SPECS)
def test_every_host_reads_a_point_of_its_table(bench: Bench, name: str) -> None:
    """At rest and at work, held and free, what a probe reads is on its own table."""
    host, opened = bench.probe(ALL_SPECS[name])
    probe: Probe = opened
    for busy in (False, True):
        host.busy = busy
        bench.clock.advance_s(0.1)
        assert probe.clock_table.find(probe.read().point)
    assert probe.board == "cpu:all"


def test_this_very_host_is_read_truthfully() -> None:
    """Whatever runs the tests is a host too: the probe opens, and what it says of itself agrees."""
    probe = HostProbe(clock=SystemClock())
    try:
        state, meter = probe.read(), probe.capabilities.meter
        assert probe.clock_table.find(state.point)
        assert (state.energy_j is None) == (meter is MeterKind.NONE) == (probe.info.meter_period_s is None)
        assert probe.capabilities.core_settable == Path("/sys/devices/system/cpu/cpufreq/policy0").exists()
    finally:
        probe.close()
        probe.close()


@pytest.mark.parametrize("blocked", ["energy_uj", "cpuinfo_min_freq", "cpuinfo"])
def test_a_host_that_blocks_does_not_open(bench: Bench, blocked: str) -> None:
    """Opening costs its time-out, names what blocks, and leaves no thread behind once that answers."""
    host = FakeHost(bench.root / "host", TWO_SOCKETS, clock=bench.clock)
    others, gate = set(threading.enumerate()), threading.Event()

    def read(path: Path) -> str:
        if path.name == blocked:
            gate.wait()
        return host.read(path)

    with pytest.raises(DeviceError, match=r"has blocked for 0\.1 s"):
        HostProbe(host.root, clock=bench.clock, read=read, timeout_s=0.1)
    gate.set()
    for thread in set(threading.enumerate()) - others:
        thread.join(10)
        assert not thread.is_alive(), thread.name


@pytest.mark.parametrize("blocked", ["cpuinfo_max_freq", "scaling_cur_freq"])
def test_a_host_that_blocks_later_refuses_until_it_answers(bench: Bench, blocked: str) -> None:
    """A driver that hangs once the agent runs: each caller is told in time, and all is well when it answers again."""
    host = FakeHost(bench.root / "host", TWO_SOCKETS, clock=bench.clock)
    gate, answered = threading.Event(), threading.Event()
    gate.set()

    def read(path: Path) -> str:
        if path.name == blocked and not gate.is_set():
            gate.wait()
            answered.set()
        return host.read(path)

    probe = HostProbe(host.root, clock=bench.clock, read=read, timeout_s=WAIT_S)
    probe._patience._timeout_s = 0.2
    bench.clock.advance_s(1.0)
    gate.clear()
    for _ in range(2):
        with pytest.raises(DeviceError, match="block"):
            probe.read()
    gate.set()
    assert answered.wait(10)
    while True:
        with suppress(DeviceError):
            assert probe.clock_table.find(probe.read().point)
            break
    probe.close()


def test_a_closed_host_knows_its_table_and_reads_no_more(bench: Bench) -> None:
    """What is asked after the end is answered from memory or refused, and waits for no thread that is gone."""
    _, probe = bench.probe(TWO_SOCKETS)
    table = probe.clock_table
    probe.close()
    assert probe.clock_table == table
    with pytest.raises(DeviceError, match="is closed; open it again"):
        probe.read()
