"""A Jetson's power rails, found by label: the numbers of hwmon folders change between boots.

L4T 32   ina3221x/<address>/iio:deviceN/{rail_name_i, in_power<i>_input}             mW
L4T 34+  ina3221/<address>/hwmon/hwmonN/{in<i>_label, in<i>_input, curr<i>_input}    mV, mA: no power file
Thor     ina238/<address>/hwmon/hwmonN/power1_input                                  uW, the carrier board's input
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from joulecut_core.errors import DeviceError
from joulecut_runtime.clockd.kernel_files import read

CARRIER_INPUT = "VIN"
_SCOPES = {CARRIER_INPUT: "carrier input", "VDD_IN": "module input", "POM_5V_IN": "module input"}
"""Rails that hold all others, widest first, and what their watts contain."""

_MOST_W = 1000.0
"""More than any Jetson draws with its carrier board."""

_CONTENTS = {
    "VDD_CPU_GPU_CV": "CPU+GPU+CV",
    "VDD_CPU_GPU": "CPU+GPU",
    "VDD_GPU_SOC": "GPU+SOC",
    "VDD_CPU_CV": "CPU+CV",
    "VDD_CPU_SOC_MSS": "CPU+SOC+memory",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail:
    """One rail: its watts are the product of its files, scaled."""

    label: str
    factors: tuple[Path, ...]
    scale: float

    @property
    def contents(self) -> str:
        """What the rail feeds, as far as it is known: "CPU+GPU+CV" is not "GPU"."""
        return _SCOPES.get(self.label) or _CONTENTS.get(self.label, self.label)

    @property
    def update_s(self) -> float:
        """How often its monitor says that it measures; 0 where it does not say."""
        text = read(self.factors[0].parent / "update_interval")
        return int(text) / 1000 if text.isdigit() else 0.0

    def power_w(self) -> float:
        """Watts now. Raises DeviceError where a file cannot be read: the monitor may have got another number."""
        texts = [read(path) for path in self.factors]
        try:
            return math.prod(int(text) for text in texts) * self.scale
        except ValueError as error:
            raise DeviceError(
                f"rail {self.label} reads {texts} in {self.factors[0].parent}; expected whole numbers: "
                "is the power monitor's driver still there?"
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyScope:
    """The rails whose sum stands for the device's energy, and what that sum contains."""

    name: str
    rails: tuple[Rail, ...]

    def power_w(self) -> float:
        """Watts now; raises DeviceError where one of the rails cannot be read, or they are none that a board draws."""
        power_w = sum(rail.power_w() for rail in self.rails)
        if not 0.0 <= power_w <= _MOST_W:
            raise DeviceError(
                f"the {self.name} reads {power_w:g} W; expected 0 to {_MOST_W:g}: "
                "the power monitor gives no true reading"
            )
        return power_w


def find_rails(root: Path = Path("/")) -> tuple[Rail, ...]:
    """All rails that somebody labelled, in the order of addresses; channels marked "NC" and sums of shunts are none."""
    drivers = root / "sys/bus/i2c/drivers"
    rails = [*_iio_rails(drivers), *_hwmon_rails(drivers.glob("ina3221*/*/hwmon/hwmon*"))]
    if not rails:
        monitors = root.glob("sys/class/hwmon/hwmon*")
        rails = list(_hwmon_rails(folder for folder in monitors if read(folder / "name").startswith("ina3221")))
    for folder in sorted(drivers.glob("ina238/*/hwmon/hwmon*")):
        rails.append(Rail(label=CARRIER_INPUT, factors=(folder / "power1_input",), scale=1e-6))
    return tuple(rails)


def energy_scope(rails: tuple[Rail, ...]) -> EnergyScope | None:
    """The widest rail that holds all others, or the sum of all rails, named; None without rails."""
    for label, name in _SCOPES.items():
        found = [rail for rail in rails if rail.label == label]
        if found:
            return EnergyScope(name=name, rails=(found[0],))
    if not rails:
        return None
    return EnergyScope(name=f"sum of rails {' + '.join(rail.label for rail in rails)}", rails=rails)


def _iio_rails(drivers: Path) -> Iterator[Rail]:
    for name in sorted(drivers.glob("ina3221x/*/iio*device*/rail_name_*")):
        folder, index, label = name.parent, name.name.removeprefix("rail_name_"), _label(name)
        power = folder / f"in_power{index}_input"
        if label and power.exists():
            yield Rail(label=label, factors=(power,), scale=1e-3)
        elif label:
            factors = (folder / f"in_voltage{index}_input", folder / f"in_current{index}_input")
            yield Rail(label=label, factors=factors, scale=1e-6)


def _hwmon_rails(folders: Iterator[Path]) -> Iterator[Rail]:
    for folder in sorted(folders):
        for name in sorted(folder.glob("in*_label")):
            found = re.fullmatch(r"in([1-3])_label", name.name)  # channel 7 is the sum of the shunts
            if found and (label := _label(name)):
                factors = (folder / f"in{found[1]}_input", folder / f"curr{found[1]}_input")
                yield Rail(label=label, factors=factors, scale=1e-6)


def _label(path: Path) -> str:
    label = read(path)
    return "" if label.upper() == "NC" or "shunt" in label else label
