"""One GPU read through NVML: its identity, its clocks, its limits, and its loss."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from joulecut_core.devices import ThrottleReason
from joulecut_core.errors import DeviceError
from joulecut_core.timing import SystemClock
from joulecut_runtime.clockd import nvml_board
from joulecut_runtime.devices.hardware.patience import BlockedError
from joulecut_runtime.devices.nvml import NvmlProbe, inventory
from joulecut_runtime.devices.nvml import probe as probe_module
from tests.fakes.nvml import GENERATIONS, FakeNvml, loaded, symbols
from tests.runtime.devices.nvml.probing import machine, mean_w, probed

HANGS_S = 0.1
WAIT_S = 20.0
"""How long a test waits for what must happen; only a defect ever takes it."""


def ended(threads: set[threading.Thread]) -> None:
    """Wait until all of them have."""
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_held_clock_is_read_back_and_metered(generation: str, tmp_path: Path) -> None:
    """On every generation the read-back matches the table's point, and the joules follow the clock."""
    fake = machine(tmp_path, generation)
    fake.gpu.use(1.0)
    with probed(fake) as probe:
        (board,) = nvml_board.find()
        assert board.key == probe.board
        before = board.snapshot()
        watts = []
        for point in (probe.clock_table.points[0], probe.clock_table.top):
            board.apply(point.core_mhz, point.memory_mhz)
            assert probe.read().point.matches(point)
            watts.append(mean_w(fake, probe))
        assert watts[1] == pytest.approx(GENERATIONS[generation].full_w, rel=0.02)
        assert watts[0] < watts[1] / 2
        board.restore(before)
        assert fake.gpu.is_untouched


def test_it_is_known_by_its_uuid(tmp_path: Path) -> None:
    """Identity, driver and key come from NVML, and whatever a person may want beside is in the notes."""
    fake = machine(tmp_path, "t4", "h100")
    with probed(fake, "1") as probe:
        info = probe.info
        assert probe.board == f"nvml:{fake.gpus[1].uuid}"
    assert (info.uid, info.name, info.driver) == (fake.gpus[1].uuid, "NVIDIA H100 NVL", "580.95.05")
    assert info.notes == {
        "index": "1",
        "architecture": "Hopper",
        "pci_bus_id": fake.gpus[1].bus_id,
        "persistence": "on",
        "mig": "off",
        "power_limit_w": "400",
    }


@pytest.mark.parametrize("event_reasons", ["nvmlDeviceGetCurrentClocksEventReasons", "nothing"])
@pytest.mark.parametrize(
    ("limit", "reasons"),
    [
        ("power", {ThrottleReason.POWER_CAP}),
        ("heat", {ThrottleReason.THERMAL}),
        ("board", {ThrottleReason.HARDWARE}),
        ("none", set()),
    ],
)
def test_a_lock_that_is_not_kept_shows_achieved_clock_and_reason(
    event_reasons: str, limit: str, reasons: set[ThrottleReason], tmp_path: Path
) -> None:
    """The driver said "success" to 1785 MHz; what runs, and why, comes from reading, under both names of the call."""
    fake = machine(tmp_path, leave_out=frozenset({event_reasons} & symbols()))
    fake.gpu.use(1.0)
    with probed(fake) as probe:
        (board,) = nvml_board.find()
        board.apply(1785, 2619)
        if limit == "power":
            fake.gpu.limit_power(250.0)
        elif limit == "heat":
            fake.gpu.heat(93.0, ceiling_mhz=990)
        elif limit == "board":
            fake.gpu.slow_down(990)
        state = probe.read()
        assert state.throttle == reasons
        assert (state.point.core_mhz < 1785) is bool(reasons)
        assert state.temperature_c == (93.0 if limit == "heat" else 41.0)


@pytest.mark.parametrize("call", sorted(call for call in symbols() if call.startswith("nvmlDeviceGet")))
def test_a_driver_that_fails_one_call_is_an_error_or_a_gap(call: str, tmp_path: Path) -> None:
    """Whatever call answers "unknown error": a reading lacks a value or is a DeviceError, and the next one is whole."""
    fake = machine(tmp_path)
    with probed(fake) as probe:
        fake.fail(call, 999)
        with suppress(DeviceError):
            probe.read()
        fake.heal()
        assert probe.read().energy_j is not None


def test_an_open_probe_keeps_a_lock_without_persistence_mode(tmp_path: Path) -> None:
    """The driver's last client is the probe: a lock that a short-lived process set stays until it is closed."""
    fake = FakeNvml(tmp_path, persistence=False)
    locking = (
        "import pynvml as p; p.nvmlInit(); h = p.nvmlDeviceGetHandleByIndex(0);"
        "p.nvmlDeviceSetGpuLockedClocks(h, 990, 990); p.nvmlShutdown(); print(0)"
    )
    with loaded(fake):
        probe = NvmlProbe(clock=SystemClock())
        fake.python(locking)
        assert probe.read().point.core_mhz == 990
        probe.close()
        assert fake.gpu.lock is None


@pytest.mark.parametrize("for_new_clients_only", [False, True])
@pytest.mark.parametrize("generation", ["h100", "p40"])
def test_a_lost_gpu_fails_the_reading_and_comes_back(
    generation: str,
    for_new_clients_only: bool,
    tmp_path: Path,
) -> None:
    """GpuIsLost is a DeviceError with the GPU's name and a remedy; the same probe reads on once it is back."""
    fake = machine(tmp_path, generation)
    with probed(fake) as probe:
        before = probe.read()
        fake.gpu.lose(after_calls=3)
        with pytest.raises(DeviceError, match=rf"{fake.gpu.uuid}.*fallen off the bus.*--gpu-reset"):
            probe.read()
        with pytest.raises(DeviceError, match="fallen off the bus"):
            _ = probe.clock_table
        fake.gpu.revive(for_new_clients_only=for_new_clients_only)
        fake.clock.advance_s(2.0)
        after = probe.read()
        assert after.energy_j is not None
        assert before.energy_j is not None
        assert after.energy_j >= before.energy_j


def test_opening_a_lost_gpu_leaves_nothing_open(tmp_path: Path) -> None:
    """A failed opening lets go of the driver."""
    fake = machine(tmp_path, "h100", "t4")
    with loaded(fake):
        fake.gpu.lose(after_calls=15)
        with pytest.raises(DeviceError):
            NvmlProbe("0", clock=fake.clock)
        assert fake.clients == 0


def test_threads_read_one_probe(tmp_path: Path) -> None:
    """Readings from several threads are whole, and energy never falls for any of them."""
    fake = FakeNvml(tmp_path)
    failures: list[BaseException] = []

    def read_often(probe: NvmlProbe) -> None:
        energy_j = 0.0
        try:
            for _ in range(200):
                state = probe.read()
                assert state.energy_j is not None
                assert state.energy_j >= energy_j
                energy_j = state.energy_j
        except BaseException as error:  # noqa: BLE001 - brought to the test's own thread
            failures.append(error)

    with loaded(fake):
        probe = NvmlProbe(clock=SystemClock())
        threads = [threading.Thread(target=read_often, args=(probe,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        probe.close()
    assert not failures


def test_the_backend_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    """The same through the dynamic loader, as a user's program finds a driver, warnings being errors."""
    fake = FakeNvml(tmp_path, ["a100"])
    source = (
        "import json\n"
        "from joulecut_core.timing import SystemClock\n"
        "from joulecut_runtime.devices.nvml import NvmlProbe\n"
        "probe = NvmlProbe(clock=SystemClock())\n"
        "print(json.dumps([probe.info.uid, probe.clock_table.top.core_mhz, probe.capabilities.meter.value]))\n"
        "probe.close()\n"
    )
    assert fake.python(source) == [fake.gpu.uuid, 1410.0, "counter"]
    assert fake.clients == 0


def test_importing_the_runtime_needs_no_driver_library() -> None:
    """Only opening a backend loads pynvml."""
    source = "import sys, joulecut_runtime.devices; sys.exit('pynvml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0


def test_a_jetson_is_refused_before_nvml_is_asked(tmp_path: Path) -> None:
    """NVML opens on a Jetson and tells nothing: its device tree decides."""
    fake = machine(tmp_path)
    compatible = tmp_path / "proc" / "device-tree" / "compatible"
    compatible.parent.mkdir(parents=True)
    compatible.write_bytes(b"nvidia,p3768-0000+p3767-0005\0nvidia,tegra234\0")
    with loaded(fake), pytest.raises(DeviceError, match="open it as `jetson`"):
        NvmlProbe(clock=fake.clock, root=tmp_path)
    assert fake.calls == 0


@pytest.mark.parametrize(
    "call", ["nvmlDeviceGetClockInfo", "nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetCurrentClocksEventReasons"]
)
def test_a_driver_that_hangs_costs_one_reader_its_patience(call: str, tmp_path: Path) -> None:
    """Whoever reads then is refused, the next at once, and all is read again once the driver answers."""
    fake = FakeNvml(tmp_path, ["h100"])
    with loaded(fake):
        probe = NvmlProbe(clock=SystemClock())
        probe._patience._timeout_s = HANGS_S
        fake.hang(call)
        with pytest.raises(BlockedError, match="asking NVML for the state of NVIDIA H100 NVL has blocked"):
            probe.read()
        with pytest.raises(BlockedError, match="still blocks"):
            _ = probe.clock_table
        fake.heal()
        probe._patience._timeout_s = WAIT_S
        stuck = probe._patience._stuck
        assert stuck is not None
        assert stuck.done.wait(WAIT_S)
        assert probe.read().energy_j is not None
        probe.close()
    assert fake.clients == 0


def test_a_driver_that_hangs_keeps_nobody_from_leaving(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A probe whose driver does not answer is closed at once, as the log says, and let go of once it answers."""
    fake, others = FakeNvml(tmp_path, ["h100"]), set(threading.enumerate())
    with loaded(fake):
        probe = NvmlProbe(clock=SystemClock())
        probe._patience._timeout_s = HANGS_S
        fake.hang("nvmlDeviceGetClockInfo")
        with pytest.raises(BlockedError):
            probe.read()
        probe.close()
        probe.close()
        assert "NVML is left open: asking NVML for the state of NVIDIA H100 NVL still blocks" in caplog.text
        with pytest.raises(DeviceError, match="closed"):
            probe.read()
        fake.heal()
        ended(set(threading.enumerate()) - others)
        assert fake.clients == 0


@pytest.mark.parametrize("call", ["nvmlInit_v2", "nvmlDeviceGetName"])
def test_a_gpu_whose_driver_hangs_is_not_opened(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a probe nor the list of GPUs waits for ever, and what was opened too late is let go of."""
    monkeypatch.setattr(probe_module, "OPENING_S", HANGS_S)
    monkeypatch.setattr(inventory, "OPENING_S", HANGS_S)
    fake, others = FakeNvml(tmp_path, ["h100"]), set(threading.enumerate())
    with loaded(fake):
        fake.hang(call)
        with pytest.raises(BlockedError, match="asking NVML for a GPU has blocked"):
            NvmlProbe(clock=SystemClock(), timeout_s=HANGS_S)
        with pytest.raises(BlockedError, match="list of GPUs has blocked"):
            inventory.list_gpus()
        fake.heal()
        ended(set(threading.enumerate()) - others)
        assert fake.clients == 0
