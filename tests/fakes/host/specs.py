"""Which hosts there are to be faked."""

from __future__ import annotations

from dataclasses import dataclass, replace

SERVER_CPUINFO = """\
processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8480+ CPU @ 2.00GHz
cpu MHz\t\t: 1993.172

processor\t: 1
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8480+ CPU @ 2.00GHz
cpu MHz\t\t: 800.000
"""
AMD_CPUINFO = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC  9354\ncpu MHz\t\t: 2596.132\n"
ARM_CPUINFO = "processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """So many cpufreq policies of one range and, where `listed_khz` is not empty, one ladder."""

    count: int
    low_khz: int
    high_khz: int
    listed_khz: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec:
    """A host. `ranges_uj`: where the counter of each RAPL package wraps; none where there is no RAPL."""

    cpuinfo: str
    driver: str = ""
    policies: tuple[Policies, ...] = ()
    ranges_uj: tuple[int, ...] = ()
    is_root: bool = True
    has_sensors: bool = True


_WRAPS_UJ = 262_143_328_850
INTEL_PSTATE = HostSpec(
    cpuinfo=SERVER_CPUINFO,
    driver="intel_pstate",
    policies=(Policies(count=8, low_khz=800_000, high_khz=3_850_000),),
    ranges_uj=(_WRAPS_UJ,),
)
ACPI_CPUFREQ = HostSpec(
    cpuinfo=AMD_CPUINFO,
    driver="acpi-cpufreq",
    policies=(Policies(count=4, low_khz=1_500_000, high_khz=2_400_000, listed_khz=(2_400_000, 1_900_000, 1_500_000)),),
    ranges_uj=(65_532_610_987,),
)
BIG_LITTLE = HostSpec(
    cpuinfo=ARM_CPUINFO,
    driver="cpufreq-dt",
    policies=(
        Policies(count=1, low_khz=408_000, high_khz=1_800_000, listed_khz=(408_000, 1_008_000, 1_800_000)),
        Policies(count=2, low_khz=408_000, high_khz=2_400_000, listed_khz=(408_000, 1_200_000, 2_400_000)),
    ),
)
TWO_SOCKETS = replace(INTEL_PSTATE, ranges_uj=(_WRAPS_UJ, 65_532_610_987))
FORBIDDEN = replace(INTEL_PSTATE, is_root=False)
WRAPPING = replace(INTEL_PSTATE, ranges_uj=(30_000_000,))
VIRTUAL = HostSpec(cpuinfo=AMD_CPUINFO, has_sensors=False)
ARM_VIRTUAL = HostSpec(cpuinfo=ARM_CPUINFO, has_sensors=False)

ALL_SPECS = {
    "intel_pstate": INTEL_PSTATE,
    "acpi-cpufreq": ACPI_CPUFREQ,
    "big-little": BIG_LITTLE,
    "two-sockets": TWO_SOCKETS,
    "forbidden": FORBIDDEN,
    "wrapping": WRAPPING,
    "virtual": VIRTUAL,
    "arm-virtual": ARM_VIRTUAL,
}
