"""What is made ready before a pair starts: devices' names, the bundle, the wires, profiles that are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from joulecut.demo.scenario import Scenario
from joulecut.own.pair import emulate, emulated_name, furnish
from joulecut_core.errors import BundleError, ConfigError, DeviceError
from joulecut_core.wires import load_wires
from tests.api.own.small_networks import captured_vectors


@pytest.mark.parametrize("name", ["t4", "emulated:t4"])
def test_names_of_devices(name: str) -> None:
    """Short and whole names are the same device."""
    assert emulated_name(name) == "emulated:t4"


def test_names_of_no_emulated_device() -> None:
    """A real device and an unknown one are refused before anything is captured or started."""
    with pytest.raises(ConfigError, match="expected an emulated one"):
        emulated_name("jetson")
    with pytest.raises(DeviceError, match="did you mean"):
        emulated_name("orin-nano")


def test_furnishing(tmp_path: Path) -> None:
    """Bundle and wires are this network's; profiles are made once, with the board's governor at the rate, and kept."""
    network = captured_vectors()
    scenario, profiles = replace(Scenario(), rate_hz=10.0), tmp_path / "profiles"
    told: list[str] = []
    for run in ("first", "second"):
        folder = tmp_path / run
        folder.mkdir()
        told.append(run)
        place = furnish(
            network,
            scenario,
            network.wires(),
            run_folder=folder,
            profile_folder=profiles,
            progress=lambda *_: told.append("progress"),
        )
        assert place.network().table.digest == network.digest
        assert load_wires(place.shipped_wires) == network.wires()
    assert "progress" in told
    assert told[-1] == "second"
    assert len(list(profiles.glob("*.json"))) == 2


def test_a_folder_without_a_bundle(tmp_path: Path) -> None:
    """It is found when the block is entered, not by an agent that will not start."""
    with pytest.raises(BundleError), emulate(tmp_path, uplink_bps=1e6, latency_s=0.1):
        pytest.fail("entered")
