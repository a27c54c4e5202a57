"""The fake library through the unmodified binding: what the other tests of this folder stand on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pynvml
import pytest

from tests.fakes.nvml import GENERATIONS, Can, FakeNvml, loaded

OPEN = "import json, os, signal, sys; import pynvml as p; p.nvmlInit(); h = p.nvmlDeviceGetHandleByIndex(0);"


def code_of(call: str, *arguments: object) -> int:
    """What an NVML call answers."""
    try:
        getattr(pynvml, call)(*arguments)
    except pynvml.NVMLError as error:
        return int(vars(error)["value"])
    return 0


def opened() -> object:
    """The first GPU's handle."""
    pynvml.nvmlInit()
    return pynvml.nvmlDeviceGetHandleByIndex(0)


def drawn_w(fake: FakeNvml, handle: object) -> float:
    """Mean draw over a second, by the counter."""
    before_mj = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    fake.clock.advance_s(1.0)
    return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) - before_mj) / 1e3


def test_a_process_finds_it_through_the_dynamic_loader(tmp_path: Path) -> None:
    """LD_LIBRARY_PATH is all that a user's program needs to run on the fake, warnings being errors."""
    fake = FakeNvml(tmp_path, ["h100", "t4"])
    answer = fake.python(
        OPEN + "print(json.dumps([p.nvmlDeviceGetCount(), p.nvmlDeviceGetName(h), p.nvmlDeviceGetUUID(h)]))"
    )
    assert answer == [2, "NVIDIA H100 NVL", fake.gpu.uuid]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_each_generation_supports_what_it_should(generation: str, tmp_path: Path) -> None:
    """The support matrix: locks and counters from Volta, memory locks from Ampere, application clocks everywhere."""
    with loaded(FakeNvml(tmp_path, [generation])):
        gpu = opened()
        memory, core = max(GENERATIONS[generation].cores_mhz), 0
        core = pynvml.nvmlDeviceGetSupportedGraphicsClocks(gpu, memory)[3]
        refused = pynvml.NVML_ERROR_NOT_SUPPORTED
        architecture = pynvml.nvmlDeviceGetArchitecture(gpu)
        is_volta, is_ampere = architecture >= 5, architecture >= 7
        assert code_of("nvmlDeviceSetGpuLockedClocks", gpu, core, core) == (0 if is_volta else refused)
        assert code_of("nvmlDeviceSetMemoryLockedClocks", gpu, memory, memory) == (0 if is_ampere else refused)
        assert code_of("nvmlDeviceGetTotalEnergyConsumption", gpu) == (0 if is_volta else refused)
        assert code_of("nvmlDeviceSetApplicationsClocks", gpu, memory, core) == 0


@pytest.mark.parametrize(
    ("generation", "memory_mhz", "count", "lowest", "highest"),
    [
        ("v100", 877, 167, 135, 1380),
        ("a100", 1215, 81, 210, 1410),
        ("h100", 2619, 97, 345, 1785),
        ("h200", 3201, 110, 345, 1980),
        ("t4", 5001, 87, 300, 1590),
        ("l4", 6251, 123, 210, 2040),
        ("l4", 405, 30, 210, 645),
    ],
)
def test_lists_are_the_published_ones(
    generation: str, memory_mhz: int, count: int, lowest: int, highest: int, tmp_path: Path
) -> None:
    """Clock counts and ends as public inventories of these boards list them."""
    with loaded(FakeNvml(tmp_path, [generation])):
        clocks = pynvml.nvmlDeviceGetSupportedGraphicsClocks(opened(), memory_mhz)
    assert (len(clocks), clocks[-1], clocks[0]) == (count, lowest, highest)


def test_an_unknown_memory_clock_is_not_found(tmp_path: Path) -> None:
    """Core clocks are listed for a memory clock, and for listed ones only."""
    with loaded(FakeNvml(tmp_path)):
        assert code_of("nvmlDeviceGetSupportedGraphicsClocks", opened(), 1234) == pynvml.NVML_ERROR_NOT_FOUND


def test_a_lock_changes_the_clock_and_the_slope_of_the_counter(tmp_path: Path) -> None:
    """A lower lock is seen by the clock and by the joules, from the moment it is set."""
    fake = FakeNvml(tmp_path, ["h200"], moves_by_hand=True)
    with loaded(fake):
        gpu = opened()
        fake.gpu.use(1.0)
        watts = {}
        for mhz in (1980, 990):
            pynvml.nvmlDeviceSetGpuLockedClocks(gpu, mhz, mhz)
            assert pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_SM) == mhz
            watts[mhz] = drawn_w(fake, gpu)
    assert watts[1980] == pytest.approx(GENERATIONS["h200"].full_w, rel=0.01)
    assert watts[990] < 0.6 * watts[1980]


def test_an_idle_gpu_draws_more_while_locked_high(tmp_path: Path) -> None:
    """A lock on an idle GPU costs joules, so whoever forgets to release one sees it."""
    fake = FakeNvml(tmp_path, ["h200"], moves_by_hand=True)
    with loaded(fake):
        gpu = opened()
        idle_w = drawn_w(fake, gpu)
        pynvml.nvmlDeviceSetGpuLockedClocks(gpu, 1980, 1980)
        assert drawn_w(fake, gpu) > idle_w * 1.5


def test_a_user_without_rights_changes_nothing(tmp_path: Path) -> None:
    """Every set and reset answers NoPermission and is on record."""
    fake = FakeNvml(tmp_path)
    with loaded(fake, privileged=False):
        gpu = opened()
        calls = {
            "nvmlDeviceSetGpuLockedClocks": (990, 990),
            "nvmlDeviceResetGpuLockedClocks": (),
            "nvmlDeviceSetMemoryLockedClocks": (2619, 2619),
            "nvmlDeviceResetMemoryLockedClocks": (),
            "nvmlDeviceSetApplicationsClocks": (2619, 990),
            "nvmlDeviceResetApplicationsClocks": (),
            "nvmlDeviceSetPersistenceMode": (0,),
        }
        for call, arguments in calls.items():
            assert code_of(call, gpu, *arguments) == pynvml.NVML_ERROR_NO_PERMISSION, call
    assert fake.gpu.is_untouched
    assert [(change.call, change.code) for change in fake.journal] == [(call, 4) for call in calls]


def test_a_symbol_left_out_is_not_found(tmp_path: Path) -> None:
    """An older driver lacks a call; all others stay."""
    fake = FakeNvml(tmp_path, leave_out=frozenset({"nvmlDeviceGetFieldValues"}))
    with loaded(fake):
        gpu = opened()
        assert code_of("nvmlDeviceGetFieldValues", gpu, [83]) == pynvml.NVML_ERROR_FUNCTION_NOT_FOUND
        assert code_of("nvmlDeviceGetPowerUsage", gpu) == 0


def test_nothing_answers_after_the_last_shutdown(tmp_path: Path) -> None:
    """Initialisations are counted: the first shutdown of two leaves the library open."""
    with loaded(FakeNvml(tmp_path)):
        gpu = opened()
        pynvml.nvmlInit()
        pynvml.nvmlShutdown()
        assert code_of("nvmlDeviceGetPowerUsage", gpu) == 0
        pynvml.nvmlShutdown()
        assert code_of("nvmlDeviceGetPowerUsage", gpu) == pynvml.NVML_ERROR_UNINITIALIZED


def test_each_field_value_carries_its_own_code(tmp_path: Path) -> None:
    """The call as a whole succeeds where one element is refused."""
    fake = FakeNvml(tmp_path)
    fake.gpu.refuse(Can.COUNT_ENERGY)
    with loaded(fake):
        values = pynvml.nvmlDeviceGetFieldValues(opened(), [83, 186])
    assert [value.nvmlReturn for value in values] == [3, 0]


@pytest.mark.parametrize(
    ("throttle", "bits"),
    [("limit_power", 0x4), ("heat", 0x20), ("slow_down", 0x88)],
)
def test_a_limit_holds_the_clock_below_the_lock_and_says_why(throttle: str, bits: int, tmp_path: Path) -> None:
    """A lock that "succeeds" is not a clock that runs."""
    fake = FakeNvml(tmp_path)
    with loaded(fake):
        gpu = opened()
        fake.gpu.use(1.0)
        pynvml.nvmlDeviceSetGpuLockedClocks(gpu, 1785, 1785)
        {
            "limit_power": lambda: fake.gpu.limit_power(250.0),
            "heat": lambda: fake.gpu.heat(93.0, ceiling_mhz=990),
            "slow_down": lambda: fake.gpu.slow_down(990),
        }[throttle]()
        assert pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_SM) < 1785
        assert pynvml.nvmlDeviceGetCurrentClocksEventReasons(gpu) == bits
        assert pynvml.nvmlDeviceGetPowerUsage(gpu) < 390_000
        assert fake.gpu.lock == (1785, 1785)


def test_ranges_mix_no_clock_with_a_limit_id(tmp_path: Path) -> None:
    """Two clocks or two limit ids, as the header says."""
    with loaded(FakeNvml(tmp_path)):
        gpu = opened()
        assert code_of("nvmlDeviceSetGpuLockedClocks", gpu, 345, 0xFFFFFF01) == pynvml.NVML_ERROR_INVALID_ARGUMENT
        assert code_of("nvmlDeviceSetGpuLockedClocks", gpu, 0xFFFFFF01, 0xFFFFFF02) == 0
        assert code_of("nvmlDeviceSetGpuLockedClocks", gpu, 990, 345) == pynvml.NVML_ERROR_INVALID_ARGUMENT


def test_power_is_averaged_on_hopper_and_instantaneous_on_volta(tmp_path: Path) -> None:
    """Right after work begins, the average lags behind the instant."""
    for generation, lags in (("h100", True), ("v100", False)):
        fake = FakeNvml(tmp_path, [generation], moves_by_hand=True)
        with loaded(fake):
            gpu = opened()
            idle_w = pynvml.nvmlDeviceGetPowerUsage(gpu) / 1e3
            fake.gpu.use(1.0)
            fake.clock.advance_s(0.1)
            power_w = pynvml.nvmlDeviceGetPowerUsage(gpu) / 1e3
            full_w = GENERATIONS[generation].full_w * 0.8
            assert (idle_w < power_w < full_w / 2) is lags


def test_a_clock_settles_late_where_asked_to(tmp_path: Path) -> None:
    """Between the request and the settle time the old clock runs."""
    fake = FakeNvml(tmp_path, settle_s=0.05, moves_by_hand=True)
    with loaded(fake):
        gpu = opened()
        seen = []
        pynvml.nvmlDeviceSetGpuLockedClocks(gpu, 990, 990)
        for _ in range(3):
            seen.append(pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_SM))
            fake.clock.advance_s(0.03)
    assert seen == [345, 345, 990]


def test_a_gpu_is_lost_after_some_calls(tmp_path: Path) -> None:
    """GpuIsLost strikes in the middle of a run, for every process, until the GPU is revived."""
    fake = FakeNvml(tmp_path)
    with loaded(fake):
        gpu = opened()
        fake.gpu.lose(after_calls=2)
        codes = [code_of("nvmlDeviceGetPowerUsage", gpu) for _ in range(4)]
        assert codes == [0, 0, pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_GPU_IS_LOST]
        assert code_of("nvmlDeviceGetHandleByIndex", 0) == pynvml.NVML_ERROR_GPU_IS_LOST
        fake.gpu.revive()
        assert code_of("nvmlDeviceGetPowerUsage", gpu) == 0


def test_a_lock_outlives_the_killed_process_that_set_it(tmp_path: Path) -> None:
    """With persistence mode a lock is the driver's: the next process finds it, and its clock."""
    fake = FakeNvml(tmp_path)
    killed = "p.nvmlDeviceSetGpuLockedClocks(h, 990, 990); os.kill(os.getpid(), signal.SIGKILL)"
    result = subprocess.run([sys.executable, "-c", OPEN + killed], env=fake.environment(), check=False)
    assert result.returncode == -signal.SIGKILL
    assert fake.gpu.lock == (990, 990)
    assert fake.python(OPEN + "print(p.nvmlDeviceGetClockInfo(h, 1))") == 990


def test_a_lock_vanishes_with_its_last_client_where_persistence_is_off(tmp_path: Path) -> None:
    """While a second process has NVML open the lock stays; when both are gone, one of them killed, it is forgotten."""
    fake = FakeNvml(tmp_path, persistence=False)
    locked = "p.nvmlDeviceSetGpuLockedClocks(h, 990, 990); print(0)"
    waiting = subprocess.Popen(
        [sys.executable, "-c", OPEN + "print('open', flush=True); sys.stdin.read()"],
        env=fake.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "open\n"
        fake.python(OPEN + locked)
        assert fake.gpu.lock == (990, 990)
        assert fake.clients == 1
        os.kill(waiting.pid, signal.SIGKILL)
    assert fake.clients == 0
    assert fake.gpu.lock is None
    assert fake.python(OPEN + "print(p.nvmlDeviceGetClockInfo(h, 1))") == GENERATIONS["h100"].idle_core_mhz


def test_a_process_can_be_the_load(tmp_path: Path) -> None:
    """`busy` makes a process compute for as long as it has NVML open, and no longer."""
    fake = FakeNvml(tmp_path, ["h200"])
    watts = OPEN + "print(p.nvmlDeviceGetFieldValues(h, [186])[0].value.uiVal)"
    idle_mw = fake.python(watts)
    assert fake.python(watts, environment=fake.environment(busy=1.0)) > 3 * idle_mw
    assert fake.python(watts) == idle_mw


def test_no_machine_no_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its file the library behaves as where the driver is not loaded."""
    fake = FakeNvml(tmp_path)
    with loaded(fake), monkeypatch.context() as without:
        without.delenv("FAKE_NVML_STATE")
        assert code_of("nvmlInit") == pynvml.NVML_ERROR_DRIVER_NOT_LOADED
