"""NVML's codes as joulecut's errors."""

from __future__ import annotations

from pathlib import Path

import pynvml
import pytest

from joulecut_core.errors import ClockError, DeviceError
from joulecut_core.timing import SystemClock
from joulecut_runtime.clockd.nvml_board import ERRORS, AbsentError
from joulecut_runtime.devices.nvml import NvmlProbe
from joulecut_runtime.devices.nvml.errors import MEANINGS, Reaction, device_error, meaning_of
from tests.fakes.nvml import FakeNvml, loaded

CODES = {value for name, value in vars(pynvml).items() if name.startswith("NVML_ERROR_")}


def test_every_code_has_a_row() -> None:
    """A nvidia-ml-py that knows a new code fails here, and not in front of a user."""
    assert set(MEANINGS) >= CODES


@pytest.mark.parametrize("code", sorted(CODES | {4711}))
def test_messages_say_who_what_and_what_to_do(code: int) -> None:
    """The device, the call, the code and a remedy are in each message, for codes yet unknown too."""
    error = device_error(code, who="NVIDIA H200 (GPU-1)", doing="nvmlDeviceGetPowerUsage")
    meaning = meaning_of(code)
    for part in ("NVIDIA H200 (GPU-1)", "nvmlDeviceGetPowerUsage", str(code), meaning.what, meaning.remedy):
        assert part in str(error)
    assert isinstance(error, ClockError) is (code == pynvml.NVML_ERROR_FREQ_NOT_SUPPORTED)


def test_what_makes_a_capability_absent_never_means_a_lost_gpu() -> None:
    """An old driver's missing call must not reopen the library, and a lost GPU must not look like a lesser one."""
    absent = {code for code, meaning in MEANINGS.items() if meaning.reaction is Reaction.ABSENT}
    lost = {code for code, meaning in MEANINGS.items() if meaning.reaction is Reaction.REOPEN}
    assert {pynvml.NVML_ERROR_NOT_SUPPORTED, pynvml.NVML_ERROR_FUNCTION_NOT_FOUND} <= absent
    assert {pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_UNINITIALIZED} <= lost
    assert not absent & lost


def test_boards_act_on_codes_as_the_table_says() -> None:
    """The clock daemon, which loads no table, takes the same codes for a missing call and for a wrong clock.

    An invalid argument is a wrong clock too: boards pass nothing else.
    """
    absent = {code for code, meaning in MEANINGS.items() if meaning.reaction is Reaction.ABSENT}
    wrong_clock = {code for code, meaning in MEANINGS.items() if meaning.error is ClockError}
    wrong_clock.add(pynvml.NVML_ERROR_INVALID_ARGUMENT)
    assert {code for code, error in ERRORS.items() if error is AbsentError} == absent
    assert {code for code, error in ERRORS.items() if error is ClockError} == wrong_clock
    assert set(ERRORS) == absent | wrong_clock


@pytest.mark.parametrize("code", sorted(CODES))
def test_no_nvml_error_leaves_the_backend(code: int, tmp_path: Path) -> None:
    """Whatever the one indispensable call answers is a hashable, comparable DeviceError, its cause none of NVML's."""
    fake = FakeNvml(tmp_path, ["p40"])
    with loaded(fake):
        probe = NvmlProbe(clock=SystemClock())
        fake.fail("nvmlDeviceGetClockInfo", code)
        with pytest.raises(DeviceError, match=rf"Tesla P40 \({fake.gpu.uuid}\).*NVML {code}") as caught:
            probe.read()
        fake.heal()
        assert probe.read().point.core_mhz == 544
        probe.close()
    assert not isinstance(caught.value.__cause__, pynvml.NVMLError)
    assert len({caught.value, caught.value}) == 1
