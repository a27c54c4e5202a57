"""Devices by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError, DeviceError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.opening import device_names, open_device
from tests.runtime.devices.test_calibration import FILES


def test_every_shipped_device_opens_and_says_that_it_is_emulated() -> None:
    """The list is what documents and configuration files may name."""
    assert {"emulated:orin-nano-15w", "emulated:orin-nano-7w", "emulated:agx-xavier", "emulated:l4"} <= set(
        device_names()
    )
    for name in device_names():
        info = open_device(name, clock=ManualClock()).info
        assert f"emulated:{info.name}" == name
        assert info.figures is FigureKind.EMULATED


def test_a_file_of_ones_own_opens_by_its_path(tmp_path: Path) -> None:
    """A user's board is a TOML file away."""
    path = tmp_path / "mine.toml"
    path.write_text((FILES / "t4.toml").read_text().replace('name = "t4"', 'name = "mine"'))
    assert open_device(f"emulated:{path}", clock=ManualClock()).info.name == "mine"


@pytest.mark.parametrize("name", ["emulated:orin-nano-15", "orin-nano-15w", "emulated:orin-nano_15w"])
def test_a_misspelt_name_is_answered_with_the_nearest(name: str) -> None:
    """Also where the prefix was forgotten."""
    with pytest.raises(DeviceError, match="did you mean 'emulated:orin-nano-15w'"):
        open_device(name, clock=ManualClock())


def test_a_name_near_to_nothing_is_answered_with_the_list() -> None:
    """Nobody has to look the names up."""
    with pytest.raises(DeviceError, match="expected one of emulated:a100, "):
        open_device("quantum", clock=ManualClock())


def test_a_missing_file_is_named() -> None:
    """The path stands in the message."""
    with pytest.raises(DeviceError, match=r"there is no file .*nowhere\.toml"):
        open_device("emulated:/nowhere.toml", clock=ManualClock())


def test_a_negative_seed_is_refused() -> None:
    """Where it enters, not deep in a generator."""
    with pytest.raises(ConfigError, match="seed: -1"):
        open_device("emulated:l4", clock=ManualClock(), seed=-1)
