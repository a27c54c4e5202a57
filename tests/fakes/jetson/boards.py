"""The boards whose kernel trees can be built. Sources of clock ladders and layouts: docs/reference-jetson.md."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

XAVIER_NX_MHZ = (
    *(114.75, 204.0, 306.0, 408.0, 510.0, 599.25, 701.25, 752.25),
    *(803.25, 854.25, 905.25, 956.25, 1007.25, 1058.25, 1109.25),
)
ORIN_NANO_MHZ = (306.0, 408.0, 510.0, 612.0, 714.0, 816.0, 918.0, 1020.0)
ORIN_NX_MHZ = (306.0, 408.0, 510.0, 612.0, 714.0, 816.0, 918.0)
AGX_ORIN_35_MHZ = (
    *(114.75, 216.75, 318.75, 420.75, 522.75, 624.75, 726.75),
    *(828.75, 930.75, 1032.75, 1134.75, 1236.75, 1300.5),
)
AGX_ORIN_36_MHZ = (306.0, 408.0, 510.0, 612.0, 714.0, 816.0, 918.0, 1020.0, 1122.0, 1224.0, 1300.5)
THOR_MHZ = (315.0, 525.0, 735.0, 945.0, 1155.0, 1386.0, 1530.0, 1575.0)
"""Only 1386, 1530 and 1575 MHz are known of Thor; the rest of this ladder is assumed."""
ORIN_EMC_MHZ = (204.0, 665.6, 2133.0, 3199.0)
XAVIER_EMC_MHZ = (204.0, 800.0, 1600.0, 1866.0)
"""Assumed: no list of the Xavier NX's memory clocks is established."""


class RailLayout(Enum):
    """How the kernel shows the INA3221's channels."""

    IIO = "iio"
    """L4T 32: rail_name_i, in_voltage_i_input, in_current_i_input, in_power_i_input."""
    HWMON = "hwmon"
    """L4T 34 and newer: in<i>_label, in<i>_input, curr<i>_input, no power file."""


class EmcLayout(Enum):
    """How the kernel lets root lock the memory clock."""

    NONE = "none"
    BPMP = "bpmp"
    """debug/bpmp/debug/clk/emc/{mrq_rate_locked,rate,state,min_rate,max_rate}"""
    LIMITS = "limits"
    """debug/emc/{available_rates,min_rate,max_rate} and debug/clk/emc/clk_rate"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail:
    """One power rail: its label and which share of the module's watts it carries."""

    label: str
    share: float
    address: str = "1-0040"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSpec:
    """All that tells one board's kernel tree from another's. Clocks in MHz, the cap file below sys/kernel."""

    name: str
    model: str
    compatible: str
    release: str
    device: str
    """The GPU's folder below sys/devices."""
    node: str
    of_name: str | None
    core_mhz: tuple[float, ...]
    emc_mhz: tuple[float, ...]
    rails: tuple[Rail, ...]
    layout: RailLayout
    emc: EmcLayout = EmcLayout.BPMP
    emc_cap: str | None = "nvpmodel_emc_cap/emc_iso_cap"
    governors: str = "nvhost_podgov userspace performance simple_ondemand"
    load: bool = True
    thermal_zone: str = "gpu-thermal"
    carrier_input: bool = False

    @property
    def total_share(self) -> float:
        """What the sum of the rails that make up the energy scope carries of the module's watts."""
        totals = [rail.share for rail in self.rails if rail.label == "VDD_IN"]
        return totals[0] if totals else sum(rail.share for rail in self.rails if rail.label != "NC")


_MODULE = (
    Rail(label="VDD_IN", share=1.0),
    Rail(label="VDD_CPU_GPU_CV", share=0.5),
    Rail(label="VDD_SOC", share=0.25),
)
_XAVIER_32 = tuple(Rail(label=rail.label, share=rail.share, address="7-0040") for rail in _MODULE)
_AGX = (
    Rail(label="VDD_GPU_SOC", share=0.5),
    Rail(label="VDD_CPU_CV", share=0.25),
    Rail(label="VIN_SYS_5V0", share=0.125),
    Rail(label="NC", share=7.0, address="1-0041"),
    Rail(label="VDDQ_VDD2_1V8AO", share=0.125, address="1-0041"),
)
_THOR = (
    Rail(label="VDD_GPU", share=0.5),
    Rail(label="VDD_CPU_SOC_MSS", share=0.25),
    Rail(label="VIN_SYS_5V0", share=0.25),
)

XAVIER_NX_32 = BoardSpec(
    name="xavier-nx-l4t32",
    model="NVIDIA Jetson Xavier NX Developer Kit",
    compatible="nvidia,p3449-0000+p3668-0000\0nvidia,tegra194",
    release="# R32 (release), REVISION: 7.4, GCID: 33514132, BOARD: t186ref, EABI: aarch64",
    device="17000000.gv11b",
    node="17000000.gv11b",
    of_name="gv11b",
    core_mhz=XAVIER_NX_MHZ,
    emc_mhz=XAVIER_EMC_MHZ,
    rails=_XAVIER_32,
    layout=RailLayout.IIO,
    thermal_zone="GPU-therm",
)
XAVIER_NX_35 = BoardSpec(
    name="xavier-nx-l4t35",
    model="NVIDIA Jetson Xavier NX Developer Kit",
    compatible="nvidia,p3449-0000+p3668-0000\0nvidia,tegra194",
    release="# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref, EABI: aarch64",
    device="platform/17000000.gv11b",
    node="17000000.gv11b",
    of_name="gv11b",
    core_mhz=XAVIER_NX_MHZ,
    emc_mhz=XAVIER_EMC_MHZ,
    rails=tuple(Rail(label=rail.label, share=rail.share, address="7-0040") for rail in _MODULE),
    layout=RailLayout.HWMON,
    thermal_zone="GPU-therm",
)
ORIN_NANO_36 = BoardSpec(
    name="orin-nano-l4t36",
    model="NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
    compatible="nvidia,p3768-0000+p3767-0005-super\0nvidia,p3767-0005\0nvidia,tegra234",
    release="# R36 (release), REVISION: 5.0, GCID: 43688277, BOARD: generic, EABI: aarch64",
    device="platform/bus@0/17000000.gpu",
    node="17000000.gpu",
    of_name="gpu",
    core_mhz=ORIN_NANO_MHZ,
    emc_mhz=ORIN_EMC_MHZ,
    rails=(*_MODULE, Rail(label="NC", share=7.0, address="1-0041")),
    layout=RailLayout.HWMON,
    emc_cap="nvpmodel_clk_cap/emc",
)
ORIN_NX_36 = BoardSpec(
    name="orin-nx-l4t36",
    model="NVIDIA Jetson Orin NX Engineering Reference Developer Kit",
    compatible="nvidia,p3768-0000+p3767-0000\0nvidia,p3767-0000\0nvidia,tegra234",
    release="# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64",
    device="platform/17000000.gpu",
    node="17000000.gpu",
    of_name="gpu",
    core_mhz=ORIN_NX_MHZ,
    emc_mhz=ORIN_EMC_MHZ,
    rails=_MODULE,
    layout=RailLayout.HWMON,
    emc=EmcLayout.LIMITS,
    emc_cap="nvpmodel_clk_cap/emc",
)
AGX_ORIN_35 = BoardSpec(
    name="agx-orin-l4t35",
    model="Jetson AGX Orin Developer Kit",
    compatible="nvidia,p3737-0000+p3701-0000\0nvidia,tegra234",
    release="# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref, EABI: aarch64",
    device="gpu.0",
    node="17000000.ga10b",
    of_name="ga10b",
    core_mhz=AGX_ORIN_35_MHZ,
    emc_mhz=ORIN_EMC_MHZ,
    rails=_AGX,
    layout=RailLayout.HWMON,
    thermal_zone="GPU-therm",
)
AGX_ORIN_36 = BoardSpec(
    name="agx-orin-l4t36",
    model="NVIDIA Jetson AGX Orin Developer Kit",
    compatible="nvidia,p3737-0000+p3701-0000\0nvidia,p3701-0000\0nvidia,tegra234",
    release="# R36 (release), REVISION: 4.4, GCID: 41062509, BOARD: generic, EABI: aarch64",
    device="platform/bus@0/17000000.gpu",
    node="17000000.gpu",
    of_name="gpu",
    core_mhz=AGX_ORIN_36_MHZ,
    emc_mhz=ORIN_EMC_MHZ,
    rails=_AGX,
    layout=RailLayout.HWMON,
    emc_cap="nvpmodel_clk_cap/emc",
)
THOR_38 = BoardSpec(
    name="thor-l4t38",
    model="NVIDIA Jetson AGX Thor Developer Kit",
    compatible="nvidia,p4071-0000+p3834-0008\0nvidia,p3834-0008\0nvidia,tegra264",
    release="# R38 (release), REVISION: 2.0, GCID: 41844464, BOARD: generic, EABI: aarch64",
    device="platform/bus@0/gpu-gpc-0",
    node="gpu-gpc-0",
    of_name=None,
    core_mhz=THOR_MHZ,
    emc_mhz=(),
    rails=_THOR,
    layout=RailLayout.HWMON,
    emc=EmcLayout.NONE,
    emc_cap=None,
    governors="performance nvhost_podgov",
    load=False,
    carrier_input=True,
)

ALL_BOARDS = (XAVIER_NX_32, XAVIER_NX_35, ORIN_NANO_36, ORIN_NX_36, AGX_ORIN_35, AGX_ORIN_36, THOR_38)
