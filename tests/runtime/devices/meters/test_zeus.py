"""The cross-check with Zeus, against a fake `zeus` package on the child's path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from joulecut_core.devices import Device
from joulecut_core.errors import ConfigError, DeviceError
from joulecut_core.timing import SystemClock
from joulecut_runtime.devices import open_device
from joulecut_runtime.devices.meters import cross_check

FAKE_ZEUS = """
import os, time

class Window:
    def __init__(self, time, gpu_energy):
        self.time, self.gpu_energy = time, gpu_energy

class ZeusMonitor:
    def __init__(self, gpu_indices, cpu_indices):
        assert "CUDA_VISIBLE_DEVICES" not in os.environ
        self.gpus = gpu_indices

    def begin_window(self, name, sync_execution):
        assert sync_execution is False
        self.start = time.perf_counter()

    def end_window(self, name, sync_execution):
        lasted = time.perf_counter() - self.start
        return Window(lasted, {gpu: float(os.environ["FAKE_W"]) * lasted for gpu in self.gpus if gpu == 0})
"""


@pytest.fixture
def device() -> Device:
    """An emulated board in the wall's time, with a meter of 20 ms."""
    return open_device("emulated:orin-nano-15w", clock=SystemClock(), seed=0)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The child's environment, with a Zeus that sees GPU 0 draw as much as it is told."""
    (tmp_path / "zeus").mkdir()
    (tmp_path / "zeus" / "__init__.py").write_text("")
    (tmp_path / "zeus" / "monitor.py").write_text(FAKE_ZEUS)
    return {**os.environ, "PYTHONPATH": str(tmp_path), "CUDA_VISIBLE_DEVICES": "3"}


def test_both_figures_and_their_difference(device: Device, environment: dict[str, str]) -> None:
    """Two windows over the same seconds, and by how much ours is above Zeus'."""
    draw_w = device.state().power_w
    assert draw_w is not None
    check = cross_check(
        device, SystemClock(), gpu=0, duration_s=0.4, environment={**environment, "FAKE_W": str(draw_w / 2)}
    )
    assert check.zeus is not None
    assert check.zeus.power_w == pytest.approx(draw_w / 2)
    assert check.ours.duration_s >= 0.4
    assert check.difference is not None
    assert check.difference == pytest.approx(1.0, rel=0.1)
    shown = str(check)
    assert "Zeus" in shown
    assert f"joulecut reads {100 * check.difference:+.2f} %" in shown


def test_without_zeus_there_is_no_second_opinion(device: Device, environment: dict[str, str], tmp_path: Path) -> None:
    """Not installed is an answer, with the remedy, beside our own figure."""
    (tmp_path / "zeus" / "monitor.py").write_text("raise ImportError('No module named zeus')")
    check = cross_check(device, SystemClock(), gpu=0, duration_s=0.4, environment=environment)
    assert check.zeus is None
    assert check.difference is None
    assert "no second opinion" in str(check)
    assert "joulecut[zeus]" in str(check)


def test_a_gpu_that_zeus_does_not_see(device: Device, environment: dict[str, str]) -> None:
    """Zeus measures nothing where it finds no GPU, and says nothing; we do."""
    check = cross_check(device, SystemClock(), gpu=1, duration_s=0.4, environment={**environment, "FAKE_W": "1"})
    assert check.absent == "Zeus found no GPU 1; it has []"


def test_a_child_that_fails_is_an_error_with_its_last_words(
    device: Device, environment: dict[str, str], tmp_path: Path
) -> None:
    """What Zeus complained of reaches whoever asked."""
    (tmp_path / "zeus" / "monitor.py").write_text("raise RuntimeError('the driver is too old')")
    with pytest.raises(DeviceError, match="the driver is too old"):
        cross_check(device, SystemClock(), gpu=0, duration_s=0.4, environment=environment)


def test_a_short_window_is_refused(device: Device) -> None:
    """Zeus' windows are not aligned to ticks: below 20 periods the difference would be theirs."""
    with pytest.raises(ConfigError, match=r"at least 20 periods of the meter, 0\.4 s"):
        cross_check(device, SystemClock(), gpu=0, duration_s=0.1)
