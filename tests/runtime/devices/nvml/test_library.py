"""NVML opened once per process, however many use it."""

from __future__ import annotations

from pathlib import Path

import pynvml
import pytest

from joulecut_core.errors import DeviceError
from joulecut_runtime.devices.nvml.library import Library, RefusalError
from tests.fakes.nvml import FakeNvml, loaded


def test_the_last_user_shuts_it_down(tmp_path: Path) -> None:
    """While one user is left its calls work, and the driver has one client; closing twice counts once."""
    fake = FakeNvml(tmp_path)
    with loaded(fake):
        first, second = Library(), Library()
        first.close()
        first.close()
        assert second.ask("nvmlDeviceGetCount") == 1
        assert fake.clients == 1
        second.close()
        assert fake.clients == 0


def test_it_survives_a_shutdown_by_somebody_else(tmp_path: Path) -> None:
    """Another part of the process that shuts NVML down once too often costs nobody an answer."""
    with loaded(FakeNvml(tmp_path)):
        library = Library()
        pynvml.nvmlShutdown()
        assert library.ask("nvmlDeviceGetCount") == 1
        library.close()
        with pytest.raises(RefusalError):
            library.ask("nvmlDeviceGetCount")


def test_a_driver_that_is_not_loaded_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the remedy, and the next attempt works once the driver is there."""
    fake = FakeNvml(tmp_path)
    with loaded(fake):
        with monkeypatch.context() as without:
            without.delenv("FAKE_NVML_STATE")
            with pytest.raises(DeviceError, match=r"driver is not loaded.*modprobe"):
                Library()
        Library().close()


def test_no_library_at_all_says_what_to_do(tmp_path: Path) -> None:
    """A host without a driver gets a DeviceError with a remedy, from the real loader."""
    source = (
        "import json, joulecut_core.errors as e\n"
        "from joulecut_runtime.devices.nvml import list_gpus\n"
        "try: list_gpus()\n"
        "except e.DeviceError as error: print(json.dumps(str(error)))\n"
    )
    fake = FakeNvml(tmp_path)
    environment = {**fake.environment(), "LD_LIBRARY_PATH": str(tmp_path)}
    if _has_a_driver():
        pytest.skip("this host has an NVIDIA driver")
    assert "install the NVIDIA driver" in fake.python(source, environment=environment)


def test_a_call_that_the_binding_lacks_is_a_call_not_found(tmp_path: Path) -> None:
    """An old nvidia-ml-py is told apart from nothing: a capability less, like an old driver."""
    with loaded(FakeNvml(tmp_path)):
        library = Library()
        with pytest.raises(RefusalError) as caught:
            library.ask("nvmlDeviceGetTheWeather")
        library.close()
    assert caught.value.code == pynvml.NVML_ERROR_FUNCTION_NOT_FOUND


def test_opening_anew_spares_other_users(tmp_path: Path) -> None:
    """A second user's handles, and its locks without persistence mode, must not go for the first one's lost GPU."""
    fake = FakeNvml(tmp_path, persistence=False)
    with loaded(fake):
        first, second = Library(), Library()
        fake.gpu.lock_clocks(990)
        first.open_anew()
        assert fake.gpu.lock == (990, 990)
        second.close()
        first.open_anew()
        assert fake.gpu.lock is None
        first.close()


def _has_a_driver() -> bool:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return False
    pynvml.nvmlShutdown()
    return True
