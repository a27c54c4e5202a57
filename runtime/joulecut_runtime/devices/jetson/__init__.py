"""Jetsons: detection, clocks by devfreq and EMC, joules from power rails. Reading needs no privilege."""

from joulecut_runtime.devices.jetson.identity import JetsonIdentity, identify, is_tegra
from joulecut_runtime.devices.jetson.power_mode import PowerMode
from joulecut_runtime.devices.jetson.probe import BACKEND, JetsonProbe
from joulecut_runtime.devices.jetson.rails import EnergyScope, Rail, energy_scope, find_rails

__all__ = [
    "BACKEND",
    "EnergyScope",
    "JetsonIdentity",
    "JetsonProbe",
    "PowerMode",
    "Rail",
    "energy_scope",
    "find_rails",
    "identify",
    "is_tegra",
]
