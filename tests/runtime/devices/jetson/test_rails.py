"""Rails by label, and what their sum stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.jetson import energy_scope, find_rails
from tests.fakes.jetson import ALL_BOARDS, BoardSpec, FakeKernel, build, make_unreadable
from tests.fakes.jetson.boards import AGX_ORIN_36, ORIN_NANO_36, THOR_38, XAVIER_NX_32
from tests.fakes.jetson.tree import create
from tests.fakes.kernel_files import put

MODULE = ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"]
AGX = ["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO"]
EXPECTED = {
    "xavier-nx-l4t32": (MODULE, "module input"),
    "xavier-nx-l4t35": (MODULE, "module input"),
    "orin-nano-l4t36": (MODULE, "module input"),
    "orin-nx-l4t36": (MODULE, "module input"),
    "agx-orin-l4t35": (AGX, "sum of rails " + " + ".join(AGX)),
    "agx-orin-l4t36": (AGX, "sum of rails " + " + ".join(AGX)),
    "thor-l4t38": (["VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0", "VIN"], "carrier input"),
}


@pytest.mark.parametrize("spec", ALL_BOARDS, ids=lambda spec: spec.name)
def test_rails_and_scope_of_each_board(tmp_path: Path, spec: BoardSpec) -> None:
    """No channel without a rail, no sum of shunts, and joules that say what they contain."""
    kernel = FakeKernel(build(tmp_path, spec), clock=ManualClock())
    rails = find_rails(tmp_path)
    scope = energy_scope(rails)
    assert scope is not None
    assert ([rail.label for rail in rails], scope.name) == EXPECTED[spec.name]
    whole_w = kernel.module_power_w() + (3.0 if spec.carrier_input else 0.0)
    assert scope.power_w() == pytest.approx(whole_w, abs=0.02)


def test_a_shared_rail_is_not_called_the_gpu(tmp_path: Path) -> None:
    """VDD_CPU_GPU_CV feeds three things."""
    build(tmp_path, ORIN_NANO_36)
    contents = {rail.label: rail.contents for rail in find_rails(tmp_path)}
    assert contents == {"VDD_IN": "module input", "VDD_CPU_GPU_CV": "CPU+GPU+CV", "VDD_SOC": "VDD_SOC"}


def test_hwmon_power_is_volts_times_amperes(tmp_path: Path) -> None:
    """mV times mA: there is no power file."""
    tree = build(tmp_path, ORIN_NANO_36)
    label, folder, index = tree.channels()[0]
    put(folder / f"in{index}_input", "19200")
    put(folder / f"curr{index}_input", "450")
    rail = next(rail for rail in find_rails(tmp_path) if rail.label == label)
    assert rail.power_w() == pytest.approx(8.64)


def test_iio_power_without_a_power_file(tmp_path: Path) -> None:
    """L4T 32 shows voltage and current too."""
    tree = build(tmp_path, XAVIER_NX_32)
    _, folder, index = tree.channels()[0]
    (folder / f"in_power{index}_input").unlink()
    put(folder / f"in_current{index}_input", "1500")
    assert find_rails(tmp_path)[0].power_w() == pytest.approx(7.5)


@pytest.mark.parametrize("spec", [ORIN_NANO_36, AGX_ORIN_36, THOR_38], ids=lambda spec: spec.name)
def test_numbers_of_hwmon_folders_do_not_matter(tmp_path: Path, spec: BoardSpec) -> None:
    """They change between boots."""
    tree = build(tmp_path, spec)
    before = [rail.label for rail in find_rails(tmp_path)]
    tree.renumber_hwmon()
    assert [rail.label for rail in find_rails(tmp_path)] == before


def test_monitors_without_a_driver_folder(tmp_path: Path) -> None:
    """A container may show /sys/class and hide /sys/bus."""
    folder = tmp_path / "sys/class/hwmon/hwmon5"
    for name, text in (("name", "ina3221"), ("in1_label", "VDD_IN"), ("in1_input", "5000"), ("curr1_input", "1000")):
        create(folder / name, text)
    create(tmp_path / "sys/class/hwmon/hwmon6/in1_label", "somebody else's")
    (rail,) = find_rails(tmp_path)
    assert rail.label == "VDD_IN"
    assert rail.power_w() == pytest.approx(5.0)


def test_no_rails_no_scope(tmp_path: Path) -> None:
    """A board without monitors has no joules."""
    assert energy_scope(find_rails(tmp_path)) is None


def test_an_unreadable_rail_is_named(tmp_path: Path) -> None:
    """Never zero watts for "could not read"."""
    tree = build(tmp_path, ORIN_NANO_36)
    _, folder, index = tree.channels()[0]
    rail = find_rails(tmp_path)[0]
    make_unreadable(folder / f"curr{index}_input")
    with pytest.raises(DeviceError, match="rail VDD_IN reads"):
        rail.power_w()


@pytest.mark.parametrize("current_ma", [-16, 32_760_000])
def test_watts_that_no_board_draws_are_no_reading(tmp_path: Path, current_ma: int) -> None:
    """A monitor whose offset shows, or whose bus is disturbed, would make joules fall or grow by thousands."""
    tree = build(tmp_path, ORIN_NANO_36)
    _, folder, index = tree.channels()[0]
    scope = energy_scope(find_rails(tmp_path))
    assert scope is not None
    put(folder / f"curr{index}_input", str(current_ma))
    with pytest.raises(DeviceError, match="gives no true reading"):
        scope.power_w()
