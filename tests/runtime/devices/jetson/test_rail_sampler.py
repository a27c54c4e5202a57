"""Joules from sampled watts."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock, ManualClock, SystemClock
from joulecut_runtime.devices.jetson import JetsonProbe
from joulecut_runtime.devices.jetson.rail_sampler import RailSampler
from joulecut_runtime.devices.jetson.rails import EnergyScope, energy_scope, find_rails
from tests.fakes.jetson import JetsonTree, build, make_blocking, unblock
from tests.fakes.jetson.boards import AGX_ORIN_36, ORIN_NANO_36
from tests.fakes.kernel_files import put


def draw(tree: JetsonTree, power_w: float) -> None:
    """Let VDD_IN read so many watts."""
    _, folder, index = next(channel for channel in tree.channels() if channel[0] == "VDD_IN")
    put(folder / f"curr{index}_input", str(round(power_w * 200)))


def sampler_of(tree: JetsonTree, clock: Clock, *, background: bool = False, period_s: float = 0.02) -> RailSampler:
    """A sampler on the tree's rails, wherever they are."""

    def find() -> EnergyScope | None:
        return energy_scope(find_rails(tree.root))

    return RailSampler(find, clock=clock, background=background, period_s=period_s)


def test_the_integral_of_a_ramp_is_exact(tmp_path: Path) -> None:
    """The trapezoidal rule: at power = 5 + 2 t, two seconds are 14 J, whatever the spacing of the samples."""
    tree, clock = build(tmp_path, ORIN_NANO_36), ManualClock()
    draw(tree, 5)
    sampler = sampler_of(tree, clock)
    for step_s in (0.02, 0.5, 0.03, 0.45, 1.0):
        clock.advance_s(step_s)
        draw(tree, 5 + 2 * clock.now_s())
        sampler.latest()
    assert clock.now_s() == pytest.approx(2.0)
    assert sampler.latest().energy_j == pytest.approx(14.0, rel=1e-3)


def test_the_counter_changes_once_a_period(tmp_path: Path) -> None:
    """Between two samples it stands still and keeps its time stamp, as a hardware counter does."""
    tree, clock = build(tmp_path, ORIN_NANO_36), ManualClock()
    draw(tree, 5)
    sampler = sampler_of(tree, clock)
    stamps = []
    for _ in range(40):
        clock.advance_s(0.005)
        stamps.append(sampler.latest().time_s)
    assert len(set(stamps)) == 10 + (stamps[0] == 0.0)
    assert all(stamp <= clock.now_s() for stamp in stamps)


def test_a_slow_monitor_sets_the_period(tmp_path: Path) -> None:
    """Reading more often than the monitor measures tells nothing new."""
    tree = build(tmp_path, ORIN_NANO_36)
    put(tree.channels()[0][1] / "update_interval", "140")
    assert sampler_of(tree, ManualClock()).period_s == pytest.approx(0.14)


def test_rails_that_moved_are_found_again(tmp_path: Path) -> None:
    """A driver that is bound anew has another hwmon number: the counter goes on."""
    tree, clock = build(tmp_path, ORIN_NANO_36), ManualClock()
    draw(tree, 5)
    sampler = sampler_of(tree, clock)
    tree.renumber_hwmon()
    clock.advance_s(1.0)
    assert sampler.latest().energy_j == pytest.approx(5.0)


def test_a_sum_never_shrinks_to_the_rails_that_are_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Half of the monitors gone: no more joules, and a reason, instead of smaller ones."""
    tree, clock = build(tmp_path, AGX_ORIN_36), ManualClock()
    sampler = sampler_of(tree, clock)
    for label, folder, index in tree.channels():
        if label == "VDDQ_VDD2_1V8AO":
            (folder / f"in{index}_label").unlink()
            (folder / f"curr{index}_input").unlink()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            clock.advance_s(0.5)
            sampler.latest()
    assert caplog.text.count("rail VDDQ_VDD2_1V8AO reads") == 1
    clock.advance_s(0.6)
    with pytest.raises(DeviceError, match=r"no power sample of sum of rails .* for 2\.1 s.*VDDQ_VDD2_1V8AO"):
        sampler.latest()


def test_a_gap_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Joules over a time in which nobody sampled are a guess, and somebody is told."""
    tree, clock = build(tmp_path, ORIN_NANO_36), ManualClock()
    sampler = sampler_of(tree, clock)
    with caplog.at_level(logging.WARNING):
        clock.advance_s(0.9)
        sampler.latest()
        assert not caplog.records
        clock.advance_s(1.1)
        sampler.latest()
    assert "no power sample for 1.100 s instead of every 0.02 s" in caplog.text


def test_without_rails_there_is_no_sampler() -> None:
    """A meter that would always say zero is refused."""
    with pytest.raises(DeviceError, match="no power rails"):
        RailSampler(lambda: None, clock=ManualClock())


def test_the_thread_samples_by_itself(tmp_path: Path) -> None:
    """Nobody has to read for the counter to go on; closing ends the thread."""
    tree, clock, others = build(tmp_path, ORIN_NANO_36), SystemClock(), set(threading.enumerate())
    draw(tree, 8)
    sampler = sampler_of(tree, clock, background=True, period_s=0.002)
    [thread] = set(threading.enumerate()) - others
    first = last = sampler.latest()
    while last.time_s < first.time_s + 0.02:
        clock.sleep_until_s(clock.now_s() + 0.002)
        with suppress(DeviceError):  # on a busy host the thread may not have looked for seconds
            last = sampler.latest()
    sampler.close()
    sampler.close()
    thread.join(10)
    assert not thread.is_alive()
    assert last.energy_j - first.energy_j == pytest.approx(8 * (last.time_s - first.time_s), rel=1e-6)


def test_a_blocked_monitor_does_not_block_its_readers(tmp_path: Path) -> None:
    """The last sample is served while it is young, then the read is refused with the reason."""
    tree, clock = build(tmp_path, ORIN_NANO_36), ManualClock()
    draw(tree, 5)
    sampler = sampler_of(tree, clock, background=True)
    _, folder, index = tree.channels()[0]
    rail = folder / f"curr{index}_input"
    make_blocking(rail)
    assert sampler.latest().power_w == pytest.approx(5.0)
    clock.advance_s(3.0)
    with pytest.raises(DeviceError, match="a read of the power monitor blocks"):
        sampler.latest()
    unblock(rail, "1000")
    sampler.close()


def test_rails_that_vanish_take_the_joules_alone(tmp_path: Path) -> None:
    """A power monitor that answers no more stops no GPU; watts are read again once it does."""
    tree, clock = build(tmp_path, ORIN_NANO_36), ManualClock(1.0)
    probe = JetsonProbe(tree.root, clock=clock, background=False)
    monitors = {path: path.read_text(encoding="utf-8") for path in tree.root.rglob("curr*_input")}
    assert monitors
    for path in monitors:
        path.unlink()
    clock.advance_s(3.0)
    state = probe.read()
    assert (state.power_w, state.energy_j, state.energy_time_s) == (None, None, None)
    assert probe.clock_table.find(state.point)
    for path, reading in monitors.items():
        put(path, reading)
    clock.advance_s(0.1)
    assert probe.read().energy_j is not None
    probe.close()
