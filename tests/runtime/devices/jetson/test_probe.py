"""Reading every board's kernel tree, whole, broken and under way."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import ThrottleReason
from joulecut_core.errors import DeviceError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import ManualClock, SystemClock
from joulecut_runtime.clockd.kernel_files import DevfreqBoard, find
from joulecut_runtime.devices.hardware.probe import MeterKind, Probe
from joulecut_runtime.devices.jetson import JetsonProbe
from tests.fakes.jetson import (
    ALL_BOARDS,
    BoardSpec,
    FakeKernel,
    JetsonTree,
    Regime,
    build,
    make_blocking,
    make_unreadable,
    unblock,
)
from tests.fakes.jetson.boards import AGX_ORIN_35, ORIN_NANO_36, ORIN_NX_36, THOR_38, XAVIER_NX_32
from tests.fakes.jetson.tree import hz
from tests.fakes.kernel_files import put
from tests.runtime.execution.test_device_worker import WAIT_S

XAVIER_NX = [
    114.75,
    204,
    306,
    408,
    510,
    599.25,
    701.25,
    752.25,
    803.25,
    854.25,
    905.25,
    956.25,
    1007.25,
    1058.25,
    1109.25,
]
AGX_35 = [114.75, 216.75, 318.75, 420.75, 522.75, 624.75, 726.75, 828.75, 930.75, 1032.75, 1134.75, 1236.75, 1300.5]
LADDERS = {
    "xavier-nx-l4t32": XAVIER_NX,
    "xavier-nx-l4t35": XAVIER_NX,
    "orin-nano-l4t36": [306, 408, 510, 612, 714, 816, 918, 1020],
    "orin-nx-l4t36": [306, 408, 510, 612, 714, 816, 918],
    "agx-orin-l4t35": AGX_35,
    "agx-orin-l4t36": [306, 408, 510, 612, 714, 816, 918, 1020, 1122, 1224, 1300.5],
    "thor-l4t38": [315, 525, 735, 945, 1155, 1386, 1530, 1575],
}
ORIN_EMC = (204, 665.6, 2133, 3199)


@contextmanager
def opened(tree: JetsonTree, clock: ManualClock) -> Iterator[JetsonProbe]:
    """A probe that samples when read, on a clock that moves when told to."""
    probe = JetsonProbe(tree.root, clock=clock, background=False)
    try:
        yield probe
    finally:
        probe.close()


@pytest.fixture
def clock() -> ManualClock:
    """A second after the start of time."""
    return ManualClock(1.0)


@pytest.mark.parametrize("spec", ALL_BOARDS, ids=lambda spec: spec.name)
def test_the_clock_table_is_the_boards(tmp_path: Path, clock: ManualClock, spec: BoardSpec) -> None:
    """Hz become MHz without loss, each memory clock with each GPU clock."""
    with opened(build(tmp_path, spec), clock) as probe:
        table = probe.clock_table
        memories = ORIN_EMC if "orin" in spec.name else tuple(spec.emc_mhz) or (None,)
        assert table.memory_clocks_mhz == memories
        for memory_mhz in memories:
            assert list(table.core_clocks_mhz(memory_mhz)) == LADDERS[spec.name]
        assert probe.capabilities.memory_settable == bool(spec.emc_mhz)
        assert probe.capabilities.core_settable


@pytest.mark.parametrize("spec", ALL_BOARDS, ids=lambda spec: spec.name)
def test_who_it_is(tmp_path: Path, clock: ManualClock, spec: BoardSpec) -> None:
    """The same board under the same key in every process; watts are measured and say what they contain."""
    tree = build(tmp_path, spec)
    with opened(tree, clock) as opened_probe:
        probe: Probe = opened_probe
        assert probe.board == tree.board_key == find(tmp_path)[0].key
        assert probe.info.name == spec.model
        assert probe.info.backend == "jetson"
        assert probe.info.uid == f"jetson-1420000000017-{spec.node}"
        assert probe.info.figures is FigureKind.MEASURED
        assert probe.info.meter_period_s == 0.02
        assert probe.capabilities.meter is MeterKind.SAMPLED
        assert probe.info.power_scope in probe.capabilities.remarks[0]


@pytest.mark.parametrize("spec", ALL_BOARDS, ids=lambda spec: spec.name)
def test_a_lease_is_seen(tmp_path: Path, clock: ManualClock, spec: BoardSpec) -> None:
    """What the board set is what the probe reads, and the table stays whole meanwhile."""
    kernel = FakeKernel(build(tmp_path, spec), clock=clock)
    with opened(kernel.tree, clock) as probe:
        table = probe.clock_table
        board = DevfreqBoard(kernel.tree.root / "sys/class/devfreq" / spec.node, tmp_path, kernel.write)
        snapshot = board.snapshot()
        for point in (table.points[0], table.points[len(table.points) // 2], table.top):
            board.apply(point.core_mhz, point.memory_mhz)
            clock.advance_s(1.0)
            kernel.busy = True
            assert probe.read().point.matches(point)
            assert probe.clock_table == table
        board.restore(snapshot)
        assert probe.clock_table == table
        assert probe.power_mode.changes == 0


@pytest.mark.parametrize("spec", ALL_BOARDS, ids=lambda spec: spec.name)
def test_joules_are_watts_times_seconds(tmp_path: Path, clock: ManualClock, spec: BoardSpec) -> None:
    """At a steady clock the integral is that of the board's own draw, within what its monitors resolve."""
    kernel = FakeKernel(build(tmp_path, spec), clock=clock)
    kernel.busy = True
    clock.advance_s(0.1)
    kernel.step()
    with opened(kernel.tree, clock) as probe:
        begin = state = probe.read()
        for _ in range(25):
            clock.advance_s(0.02)
            kernel.step()
            state = probe.read()
    assert begin.energy_j is not None
    assert state.energy_j is not None
    whole_w = kernel.module_power_w() + (3.0 if spec.carrier_input else 0.0)
    assert state.power_w == pytest.approx(whole_w, abs=0.02)
    assert state.energy_j - begin.energy_j == pytest.approx(0.5 * whole_w, rel=2e-3)
    assert state.energy_time_s == pytest.approx(state.time_s)


def test_a_busy_gpu_draws_more(tmp_path: Path, clock: ManualClock) -> None:
    """The probe follows the rails, not the clock."""
    kernel = FakeKernel(build(tmp_path, ORIN_NANO_36), clock=clock)
    with opened(kernel.tree, clock) as probe:
        idle_w = probe.read().power_w
        clock.advance_s(1.0)
        kernel.busy = True
        clock.advance_s(1.0)
        busy_w = probe.read().power_w
    assert idle_w is not None
    assert busy_w is not None
    assert busy_w > 2 * idle_w


@pytest.mark.parametrize("spec", [ORIN_NANO_36, XAVIER_NX_32], ids=["clk_cap", "iso_cap"])
def test_a_power_mode_caps_the_table(
    tmp_path: Path, clock: ManualClock, spec: BoardSpec, caplog: pytest.LogCaptureFixture
) -> None:
    """Both clocks; noticed without opening the device anew, counted and logged once."""
    kernel = FakeKernel(build(tmp_path, spec), clock=clock)
    cap = spec.core_mhz[3]
    with opened(kernel.tree, clock) as probe, caplog.at_level(logging.WARNING):
        kernel.switch_mode(max_mhz=cap, emc_cap_mhz=spec.emc_mhz[2])
        assert probe.clock_table.top == OperatingPoint(core_mhz=cap, memory_mhz=spec.emc_mhz[2])
        assert len(probe.clock_table.points) == 4 * 3
        mode = probe.power_mode
        assert (mode.ceiling_mhz, mode.memory_ceiling_mhz, mode.changes) == (cap, spec.emc_mhz[2], 1)
        kernel.switch_mode(max_mhz=spec.core_mhz[-1])
        assert len(probe.clock_table.points) == len(spec.core_mhz) * len(spec.emc_mhz)
    assert caplog.text.count("has changed") == 2


@pytest.mark.parametrize("regime", [Regime.EINVAL, Regime.CLAMP])
def test_a_mode_switch_in_mid_lease(tmp_path: Path, clock: ManualClock, regime: Regime) -> None:
    """The clock is seen to be lost, the ceiling to be lower, and what can be leased then is."""
    kernel = FakeKernel(build(tmp_path, ORIN_NANO_36), regime, clock=clock)
    with opened(kernel.tree, clock) as probe:
        board = DevfreqBoard(kernel.tree.root / "sys/class/devfreq/17000000.gpu", tmp_path, kernel.write)
        board.snapshot()
        board.apply(918, None)
        kernel.switch_mode(max_mhz=612)
        assert probe.read().point.core_mhz == 306
        assert probe.clock_table.core_clocks_mhz(3199) == (306, 408, 510, 612)
        board.apply(510, None)
        assert probe.read().point.core_mhz == 510
        assert probe.clock_table.core_clocks_mhz(3199) == (306, 408, 510, 612)


def test_a_board_without_a_serial_number_goes_by_its_model(tmp_path: Path, clock: ManualClock) -> None:
    """Its profiles have a name all the same, fit for a file."""
    tree = build(tmp_path, AGX_ORIN_35)
    (tmp_path / "proc/device-tree/serial-number").unlink()
    with opened(tree, clock) as probe:
        assert probe.info.uid == "jetson-Jetson-AGX-Orin-Developer-Kit-17000000.ga10b"


def test_without_debugfs_there_is_no_memory_clock(tmp_path: Path, clock: ManualClock) -> None:
    """An unprivileged reader, or a container: said once, and never read as zero."""
    tree = build(tmp_path, ORIN_NANO_36)
    tree.remove_debugfs()
    with opened(tree, clock) as probe:
        assert not probe.capabilities.memory_settable
        assert any("debugfs is not mounted" in remark for remark in probe.capabilities.remarks)
        assert probe.clock_table.memory_clocks_mhz == (None,)
        assert probe.read().point.memory_mhz is None


def test_memory_that_bpmp_drops_is_not_claimed(tmp_path: Path, clock: ManualClock) -> None:
    """A lock that was accepted without effect: the rate in force is what is reported."""
    kernel = FakeKernel(build(tmp_path, AGX_ORIN_35), clock=clock)
    kernel.emc_drops = True
    with opened(kernel.tree, clock) as probe:
        board = DevfreqBoard(kernel.tree.root / "sys/class/devfreq" / AGX_ORIN_35.node, tmp_path, kernel.write)
        board.snapshot()
        board.apply(522.75, 2133)
        assert probe.read().point == OperatingPoint(core_mhz=522.75, memory_mhz=204)


def test_without_rails_there_is_no_meter(tmp_path: Path, clock: ManualClock) -> None:
    """Clocks can be leased and read all the same."""
    tree = build(tmp_path, ORIN_NX_36)
    shutil.rmtree(tmp_path / "sys/bus")
    with opened(tree, clock) as probe:
        state = probe.read()
        assert (state.power_w, state.energy_j, state.energy_time_s) == (None, None, None)
        assert probe.info.meter_period_s is None
        assert probe.capabilities.meter is MeterKind.NONE
        assert "no power rails" in probe.capabilities.remarks[0]


def test_a_total_that_cannot_be_read_is_no_meter(tmp_path: Path, clock: ManualClock) -> None:
    """Not zero, and not the sum of what is left."""
    tree = build(tmp_path, ORIN_NANO_36)
    _, folder, index = tree.channels()[0]
    make_unreadable(folder / f"curr{index}_input")
    with opened(tree, clock) as probe:
        assert probe.capabilities.meter is MeterKind.NONE
        assert "rail VDD_IN reads" in probe.capabilities.remarks[0]


def test_clocks_that_are_not_listed_can_be_read_only(tmp_path: Path, clock: ManualClock) -> None:
    """A node without a list or limits has one point: the clock in force."""
    tree = build(tmp_path, THOR_38)
    for name in ("available_frequencies", "min_freq", "max_freq"):
        (tree.node / name).unlink()
    with opened(tree, clock) as probe:
        assert not probe.capabilities.core_settable
        assert probe.clock_table.points == (probe.read().point,) == (OperatingPoint(core_mhz=315),)


def test_a_measured_clock_is_the_listed_one_it_stands_for(tmp_path: Path, clock: ManualClock) -> None:
    """An Orin Nano pinned at 1020 MHz reports 1017; a clock between two listed ones stays what it is."""
    tree = build(tmp_path, ORIN_NANO_36)
    with opened(tree, clock) as probe:
        put(tree.node / "cur_freq", str(hz(1017)))
        assert probe.read().point.core_mhz == 1020
        put(tree.node / "cur_freq", str(hz(960)))
        assert probe.read().point.core_mhz == 960


def test_degrees_and_throttling(tmp_path: Path, clock: ManualClock) -> None:
    """A hot GPU says so; a sensor that is off says nothing."""
    kernel = FakeKernel(build(tmp_path, XAVIER_NX_32), clock=clock)
    with opened(kernel.tree, clock) as probe:
        assert (probe.read().temperature_c, probe.read().throttle) == (44.25, frozenset())
        kernel.heat(throttled=True)
        state = probe.read()
        assert state.temperature_c == 99.5
        assert state.throttle == {ThrottleReason.THERMAL}
        put(kernel.tree.thermal / "temp", "-256000")
        assert probe.read().temperature_c is None
        make_unreadable(kernel.tree.thermal / "temp")
        assert probe.read().temperature_c is None


def test_hardware_that_holds_the_clock_down(tmp_path: Path, clock: ManualClock) -> None:
    """Requested and achieved differ, with a reason."""
    kernel = FakeKernel(build(tmp_path, ORIN_NANO_36), clock=clock)
    kernel.hardware_ceiling_mhz = 714
    kernel.busy = True
    with opened(kernel.tree, clock) as probe:
        board = DevfreqBoard(kernel.tree.root / "sys/class/devfreq/17000000.gpu", tmp_path, kernel.write)
        board.snapshot()
        board.apply(1020, None)
        probe.read()
        clock.advance_s(1.0)
        state = probe.read()
    assert state.point.core_mhz == 714
    assert state.throttle == {ThrottleReason.HARDWARE}


def test_a_gpu_that_vanishes_fails_the_reading(tmp_path: Path, clock: ManualClock) -> None:
    """And one that comes back is read again."""
    tree = build(tmp_path, ORIN_NANO_36)
    with opened(tree, clock) as probe:
        text = (tree.node / "cur_freq").read_text(encoding="utf-8").strip()
        (tree.node / "cur_freq").unlink()
        with pytest.raises(DeviceError, match=r"cur_freq reads ''; expected a clock in Hz"):
            probe.read()
        put(tree.node / "cur_freq", text)
        assert probe.read().point.core_mhz == 306


def test_a_read_that_blocks_costs_a_timeout(tmp_path: Path, clock: ManualClock) -> None:
    """A wedged devfreq queue fails the request, and the next one at once, until the driver answers again."""
    tree = build(tmp_path, ORIN_NANO_36)
    probe = JetsonProbe(tree.root, clock=clock, background=False, timeout_s=WAIT_S)
    probe._patience._timeout_s = 0.2
    make_blocking(tree.node / "cur_freq")
    with pytest.raises(DeviceError, match=r"has blocked for 0\.2 s"):
        probe.read()
    with pytest.raises(DeviceError, match="still blocks"):
        _ = probe.clock_table
    stuck = probe._patience._stuck
    assert stuck is not None
    unblock(tree.node / "cur_freq", str(hz(306)))
    assert stuck.done.wait(10)
    probe._patience._timeout_s = WAIT_S
    assert probe.read().point.core_mhz == 306
    probe.close()


@pytest.mark.parametrize("blocked", ["rail", "min_freq", "label"])
def test_a_device_that_blocks_does_not_open(tmp_path: Path, clock: ManualClock, blocked: str) -> None:
    """Opening costs its time-out, names what blocks, and leaves no thread behind once that answers."""
    tree = build(tmp_path, ORIN_NANO_36)
    _, folder, number = tree.channels()[0]
    files = {"rail": folder / f"in{number}_input", "label": folder / f"in{number}_label"}
    path = files.get(blocked, tree.node / "min_freq")
    text, others = path.read_text().strip(), set(threading.enumerate())
    make_blocking(path)
    with pytest.raises(DeviceError, match=r"has blocked for 0\.2 s"):
        JetsonProbe(tree.root, clock=clock, timeout_s=0.2)
    unblock(path, text)
    for name in ("kernel-files", "rail-sampler"):  # in this order: the first may be about to start the second
        for thread in set(threading.enumerate()) - others:
            if thread.name == name:
                thread.join(240)
    assert set(threading.enumerate()) <= others


def test_closed(tmp_path: Path, clock: ManualClock) -> None:
    """Closing twice is safe; afterwards the table is the last, and nothing is read."""
    with opened(build(tmp_path, ORIN_NANO_36), clock) as probe:
        table = probe.clock_table
        probe.close()
        assert probe.clock_table == table
        with pytest.raises(DeviceError, match="is closed"):
            probe.read()


def test_other_machines_are_refused(tmp_path: Path, clock: ManualClock) -> None:
    """What is no Jetson, and a Jetson whose GPU is not to be seen: each with what was looked for."""
    with pytest.raises(DeviceError, match=r"is not a Jetson's: neither .*; `joulecut device list` shows"):
        JetsonProbe(tmp_path, clock=clock)
    tree = build(tmp_path, ORIN_NANO_36)
    (tmp_path / "sys/class/devfreq/17000000.gpu").unlink()
    with pytest.raises(DeviceError, match=r"no GPU among .*is nvgpu loaded"):
        JetsonProbe(tree.root, clock=clock)


def test_another_process_sets_the_clocks(tmp_path: Path) -> None:
    """The shipped writer, the kernel's thread and the sampler's, on the machine's own clock: set, read, restored."""
    clock = SystemClock()

    def comes(holds: Callable[[], bool]) -> bool:
        end_s = clock.now_s() + WAIT_S
        while not holds() and clock.now_s() < end_s:
            clock.sleep_until_s(clock.now_s() + 0.002)
        return holds()

    with FakeKernel(build(tmp_path, ORIN_NANO_36), Regime.EINVAL) as kernel:
        probe = JetsonProbe(tmp_path, clock=clock, sample_period_s=0.002)
        board = find(tmp_path)[0]
        snapshot = board.snapshot()
        begin_j = probe.read().energy_j
        for point in (OperatingPoint(core_mhz=918, memory_mhz=2133), OperatingPoint(core_mhz=408, memory_mhz=665.6)):
            board.apply(point.core_mhz, point.memory_mhz)
            assert comes(lambda: probe.read().point.matches(point))  # noqa: B023 - called at once
        board.restore(snapshot)
        assert begin_j is not None
        assert comes(lambda: (probe.read().energy_j or 0.0) > begin_j)
        probe.close()
        kernel.step()
    assert [int((kernel.tree.node / name).read_text(encoding="utf-8")) for name in ("min_freq", "max_freq")] == [
        hz(306),
        hz(1020),
    ]
