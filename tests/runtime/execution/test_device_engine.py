"""Which engine computes on a device."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from joulecut_core.errors import ConfigError
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.engines import EngineName, Precision
from joulecut_runtime.execution.device_engine import engine_on
from tests.runtime.devices.device_files import quiet_file


@pytest.fixture(name="device")
def _device() -> Iterator[EmulatedDevice]:
    device = EmulatedDevice(quiet_file(), clock=ManualClock())
    yield device
    device.close()


def test_an_emulated_device_computes_on_the_cpu(device: EmulatedDevice) -> None:
    """Operator by operator in the captured precision unless told otherwise, whatever GPU the machine has."""
    engine = engine_on(device, DeviceOptions(), clock=ManualClock())
    assert (engine.name, engine.precision) == (EngineName.EAGER, Precision.FP32)
    assert engine.torch_device == torch.device("cpu")
    assert engine_on(device, DeviceOptions(precision="bf16"), clock=ManualClock()).precision is Precision.BF16


def test_an_engine_that_cannot_be_is_refused(device: EmulatedDevice) -> None:
    """Before anything is measured, with what there is."""
    with pytest.raises(ConfigError, match="CUDA graphs exist on CUDA devices only"):
        engine_on(device, DeviceOptions(engine="cuda-graph"), clock=ManualClock())
