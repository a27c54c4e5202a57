"""Telling a Jetson from other machines, and which one it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.errors import DeviceError
from joulecut_runtime.devices.jetson import identify, is_tegra
from tests.fakes.jetson import ALL_BOARDS, BoardSpec, build
from tests.fakes.jetson.boards import ORIN_NANO_36
from tests.fakes.jetson.tree import create, make_blocking, unblock

RELEASES = {
    "xavier-nx-l4t32": ("Xavier", "32.7.4"),
    "xavier-nx-l4t35": ("Xavier", "35.4.1"),
    "orin-nano-l4t36": ("Orin", "36.5.0"),
    "orin-nx-l4t36": ("Orin", "36.4.3"),
    "agx-orin-l4t35": ("Orin", "35.4.1"),
    "agx-orin-l4t36": ("Orin", "36.4.4"),
    "thor-l4t38": ("Thor", "38.2.0"),
}


@pytest.mark.parametrize("spec", ALL_BOARDS, ids=lambda spec: spec.name)
def test_board_chip_and_release(tmp_path: Path, spec: BoardSpec) -> None:
    """Profiles are kept per release and board: both come from files every user may read."""
    build(tmp_path, spec)
    who = identify(tmp_path)
    assert is_tegra(tmp_path)
    assert (who.chip, who.l4t) == RELEASES[spec.name]
    assert who.model == spec.model
    assert who.serial == "1420000000017"


def test_another_machine_is_no_jetson(tmp_path: Path) -> None:
    """Neither an empty tree nor another board's device tree."""
    assert not is_tegra(tmp_path)
    create(tmp_path / "proc/device-tree/compatible", "raspberrypi,5-model-b\0brcm,bcm2712")
    assert not is_tegra(tmp_path)


@pytest.mark.parametrize("missing", ["etc/nv_tegra_release", "proc/device-tree/compatible"])
def test_one_sign_is_enough(tmp_path: Path, missing: str) -> None:
    """Containers hide one or the other."""
    build(tmp_path, ORIN_NANO_36)
    (tmp_path / missing).unlink()
    who = identify(tmp_path)
    assert is_tegra(tmp_path)
    assert (who.l4t, who.chip) in {("unknown", "Orin"), ("36.5.0", "unknown")}
    assert who.model == ORIN_NANO_36.model


def test_what_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    """Never an empty string and never made up."""
    create(tmp_path / "proc/device-tree/compatible", "nvidia,tegra234")
    who = identify(tmp_path)
    assert (who.model, who.l4t, who.serial) == ("NVIDIA Jetson Orin", "unknown", "unknown")


@pytest.mark.parametrize("name", ["etc/nv_tegra_release", "proc/device-tree/compatible"])
def test_a_file_that_blocks_is_an_error_and_no_hang(tmp_path: Path, name: str) -> None:
    """Whoever asks what this machine is, `doctor` or an agent at its start, is told in time what does not answer."""
    build(tmp_path, ORIN_NANO_36)
    text = (tmp_path / name).read_text(encoding="utf-8")
    if name != "etc/nv_tegra_release":
        (tmp_path / "etc/nv_tegra_release").unlink()
    make_blocking(tmp_path / name)
    with pytest.raises(DeviceError, match=r"reading the device tree has blocked for 0\.05 s"):
        is_tegra(tmp_path, timeout_s=0.05)
    unblock(tmp_path / name, text)
    assert is_tegra(tmp_path)
